//! Lists: which revision, which part, and how a list goes on.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::failure::Failure;
use super::object::set;
use super::query::Query;
use super::resource::Resource;
use super::selector::{Selector, fields_of};
use super::store::{Key, Store};

/// A list as it was asked for.
#[derive(Debug)]
pub(crate) struct ListOptions {
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Selector,
    at: At,
    limit: Option<u64>,
    /// Where a chunk goes on: behind this key.
    after: Option<Key>,
    is_chunk: bool,
}

/// Which revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Newest,
    NotOlderThan(u64),
    Exactly(u64),
}

impl ListOptions {
    pub(crate) fn read(resource: &Resource, namespace: Option<&str>, query: &Query) -> Result<Self, Failure> {
        let selector = Selector::parse(
            query.get("labelSelector"),
            query.get("fieldSelector"),
            fields_of(&resource.storage),
        )?;
        let limit = query.number("limit")?.filter(|limit| *limit > 0);
        let mut options = Self {
            namespace: namespace.map(str::to_owned),
            selector,
            at: revision(query, limit.is_some())?,
            limit,
            after: None,
            is_chunk: false,
        };
        let token = query.get("continue");
        if !token.is_empty() {
            if !query.get("resourceVersion").is_empty() && query.get("resourceVersion") != "0" {
                return Err(Failure::BadRequest(
                    "specifying resource version is not allowed when using continue".to_owned(),
                ));
            }
            let (at, after) = read_token(token)?;
            (options.at, options.after, options.is_chunk) = (at, Some(after), true);
        }
        Ok(options)
    }
}

fn revision(query: &Query, is_limited: bool) -> Result<At, Failure> {
    let text = query.get("resourceVersion");
    let matching = query.get("resourceVersionMatch");
    let number = match text {
        "" => None,
        text => Some(text.parse::<u64>().map_err(|_| {
            Failure::BadRequest(format!("resourceVersion: Invalid value: {text:?}: not a number"))
        })?),
    };
    match (number, matching) {
        (None, "") => Ok(At::Newest),
        (None, _) => Err(forbidden(
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        )),
        (Some(_), _) if !query.get("continue").is_empty() && !matching.is_empty() => Err(forbidden(
            "resourceVersionMatch is forbidden when continue is provided",
        )),
        (Some(0), "Exact") => Err(forbidden(
            "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
        )),
        (Some(number), "Exact") => Ok(At::Exactly(number)),
        (Some(number), "NotOlderThan") => Ok(At::NotOlderThan(number)),
        // Without a match, a limit makes a revision exact: how it was before there was a match.
        (Some(number), "") if is_limited && number > 0 => Ok(At::Exactly(number)),
        (Some(number), "") => Ok(At::NotOlderThan(number)),
        (_, other) => Err(forbidden(&format!(
            "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\""
        ))),
    }
}

fn forbidden(why: &str) -> Failure {
    Failure::BadRequest(format!("ListOptions.meta.k8s.io is invalid: {why}"))
}

/// The objects that were asked for, as an object of kind `...List`.
pub(crate) fn list(store: &Store, resource: &Resource, options: &ListOptions) -> Result<Value, Failure> {
    let current = store.revision();
    let at = match options.at {
        At::Newest => current,
        At::NotOlderThan(wanted) | At::Exactly(wanted) if wanted > current => {
            return Err(Failure::TooLarge { wanted, current });
        }
        At::NotOlderThan(_) => current,
        At::Exactly(wanted) => wanted,
    };
    let objects = store
        .list_at(&resource.storage, at)
        .map_err(|_| expired(store, options))?;
    let mut found: Vec<(Key, Arc<Value>)> = objects
        .into_iter()
        .filter(|(key, _)| {
            options
                .namespace
                .as_ref()
                .is_none_or(|namespace| key.0 == *namespace)
        })
        .filter(|(key, _)| options.after.as_ref().is_none_or(|after| key > after))
        .filter(|(_, object)| options.selector.matches(object))
        .collect();
    let mut metadata = json!({ "resourceVersion": at.to_string() });
    let limit = options
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX);
    if found.len() > limit {
        let left = found.len() - limit;
        found.truncate(limit);
        if let Some((last, _)) = found.last() {
            metadata["continue"] = json!(token(Some(at), last));
        }
        if options.selector.is_everything() {
            metadata["remainingItemCount"] = json!(left);
        }
    }
    let items: Vec<Value> = found
        .into_iter()
        .map(|(_, object)| item(resource, &object))
        .collect();
    Ok(json!({
        "kind": format!("{}List", resource.kind),
        "apiVersion": resource.api_version(),
        "metadata": metadata,
        "items": items,
    }))
}

/// An item of a list: one of a built-in kind does not repeat what the list says of all of them.
fn item(resource: &Resource, object: &Value) -> Value {
    let mut item = shown(resource, object);
    if !resource.is_custom() {
        set(&mut item, "apiVersion", None);
        set(&mut item, "kind", None);
    }
    item
}

/// A stored object in the version that was asked for.
pub(crate) fn shown(resource: &Resource, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(resource.api_version());
    resource.model.show(object)
}

fn expired(store: &Store, options: &ListOptions) -> Failure {
    match (&options.after, options.is_chunk) {
        (Some(after), true) => Failure::Expired {
            why: "The provided continue parameter is too old to display a consistent list result. You can \
                  start a new list without the continue parameter, or use the continue token in this \
                  response to retrieve the remainder of the results. Continuing with the provided token \
                  results in an inconsistent list - objects that were created, modified, or deleted between \
                  the time the first chunk was returned and now may show up in the list."
                .to_owned(),
            continue_token: Some(token(None, after)),
        },
        _ => Failure::Expired {
            why: format!(
                "The resourceVersion for the provided list is too old: the oldest that is kept is {}.",
                store.oldest()
            ),
            continue_token: None,
        },
    }
}

/// Opaque to clients. Without a revision, the list goes on with the newest.
fn token(at: Option<u64>, last: &Key) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "rv": at, "ns": last.0, "name": last.1 }).to_string())
}

fn read_token(token: &str) -> Result<(At, Key), Failure> {
    let bad = || Failure::BadRequest("continue key is not valid: unreadable".to_owned());
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    let text = |field: &str| value[field].as_str().map(str::to_owned).ok_or_else(bad);
    let at = value["rv"].as_u64().map_or(At::Newest, At::Exactly);
    Ok((at, (text("ns")?, text("name")?)))
}
