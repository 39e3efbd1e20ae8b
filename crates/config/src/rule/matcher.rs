//! The matchers of v3: their names, their arguments, their meaning.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::error::RuleErrorKind;
use super::{HostPattern, Matcher};
use crate::regexp::GoRegexp;

/// The names as documented.
pub const MATCHER_NAMES: [&str; 11] = [
    "ClientIP",
    "Header",
    "HeaderRegexp",
    "Host",
    "HostRegexp",
    "Method",
    "Path",
    "PathPrefix",
    "PathRegexp",
    "Query",
    "QueryRegexp",
];

/// Traefik knows each matcher under four spellings: `PathPrefix`, `pathprefix`, `PATHPREFIX` and
/// `Pathprefix`; no others.
pub(super) fn canonical_name(written: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| {
        written == *name
            || (written.eq_ignore_ascii_case(name)
                && (is_lower(written)
                    || written.bytes().all(|b| b.is_ascii_uppercase())
                    || (written.starts_with(|c: char| c.is_ascii_uppercase())
                        && written.get(1..).is_some_and(is_lower))))
    })
}

fn is_lower(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase())
}

/// Builds the matcher `function` (a canonical name) from its arguments.
pub(super) fn build(function: &'static str, arguments: &[Cow<'_, str>]) -> Result<Matcher, RuleErrorKind> {
    if arguments.iter().any(|argument| argument.is_empty()) {
        return Err(RuleErrorKind::EmptyValue { function });
    }
    let texts: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    match (function, texts.as_slice()) {
        ("ClientIP", [address]) => client_ip(address),
        ("Header", [name, value]) => Ok(Matcher::Header {
            name: canonical_header_name(name),
            value: (*value).to_owned(),
        }),
        ("HeaderRegexp", [name, value]) => Ok(Matcher::HeaderRegexp {
            name: canonical_header_name(name),
            value: regexp(function, value)?,
        }),
        ("Host", [host]) => HostPattern::parse(host)
            .map(Matcher::Host)
            .ok_or_else(|| not_ascii(function, host)),
        ("HostRegexp", [host]) if !host.is_ascii() => Err(not_ascii(function, host)),
        ("HostRegexp", [host]) => regexp(function, host).map(Matcher::HostRegexp),
        ("Method", [method]) => Ok(Matcher::Method(method.to_uppercase())),
        ("Path", [path]) => absolute(function, path).map(Matcher::Path),
        ("PathPrefix", [path]) => absolute(function, path).map(Matcher::PathPrefix),
        ("PathRegexp", [path]) => regexp(function, path).map(Matcher::PathRegexp),
        ("Query", [key]) => Ok(Matcher::Query {
            key: (*key).to_owned(),
            value: None,
        }),
        ("Query", [key, value]) => Ok(Matcher::Query {
            key: (*key).to_owned(),
            value: Some((*value).to_owned()),
        }),
        ("QueryRegexp", [key]) => Ok(Matcher::QueryRegexp {
            key: (*key).to_owned(),
            value: None,
        }),
        ("QueryRegexp", [key, value]) => Ok(Matcher::QueryRegexp {
            key: (*key).to_owned(),
            value: Some(regexp(function, value)?),
        }),
        (_, texts) => Err(RuleErrorKind::WrongArity {
            function,
            wanted: arity(function),
            got: texts.len(),
        }),
    }
}

fn arity(function: &str) -> &'static str {
    match function {
        "Header" | "HeaderRegexp" => "two values",
        "Query" | "QueryRegexp" => "one or two values",
        _ => "one value",
    }
}

pub(super) fn regexp(function: &'static str, source: &str) -> Result<GoRegexp, RuleErrorKind> {
    GoRegexp::new(source).map_err(|error| RuleErrorKind::InvalidRegexp { function, error })
}

pub(super) fn absolute(function: &'static str, path: &str) -> Result<String, RuleErrorKind> {
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    Err(RuleErrorKind::PathWithoutSlash {
        function,
        value: path.to_owned(),
    })
}

pub(super) fn not_ascii(function: &'static str, value: &str) -> RuleErrorKind {
    RuleErrorKind::NotAscii {
        function,
        value: value.to_owned(),
    }
}

/// An address or a network, as Go compares them: `::ffff:10.0.0.1` is `10.0.0.1`.
pub(super) fn client_ip(text: &str) -> Result<Matcher, RuleErrorKind> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse::<IpNet>().ok().map(canonical_net),
    };
    net.map(Matcher::ClientIp)
        .ok_or_else(|| RuleErrorKind::InvalidIp(text.to_owned()))
}

fn canonical_net(net: IpNet) -> IpNet {
    let net = net.trunc();
    let mapped = match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(prefix)) if net.addr().is_ipv6() => Ipv4Net::new(address, prefix).ok(),
        _ => None,
    };
    mapped.map_or(net, IpNet::V4)
}

/// `x-foo-bar` -> `X-Foo-Bar`, as Go's `CanonicalHeaderKey`: a text that is no header name stays as it is.
pub(super) fn canonical_header_name(name: &str) -> String {
    const PUNCTUATION: &[u8] = b"!#$%&'*+-.^_`|~";
    let is_token = |b: u8| b.is_ascii_alphanumeric() || PUNCTUATION.contains(&b);
    if !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut canonical = String::with_capacity(name.len());
    let mut word_starts = true;
    for c in name.chars() {
        canonical.push(if word_starts {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        });
        word_starts = c == '-';
    }
    canonical
}
