//! The path a request is for: dot segments resolved, every character written in one way.
//!
//! Traefik's order: unreserved characters are decoded (`%2e` becomes `.`), escapes get upper-case hex,
//! then `//`, `/./` and `/../` are resolved as Go's `path.Clean` does. Reserved characters stay as they
//! are written: `%2F` is not `/` (A3.7). A clean path is not copied.

use http::uri::PathAndQuery;

use viaduct_snapshot::middleware::EncodedCharacters;

use super::BadRequest;
use crate::config::Hygiene;

/// The normal form of a request target; `None` when it is normal already.
pub(super) fn normalize(raw: &PathAndQuery, hygiene: &Hygiene) -> Result<Option<PathAndQuery>, BadRequest> {
    let (path, query) = (raw.path(), raw.query());
    check_escapes(path, hygiene.encoded_characters)?;
    let query_is_plain = query.is_none_or(|query| memchr::memchr(b';', query.as_bytes()).is_none());
    // `path()` is `/` for a target that has none (`http://host?query`).
    if is_plain(path.as_bytes()) && query_is_plain && raw.as_str().starts_with('/') {
        return Ok(None);
    }
    let mut text = unify(path.as_bytes())?;
    if hygiene.sanitize_path {
        text = clean(text);
    }
    if let Some(query) = query {
        text.push(b'?');
        if hygiene.encode_query_semicolons {
            text.extend_from_slice(query.replace(';', "%3B").as_bytes());
        } else {
            // As Go's `AllowQuerySemicolons`: both separators mean the same to everyone behind us.
            text.extend(query.bytes().map(|byte| if byte == b';' { b'&' } else { byte }));
        }
    }
    match PathAndQuery::from_maybe_shared(bytes::Bytes::from(text)) {
        Ok(normal) if normal == *raw => Ok(None),
        Ok(normal) => Ok(Some(normal)),
        Err(_) => Err(BadRequest::Path),
    }
}

/// Refuses a path with an escaped character that it must not hold.
pub(super) fn check_escapes(path: &str, allowed: EncodedCharacters) -> Result<(), BadRequest> {
    if allowed.allows_all() {
        return Ok(());
    }
    let bytes = path.as_bytes();
    for place in memchr::memchr_iter(b'%', bytes) {
        let byte = match bytes.get(place + 1..place + 3) {
            Some([high, low]) => hex_pair(*high, *low),
            _ => None,
        };
        if !allowed.allows(byte.ok_or(BadRequest::Path)?) {
            return Err(BadRequest::EncodedCharacter);
        }
    }
    Ok(())
}

/// The path that a middleware made, with what may not stand in a path escaped; refused if it is none in normal
/// form (I1).
pub(super) fn rewritten(path: &str, sanitize: bool) -> Result<String, BadRequest> {
    let hidden = |place: usize| match path.as_bytes().get(place + 1..place + 3) {
        Some([high, low]) => hex_pair(*high, *low).is_none_or(is_unreserved),
        _ => true,
    };
    if memchr::memchr_iter(b'%', path.as_bytes()).any(hidden) {
        return Err(BadRequest::Rewritten);
    }
    let unified = unify(path.as_bytes())?;
    let mut segments = unified.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if holds_dots(segment) || sanitize && segment.is_empty() && !last {
            return Err(BadRequest::Rewritten);
        }
    }
    String::from_utf8(unified).map_err(|_| BadRequest::Rewritten)
}

/// Whether a segment is `.` or `..`, also for a server that takes an escaped separator for one.
fn holds_dots(segment: &[u8]) -> bool {
    let mut rest = segment;
    loop {
        let end = rest
            .windows(3)
            .position(|window| matches!(window, b"%2F" | b"%5C"))
            .unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        if matches!(part, b"." | b"..") {
            return true;
        }
        match behind.get(3..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
}

/// What is left of `path` behind as much of it as makes the first `readable` bytes of its form for rules.
pub(super) fn behind(path: &str, readable: usize) -> &str {
    if for_rules(path).is_none() {
        // Nothing was decoded; perhaps because it would have been no text.
        return path.get(readable..).unwrap_or_default();
    }
    let bytes = path.as_bytes();
    let mut place = 0;
    for _ in 0..readable {
        let decoded = match bytes.get(place..place + 3) {
            Some([b'%', high, low]) => hex_pair(*high, *low).is_some_and(|byte| !is_reserved(byte)),
            _ => false,
        };
        place += if decoded { 3 } else { 1 };
    }
    path.get(place..).unwrap_or_default()
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
