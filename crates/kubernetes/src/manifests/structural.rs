//! The schema of a Rust type -> one that Kubernetes takes for a CRD ("structural"): no references, a type
//! at every place, nothing but types inside `anyOf`.
//!
//! What API servers would do beyond checking is taken out: a default would be written into people's objects.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The structural schema of `T` as it is read.
pub(super) fn schema<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    restructure(&mut schema);
    unnamed(&mut schema);
    schema
}

/// What a type's doc says of itself is for readers of the code; fields have docs of their own.
fn unnamed(schema: &mut Value) {
    if let Some(keywords) = schema.as_object_mut() {
        keywords.remove("description");
    }
}

fn restructure(schema: &mut Value) {
    // Anything at all, such as what a plugin takes.
    if *schema == Value::Bool(true) {
        *schema = json!({ PRESERVE: true });
    }
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    for keyword in ["title", "default", "examples", "deprecated", "writeOnly"] {
        keywords.remove(keyword);
    }
    one_type(keywords);
    one_of_any(keywords);
    known_format(keywords);
    describe(keywords);
    if let Some(properties) = keywords.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(restructure);
    }
    if let Some(items) = keywords.get_mut("items") {
        restructure(items);
        unnamed(items);
    }
    if let Some(values) = keywords.get_mut("additionalProperties") {
        restructure(values);
    }
}

/// `Option` is a null beside the type; for an API server, a field that is not there is not there.
fn one_type(keywords: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = keywords.get("type") else {
        return;
    };
    let types: Vec<Value> = types.iter().filter(|name| *name != "null").cloned().collect();
    match types.as_slice() {
        [only] => {
            keywords.insert("type".to_owned(), only.clone());
        }
        _ => int_or_string(keywords),
    }
}

/// As [`one_type`], for types that are objects; an untagged number or text becomes Kubernetes' own word.
fn one_of_any(keywords: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = keywords.remove("anyOf") else {
        return;
    };
    let null = json!({ "type": "null" });
    let variants: Vec<Value> = variants.into_iter().filter(|variant| *variant != null).collect();
    match variants.as_slice() {
        [Value::Object(only)] => {
            // What is said beside the type belongs to the field, and wins.
            for (keyword, value) in only {
                keywords.entry(keyword).or_insert_with(|| value.clone());
            }
            one_type(keywords);
            one_of_any(keywords);
        }
        _ => int_or_string(keywords),
    }
}

fn int_or_string(keywords: &mut Map<String, Value>) {
    keywords.remove("type");
    keywords.insert(INT_OR_STRING.to_owned(), Value::Bool(true));
    keywords.insert(
        "anyOf".to_owned(),
        json!([{ "type": "integer" }, { "type": "string" }]),
    );
}

/// Those of other sizes are Rust's.
fn known_format(keywords: &mut Map<String, Value>) {
    if let Some(format) = keywords.get("format").and_then(Value::as_str)
        && !matches!(format, "int32" | "int64" | "float" | "double")
    {
        keywords.remove("format");
    }
}

/// A doc comment as a sentence: its lines joined, without the brackets of links.
fn describe(keywords: &mut Map<String, Value>) {
    let Some(Value::String(text)) = keywords.get_mut("description") else {
        return;
    };
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        lines.join(" ")
    });
    *text = paragraphs
        .collect::<Vec<_>>()
        .join("\n\n")
        .replace("[`", "`")
        .replace("`]", "`");
}

const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
