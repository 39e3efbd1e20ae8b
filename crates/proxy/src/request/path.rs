//! The path a request is for: dot segments resolved, every character written in one way.
//!
//! Traefik's order: unreserved characters are decoded (`%2e` becomes `.`), escapes get upper-case hex,
//! then `//`, `/./` and `/../` are resolved as Go's `path.Clean` does. Reserved characters stay as they
//! are written: `%2F` is not `/` (A3.7). A clean path is not copied.

use http::uri::PathAndQuery;

use super::BadRequest;

/// The normal form of a request target; `None` when it is normal already.
pub(super) fn normalize(raw: &PathAndQuery) -> Result<Option<PathAndQuery>, BadRequest> {
    let (path, query) = (raw.path(), raw.query());
    let query_is_plain = query.is_none_or(|query| memchr::memchr(b';', query.as_bytes()).is_none());
    // `path()` is `/` for a target that has none (`http://host?query`).
    if is_plain(path.as_bytes()) && query_is_plain && raw.as_str().starts_with('/') {
        return Ok(None);
    }
    let mut text = clean(unify(path.as_bytes())?);
    if let Some(query) = query {
        text.push(b'?');
        // As Go's `AllowQuerySemicolons`: both separators mean the same to everyone behind us.
        text.extend(query.bytes().map(|byte| if byte == b';' { b'&' } else { byte }));
    }
    match PathAndQuery::from_maybe_shared(bytes::Bytes::from(text)) {
        Ok(normal) if normal == *raw => Ok(None),
        Ok(normal) => Ok(Some(normal)),
        Err(_) => Err(BadRequest::Path),
    }
}

/// What rules look at (A3.7): escapes of characters that mean nothing in a URI are decoded, those of
/// reserved ones are not; `None` when that is the path itself. One to one, so the rule, the log and the
/// backend still speak of one path.
pub(super) fn for_rules(path: &str) -> Option<String> {
    memchr::memchr(b'%', path.as_bytes())?;
    let mut text = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        match (first, behind) {
            (b'%', [high, low, next @ ..]) => {
                match hex_pair(*high, *low) {
                    Some(byte) if !is_reserved(byte) => text.push(byte),
                    _ => text.extend_from_slice(&[b'%', *high, *low]),
                }
                rest = next;
            }
            _ => {
                text.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(text).ok().filter(|decoded| decoded != path)
}

/// Whether nothing in this path needs a second look.
fn is_plain(path: &[u8]) -> bool {
    let mut after_slash = false;
    for &byte in path {
        let slash = byte == b'/';
        // `//`, and `/.` which may begin a dot segment.
        if after_slash && (slash || byte == b'.') || byte == b'%' || !may_stand(byte) {
            return false;
        }
        after_slash = slash;
    }
    path.first() == Some(&b'/')
}

/// Decodes unreserved characters, writes other escapes with upper-case hex, escapes what may not stand
/// in a path as it is.
fn unify(path: &[u8]) -> Result<Vec<u8>, BadRequest> {
    let mut text = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'%' => {
                let [high, low, next @ ..] = behind else {
                    return Err(BadRequest::Path);
                };
                let byte = hex_pair(*high, *low).ok_or(BadRequest::Path)?;
                if is_unreserved(byte) {
                    text.push(byte);
                } else {
                    escape(byte, &mut text);
                }
                rest = next;
            }
            byte if may_stand(byte) => text.push(byte),
            byte => escape(byte, &mut text),
        }
    }
    Ok(text)
}

/// Resolves empty, `.` and `..` segments of an absolute path. A trailing slash stays.
fn clean(path: Vec<u8>) -> Vec<u8> {
    let mut kept = Vec::with_capacity(path.len());
    for segment in path.split(|&byte| byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                let end = memchr::memrchr(b'/', &kept).unwrap_or(0);
                kept.truncate(end);
            }
            name => {
                kept.push(b'/');
                kept.extend_from_slice(name);
            }
        }
    }
    if kept.is_empty() || path.ends_with(b"/") {
        kept.push(b'/');
    }
    kept
}

fn escape(byte: u8, text: &mut Vec<u8>) {
    text.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
}

const fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + (nibble - 10),
    }
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    Some(value(high)? << 4 | value(low)?)
}

/// RFC 3986, section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986, section 2.2, and the escape character itself.
const fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b'%'
    )
}

/// What Go leaves as it is in a path.
const fn may_stand(byte: u8) -> bool {
    is_unreserved(byte) || is_reserved(byte) && !matches!(byte, b'?' | b'#' | b'%')
}

#[cfg(test)]
mod tests;
