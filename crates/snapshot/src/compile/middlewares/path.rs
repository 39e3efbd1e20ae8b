//! Middlewares about paths and redirections.

use std::sync::Arc;

use http::HeaderValue;
use viaduct_config::Finding;
use viaduct_config::dynamic::http as written;
use viaduct_config::finding::Code;
use viaduct_config::regexp::GoRegexp;

use super::invalid;
use crate::middleware::{
    AddPrefix, Prefix, RedirectRegex, RedirectScheme, ReplacePath, ReplacePathRegex, StripPrefix,
    StripPrefixRegex,
};

pub(super) fn add_prefix(written: &written::AddPrefix) -> Result<AddPrefix, Finding> {
    if written.prefix.is_empty() {
        return Err(invalid("addPrefix.prefix", "prefix cannot be empty"));
    }
    let escaped = escaped(&written.prefix);
    Ok(AddPrefix {
        prefix: with_slash(escaped.trim_end_matches('/')),
    })
}

pub(super) fn strip_prefix(
    written: &written::StripPrefix,
    warnings: &mut Vec<Finding>,
) -> Result<StripPrefix, Finding> {
    if written.force_slash.is_some() {
        let message = "forceSlash is deprecated by Traefik: remove it";
        warnings.push(Finding::warning(Code::InvalidObject, message).field("stripPrefix.forceSlash"));
    }
    let prefixes = (0..)
        .zip(&written.prefixes)
        .map(|(index, prefix): (usize, _)| {
            let told = HeaderValue::from_str(prefix.trim()).map_err(|_| {
                let field = format!("stripPrefix.prefixes[{index}]");
                invalid(&field, "the prefix cannot stand in a header").got(prefix.as_str())
            })?;
            Ok(Prefix {
                escaped: escaped(prefix).into(),
                told,
            })
        })
        .collect::<Result<_, Finding>>()?;
    Ok(StripPrefix {
        prefixes,
        force_slash: written.force_slash.unwrap_or(false),
    })
}

pub(super) fn strip_prefix_regex(written: &written::StripPrefixRegex) -> Result<StripPrefixRegex, Finding> {
    let expressions = (0..)
        .zip(&written.regex)
        .map(|(index, text): (usize, _)| expression(text, &format!("stripPrefixRegex.regex[{index}]")));
    Ok(StripPrefixRegex {
        expressions: expressions.collect::<Result<_, _>>()?,
    })
}

pub(super) fn replace_path(written: &written::ReplacePath) -> Result<ReplacePath, Finding> {
    Ok(ReplacePath {
        path: with_slash(&escaped(&written.path)),
    })
}

pub(super) fn replace_path_regex(written: &written::ReplacePathRegex) -> Result<ReplacePathRegex, Finding> {
    Ok(ReplacePathRegex {
        expression: expression(&written.regex, "replacePathRegex.regex")?,
        replacement: written.replacement.trim().to_owned(),
    })
}

pub(super) fn redirect_regex(written: &written::RedirectRegex) -> Result<RedirectRegex, Finding> {
    Ok(RedirectRegex {
        expression: expression(&written.regex, "redirectRegex.regex")?,
        replacement: written.replacement.clone(),
        permanent: written.permanent,
    })
}

pub(super) fn redirect_scheme(written: &written::RedirectScheme) -> Result<RedirectScheme, Finding> {
    if written.scheme.is_empty() {
        return Err(invalid(
            "redirectScheme.scheme",
            "you must provide a target scheme",
        ));
    }
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !written.scheme.bytes().all(is_scheme) {
        return Err(invalid("redirectScheme.scheme", "not a scheme").got(written.scheme.as_str()));
    }
    if !written.port.is_empty() && written.port.parse::<u16>().is_err() {
        return Err(invalid("redirectScheme.port", "not a port").got(written.port.as_str()));
    }
    let own = matches!(
        (written.scheme.as_str(), written.port.as_str()),
        ("http", "80") | ("https", "443") | (_, "")
    );
    Ok(RedirectScheme {
        scheme: written.scheme.clone(),
        port: (!own).then(|| written.port.clone()),
        permanent: written.permanent,
    })
}

fn expression(text: &str, field: &str) -> Result<GoRegexp, Finding> {
    GoRegexp::new(text.trim()).map_err(|error| {
        let message = format!("error compiling regular expression {text}: {error}");
        invalid(field, message).got(text)
    })
}

fn with_slash(path: &str) -> Arc<str> {
    if path.starts_with('/') {
        path.into()
    } else {
        format!("/{path}").into()
    }
}

/// As the proxy writes a normalised path: unreserved characters as they are, other escapes in upper case, and
/// what may not stand in a path escaped.
fn escaped(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut text = String::with_capacity(path.len());
    let mut rest = bytes;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let escape = match (byte, behind) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let written = match escape {
            Some((high, low)) => {
                rest = behind.get(2..).unwrap_or_default();
                high << 4 | low
            }
            None => byte,
        };
        let plain = match escape {
            Some(_) => is_unreserved(written),
            None => is_unreserved(written) || SUB_DELIMITERS.contains(&written),
        };
        if plain {
            text.push(char::from(written));
        } else {
            text.push_str(&format!("%{written:02X}"));
        }
    }
    text
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// RFC 3986, section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What else may stand in a path as it is.
const SUB_DELIMITERS: &[u8] = b"/:[]@!$&'()*+,;=";

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_path_is_written_as_the_proxy_writes_it() {
        assert_eq!(escaped("/a b/\u{e9}"), "/a%20b/%C3%A9");
        assert_eq!(escaped("/%7euser/%2f"), "/~user/%2F");
        assert_eq!(escaped("/100%/x?y#z"), "/100%25/x%3Fy%23z");
        assert_eq!(escaped("/a:b@c[d]!$&'()*+,;="), "/a:b@c[d]!$&'()*+,;=");
    }
}
