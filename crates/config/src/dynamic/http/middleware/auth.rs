//! Middlewares that ask who the client is.

use serde::{Deserialize, Serialize};

use crate::dynamic::secret::Secret;

/// HTTP Basic authentication.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BasicAuth {
    /// `name:hash`; MD5, SHA-1 and bcrypt as `htpasswd` writes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<Secret>,
    /// A file with one user in each line; its users win over `users`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub users_file: String,
    /// Default `traefik`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub realm: String,
    /// Whether the `Authorization` header stays here. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remove_header: bool,
    /// Header that tells the backend the user's name. Default none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header_field: String,
}

/// HTTP Digest authentication.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DigestAuth {
    /// `name:realm:hash`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<Secret>,
    /// A file with one user in each line; its users win over `users`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub users_file: String,
    /// Whether the `Authorization` header stays here. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remove_header: bool,
    /// Default `traefik`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub realm: String,
    /// Header that tells the backend the user's name. Default none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header_field: String,
}

/// Asks another server about every request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardAuth {
    /// URL of that server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// How it is reached by TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<AuthTls>,
    /// Whether it is told the client's own `X-Forwarded-*`. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_forward_header: Option<bool>,
    /// Headers of its answer that are copied to the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth_response_headers: Vec<String>,
    /// The same, by expression.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_response_headers_regex: String,
    /// Headers of the request that it is told. Default all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth_request_headers: Vec<String>,
    /// Its cookies that the client gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_auth_cookies_to_response: Vec<String>,
    /// Header that tells the backend the user's name. Default none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header_field: String,
    /// Whether it gets the request's body. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forward_body: bool,
    /// Largest body that it gets, in bytes. Default -1: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<i64>,
    /// Largest answer that is taken, in bytes. Default -1: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_response_body_size: Option<i64>,
    /// Whether a `Location` of its answer stays relative. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserve_location_header: bool,
    /// Whether it is asked by the request's method. Default false: by GET.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserve_request_method: bool,
    /// Where a client without authentication is sent. Default none.
    #[serde(rename = "authSigninURL", skip_serializing_if = "String::is_empty")]
    pub auth_signin_url: String,
}

/// `forwardAuth.tls`. Files, or their contents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthTls {
    /// Trust. Default the system's roots.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ca: String,
    /// Client certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert: String,
    /// Its key.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub key: Secret,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
    /// Without effect since Traefik 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_optional: Option<bool>,
}
