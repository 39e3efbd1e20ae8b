//! Who owns which field: `metadata.managedFields`, and server-side apply, which is decided by it.

mod fields;

use serde_json::{Value, json};

pub(crate) use fields::Fields;

use super::lists::Lists;
use super::object::{meta, set, set_meta};
use super::resource::Resource;

/// Who writes, in which form, when.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) manager: String,
    pub(crate) api_version: String,
    /// `status`, or empty.
    pub(crate) subresource: &'static str,
    pub(crate) time: String,
}

/// An owner as `managedFields` lists it.
#[derive(Debug, Clone)]
struct Owner {
    manager: String,
    operation: String,
    api_version: String,
    subresource: String,
    time: String,
    fields: Fields,
}

impl Owner {
    fn read(value: &Value) -> Self {
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        Self {
            manager: text("manager"),
            operation: text("operation"),
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: Fields::read(&value["fieldsV1"]),
        }
    }

    fn new(entry: &Entry, operation: &str) -> Self {
        Self {
            manager: entry.manager.clone(),
            operation: operation.to_owned(),
            api_version: entry.api_version.clone(),
            subresource: entry.subresource.to_owned(),
            time: entry.time.clone(),
            fields: Fields::default(),
        }
    }

    fn is(&self, entry: &Entry, operation: &str) -> bool {
        self.manager == entry.manager && self.operation == operation && self.subresource == entry.subresource
    }

    fn write(&self) -> Value {
        let mut value = json!({
            "manager": self.manager, "operation": self.operation, "apiVersion": self.api_version,
            "time": self.time, "fieldsType": "FieldsV1", "fieldsV1": self.fields.write(),
        });
        if !self.subresource.is_empty() {
            value["subresource"] = json!(self.subresource);
        }
        value
    }

    /// As conflicts name it.
    fn text(&self) -> String {
        if self.operation == "Apply" {
            self.manager.clone()
        } else {
            let subresource = Some(&self.subresource)
                .filter(|subresource| !subresource.is_empty())
                .map(|subresource| format!(" with subresource \"{subresource}\""))
                .unwrap_or_default();
            format!("{}\"{subresource} using \"{}", self.manager, self.api_version)
        }
    }
}

/// Applies a manager's wishes; the result carries the new `managedFields`. An error: owners of fields that
/// are wished otherwise, with the fields.
pub(crate) fn apply(
    resource: &Resource,
    live: Option<&Value>,
    config: &Value,
    entry: &Entry,
    force: bool,
) -> Result<Value, Vec<(String, String)>> {
    let lists = Lists::of(resource);
    let config = applicable(resource, config, entry);
    let nothing = json!({});
    let live = live.unwrap_or(&nothing);
    let mut owners = owners(live);
    let previous = owners
        .iter()
        .position(|owner| owner.is(entry, "Apply"))
        .map(|index| owners.remove(index));

    let wished = Fields::of(&ownable(&config), lists);
    let conflicts = conflicts(&wished, live, &config, &owners);
    if !conflicts.is_empty() && !force {
        return Err(conflicts
            .iter()
            .map(|(index, path)| (owners[*index].text(), fields::dotted(path)))
            .collect());
    }
    for (index, path) in &conflicts {
        owners[*index].fields.remove(path);
    }

    let mut merged = live.clone();
    fields::overlay(&mut merged, &config, lists);
    if let Some(previous) = &previous {
        for path in previous.fields.paths() {
            let is_wished = wished.touches(&path);
            let is_others = owners.iter().any(|owner| owner.fields.touches(&path));
            if !is_wished && !is_others {
                fields::remove(&mut merged, &path);
            }
        }
    }
    let mut own = Owner::new(entry, "Apply");
    own.fields = wished;
    if let Some(previous) = previous
        && previous.fields == own.fields
        && merged_is(live, &merged)
    {
        own.time = previous.time;
    }
    owners.push(own);
    store(&mut merged, &owners);
    Ok(merged)
}

