//! The middleware `headers`.

use std::collections::BTreeMap;

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY,
    PUBLIC_KEY_PINS, REFERRER_POLICY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use http::{HeaderName, HeaderValue};
use viaduct_config::Finding;
use viaduct_config::dynamic::http as written;
use viaduct_config::finding::Code;
use viaduct_config::regexp::GoRegexp;

use super::invalid;
use crate::middleware::{Cors, Headers, Origins, Security, Value};

pub(super) fn headers(written: &written::Headers, warnings: &mut Vec<Finding>) -> Result<Headers, Finding> {
    warnings.extend(without_effect(written));
    let request = custom(&written.custom_request_headers, "customRequestHeaders", warnings)?;
    let response = custom(
        &written.custom_response_headers,
        "customResponseHeaders",
        warnings,
    )?;
    let (cors, security) = (cors(written)?, security(written)?);
    if request.is_empty() && response.is_empty() && cors.is_none() && security.is_none() {
        return Err(invalid(
            "headers",
            "headers configuration not valid: it says nothing",
        ));
    }
    Ok(Headers {
        request,
        response,
        cors,
        security,
    })
}

/// Options of Traefik 2 that Traefik 3 reads and does not follow.
fn without_effect(written: &written::Headers) -> impl Iterator<Item = Finding> {
    let redirect = "use `redirectScheme`, or the entry point's `http.redirections`";
    [
        (written.ssl_redirect.is_some(), "sslRedirect", redirect),
        (
            written.ssl_temporary_redirect.is_some(),
            "sslTemporaryRedirect",
            redirect,
        ),
        (written.ssl_host.is_some(), "sslHost", "use `redirectRegex`"),
        (
            written.ssl_force_host.is_some(),
            "sslForceHost",
            "use `redirectRegex`",
        ),
        (
            written.feature_policy.is_some(),
            "featurePolicy",
            "use `permissionsPolicy`",
        ),
    ]
    .into_iter()
    .filter(|(set, _, _)| *set)
    .map(|(_, field, hint)| {
        let message = format!("{field} has no effect since Traefik 3");
        Finding::warning(Code::InvalidObject, message)
            .field(format!("headers.{field}"))
            .hint(hint)
    })
}

fn custom(
    written: &BTreeMap<String, String>,
    field: &str,
    warnings: &mut Vec<Finding>,
) -> Result<Vec<(HeaderName, Value)>, Finding> {
    let mut headers = Vec::with_capacity(written.len());
    for (name, value) in written {
        let field = format!("headers.{field}.{name}");
        let name = header_name(name, &field)?;
        if FRAMING.contains(&name) {
            let message = format!("`{name}` is the proxy's to say: this has no effect");
            warnings.push(Finding::warning(Code::InvalidObject, message).field(field));
            continue;
        }
        let value = match value.as_str() {
            "" => Value::Remove,
            text => Value::Set(header_value(text, &field)?),
        };
        headers.push((name, value));
    }
    Ok(headers)
}

fn cors(written: &written::Headers) -> Result<Option<Cors>, Finding> {
    let origins = Origins {
        list: values(
            &written.access_control_allow_origin_list,
            "accessControlAllowOriginList",
        )?,
        expressions: written
            .access_control_allow_origin_list_regex
            .iter()
            .map(|text| {
                GoRegexp::new(text).map_err(|error| {
                    let message = format!("error occurred during origin parsing: {error}");
                    invalid("headers.accessControlAllowOriginListRegex", message).got(text.as_str())
                })
            })
            .collect::<Result<_, _>>()?,
    };
    let allow_headers = joined(&written.access_control_allow_headers, "accessControlAllowHeaders")?;
    let allow_methods = joined(&written.access_control_allow_methods, "accessControlAllowMethods")?;
    let expose_headers = joined(
        &written.access_control_expose_headers,
        "accessControlExposeHeaders",
    )?;
    let max_age = written.access_control_max_age.unwrap_or(0);
    let says_something = written.access_control_allow_credentials
        || written.add_vary_header
        || max_age != 0
        || !origins.list.is_empty()
        || !origins.expressions.is_empty()
        || [&allow_headers, &allow_methods, &expose_headers]
            .into_iter()
            .any(Option::is_some);
    Ok(says_something.then(|| Cors {
        origins,
        allow_credentials: written.access_control_allow_credentials,
        allow_headers,
        allow_methods,
        max_age: HeaderValue::from(max_age),
        expose_headers,
        add_vary: written.add_vary_header,
    }))
}

