//! One request: from its parts to an answer. Nothing here waits.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::access::{self, User, Wish};
use super::failure::Failure;
use super::list::{ListOptions, list, shown};
use super::patch::Patch;
use super::query::{DeleteOptions, Query};
use super::resource::Resource;
use super::selector::Selector;
use super::state::State;
use super::target::{ObjectPath, Target};
use super::watch::Watch;
use super::write::{Done, Write};
use super::{discovery, openapi, protobuf, table};

/// A request with its body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) query: Query,
    pub(crate) accept: String,
    pub(crate) media_type: String,
    pub(crate) user_agent: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn is_watch(&self) -> bool {
        self.query.is_set("watch")
    }

    pub(crate) fn verb(&self) -> &'static str {
        match &self.target {
            Target::Object(path) => path.verb(&self.method, self.is_watch()).unwrap_or_default(),
            _ => "",
        }
    }

    /// As requests are recorded and faults are planned.
    pub(crate) fn resource(&self) -> String {
        let Target::Object(path) = &self.target else {
            return String::new();
        };
        let resource = super::resource::qualified(&path.group, &path.plural);
        match &path.subresource {
            Some(subresource) => format!("{resource}/{subresource}"),
            None => resource,
        }
    }
}

/// What there is to send.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Text and media type.
    Text(&'static str, &'static str),
    Json {
        code: StatusCode,
        value: Value,
        media_type: &'static str,
        warnings: Vec<String>,
    },
    Watch(Box<Watch>),
}

impl Answer {
    fn json(value: Value) -> Self {
        Self::Json {
            code: StatusCode::OK,
            value,
            media_type: "application/json",
            warnings: Vec::new(),
        }
    }
}

pub(crate) fn handle(state: &mut State, user: &User, asked: &Asked) -> Result<Answer, Failure> {
    if let Target::Object(path) = &asked.target {
        return object(state, user, asked, path);
    }
    match &asked.target {
        Target::Health => return Ok(Answer::Text("ok", "text/plain")),
        Target::Version => return Ok(Answer::json(discovery::version())),
        _ => {}
    }
    if !user.is_authenticated() {
        return Err(Failure::Forbidden {
            of: super::failure::Named::default(),
            why: format!("User \"{}\" cannot get path", user.name),
        });
    }
    let aggregated = |core: bool| Answer::Json {
        code: StatusCode::OK,
        value: discovery::aggregated(&state.kinds, core),
        media_type: discovery::AGGREGATED,
        warnings: Vec::new(),
    };
    let wants_aggregated = asked.accept.contains("APIGroupDiscoveryList") && asked.accept.contains("v=v2;");
    match &asked.target {
        Target::CoreVersions if wants_aggregated => Ok(aggregated(true)),
        Target::CoreVersions => Ok(Answer::json(discovery::core_versions())),
        Target::Groups if wants_aggregated => Ok(aggregated(false)),
        Target::Groups => Ok(Answer::json(discovery::groups(&state.kinds))),
        Target::Group(group) => found(discovery::group(&state.kinds, group)),
        Target::Resources(group, version) => found(discovery::resources(&state.kinds, group, version)),
        Target::OpenapiV3 => Ok(Answer::json(openapi::root(&state.kinds))),
        Target::OpenapiV3Of(path) => found(openapi::of(&state.kinds, path)),
        // kubectl asks for it when the third version does not know a kind, in protocol buffers only. An
        // empty message says that this one does not know it either.
        Target::OpenapiV2 => Ok(Answer::Text("", OPENAPI_V2)),
        Target::Health | Target::Version | Target::Object(_) | Target::Unknown => Err(Failure::NoSuchPath),
    }
}

fn found(value: Option<Value>) -> Result<Answer, Failure> {
    value.map(Answer::json).ok_or(Failure::NoSuchPath)
}

