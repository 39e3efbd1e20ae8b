//! What a request is about: its path and method, taken apart.

use hyper::Method;
use percent_encoding::percent_decode_str;

/// The path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1` and `/apis/GROUP/VERSION`.
    Resources(String, String),
    /// `/openapi/v2`.
    OpenapiV2,
    /// `/openapi/v3`.
    OpenapiV3,
    /// `/openapi/v3/PATH`.
    OpenapiV3Of(String),
    Object(ObjectPath),
    Unknown,
}

/// A collection or one of its objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObjectPath {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Target {
    pub(crate) fn parse(path: &str) -> Self {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["version"] => Self::Version,
            ["healthz" | "livez" | "readyz", ..] => Self::Health,
            ["api"] => Self::CoreVersions,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["api", version] => Self::Resources(String::new(), (*version).to_owned()),
            ["apis", group, version] => Self::Resources((*group).to_owned(), (*version).to_owned()),
            ["openapi", "v2"] => Self::OpenapiV2,
            ["openapi", "v3"] => Self::OpenapiV3,
            ["openapi", "v3", rest @ ..] => Self::OpenapiV3Of(rest.join("/")),
            ["api", version, rest @ ..] => Self::object("", version, rest),
            ["apis", group, version, rest @ ..] => Self::object(group, version, rest),
            _ => Self::Unknown,
        }
    }

    fn object(group: &str, version: &str, rest: &[&str]) -> Self {
        let mut path = ObjectPath {
            group: group.to_owned(),
            version: version.to_owned(),
            ..ObjectPath::default()
        };
        // `namespaces` is a kind of its own as well: `namespaces/web` and its `status`.
        let rest = match rest {
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => rest,
            ["namespaces", namespace, rest @ ..] => {
                path.namespace = Some((*namespace).to_owned());
                rest
            }
            rest => rest,
        };
        let mut rest = rest.iter().map(|part| (*part).to_owned());
        path.plural = rest.next().unwrap_or_default();
        path.name = rest.next();
        path.subresource = rest.next();
        if rest.next().is_some() {
            return Self::Unknown;
        }
        Self::Object(path)
    }
}

impl ObjectPath {
    /// Kubernetes' word for what is asked, which permissions are granted for.
    pub(crate) fn verb(&self, method: &Method, is_watch: bool) -> Option<&'static str> {
        Some(match (method.as_str(), self.name.is_some()) {
            ("GET", true) => "get",
            ("GET", false) if is_watch => "watch",
            ("GET", false) => "list",
            ("POST", _) => "create",
            ("PUT", true) => "update",
            ("PATCH", true) => "patch",
            ("DELETE", true) => "delete",
            ("DELETE", false) => "deletecollection",
            _ => return None,
        })
    }
}