fn security(written: &written::Headers) -> Result<Option<Security>, Finding> {
    let names = |names: &[String], field: &str| -> Result<Vec<HeaderName>, Finding> {
        names.iter().map(|name| header_name(name, field)).collect()
    };
    let tls_headers = written
        .ssl_proxy_headers
        .iter()
        .map(|(name, value)| {
            let field = "headers.sslProxyHeaders";
            Ok((header_name(name, field)?, header_value(value, field)?))
        })
        .collect::<Result<Vec<_>, Finding>>()?;
    // Only the headers whose values never change: development turns off the host check and STS alone.
    let checks = !written.is_development;
    let security = Security {
        allowed_hosts: written
            .allowed_hosts
            .iter()
            .filter(|_| checks)
            .map(|host| host.to_ascii_lowercase())
            .collect(),
        host_headers: names(&written.hosts_proxy_headers, "headers.hostsProxyHeaders")?,
        tls_headers,
        sts: sts(written).filter(|_| checks),
        force_sts: written.force_sts_header,
        fixed: fixed(written)?,
    };
    let says_something =
        !security.allowed_hosts.is_empty() || security.sts.is_some() || !security.fixed.is_empty();
    Ok(says_something.then_some(security))
}

fn sts(written: &written::Headers) -> Option<HeaderValue> {
    let seconds = written.sts_seconds.filter(|seconds| *seconds != 0)?;
    let subdomains = if written.sts_include_subdomains {
        "; includeSubDomains"
    } else {
        ""
    };
    let preload = if written.sts_preload { "; preload" } else { "" };
    HeaderValue::from_str(&format!("max-age={seconds}{subdomains}{preload}")).ok()
}

fn fixed(written: &written::Headers) -> Result<Vec<(HeaderName, HeaderValue)>, Finding> {
    let or = |custom: &str, flag: bool, usual: &'static str| match (custom, flag) {
        ("", false) => String::new(),
        ("", true) => usual.to_owned(),
        (custom, _) => custom.to_owned(),
    };
    let flagged = |flag: bool, value: &str| if flag { value.to_owned() } else { String::new() };
    [
        (
            X_FRAME_OPTIONS,
            "customFrameOptionsValue",
            or(&written.custom_frame_options_value, written.frame_deny, "DENY"),
        ),
        (
            X_CONTENT_TYPE_OPTIONS,
            "contentTypeNosniff",
            flagged(written.content_type_nosniff, "nosniff"),
        ),
        (
            X_XSS_PROTECTION,
            "customBrowserXSSValue",
            or(
                &written.custom_browser_xss_value,
                written.browser_xss_filter,
                "1; mode=block",
            ),
        ),
        (PUBLIC_KEY_PINS, "publicKey", written.public_key.clone()),
        (
            CONTENT_SECURITY_POLICY,
            "contentSecurityPolicy",
            written.content_security_policy.clone(),
        ),
        (
            CONTENT_SECURITY_POLICY_REPORT_ONLY,
            "contentSecurityPolicyReportOnly",
            written.content_security_policy_report_only.clone(),
        ),
        (REFERRER_POLICY, "referrerPolicy", written.referrer_policy.clone()),
        (
            PERMISSIONS_POLICY,
            "permissionsPolicy",
            written.permissions_policy.clone(),
        ),
    ]
    .into_iter()
    .filter(|(_, _, value)| !value.is_empty())
    .map(|(name, field, value)| Ok((name, header_value(&value, &format!("headers.{field}"))?)))
    .collect()
}

fn header_name(text: &str, field: &str) -> Result<HeaderName, Finding> {
    HeaderName::try_from(text).map_err(|_| invalid(field, "not a header name").got(text))
}

fn header_value(text: &str, field: &str) -> Result<HeaderValue, Finding> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| invalid(field, "the value cannot stand in a header"))
}

fn values(texts: &[String], field: &str) -> Result<Vec<HeaderValue>, Finding> {
    texts
        .iter()
        .map(|text| header_value(text, &format!("headers.{field}")))
        .collect()
}

fn joined(texts: &[String], field: &str) -> Result<Option<HeaderValue>, Finding> {
    match texts.join(",").as_str() {
        "" => Ok(None),
        text => header_value(text, &format!("headers.{field}")).map(Some),
    }
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// How a message is framed, and what concerns one hop only.
const FRAMING: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
