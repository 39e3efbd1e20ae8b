//! Our CRDs beside Traefik's: property by property, and by objects that have each of them.

mod reference;
mod samples;
mod validation;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value, json};

use super::crds;
use crate::Index;
use reference::{Row, rows};

/// The schemas of whole objects that we print, by kind.
fn ours() -> BTreeMap<String, Value> {
    let schema = |crd: Value| {
        let kind = crd["spec"]["names"]["kind"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (
            kind,
            crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone(),
        )
    };
    crds().into_iter().map(schema).collect()
}

/// The schema at a path such as `.spec.routes[].match`.
fn at<'a>(schema: &'a Value, row: &Row) -> Option<&'a Value> {
    let mut here = schema;
    for step in &row.steps {
        here = match step.as_str() {
            "[]" => here.get("items")?,
            "{}" => here.get("additionalProperties")?,
            name => here.get("properties")?.get(name)?,
        };
    }
    Some(here)
}

/// In what our schema refuses more than Traefik's at the same place.
fn stricter(ours: &Value, theirs: &Value) -> Vec<String> {
    let mut why = Vec::new();
    let (Some(ours), Some(theirs)) = (ours.as_object(), theirs.as_object()) else {
        return vec!["not a schema".to_owned()];
    };
    let flag = |schema: &Map<String, Value>, keyword: &str| schema.get(keyword) == Some(&Value::Bool(true));
    let (ours_any, theirs_any) = (flag(ours, INT_OR_STRING), flag(theirs, INT_OR_STRING));
    if theirs_any && !ours_any {
        why.push("not int-or-string".to_owned());
    }
    let kept = flag(ours, PRESERVE);
    if flag(theirs, PRESERVE) && !kept {
        why.push("drops unknown fields".to_owned());
    }
    if let Some(wanted) = theirs.get("type") {
        let wider = ours_any && (wanted == "string" || wanted == "integer");
        if !wider && ours.get("type") != Some(wanted) {
            why.push(format!("type {:?} in place of {wanted}", ours.get("type")));
        }
    }
    let names = |schema: &Map<String, Value>, keyword: &str| -> BTreeSet<String> {
        let list = schema.get(keyword).and_then(Value::as_array);
        list.into_iter().flatten().map(Value::to_string).collect()
    };
    let more = &names(ours, "required") - &names(theirs, "required");
    if !more.is_empty() {
        why.push(format!("requires {more:?}"));
    }
    // The same slips of the pen are refused when an object is applied: no fewer values, and no more.
    if names(ours, "enum") != names(theirs, "enum") {
        why.push(format!(
            "values {:?} in place of {:?}",
            ours.get("enum"),
            theirs.get("enum")
        ));
    }
    let number = |schema: &Map<String, Value>, keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    if number(ours, "minimum")
        .is_some_and(|least| number(theirs, "minimum").is_none_or(|theirs| least > theirs))
    {
        why.push("a larger minimum".to_owned());
    }
    if number(ours, "maximum")
        .is_some_and(|most| number(theirs, "maximum").is_none_or(|theirs| most < theirs))
    {
        why.push("a smaller maximum".to_owned());
    }
    if ours
        .get("pattern")
        .is_some_and(|pattern| theirs.get("pattern") != Some(pattern))
    {
        why.push("another pattern".to_owned());
    }
    let rules = |schema: &Map<String, Value>| {
        schema
            .get("x-kubernetes-validations")
            .and_then(Value::as_array)
            .map(Vec::len)
    };
    if rules(ours) != rules(theirs) {
        why.push("other validations".to_owned());
    }
    let unknown = ours
        .keys()
        .filter(|keyword| !KEYWORDS.contains(&keyword.as_str()));
    why.extend(unknown.map(|keyword| format!("has `{keyword}`")));
    why
}

#[test]
fn a9_1_every_property_of_traefiks_schemas_is_in_ours_and_takes_no_less() {
    let ours = ours();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows() {
        seen.insert(row.kind.clone());
        let Some(schema) = ours.get(&row.kind) else {
            wrong.push(format!("{}: no such kind", row.kind));
            continue;
        };
        match at(schema, &row) {
            None => wrong.push(format!("{row}: missing, so that API servers would drop it")),
            Some(node) => wrong.extend(
                stricter(node, &row.keywords)
                    .into_iter()
                    .map(|why| format!("{row}: {why}")),
            ),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(seen.len(), ours.len(), "kinds: {:?}", ours.keys());
}

/// Every property that ours has is one of Traefik's: what only we read would be lost with Traefik.
#[test]
fn a9_1_our_schemas_have_no_property_of_their_own() {
    fn paths(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        found.insert(path.to_owned());
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            paths(inner, &format!("{path}.{name}"), found);
        }
        for (keyword, step) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some(inner) = schema.get(keyword) {
                paths(inner, &format!("{path}{step}"), found);
            }
        }
    }
    let mut theirs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows() {
        theirs
            .entry(row.kind.clone())
            .or_default()
            .insert(row.path.clone());
    }
    for (kind, schema) in ours() {
        let mut found = BTreeSet::new();
        paths(&schema, "", &mut found);
        let more: Vec<_> = found.difference(&theirs[&kind]).collect();
        assert!(more.is_empty(), "{kind}: {more:?}");
    }
}