/// Whether nothing but the managed fields may differ.
fn merged_is(live: &Value, merged: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        set_meta(&mut object, "managedFields", None);
        object
    };
    bare(live) == bare(merged)
}

/// Fields that are wished otherwise than they are, and whose they are: index of the owner, path.
fn conflicts(wished: &Fields, live: &Value, config: &Value, owners: &[Owner]) -> Vec<(usize, Vec<String>)> {
    wished
        .paths()
        .into_iter()
        .filter(|path| {
            let wanted = fields::find(config, path);
            // The existence of an item is nobody's to dispute.
            !fields::is_item(path) && fields::find(live, path).is_some_and(|found| Some(found) != wanted)
        })
        .flat_map(|path| {
            owners
                .iter()
                .enumerate()
                .filter(|(_, owner)| owner.fields.owns(&path))
                .map(|(index, _)| (index, path.clone()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Notes who has changed what by a write that is no apply.
pub(crate) fn written(resource: &Resource, old: Option<&Value>, object: &mut Value, entry: &Entry) {
    let nothing = json!({});
    let old = old.unwrap_or(&nothing);
    let mut owners = owners(old);
    let there = Fields::of(&ownable(object), Lists::of(resource));
    let changed: Vec<Vec<String>> = there
        .paths()
        .into_iter()
        .filter(|path| fields::find(old, path) != fields::find(object, path))
        .collect();
    let own = owners.iter().position(|owner| owner.is(entry, "Update"));
    let own = own.unwrap_or_else(|| {
        owners.push(Owner::new(entry, "Update"));
        owners.len() - 1
    });
    for (index, owner) in owners.iter_mut().enumerate() {
        for path in &changed {
            if index == own {
                owner.fields.add(path);
            } else {
                owner.fields.remove(path);
            }
        }
        for path in owner.fields.paths() {
            if fields::find(object, &path).is_none() {
                owner.fields.remove(&path);
            }
        }
    }
    if !changed.is_empty() {
        owners[own].time.clone_from(&entry.time);
        owners[own].api_version.clone_from(&entry.api_version);
    }
    store(object, &owners);
}

/// Whether a write has changed nothing: it gets no revision then.
pub(crate) fn is_same(old: &Value, new: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        set_meta(&mut object, "resourceVersion", None);
        set(&mut object, "apiVersion", None);
        let owners = object
            .pointer_mut("/metadata/managedFields")
            .and_then(Value::as_array_mut);
        for owner in owners.into_iter().flatten() {
            set(owner, "time", None);
        }
        object
    };
    bare(old) == bare(new)
}

fn owners(object: &Value) -> Vec<Owner> {
    let entries = object["metadata"]["managedFields"].as_array();
    entries.into_iter().flatten().map(Owner::read).collect()
}

fn store(object: &mut Value, owners: &[Owner]) {
    let entries: Vec<Value> = owners
        .iter()
        .filter(|owner| !owner.fields.is_empty())
        .map(Owner::write)
        .collect();
    let entries = Some(entries)
        .filter(|entries| !entries.is_empty())
        .map(Value::Array);
    set_meta(object, "managedFields", entries);
}

/// What a manager may wish for at this place: the status at its own, the rest elsewhere.
fn applicable(resource: &Resource, config: &Value, entry: &Entry) -> Value {
    let mut config = config.clone();
    if entry.subresource == "status" {
        let status = config["status"].clone();
        config = json!({
            "apiVersion": config["apiVersion"], "kind": config["kind"],
            "metadata": { "name": meta(&config, "name") }, "status": status,
        });
    } else if resource.status {
        set(&mut config, "status", None);
    }
    config
}

/// Without what belongs to nobody.
fn ownable(object: &Value) -> Value {
    let mut object = object.clone();
    set(&mut object, "apiVersion", None);
    set(&mut object, "kind", None);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| {
            matches!(
                name.as_str(),
                "labels" | "annotations" | "finalizers" | "ownerReferences"
            )
        });
        if metadata.is_empty() {
            set(&mut object, "metadata", None);
        }
    } else {
        set(&mut object, "metadata", None);
    }
    object
}
