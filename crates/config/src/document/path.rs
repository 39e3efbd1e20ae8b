//! Paths inside a document: `spec.routes[0].match`, `data["tls.crt"]`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

/// `None` if the path is malformed.
pub(super) fn parse(path: &str) -> Option<Vec<PathSegment<'_>>> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (segment, after) = match rest.strip_prefix('[') {
            Some(inside) if inside.starts_with('"') => quoted_key(inside)?,
            Some(inside) => {
                let (index, after) = inside.split_once(']')?;
                (PathSegment::Index(index.parse().ok()?), after)
            }
            None => {
                let key = if segments.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.')?
                };
                let end = key.find(['.', '[']).unwrap_or(key.len());
                let (key, after) = key.split_at_checked(end)?;
                (PathSegment::Key(Cow::Borrowed(key)), after)
            }
        };
        segments.push(segment);
        rest = after;
    }
    Some(segments)
}

/// `"key"]`, with `\"` and `\\` inside.
fn quoted_key(inside: &str) -> Option<(PathSegment<'_>, &str)> {
    let mut key = String::new();
    let mut chars = inside.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => key.push(chars.next()?),
            c => key.push(c),
        }
    }
    let rest = chars.as_str().strip_prefix(']')?;
    Some((PathSegment::Key(Cow::Owned(key)), rest))
}

pub(super) fn write(path: &[PathSegment<'_>]) -> String {
    let mut out = String::new();
    for segment in path {
        match segment {
            PathSegment::Index(index) => {
                let written = write!(out, "[{index}]");
                debug_assert!(written.is_ok(), "writing to a String does not fail");
            }
            PathSegment::Key(key) if is_plain(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            PathSegment::Key(key) => {
                out.push_str("[\"");
                for c in key.chars() {
                    if matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push_str("\"]");
            }
        }
    }
    out
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '[', ']', '"', '\\']) && !key.contains(char::is_whitespace)
}
