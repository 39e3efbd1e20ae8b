//! What a request can fail with, and the one place where that becomes a status and a `Status` object.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::resource::Resource;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// No such path, group, version or kind.
    NoSuchPath,
    NotFound {
        of: Named,
    },
    AlreadyExists {
        of: Named,
    },
    /// Optimistic concurrency: someone else was faster.
    Conflict {
        of: Named,
        why: String,
    },
    /// Server-side apply: manager, field path.
    OwnedByOthers {
        of: Named,
        owners: Vec<(String, String)>,
    },
    /// Field path, message.
    Invalid {
        of: Named,
        kind: String,
        causes: Vec<(String, String)>,
    },
    BadRequest(String),
    Forbidden {
        of: Named,
        why: String,
    },
    Unauthorized,
    MethodNotAllowed,
    UnsupportedMediaType(String),
    /// The revision is older than what is kept; how a chunked list may go on all the same.
    Expired {
        why: String,
        continue_token: Option<String>,
    },
    /// A revision of the future.
    TooLarge {
        wanted: u64,
        current: u64,
    },
    TooManyRequests {
        retry_after: u64,
    },
    Internal(String),
}

/// The object or collection that a failure is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Named {
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) name: String,
}

impl Named {
    pub(crate) fn new(resource: &Resource, name: &str) -> Self {
        Self {
            group: resource.group.clone(),
            plural: resource.plural.clone(),
            name: name.to_owned(),
        }
    }

    fn text(&self) -> String {
        let resource = super::resource::qualified(&self.group, &self.plural);
        if self.name.is_empty() {
            resource
        } else {
            format!("{resource} \"{}\"", self.name)
        }
    }

    fn details(&self) -> Value {
        let mut details = json!({ "kind": self.plural });
        if !self.name.is_empty() {
            details["name"] = json!(self.name);
        }
        if !self.group.is_empty() {
            details["group"] = json!(self.group);
        }
        details
    }
}

impl Failure {
    pub(crate) fn code(&self) -> StatusCode {
        self.parts().0
    }

    /// In seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests { retry_after } => Some(*retry_after),
            Self::TooLarge { .. } => Some(1),
            _ => None,
        }
    }

    /// The body: an object of kind `Status`.
    pub(crate) fn status(&self) -> Value {
        let (code, reason, message) = self.parts();
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code.as_u16(),
        });
        if let Some(details) = self.details() {
            status["details"] = details;
        }
        if let Self::Expired {
            continue_token: Some(token),
            ..
        } = self
        {
            status["metadata"] = json!({ "continue": token });
        }
        status
    }

    fn parts(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                "NotFound",
                "the server could not find the requested resource".to_owned(),
            ),
            Self::NotFound { of } => (
                StatusCode::NOT_FOUND,
                "NotFound",
                format!("{} not found", of.text()),
            ),
            Self::AlreadyExists { of } => (
                StatusCode::CONFLICT,
                "AlreadyExists",
                format!("{} already exists", of.text()),
            ),
            Self::Conflict { of, why } => (
                StatusCode::CONFLICT,
                "Conflict",
                format!("Operation cannot be fulfilled on {}: {why}", of.text()),
            ),
            Self::OwnedByOthers { owners, .. } => (
                StatusCode::CONFLICT,
                "Conflict",
                format!(
                    "Apply failed with {} conflict{}: {}",
                    owners.len(),
                    if owners.len() == 1 { "" } else { "s" },
                    owners
                        .iter()
                        .map(|(manager, path)| format!("conflict with \"{manager}\": {path}"))
                        .collect::<Vec<_>>()
                        .join("\n")
                ),
            ),
            Self::Invalid { of, kind, causes } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Invalid",
                format!(
                    "{}.{} \"{}\" is invalid: {}",
                    kind,
                    of.group,
                    of.name,
                    listed(causes)
                )
                .replacen(". \"", " \"", 1),
            ),
            Self::BadRequest(why) => (StatusCode::BAD_REQUEST, "BadRequest", why.clone()),
            Self::Forbidden { of, why } => (
                StatusCode::FORBIDDEN,
                "Forbidden",
                format!("{} is forbidden: {why}", of.text()),
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "Unauthorized".to_owned(),
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource".to_owned(),
            ),
            Self::UnsupportedMediaType(found) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                format!("the body of the request was in an unknown format - {found}"),
            ),
            Self::Expired { why, .. } => (StatusCode::GONE, "Expired", why.clone()),
            Self::TooLarge { wanted, current } => (
                StatusCode::GATEWAY_TIMEOUT,
                "Timeout",
                format!("Too large resource version: {wanted}, current: {current}"),
            ),
            Self::TooManyRequests { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "too many requests, please try again later".to_owned(),
            ),
            Self::Internal(why) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("Internal error occurred: {why}"),
            ),
        }
    }

    fn details(&self) -> Option<Value> {
        Some(match self {
            Self::NotFound { of }
            | Self::AlreadyExists { of }
            | Self::Conflict { of, .. }
            | Self::Forbidden { of, .. } => of.details(),
            Self::OwnedByOthers { owners, .. } => json!({
                "causes": owners.iter().map(|(manager, path)| json!({
                    "reason": "FieldManagerConflict",
                    "message": format!("conflict with \"{manager}\""),
                    "field": path,
                })).collect::<Vec<_>>(),
            }),
            Self::Invalid { of, kind, causes } => {
                let mut details = of.details();
                details["kind"] = json!(kind);
                details["causes"] = causes
                    .iter()
                    .map(|(field, message)| {
                        json!({ "reason": "FieldValueInvalid", "message": message, "field": field })
                    })
                    .collect();
                details
            }
            Self::TooLarge { .. } => json!({
                "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
                "retryAfterSeconds": 1,
            }),
            Self::TooManyRequests { retry_after } => json!({ "retryAfterSeconds": retry_after }),
            _ => return None,
        })
    }
}

fn listed(causes: &[(String, String)]) -> String {
    let texts: Vec<String> = causes
        .iter()
        .map(|(field, message)| format!("{field}: {message}"))
        .collect();
    match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}
