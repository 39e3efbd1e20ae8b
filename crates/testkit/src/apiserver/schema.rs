//! The schema of a custom kind: prunes what it does not name, fills in defaults, and says what is wrong.

use regex::Regex;
use serde_json::{Map, Value};

use super::model::Read;

/// `spec.versions[].schema.openAPIV3Schema` of a definition.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    root: Value,
}

impl Schema {
    pub(crate) fn new(root: Value) -> Self {
        Self { root }
    }

    /// Keeps everything: for kinds whose definition does not matter to a test.
    pub(crate) fn open() -> Self {
        Self::new(serde_json::json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }))
    }

    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    /// Prunes, defaults and checks; `object` is changed, and taken back by the caller.
    pub(crate) fn apply(&self, object: &mut Value) -> Read {
        let mut visit = Visit {
            unknown: Vec::new(),
            invalid: Vec::new(),
        };
        if let (Some(fields), Some(properties)) =
            (object.as_object_mut(), self.root["properties"].as_object())
        {
            let keeps = keeps_unknown(&self.root);
            visit.prune_object(fields, &self.root, properties, "", keeps, &ALWAYS);
            for (name, schema) in properties {
                if !ALWAYS.contains(&name.as_str())
                    && let Some(value) = fields.get_mut(name)
                {
                    visit.value(value, schema, name, keeps);
                }
            }
            visit.required(fields, &self.root, "");
        }
        Read {
            object: Value::Null,
            unknown: visit.unknown,
            invalid: visit.invalid,
        }
    }
}

/// Belongs to every object, whatever its schema says.
const ALWAYS: [&str; 3] = ["apiVersion", "kind", "metadata"];

fn keeps_unknown(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true
}

struct Visit {
    unknown: Vec<String>,
    invalid: Vec<(String, String)>,
}

impl Visit {
    fn value(&mut self, value: &mut Value, schema: &Value, path: &str, keeps: bool) {
        let keeps = keeps || keeps_unknown(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        if !self.has_type(value, schema, path) {
            return;
        }
        match value {
            Value::Object(fields) => self.object(fields, schema, path, keeps),
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item, &schema["items"], &format!("{path}[{index}]"), keeps);
                }
                self.bound(items.len(), schema, ("minItems", "maxItems"), path, "items");
            }
            Value::String(text) => self.text(text, schema, path),
            Value::Number(number) => self.number(number.as_f64().unwrap_or_default(), schema, path),
            Value::Null | Value::Bool(_) => {}
        }
        self.choice(value, schema, path);
    }

    fn object(&mut self, fields: &mut Map<String, Value>, schema: &Value, path: &str, keeps: bool) {
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        if schema["additionalProperties"].is_object() {
            for (name, value) in fields.iter_mut() {
                self.value(value, &schema["additionalProperties"], &joined(path, name), keeps);
            }
        } else if schema["additionalProperties"] != true {
            self.prune_object(fields, schema, properties, path, keeps, &[]);
        }
        for (name, property) in properties {
            if let Some(value) = fields.get_mut(name) {
                // Null is removed where it is not allowed and a default would take its place.
                self.value(value, property, &joined(path, name), keeps);
            }
        }
        self.required(fields, schema, path);
        self.bound(
            fields.len(),
            schema,
            ("minProperties", "maxProperties"),
            path,
            "properties",
        );
    }

    /// Removes what the schema does not name, then sets defaults.
    fn prune_object(
        &mut self,
        fields: &mut Map<String, Value>,
        schema: &Value,
        properties: &Map<String, Value>,
        path: &str,
        keeps: bool,
        always: &[&str],
    ) {
        // An embedded object without properties and without permission to be anything is pruned empty.
        if !keeps && (schema["type"] == "object" || schema["properties"].is_object()) {
            let unknown: Vec<String> = fields
                .keys()
                .filter(|name| !properties.contains_key(*name) && !always.contains(&name.as_str()))
                .cloned()
                .collect();
            for name in unknown {
                fields.remove(&name);
                self.unknown.push(joined(path, &name));
            }
        }
        for (name, property) in properties {
            let default = &property["default"];
            let takes_default = !default.is_null()
                && fields
                    .get(name)
                    .is_none_or(|value| value.is_null() && property["nullable"] != true);
            if takes_default {
                fields.insert(name.clone(), default.clone());
            } else if fields.get(name).is_some_and(Value::is_null)
                && property["nullable"] != true
                && !always.contains(&name.as_str())
            {
                fields.remove(name);
            }
        }
    }

    fn has_type(&mut self, value: &Value, schema: &Value, path: &str) -> bool {
        if schema["x-kubernetes-int-or-string"] == true {
            let fits = value.is_i64() || value.is_u64() || value.is_string();
            if !fits {
                self.wrong_type(value, "integer,string", path);
            }
            return fits;
        }
        let Some(wanted) = schema["type"].as_str() else {
            return true;
        };
        let fits = match wanted {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            "number" => value.is_number(),
            _ => true,
        };
        if !fits {
            self.wrong_type(value, wanted, path);
        }
        fits
    }

    fn wrong_type(&mut self, value: &Value, wanted: &str, path: &str) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.invalid(
            path,
            format!("Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\""),
        );
    }

    fn required(&mut self, fields: &Map<String, Value>, schema: &Value, path: &str) {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !fields.contains_key(name) {
                self.invalid(&joined(path, name), "Required value".to_owned());
            }
        }
    }

    fn text(&mut self, text: &str, schema: &Value, path: &str) {
        let length = text.chars().count();
        self.bound(length, schema, ("minLength", "maxLength"), path, "chars long");
        if let Some(pattern) = schema["pattern"].as_str() {
            let fits = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
            if !fits {
                self.invalid(
                    path,
                    format!("Invalid value: {text:?}: {path} in body should match '{pattern}'"),
                );
            }
        }
    }

    fn number(&mut self, number: f64, schema: &Value, path: &str) {
        let bounds = [("minimum", "greater"), ("maximum", "less")];
        for (name, word) in bounds {
            let Some(bound) = schema[name].as_f64() else {
                continue;
            };
            let fits = if name == "minimum" {
                number >= bound
            } else {
                number <= bound
            };
            if !fits {
                self.invalid(
                    path,
                    format!(
                        "Invalid value: {number}: {path} in body should be {word} than or equal to {bound}"
                    ),
                );
            }
        }
    }

    fn choice(&mut self, value: &Value, schema: &Value, path: &str) {
        let Some(allowed) = schema["enum"].as_array() else {
            return;
        };
        if !allowed.contains(value) {
            let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            self.invalid(
                path,
                format!(
                    "Unsupported value: {value}: supported values: {}",
                    allowed.join(", ")
                ),
            );
        }
    }

    fn bound(&mut self, found: usize, schema: &Value, (least, most): (&str, &str), path: &str, unit: &str) {
        let found = found as u64;
        if let Some(least) = schema[least].as_u64()
            && found < least
        {
            self.invalid(
                path,
                format!("Invalid value: {path} in body should have at least {least} {unit}"),
            );
        }
        if let Some(most) = schema[most].as_u64()
            && found > most
        {
            self.invalid(path, format!("Too long: must have at most {most} {unit}"));
        }
    }

    fn invalid(&mut self, path: &str, message: String) {
        self.invalid.push((path.to_owned(), message));
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
