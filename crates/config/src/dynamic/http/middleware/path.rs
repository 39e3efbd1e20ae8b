//! Middlewares that change or check paths, or send clients elsewhere.

use serde::{Deserialize, Serialize};

/// Puts a prefix before the path.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct AddPrefix {
    /// What is put before; begins with a slash.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("x-kubernetes-validations" = [{
        "rule": "self.startsWith('/')",
        "message": "a path begins with a slash",
    }])))]
    pub prefix: String,
}

/// Takes a prefix off the path; `X-Forwarded-Prefix` tells which.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct StripPrefix {
    /// The first of them that fits is taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// Deprecated by Traefik.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_slash: Option<bool>,
}

/// As [`StripPrefix`], by expression.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct StripPrefixRegex {
    /// Expressions that the beginning of a path may match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regex: Vec<String>,
}

/// Replaces the path; `X-Replaced-Path` tells the old one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ReplacePath {
    /// The new path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// As [`ReplacePath`], by expression.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ReplacePathRegex {
    /// What is looked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub regex: String,
    /// What is put there; `$1` is what the first group found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replacement: String,
}

/// Sends clients from URLs that match to another one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RedirectRegex {
    /// What the URL has to match.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub regex: String,
    /// Where clients are sent; `$1` is what the first group found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replacement: String,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
}

/// Sends clients to another scheme or port.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RedirectScheme {
    /// The new scheme.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheme: String,
    /// Default that of the scheme.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub port: String,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
}

/// Percent-encoded characters that a path may hold; each defaults to false: 400.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct EncodedCharacters {
    /// `%2F`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_slash: bool,
    /// `%5C`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_back_slash: bool,
    /// `%00`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_null_character: bool,
    /// `%3B`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_semicolon: bool,
    /// `%25`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_percent: bool,
    /// `%3F`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_question_mark: bool,
    /// `%23`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_encoded_hash: bool,
}