/// An object that has the row's property with `value`, and beside it only what Traefik's schema requires.
fn object(root: &Value, row: &Row, value: &Value) -> Value {
    fn build(schema: &Value, steps: &[String], value: &Value) -> Value {
        let Some((step, rest)) = steps.split_first() else {
            return value.clone();
        };
        match step.as_str() {
            "[]" => json!([build(&schema["items"], rest, value)]),
            "{}" => json!({ "a": build(&schema["additionalProperties"], rest, value) }),
            name => {
                let mut object = samples::minimal(schema);
                object[name] = build(&schema["properties"][name], rest, value);
                object
            }
        }
    }
    let mut object = build(root, &row.steps, value);
    object["apiVersion"] = json!("traefik.io/v1alpha1");
    object["kind"] = json!(row.kind);
    object["metadata"] = json!({ "name": "a", "namespace": "b" });
    object
}

/// What is wrong with an object of ours according to the reader of the real provider.
fn unread(object: &Value) -> Option<String> {
    let mut index = Index::new(|_| Ok(()));
    index.apply("a.json", &object.to_string());
    let finding = index
        .findings()
        .find(|finding| finding.severity == viaduct_config::Severity::Error)?;
    Some(finding.message.clone())
}

#[test]
fn a9_1_objects_with_each_property_pass_our_schemas_whole_and_are_read() {
    let ours = ours();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (row, theirs) in reference::leaves() {
        for value in samples::of_row(&row) {
            let object = object(&theirs, &row, &value);
            validation::check(&theirs, &object)
                .unwrap_or_else(|why| panic!("{row}: a bad sample {object}: {why}"));
            tried += 1;
            let schema = &ours[&row.kind];
            if let Err(why) = validation::check(schema, &object) {
                wrong.push(format!("{row} = {value}: refused: {why}"));
            }
            if let Some(lost) = validation::pruned(schema, &object) {
                wrong.push(format!("{row} = {value}: lost: {lost}"));
            }
            if let Some(why) = unread(&object) {
                wrong.push(format!("{row} = {value}: not read: {why}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(tried > 1000, "{tried}");
}

#[test]
fn a9_1_our_schemas_refuse_other_types() {
    let ours = ours();
    for (row, theirs) in reference::leaves() {
        let Some(value) = samples::of_another_type(&row.keywords) else {
            continue;
        };
        let object = object(&theirs, &row, &value);
        assert!(
            validation::check(&ours[&row.kind], &object).is_err(),
            "{row} = {value}"
        );
    }
}

/// The rules at
/// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>.
#[test]
fn a9_1_our_schemas_are_structural() {
    fn check(schema: &Value, path: &str) {
        let keywords = schema.as_object().unwrap_or_else(|| panic!("{path}: {schema}"));
        let free = keywords.contains_key(INT_OR_STRING) || keywords.contains_key(PRESERVE);
        assert!(free || schema["type"].is_string(), "{path} has no type: {schema}");
        for keyword in keywords.keys() {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{path}: `{keyword}`");
        }
        if let Some(variants) = keywords.get("anyOf") {
            assert_eq!(schema[INT_OR_STRING], true, "{path}");
            assert_eq!(
                *variants,
                json!([{ "type": "integer" }, { "type": "string" }]),
                "{path}"
            );
        }
        let both = keywords.contains_key("properties") && keywords.contains_key("additionalProperties");
        assert!(!both, "{path}");
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            check(inner, &format!("{path}.{name}"));
        }
        match schema["type"].as_str() {
            Some("array") => check(&schema["items"], &format!("{path}[]")),
            _ => assert!(!keywords.contains_key("items"), "{path}"),
        }
        if let Some(values) = keywords.get("additionalProperties") {
            check(values, &format!("{path}{{}}"));
        }
    }
    for (kind, schema) in ours() {
        check(&schema, &kind);
    }
}

#[test]
fn a9_1_our_crds_have_only_fields_that_kubernetes_knows() {
    for crd in crds() {
        let typed: CustomResourceDefinition = serde_json::from_value(crd.clone()).expect("a CRD");
        let kept = serde_json::to_value(typed).expect("JSON");
        assert_eq!(same_numbers(kept), same_numbers(crd));
    }
}

/// Bounds are floating-point numbers for Kubernetes: 0 and 0.0 are one.
fn same_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(same_numbers).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, same_numbers(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

#[test]
fn a9_1_every_property_of_our_specs_says_what_it_is_for() {
    fn check(schema: &Value, path: &str, without: &mut Vec<String>) {
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if inner.get("description").is_none() {
                without.push(path.clone());
            }
            check(inner, &path, without);
        }
        check_inner(schema, path, without);
    }
    fn check_inner(schema: &Value, path: &str, without: &mut Vec<String>) {
        for keyword in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(keyword) {
                check(inner, path, without);
            }
        }
    }
    let mut without = Vec::new();
    for (kind, schema) in ours() {
        check(&schema["properties"]["spec"], &kind, &mut without);
    }
    without.sort();
    without.dedup();
    assert_eq!(without, Vec::<String>::new());
}

const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

/// What our schemas are made of.
const KEYWORDS: &[&str] = &[
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "format",
    "items",
    "maximum",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    INT_OR_STRING,
    PRESERVE,
    "x-kubernetes-validations",
];
