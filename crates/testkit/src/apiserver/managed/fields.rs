//! Sets of fields, in the form `FieldsV1`: `f:NAME` for a field, `k:{..}` for an item by its keys, `v:..`
//! for an item by its value, `.` for the place itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::apiserver::lists::{Lists, Merging};

/// A set of places in an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    is_owned: bool,
    inside: BTreeMap<String, Self>,
}

impl Fields {
    pub(crate) fn read(value: &Value) -> Self {
        let children = value.as_object();
        let is_leaf = children.is_some_and(Map::is_empty);
        Self {
            is_owned: is_leaf || !value["."].is_null(),
            inside: children
                .into_iter()
                .flatten()
                .filter(|(name, _)| *name != ".")
                .map(|(name, value)| (name.clone(), Self::read(value)))
                .collect(),
        }
    }

    pub(crate) fn write(&self) -> Value {
        let mut value: Map<String, Value> = self
            .inside
            .iter()
            .map(|(name, inside)| (name.clone(), inside.write()))
            .collect();
        if self.is_owned && !value.is_empty() {
            value.insert(".".to_owned(), json!({}));
        }
        Value::Object(value)
    }

    /// The leaves of a value.
    pub(crate) fn of(value: &Value, lists: Lists<'_>) -> Self {
        let mut fields = Self::collect(value, lists, &mut Vec::new());
        fields.is_owned = false;
        fields
    }

    fn collect(value: &Value, lists: Lists<'_>, path: &mut Vec<String>) -> Self {
        let mut fields = Self::default();
        match value {
            Value::Object(children) => {
                for (name, child) in children {
                    path.push(name.clone());
                    fields
                        .inside
                        .insert(format!("f:{name}"), Self::collect(child, lists, path));
                    path.pop();
                }
            }
            Value::Array(items) => {
                for (name, item) in named(items, &merging(lists, path)) {
                    let mut inside = Self::collect(item, lists, path);
                    inside.is_owned = true;
                    fields.inside.insert(name, inside);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        fields.is_owned = fields.inside.is_empty();
        fields
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.is_owned && self.inside.is_empty()
    }

    /// Every place that is in the set.
    pub(crate) fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        self.walk(&mut Vec::new(), &mut paths);
        paths
    }

    fn walk(&self, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
        if self.is_owned && !path.is_empty() {
            paths.push(path.clone());
        }
        for (name, inside) in &self.inside {
            path.push(name.clone());
            inside.walk(path, paths);
            path.pop();
        }
    }

    /// Whether this very place is in the set.
    pub(crate) fn owns(&self, path: &[String]) -> bool {
        self.at(path).is_some_and(|fields| fields.is_owned)
    }

    /// Whether the place or one below it is in the set.
    pub(crate) fn touches(&self, path: &[String]) -> bool {
        self.at(path).is_some_and(|fields| !fields.is_empty())
    }

    fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |fields, name| fields.inside.get(name))
    }

    pub(crate) fn add(&mut self, path: &[String]) {
        match path {
            [] => self.is_owned = true,
            [name, rest @ ..] => self.inside.entry(name.clone()).or_default().add(rest),
        }
    }

    pub(crate) fn remove(&mut self, path: &[String]) {
        match path {
            [] => self.is_owned = false,
            [name, rest @ ..] => {
                if let Some(inside) = self.inside.get_mut(name) {
                    inside.remove(rest);
                    if inside.is_empty() {
                        self.inside.remove(name);
                    }
                }
            }
        }
    }
}

/// The items of a list that is merged item by item, with their names in a path; none of an atomic list.
fn named<'a>(items: &'a [Value], merging: &Merging) -> Vec<(String, &'a Value)> {
    match merging {
        Merging::Atomic => Vec::new(),
        Merging::Set => items.iter().map(|item| (format!("v:{item}"), item)).collect(),
        Merging::ByKeys(keys) => items.iter().map(|item| (item_name(item, keys), item)).collect(),
    }
}

fn item_name(item: &Value, keys: &[String]) -> String {
    let keys: Map<String, Value> = keys
        .iter()
        .map(|key| (key.clone(), key_value(item, key)))
        .filter(|(_, value)| !value.is_null())
        .collect();
    format!("k:{}", Value::Object(keys))
}

/// The one key that has a default.
fn key_value(item: &Value, key: &str) -> Value {
    match &item[key] {
        Value::Null if key == "protocol" => json!("TCP"),
        found => found.clone(),
    }
}

fn merging(lists: Lists<'_>, path: &[String]) -> Merging {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    lists.merging(&names)
}

/// What is at a place.
pub(crate) fn find<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value, |value, part| match part.split_once(':')? {
            ("f", name) => value.get(name),
            (kind, name) => value.as_array()?.iter().find(|item| is_named(item, kind, name)),
        })
}

/// Removes what is at a place.
pub(crate) fn remove(value: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let parent = parents
        .iter()
        .try_fold(value, |value, part| match part.split_once(':')? {
            ("f", name) => value.get_mut(name),
            (kind, name) => value
                .as_array_mut()?
                .iter_mut()
                .find(|item| is_named(item, kind, name)),
        });
    match (parent, last.split_once(':')) {
        (Some(Value::Object(fields)), Some(("f", name))) => {
            fields.remove(name);
        }
        (Some(Value::Array(items)), Some((kind, name))) => {
            items.retain(|item| !is_named(item, kind, name));
        }
        _ => {}
    }
}

fn is_named(item: &Value, kind: &str, name: &str) -> bool {
    let Ok(wanted) = serde_json::from_str::<Value>(name) else {
        return false;
    };
    match (kind, &wanted) {
        ("k", Value::Object(keys)) => keys.iter().all(|(key, value)| key_value(item, key) == *value),
        _ => *item == wanted,
    }
}

/// Whether a place is an item of a list rather than a field.
pub(crate) fn is_item(path: &[String]) -> bool {
    path.last().is_some_and(|part| !part.starts_with("f:"))
}

/// As messages write it: `.spec.ports[port=443,protocol="TCP"].targetPort`.
pub(crate) fn dotted(path: &[String]) -> String {
    path.iter()
        .map(|part| match part.split_once(':') {
            Some(("f", name)) => format!(".{name}"),
            Some(("k", keys)) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("[{}]", keys.join(","))
            }
            Some((_, value)) => format!("[={value}]"),
            None => part.clone(),
        })
        .collect()
}

/// Lays `config` over `target`: maps are merged, lists as the kind says, everything else is replaced.
pub(crate) fn overlay(target: &mut Value, config: &Value, lists: Lists<'_>) {
    over(target, config, lists, &mut Vec::new());
}

fn over(target: &mut Value, config: &Value, lists: Lists<'_>, path: &mut Vec<String>) {
    match (target, config) {
        (Value::Object(fields), Value::Object(wished)) => {
            for (name, value) in wished {
                path.push(name.clone());
                match fields.get_mut(name) {
                    Some(place) => over(place, value, lists, path),
                    None => {
                        fields.insert(name.clone(), value.clone());
                    }
                }
                path.pop();
            }
        }
        (Value::Array(items), Value::Array(wished)) => match merging(lists, path) {
            Merging::Atomic => items.clone_from(wished),
            merging => {
                for (name, item) in named(wished, &merging) {
                    let (kind, name) = name.split_once(':').unwrap_or_default();
                    match items.iter_mut().find(|found| is_named(found, kind, name)) {
                        Some(found) => over(found, item, lists, path),
                        None => items.push(item.clone()),
                    }
                }
            }
        },
        (target, config) => *target = config.clone(),
    }
}