fn object(state: &mut State, user: &User, asked: &Asked, path: &ObjectPath) -> Result<Answer, Failure> {
    let verb = path
        .verb(&asked.method, asked.is_watch())
        .ok_or(Failure::MethodNotAllowed)?;
    access::check(&state.store, &state.denials, user, &wish(asked, path, verb))?;
    let resource = state
        .kinds
        .find(&path.group, &path.version, &path.plural)
        .ok_or(Failure::NoSuchPath)?;
    let is_status = match path.subresource.as_deref() {
        None => false,
        Some("status") if resource.status => true,
        Some(_) => return Err(Failure::NoSuchPath),
    };
    // What has a namespace is made, read and changed in one; lists span them all.
    let is_collection = matches!(verb, "list" | "watch");
    if resource.namespaced && path.namespace.is_none() && !is_collection
        || !resource.namespaced && path.namespace.is_some()
    {
        return Err(Failure::NoSuchPath);
    }
    if verb == "list" && resource.is_review() {
        return Err(Failure::MethodNotAllowed);
    }
    let namespace = path.namespace.as_deref();
    match verb {
        "list" => {
            let options = ListOptions::read(&resource, namespace, &asked.query)?;
            Ok(printed(asked, list(&state.store, &resource, &options)?))
        }
        "watch" => Watch::begin(state, resource, namespace, &asked.query)
            .map(Box::new)
            .map(Answer::Watch),
        "get" => {
            let name = path.name.clone().unwrap_or_default();
            let key = (namespace.unwrap_or_default().to_owned(), name);
            let object = state
                .store
                .get(&resource.storage, &key)
                .ok_or_else(|| Failure::NotFound {
                    of: super::failure::Named::new(&resource, &key.1),
                })?;
            Ok(printed(asked, shown(&resource, object)))
        }
        _ => write(state, user, asked, path, &resource, is_status),
    }
}

fn write(
    state: &mut State,
    user: &User,
    asked: &Asked,
    path: &ObjectPath,
    resource: &Arc<Resource>,
    is_status: bool,
) -> Result<Answer, Failure> {
    let write = Write {
        resource,
        namespace: path.namespace.as_deref().unwrap_or_default(),
        query: &asked.query,
        manager: manager(asked),
        is_status,
    };
    let name = path.name.as_deref().unwrap_or_default();
    let done = match asked.method.as_str() {
        "POST" if path.name.is_some() => return Err(Failure::MethodNotAllowed),
        "POST" if resource.is_review() => Done {
            code: StatusCode::CREATED,
            object: access::review(&state.store, &state.denials, user, body(asked)?),
            warnings: Vec::new(),
        },
        "POST" => write.create(state, body(asked)?)?,
        "PUT" => write.replace(state, name, body(asked)?)?,
        "PATCH" => write.patch(state, name, &Patch::read(&asked.media_type, &asked.body)?)?,
        "DELETE" => {
            let options = DeleteOptions::read(&asked.query, &optional_body(asked)?)?;
            if path.name.is_some() {
                write.delete(state, name, &options)?
            } else {
                let list = ListOptions::read(resource, path.namespace.as_deref(), &asked.query)?;
                write.delete_all(state, &list, &options)?
            }
        }
        _ => return Err(Failure::MethodNotAllowed),
    };
    Ok(Answer::Json {
        code: done.code,
        value: done.object,
        media_type: "application/json",
        warnings: done.warnings,
    })
}

fn wish(asked: &Asked, path: &ObjectPath, verb: &str) -> Wish {
    // A permission for one name covers a list that is narrowed to it.
    let selected = Selector::parse("", asked.query.get("fieldSelector"), &["metadata.name"]);
    let selected = selected
        .ok()
        .and_then(|selector| selector.name().map(str::to_owned));
    Wish {
        verb: verb.to_owned(),
        group: path.group.clone(),
        plural: path.plural.clone(),
        subresource: path.subresource.clone().unwrap_or_default(),
        namespace: path.namespace.clone(),
        name: path.name.clone().or(selected).unwrap_or_default(),
    }
}

/// As a table where one is asked for, which is how `kubectl get` prints.
fn printed(asked: &Asked, value: Value) -> Answer {
    if asked.accept.contains("as=Table") {
        Answer::json(table::table(&value))
    } else {
        Answer::json(value)
    }
}

fn manager(asked: &Asked) -> String {
    match asked.query.get("fieldManager") {
        "" => asked
            .user_agent
            .split('/')
            .next()
            .filter(|name| !name.is_empty())
            .unwrap_or("unknown")
            .to_owned(),
        manager => manager.to_owned(),
    }
}

fn body(asked: &Asked) -> Result<Value, Failure> {
    match asked.media_type.as_str() {
        "application/json" | "" => serde_json::from_slice(&asked.body).map_err(|error| {
            Failure::BadRequest(format!("couldn't get version/kind; json parse error: {error}"))
        }),
        "application/yaml" => serde_saphyr::from_slice(&asked.body)
            .map_err(|error| Failure::BadRequest(format!("error converting YAML to JSON: {error}"))),
        protobuf::MEDIA_TYPE => protobuf::read(&asked.body).map_err(Failure::UnsupportedMediaType),
        other => Err(Failure::UnsupportedMediaType(other.to_owned())),
    }
}

fn optional_body(asked: &Asked) -> Result<Value, Failure> {
    if asked.body.is_empty() {
        Ok(json!({}))
    } else {
        body(asked)
    }
}

const OPENAPI_V2: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
