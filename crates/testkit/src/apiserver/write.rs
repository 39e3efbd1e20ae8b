//! Creating, replacing, patching and deleting.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::failure::{Failure, Named};
use super::list::{ListOptions, list, shown};
use super::object::{has_finalizers, is_terminating, meta, metadata_mut, set, set_meta};
use super::patch::Patch;
use super::query::{DeleteOptions, Query, UnknownFields};
use super::resource::Resource;
use super::state::{State, suffix, uid};
use super::store::Key;
use super::{defaults, definition, managed};

/// A write to be: what, where, and how the client wants it.
#[derive(Debug)]
pub(crate) struct Write<'a> {
    pub(crate) resource: &'a Arc<Resource>,
    /// Empty for what has no namespace.
    pub(crate) namespace: &'a str,
    pub(crate) query: &'a Query,
    /// Who owns the fields that change: `fieldManager`, or the first word of the user agent.
    pub(crate) manager: String,
    pub(crate) is_status: bool,
}

/// What a write has come to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: StatusCode,
    pub(crate) object: Value,
    /// For the header `Warning`.
    pub(crate) warnings: Vec<String>,
}

impl Write<'_> {
    pub(crate) fn create(&self, state: &mut State, mut object: Value) -> Result<Done, Failure> {
        let prefix = meta(&object, "generateName").to_owned();
        if meta(&object, "name").is_empty() && !prefix.is_empty() {
            set_meta(&mut object, "name", Some(json!(format!("{prefix}{}", suffix()))));
        }
        if !meta(&object, "resourceVersion").is_empty() {
            return Err(Failure::BadRequest(
                "resourceVersion should not be set on objects to be created".to_owned(),
            ));
        }
        let (mut object, warnings) = self.admit(object, None)?;
        let key = self.key(meta(&object, "name"));
        self.check_namespace(state)?;
        if state.store.get(&self.resource.storage, &key).is_some() {
            return Err(Failure::AlreadyExists {
                of: Named::new(self.resource, &key.1),
            });
        }
        self.born(state, &mut object);
        let entry = self.manager_entry(state, &object);
        managed::written(self.resource, None, &mut object, &entry);
        Ok(Done {
            code: StatusCode::CREATED,
            object: self.commit(state, key, object)?,
            warnings,
        })
    }

    pub(crate) fn replace(&self, state: &mut State, name: &str, object: Value) -> Result<Done, Failure> {
        let key = self.key(name);
        let old = self.existing(state, &key)?;
        if meta(&object, "name") != name {
            return Err(Failure::BadRequest(format!(
                "the name of the object ({}) does not match the name on the URL ({name})",
                meta(&object, "name")
            )));
        }
        if meta(&object, "resourceVersion").is_empty() && !self.resource.unconditional_update {
            return Err(self.invalid(
                name,
                vec![(
                    "metadata.resourceVersion".to_owned(),
                    "Invalid value: 0x0: must be specified for an update".to_owned(),
                )],
            ));
        }
        self.update(state, &key, &old, object, None)
    }

    pub(crate) fn patch(&self, state: &mut State, name: &str, patch: &Patch) -> Result<Done, Failure> {
        let key = self.key(name);
        if let Patch::Apply(config) = patch {
            return self.apply(state, &key, config);
        }
        let old = self.existing(state, &key)?;
        let patched = patch.on(self.resource, shown(self.resource, &old))?;
        if meta(&patched, "name") != name {
            return Err(self.invalid(
                name,
                vec![(
                    "metadata.name".to_owned(),
                    "Invalid value: field is immutable".to_owned(),
                )],
            ));
        }
        self.update(state, &key, &old, patched, None)
    }

    fn apply(&self, state: &mut State, key: &Key, config: &Value) -> Result<Done, Failure> {
        if self.query.get("fieldManager").is_empty() {
            return Err(Failure::BadRequest(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
                    .to_owned(),
            ));
        }
        if !meta(config, "managedFields").is_empty() || config["metadata"]["managedFields"].is_array() {
            return Err(Failure::BadRequest(
                "metadata.managedFields must be nil".to_owned(),
            ));
        }
        if meta(config, "name") != key.1 {
            return Err(Failure::BadRequest(format!(
                "metadata.name: {:?} does not match the name on the URL {:?}",
                meta(config, "name"),
                key.1
            )));
        }
        let force = self.query.is_set("force");
        match state.store.get(&self.resource.storage, key).cloned() {
            Some(old) => {
                let before = shown(self.resource, &old);
                let entry = self.manager_entry(state, config);
                let merged = managed::apply(self.resource, Some(&before), config, &entry, force)
                    .map_err(|owners| self.owned(&key.1, owners))?;
                self.update(state, key, &old, merged, Some(entry))
            }
            None if self.is_status => Err(self.not_found(key)),
            None => {
                let entry = self.manager_entry(state, config);
                let merged = managed::apply(self.resource, None, config, &entry, force)
                    .map_err(|owners| self.owned(&key.1, owners))?;
                let fields = merged["metadata"]["managedFields"].clone();
                let (mut object, warnings) = self.admit(merged, None)?;
                self.check_namespace(state)?;
                self.born(state, &mut object);
                set_meta(&mut object, "managedFields", Some(fields));
                Ok(Done {
                    code: StatusCode::CREATED,
                    object: self.commit(state, key.clone(), object)?,
                    warnings,
                })
            }
        }
    }

    /// `applied`: the managed fields are those of `object`; otherwise they follow from what has changed.
    fn update(
        &self,
        state: &mut State,
        key: &Key,
        old: &Arc<Value>,
        object: Value,
        applied: Option<managed::Entry>,
    ) -> Result<Done, Failure> {
        self.check_version(old, &object)?;
        let fields = object["metadata"]["managedFields"].clone();
        let (mut object, warnings) = self.admit(self.only_what_may_change(old, object), Some(old))?;
        if self.is_status {
            // What was read as a whole is kept in its status only.
            let status = object["status"].clone();
            object = Value::clone(old);
            set(
                &mut object,
                "status",
                Some(status).filter(|status| !status.is_null()),
            );
        }
        keep(old, &mut object);
        if self.resource.generation && self.wants_differ(old, &object) {
            let generation = old["metadata"]["generation"].as_u64().unwrap_or_default() + 1;
            set_meta(&mut object, "generation", Some(json!(generation)));
        }
        match &applied {
            Some(_) => set_meta(&mut object, "managedFields", Some(fields)),
            None => managed::written(
                self.resource,
                Some(old),
                &mut object,
                &self.manager_entry(state, old),
            ),
        }
        let code = StatusCode::OK;
        if is_terminating(&object) && !has_finalizers(&object) {
            let object = if self.query.dry_run()? {
                object
            } else {
                self.end(state, key)
            };
            return Ok(Done {
                code,
                object: shown(self.resource, &object),
                warnings,
            });
        }
        if managed::is_same(old, &object) {
            return Ok(Done {
                code,
                object: shown(self.resource, old),
                warnings,
            });
        }
        Ok(Done {
            code,
            object: self.commit(state, key.clone(), object)?,
            warnings,
        })
    }

    pub(crate) fn delete(
        &self,
        state: &mut State,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Done, Failure> {
        let key = self.key(name);
        let old = self.existing(state, &key)?;
        for (field, wanted) in [
            ("uid", &options.uid),
            ("resourceVersion", &options.resource_version),
        ] {
            if let Some(wanted) = wanted
                && wanted != meta(&old, field)
            {
                return Err(Failure::Conflict {
                    of: Named::new(self.resource, name),
                    why: format!(
                        "Precondition failed: {field} in precondition: {wanted}, {field} in object meta: {}",
                        meta(&old, field)
                    ),
                });
            }
        }
        let done = |object: Value| Done {
            code: StatusCode::OK,
            object,
            warnings: Vec::new(),
        };
        if has_finalizers(&old) {
            let mut object = Value::clone(&old);
            if !is_terminating(&old) && !options.dry_run {
                set_meta(&mut object, "deletionTimestamp", Some(json!(state.now())));
                set_meta(&mut object, "deletionGracePeriodSeconds", Some(json!(0)));
                object = Value::clone(&state.store.put(&self.resource.storage, key, object));
            }
            return Ok(done(shown(self.resource, &object)));
        }
        if !options.dry_run {
            self.end(state, &key);
        }
        Ok(done(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {
                "name": name, "group": self.resource.group, "kind": self.resource.plural,
                "uid": meta(&old, "uid"),
            },
        })))
    }

    pub(crate) fn delete_all(
        &self,
        state: &mut State,
        options: &ListOptions,
        delete: &DeleteOptions,
    ) -> Result<Done, Failure> {
        let found = list(&state.store, self.resource, options)?;
        for object in found["items"].as_array().into_iter().flatten() {
            let namespace = meta(object, "namespace");
            let one = Write {
                namespace,
                manager: self.manager.clone(),
                ..*self
            };
            match one.delete(state, meta(object, "name"), delete) {
                // A namespace takes its objects along.
                Ok(_) | Err(Failure::NotFound { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(Done {
            code: StatusCode::OK,
            object: found,
            warnings: Vec::new(),
        })
    }

    /// As it will be stored, or why it will not be; with what there is to warn of.
    fn admit(&self, mut object: Value, old: Option<&Value>) -> Result<(Value, Vec<String>), Failure> {
        self.check_kind(&object)?;
        self.place(&mut object)?;
        if self.resource.storage == "secrets" {
            merge_string_data(&mut object);
        }
        let name = meta(&object, "name").to_owned();
        let unreadable = |error: String| {
            Failure::BadRequest(format!(
                "{} in version {:?} cannot be handled as a {}: {error}",
                self.resource.kind, self.resource.version, self.resource.kind
            ))
        };
        let mut read = self.resource.model.read(object).map_err(unreadable)?;
        if self.resource.is_custom() {
            read.unknown
                .extend(tidy_metadata(&mut read.object).map_err(unreadable)?);
        }
        let warnings = self.unknown_fields(&read.unknown)?;
        if !self.is_status {
            defaults::fill(self.resource, &mut read.object, old);
        }
        read.invalid
            .extend(defaults::check_names(self.resource, &read.object));
        read.invalid
            .extend(defaults::check(self.resource, &read.object, old));
        if read.invalid.is_empty() {
            Ok((read.object, warnings))
        } else {
            Err(self.invalid(&name, read.invalid))
        }
    }

    fn check_kind(&self, object: &Value) -> Result<(), Failure> {
        let (version, kind) = (&object["apiVersion"], &object["kind"]);
        if !object.is_object() || kind.as_str().unwrap_or_default().is_empty() {
            return Err(Failure::BadRequest(
                "Object 'Kind' is missing in the body of the request".to_owned(),
            ));
        }
        if *version != self.resource.api_version() || *kind != self.resource.kind {
            return Err(Failure::BadRequest(format!(
                "{version}, Kind={kind} does not match the expected {}, Kind={}",
                self.resource.api_version(),
                self.resource.kind
            )));
        }
        Ok(())
    }

    fn place(&self, object: &mut Value) -> Result<(), Failure> {
        let found = meta(object, "namespace").to_owned();
        if !self.resource.namespaced {
            set_meta(object, "namespace", None);
        } else if found.is_empty() {
            set_meta(object, "namespace", Some(json!(self.namespace)));
        } else if found != self.namespace {
            return Err(Failure::BadRequest(format!(
                "the namespace of the provided object does not match the namespace sent on the request: \
                 {found:?} and {:?}",
                self.namespace
            )));
        }
        Ok(())
    }

    fn unknown_fields(&self, unknown: &[String]) -> Result<Vec<String>, Failure> {
        let told = |path: &String| format!("unknown field \"{path}\"");
        match self.query.unknown_fields()? {
            UnknownFields::Ignore => Ok(Vec::new()),
            UnknownFields::Warn => Ok(unknown.iter().map(told).collect()),
            UnknownFields::Refuse if unknown.is_empty() => Ok(Vec::new()),
            UnknownFields::Refuse => Err(Failure::BadRequest(format!(
                "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                self.resource.kind,
                self.resource.version,
                self.resource.kind,
                unknown.iter().map(told).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    fn check_version(&self, old: &Value, object: &Value) -> Result<(), Failure> {
        let conflict = |why: String| Failure::Conflict {
            of: Named::new(self.resource, meta(old, "name")),
            why,
        };
        let version = meta(object, "resourceVersion");
        if !version.is_empty() && version != meta(old, "resourceVersion") {
            return Err(conflict(
                "the object has been modified; please apply your changes to the latest version and try again"
                    .to_owned(),
            ));
        }
        let uid = meta(object, "uid");
        if !uid.is_empty() && uid != meta(old, "uid") {
            return Err(conflict(format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                meta(old, "uid")
            )));
        }
        Ok(())
    }

    /// The status is another's part, when it is a subresource.
    fn only_what_may_change(&self, old: &Value, mut object: Value) -> Value {
        if self.is_status {
            let status = object["status"].take();
            object = shown(self.resource, old);
            set(
                &mut object,
                "status",
                Some(status).filter(|status| !status.is_null()),
            );
        } else if self.resource.status {
            let status = old["status"].clone();
            set(
                &mut object,
                "status",
                Some(status).filter(|status| !status.is_null()),
            );
        }
        object
    }

    fn wants_differ(&self, old: &Value, new: &Value) -> bool {
        let wanted = |object: &Value| {
            let mut object = object.clone();
            set(&mut object, "metadata", None);
            set(&mut object, "apiVersion", None);
            if self.resource.status {
                set(&mut object, "status", None);
            }
            object
        };
        wanted(old) != wanted(new)
    }

    fn born(&self, state: &State, object: &mut Value) {
        let now = state.now();
        if self.resource.status && !matches!(self.resource.storage.as_str(), "namespaces" | "pods" | "nodes")
        {
            set(object, "status", None);
        }
        if matches!(
            self.resource.storage.as_str(),
            "services" | "ingresses.networking.k8s.io"
        ) {
            set(object, "status", Some(json!({ "loadBalancer": {} })));
        }
        if self.resource.storage == DEFINITIONS {
            definition::establish(object, &now);
        }
        let generation = self.resource.generation.then(|| json!(1));
        set_meta(object, "generation", generation);
        for field in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "managedFields",
        ] {
            set_meta(object, field, None);
        }
        set_meta(object, "uid", Some(json!(uid())));
        set_meta(object, "creationTimestamp", Some(json!(now)));
    }

    fn check_namespace(&self, state: &State) -> Result<(), Failure> {
        let key = (String::new(), self.namespace.to_owned());
        if !self.resource.namespaced || state.store.get("namespaces", &key).is_some() {
            return Ok(());
        }
        Err(Failure::NotFound {
            of: Named {
                plural: "namespaces".to_owned(),
                name: self.namespace.to_owned(),
                ..Named::default()
            },
        })
    }

    fn commit(&self, state: &mut State, key: Key, object: Value) -> Result<Value, Failure> {
        if self.query.dry_run()? {
            return Ok(shown(self.resource, &object));
        }
        let stored = state.store.put(&self.resource.storage, key, object);
        if self.resource.storage == DEFINITIONS {
            definition::serve(&mut state.kinds, &stored);
        }
        Ok(shown(self.resource, &stored))
    }

    /// Removes an object with everything that cannot be without it.
    fn end(&self, state: &mut State, key: &Key) -> Value {
        let gone = state.store.remove(&self.resource.storage, key);
        if self.resource.storage == "namespaces" {
            let storages = state.store.storages();
            for storage in storages {
                let inside: Vec<Key> = state
                    .store
                    .list(&storage)
                    .filter(|(inside, _)| inside.0 == key.1)
                    .map(|(inside, _)| inside.clone())
                    .collect();
                for inside in inside {
                    state.store.remove(&storage, &inside);
                }
            }
        }
        let gone = gone.map(|gone| Value::clone(&gone)).unwrap_or_default();
        if self.resource.storage == DEFINITIONS {
            definition::withdraw(&mut state.kinds, &gone);
            let inside: Vec<Key> = state
                .store
                .list(&key.1)
                .map(|(inside, _)| inside.clone())
                .collect();
            for inside in inside {
                state.store.remove(&key.1, &inside);
            }
        }
        gone
    }

    fn existing(&self, state: &State, key: &Key) -> Result<Arc<Value>, Failure> {
        state
            .store
            .get(&self.resource.storage, key)
            .cloned()
            .ok_or_else(|| self.not_found(key))
    }

    fn key(&self, name: &str) -> Key {
        (self.namespace.to_owned(), name.to_owned())
    }

    fn not_found(&self, key: &Key) -> Failure {
        Failure::NotFound {
            of: Named::new(self.resource, &key.1),
        }
    }

    fn owned(&self, name: &str, owners: Vec<(String, String)>) -> Failure {
        Failure::OwnedByOthers {
            of: Named::new(self.resource, name),
            owners,
        }
    }

    fn invalid(&self, name: &str, causes: Vec<(String, String)>) -> Failure {
        Failure::Invalid {
            of: Named::new(self.resource, name),
            kind: self.resource.kind.clone(),
            causes,
        }
    }

    fn manager_entry(&self, state: &State, object: &Value) -> managed::Entry {
        managed::Entry {
            manager: self.manager.clone(),
            api_version: object["apiVersion"].as_str().unwrap_or_default().to_owned(),
            subresource: if self.is_status { "status" } else { "" },
            time: state.now(),
        }
    }
}

/// What no client can change.
fn keep(old: &Value, object: &mut Value) {
    for field in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
    ] {
        let value = Some(old["metadata"][field].clone()).filter(|value| !value.is_null());
        set_meta(object, field, value);
    }
}

/// `metadata` is the same for every kind, and no definition's to describe.
fn tidy_metadata(object: &mut Value) -> Result<Vec<String>, String> {
    let mut unknown = Vec::new();
    let metadata = Value::Object(metadata_mut(object).clone());
    let read: ObjectMeta =
        serde_ignored::deserialize(metadata, |path| unknown.push(format!("metadata.{path}")))
            .map_err(|error| format!("metadata: {error}"))?;
    object["metadata"] = serde_json::to_value(read).map_err(|error| error.to_string())?;
    Ok(unknown)
}

/// `stringData` is for writing only. What is no text stays, and is refused with its type.
fn merge_string_data(object: &mut Value) {
    let Some(texts) = object.get_mut("stringData").and_then(Value::as_object_mut) else {
        return;
    };
    let mut merged = serde_json::Map::new();
    texts.retain(|key, value| match value.as_str() {
        Some(text) => {
            merged.insert(key.clone(), json!(STANDARD.encode(text)));
            false
        }
        None => true,
    });
    if texts.is_empty() {
        set(object, "stringData", None);
    }
    for (key, text) in merged {
        object["data"][key] = text;
    }
}

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
