//! Strategic merge patches, as kubectl makes them for built-in kinds: maps are merged, lists by key, with
//! the directives `$patch`, `$retainKeys`, `$setElementOrder/..` and `$deleteFromPrimitiveList/..`.

use serde_json::{Map, Value};

use crate::apiserver::failure::Failure;
use crate::apiserver::lists::{Lists, Merging};

/// Merges `patch` into an object of a built-in kind.
pub(crate) fn merge(object: &mut Value, patch: &Value) -> Result<(), Failure> {
    into(object, patch, &mut Vec::new())
}

fn into(target: &mut Value, patch: &Value, path: &mut Vec<String>) -> Result<(), Failure> {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return Ok(());
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *target = Value::Object(without_directives(patch));
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Null;
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(bad(&format!("unknown $patch `{other}`"))),
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let fields = target.as_object_mut().expect("it has just been made an object");
    if let Some(retained) = patch.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|name, _| retained.iter().any(|key| key == name));
    }
    for (name, value) in patch {
        if name.starts_with('$') {
            continue;
        }
        path.push(name.clone());
        field(fields, name, value, path)?;
        path.pop();
    }
    for (directive, value) in patch {
        if let Some(list) = directive.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(items) = fields.get_mut(list).and_then(Value::as_array_mut) {
                items.retain(|item| !gone.contains(item));
            }
        }
        if let Some(list) = directive.strip_prefix("$setElementOrder/") {
            path.push(list.to_owned());
            if let Some(items) = fields.get_mut(list).and_then(Value::as_array_mut) {
                sort(items, value, key_at(path).as_deref());
            }
            path.pop();
        }
    }
    Ok(())
}

fn field(
    fields: &mut Map<String, Value>,
    name: &str,
    value: &Value,
    path: &mut Vec<String>,
) -> Result<(), Failure> {
    if value.is_null() {
        fields.remove(name);
        return Ok(());
    }
    let place = fields.entry(name.to_owned()).or_insert(Value::Null);
    match value {
        Value::Array(items) => list(place, items, path)?,
        _ => into(place, value, path)?,
    }
    if place.is_null() {
        fields.remove(name);
    }
    Ok(())
}

fn list(target: &mut Value, patch: &[Value], path: &mut Vec<String>) -> Result<(), Failure> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let merging = Lists::Builtin.merging(&names);
    let is_replacement = patch.iter().any(|item| item["$patch"] == "replace");
    let mut items = match target.take() {
        Value::Array(items) if !is_replacement => items,
        _ => Vec::new(),
    };
    match merging {
        Merging::Atomic => items = patch.to_vec(),
        Merging::Set => {
            for item in patch {
                if !items.contains(item) {
                    items.push(item.clone());
                }
            }
        }
        Merging::ByKeys(_) => {
            let key = key_at(path).ok_or_else(|| bad("a list that is merged has a key"))?;
            for item in patch.iter().filter(|item| item["$patch"] != "replace") {
                if item[&key].is_null() {
                    return Err(bad(&format!(
                        "map: {item} does not contain declared merge key: {key}"
                    )));
                }
                if item["$patch"] == "delete" {
                    items.retain(|found| found[&key] != item[&key]);
                } else if let Some(found) = items.iter_mut().find(|found| found[&key] == item[&key]) {
                    into(found, item, path)?;
                } else {
                    let mut new = Value::Null;
                    into(&mut new, item, path)?;
                    items.push(new);
                }
            }
        }
    }
    *target = Value::Array(items);
    Ok(())
}

/// Puts what `order` names in its order; what it does not name stays behind what it stood behind.
fn sort(items: &mut [Value], order: &Value, key: Option<&str>) {
    let order = order.as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |item: &Value| {
        order.iter().position(|wanted| match key {
            Some(key) => wanted[key] == item[key],
            None => wanted == item,
        })
    };
    let mut last = 0;
    let mut places: Vec<(usize, usize, Value)> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            last = place(item).unwrap_or(last);
            (last, index, item.clone())
        })
        .collect();
    places.sort_by_key(|(place, index, _)| (*place, *index));
    for (item, (_, _, sorted)) in items.iter_mut().zip(places) {
        *item = sorted;
    }
}

fn key_at(path: &[String]) -> Option<String> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    Lists::Builtin.merge_key(&names)
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    patch
        .iter()
        .filter(|(name, _)| !name.starts_with('$'))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn bad(why: &str) -> Failure {
    Failure::BadRequest(format!("error applying strategic merge patch: {why}"))
}
