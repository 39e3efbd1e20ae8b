//! Applies an edit as the product prints it: whatever is said there is merged into what is configured.
//!
//! Mappings are merged field by field, and `null` takes a field away. Items of `routes` and `services` are merged with
//! those of the same `match` or `name`; an item with neither is merged with each. Every other list replaces the one that
//! is there.

use serde_json::{Map, Value};

/// To Kubernetes objects; objects that are not there are added.
#[track_caller]
pub fn to_objects(objects: &[Value], suggestion: &str) -> Vec<Value> {
    let mut objects = objects.to_vec();
    for edit in documents(suggestion) {
        let identity = |object: &Value| {
            [
                &object["kind"],
                &object["metadata"]["namespace"],
                &object["metadata"]["name"],
            ]
            .map(Value::clone)
        };
        match objects
            .iter_mut()
            .find(|object| identity(object) == identity(&edit))
        {
            Some(object) => {
                let api_version = object["apiVersion"].clone();
                merge(object, &edit);
                object["apiVersion"] = api_version;
            }
            None => objects.push(edit),
        }
    }
    objects
}

/// To a file of dynamic configuration.
#[track_caller]
pub fn to_file(configuration: &Value, suggestion: &str) -> Value {
    let mut configuration = configuration.clone();
    for edit in documents(suggestion) {
        merge(&mut configuration, &edit);
    }
    configuration
}

fn documents(suggestion: &str) -> Vec<Value> {
    suggestion
        .split("---\n")
        .map(|text| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{suggestion}")))
        .collect()
}

fn merge(target: &mut Value, edit: &Value) {
    let Value::Object(edit) = edit else {
        *target = edit.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (field, edit) in edit {
        match edit {
            Value::Null => {
                target.as_object_mut().and_then(|target| target.remove(field));
            }
            Value::Array(items) if matches!(field.as_str(), "routes" | "services") => {
                merge_items(&mut target[field], items);
            }
            edit => merge(&mut target[field], edit),
        }
    }
}

#[track_caller]
fn merge_items(target: &mut Value, items: &[Value]) {
    let target = target.as_array_mut().expect("a list to merge into");
    for item in items {
        let is_meant = |known: &Value| {
            let mut keys = ["match", "name"].into_iter();
            keys.all(|key| item.get(key).is_none_or(|wanted| known.get(key) == Some(wanted)))
        };
        let mut found = false;
        for known in target.iter_mut().filter(|known| is_meant(known)) {
            merge(known, item);
            found = true;
        }
        assert!(found, "{item} is an item of none of {target:?}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_set_and_taken_away_and_items_are_found_by_their_name() {
        let objects = [json!({
            "apiVersion": "traefik.containo.us/v1alpha1", "kind": "IngressRoute", "metadata": {"name": "a", "namespace": "web"},
            "spec": {"routes": [
                {"match": "Host(`a`)", "services": [{"name": "x", "scheme": "http"}, {"name": "y"}]},
                {"match": "Host(`b`)", "services": [{"name": "x"}]},
            ], "tls": {"secretName": "s"}},
        })];
        let edited = to_objects(
            &objects,
            "kind: IngressRoute\nmetadata:\n  name: a\n  namespace: web\nspec:\n  tls: null\n  routes:\n  \
             - match: Host(`a`)\n    services:\n    - scheme: https\n---\nkind: New\n",
        );
        assert_eq!(
            edited[0]["spec"],
            json!({"routes": [
                {"match": "Host(`a`)", "services": [{"name": "x", "scheme": "https"}, {"name": "y", "scheme": "https"}]},
                {"match": "Host(`b`)", "services": [{"name": "x"}]},
            ]})
        );
        assert_eq!(edited[1]["kind"], "New");
    }

    #[test]
    fn other_lists_are_replaced() {
        let file = json!({"http": {"serversTransports": {"t": {"rootCAs": ["a"], "serverName": "x"}}}});
        let edited = to_file(&file, "http: {serversTransports: {t: {rootCAs: [b, c]}}}");
        assert_eq!(
            edited["http"]["serversTransports"]["t"],
            json!({"rootCAs": ["b", "c"], "serverName": "x"})
        );
    }
}
