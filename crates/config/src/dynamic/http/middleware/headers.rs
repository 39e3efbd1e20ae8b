//! Middlewares that change headers.

use serde::{Deserialize, Serialize};

use super::Map;

/// Request and response headers, CORS and security headers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Headers {
    /// Set on the request; an empty value removes.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub custom_request_headers: Map<String>,
    /// Set on the response; an empty value removes.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub custom_response_headers: Map<String>,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub access_control_allow_credentials: bool,
    /// What preflight requests are told of request headers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_control_allow_headers: Vec<String>,
    /// What preflight requests are told of methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_control_allow_methods: Vec<String>,
    /// Origins that may read responses; `*` is any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_control_allow_origin_list: Vec<String>,
    /// The same, by expression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_control_allow_origin_list_regex: Vec<String>,
    /// Response headers that scripts may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_control_expose_headers: Vec<String>,
    /// Seconds. Default 0: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_control_max_age: Option<i64>,
    /// Whether `Vary: Origin` is added with CORS. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub add_vary_header: bool,
    /// Hosts that are served. Default any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
    /// Headers that may hold the host that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts_proxy_headers: Vec<String>,
    /// Header and value that say a request came by TLS.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub ssl_proxy_headers: Map<String>,
    /// `max-age` of `Strict-Transport-Security`. Default 0: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts_seconds: Option<i64>,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sts_include_subdomains: bool,
    /// Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sts_preload: bool,
    /// Whether it is sent without TLS too. Default false.
    #[serde(rename = "forceSTSHeader", skip_serializing_if = "std::ops::Not::not")]
    pub force_sts_header: bool,
    /// `X-Frame-Options: DENY`. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub frame_deny: bool,
    /// Another value of `X-Frame-Options`; wins over `frameDeny`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_frame_options_value: String,
    /// `X-Content-Type-Options: nosniff`. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub content_type_nosniff: bool,
    /// `X-XSS-Protection: 1; mode=block`. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub browser_xss_filter: bool,
    /// Another value of `X-XSS-Protection`; wins over `browserXssFilter`.
    #[serde(rename = "customBrowserXSSValue", skip_serializing_if = "String::is_empty")]
    pub custom_browser_xss_value: String,
    /// `Content-Security-Policy`. Default: not sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_security_policy: String,
    /// `Content-Security-Policy-Report-Only`. Default: not sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_security_policy_report_only: String,
    /// `Public-Key-Pins`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub public_key: String,
    /// `Referrer-Policy`. Default: not sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub referrer_policy: String,
    /// `Permissions-Policy`. Default: not sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub permissions_policy: String,
    /// Turns host checks and security headers off. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_development: bool,
    /// Deprecated by Traefik: `permissionsPolicy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_policy: Option<String>,
    /// Deprecated by Traefik: `redirectScheme`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_redirect: Option<bool>,
    /// Deprecated by Traefik: `redirectScheme`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_temporary_redirect: Option<bool>,
    /// Deprecated by Traefik: `redirectRegex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_host: Option<String>,
    /// Deprecated by Traefik: `redirectRegex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_force_host: Option<bool>,
}

/// Tells the backend about the client's certificate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PassTlsClientCert {
    /// `X-Forwarded-Tls-Client-Cert`: the certificate. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pem: bool,
    /// `X-Forwarded-Tls-Client-Cert-Info`: these facts of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<CertificateInfo>,
}

/// Facts of a client certificate that are passed on; each defaults to false.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateInfo {
    /// When it ends.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_after: bool,
    /// When it begins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_before: bool,
    /// The names it is for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sans: bool,
    /// Its serial number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub serial_number: bool,
    /// Whose it is. Default: not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectInfo>,
    /// Who signed it. Default: not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<IssuerInfo>,
}

/// Parts of the subject's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SubjectInfo {
    /// `C`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub country: bool,
    /// `ST`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub province: bool,
    /// `L`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locality: bool,
    /// `O`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub organization: bool,
    /// `OU`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub organizational_unit: bool,
    /// `CN`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub common_name: bool,
    /// `SN`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub serial_number: bool,
    /// `DC`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub domain_component: bool,
}

/// Parts of the issuer's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct IssuerInfo {
    /// `C`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub country: bool,
    /// `ST`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub province: bool,
    /// `L`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locality: bool,
    /// `O`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub organization: bool,
    /// `CN`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub common_name: bool,
    /// `SN`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub serial_number: bool,
    /// `DC`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub domain_component: bool,
}
