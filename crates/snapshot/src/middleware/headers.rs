//! `headers`: custom headers, CORS and security headers.

use http::{HeaderName, HeaderValue};
use viaduct_config::regexp::GoRegexp;

/// `headers`. Custom headers and CORS are outside the security headers: they have the last word on an answer.
#[derive(Debug)]
pub struct Headers {
    /// Set on the request. `Host` is the host that the backend is asked for.
    pub request: Vec<(HeaderName, Value)>,
    /// Set on the response.
    pub response: Vec<(HeaderName, Value)>,
    pub cors: Option<Cors>,
    pub security: Option<Security>,
}

/// What becomes of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Set(HeaderValue),
    /// An empty value in the configuration.
    Remove,
}

/// Cross-origin resource sharing.
#[derive(Debug)]
pub struct Cors {
    pub origins: Origins,
    pub allow_credentials: bool,
    /// Of the answer to a preflight.
    pub allow_headers: Option<HeaderValue>,
    /// Of the answer to a preflight.
    pub allow_methods: Option<HeaderValue>,
    /// Of the answer to a preflight, seconds. Default 0.
    pub max_age: HeaderValue,
    pub expose_headers: Option<HeaderValue>,
    /// Whether `Vary: Origin` is added. Default false.
    pub add_vary: bool,
}

/// Who may read answers.
#[derive(Debug, Default)]
pub struct Origins {
    /// `*` is everybody.
    pub list: Vec<HeaderValue>,
    pub expressions: Vec<GoRegexp>,
}

impl Origins {
    /// What `Access-Control-Allow-Origin` says to a page of `origin`; empty stands for no `Origin` header.
    pub fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if let Some(item) = self.list.iter().find(|item| *item == "*" || *item == origin) {
            return Some(item.clone());
        }
        let text = origin.to_str().ok()?;
        let fits = self
            .expressions
            .iter()
            .any(|expression| expression.is_match(text));
        fits.then(|| origin.clone())
    }
}

/// Security headers and the check of the host.
#[derive(Debug)]
pub struct Security {
    /// Lower case. Empty: any.
    pub allowed_hosts: Vec<String>,
    /// Headers that may hold the host that was asked for; the first that does counts.
    pub host_headers: Vec<HeaderName>,
    /// Headers and values that say that a request came by TLS.
    pub tls_headers: Vec<(HeaderName, HeaderValue)>,
    /// `Strict-Transport-Security`.
    pub sts: Option<HeaderValue>,
    /// Whether it is sent without TLS too.
    pub force_sts: bool,
    /// The others, the same for every answer.
    pub fixed: Vec<(HeaderName, HeaderValue)>,
}
