//! Texts.

use viaduct_config::regexp::GoRegexp;

use super::{ANY, Function, argument, function, integer, list, text};
use crate::template::show::{Bounded, quote, show, text_of};
use crate::template::value::{Refusal, Value};

pub(super) const TABLE: &[Function] = &[
    function("upper", 1, 1, |_, a| Ok(Value::text(text(a, 0)?.to_uppercase()))),
    function("lower", 1, 1, |_, a| Ok(Value::text(text(a, 0)?.to_lowercase()))),
    function("title", 1, 1, |_, a| Ok(Value::text(title(text(a, 0)?)))),
    function("untitle", 1, 1, |_, a| Ok(Value::text(untitle(text(a, 0)?)))),
    function("trim", 1, 1, |_, a| Ok(Value::text(text(a, 0)?.trim()))),
    function("trimAll", 2, 2, |_, a| trim_all(text(a, 0)?, text(a, 1)?)),
    function("trimPrefix", 2, 2, |_, a| {
        let (prefix, whole) = (text(a, 0)?, text(a, 1)?);
        Ok(Value::text(whole.strip_prefix(prefix).unwrap_or(whole)))
    }),
    function("trimSuffix", 2, 2, |_, a| {
        let (suffix, whole) = (text(a, 0)?, text(a, 1)?);
        Ok(Value::text(whole.strip_suffix(suffix).unwrap_or(whole)))
    }),
    function("hasPrefix", 2, 2, |_, a| {
        Ok(Value::Bool(text(a, 1)?.starts_with(text(a, 0)?)))
    }),
    function("hasSuffix", 2, 2, |_, a| {
        Ok(Value::Bool(text(a, 1)?.ends_with(text(a, 0)?)))
    }),
    function("contains", 2, 2, |_, a| {
        Ok(Value::Bool(text(a, 1)?.contains(text(a, 0)?)))
    }),
    function("replace", 3, 3, |_, a| {
        replace(text(a, 0)?, text(a, 1)?, text(a, 2)?)
    }),
    function("repeat", 2, 2, |_, a| {
        let mut out = Bounded::default();
        out.repeat(text(a, 1)?, usize::try_from(integer(a, 0)?).unwrap_or(0))?;
        Ok(out.into_value())
    }),
    function("substr", 3, 3, |_, a| {
        Ok(substr(integer(a, 0)?, integer(a, 1)?, text(a, 2)?))
    }),
    function("trunc", 2, 2, |_, a| Ok(trunc(integer(a, 0)?, text(a, 1)?))),
    function("nospace", 1, 1, |_, a| {
        Ok(Value::text(text(a, 0)?.split_whitespace().collect::<String>()))
    }),
    function("indent", 2, 2, |_, a| indent("", integer(a, 0)?, text(a, 1)?)),
    function("nindent", 2, 2, |_, a| indent("\n", integer(a, 0)?, text(a, 1)?)),
    function("quote", 0, ANY, |_, a| quoted(a, quote)),
    function("squote", 0, ANY, |_, a| {
        quoted(a, |text, out| {
            out.push("'")?;
            out.push(text)?;
            out.push("'")
        })
    }),
    function("cat", 0, ANY, |_, a| joined(" ", a)),
    function("toString", 1, 1, |_, a| text_of(argument(a, 0)).map(Value::text)),
    function("normalize", 1, 1, |_, a| Ok(Value::text(normalize(text(a, 0)?)))),
    // Traefik's, which takes the text first; `splitList` takes the separator first.
    function("split", 2, 2, |_, a| split(text(a, 0)?, text(a, 1)?)),
    function("splitList", 2, 2, |_, a| split(text(a, 1)?, text(a, 0)?)),
    function("splitn", 3, 3, |_, a| {
        splitn(text(a, 0)?, integer(a, 1)?, text(a, 2)?)
    }),
    function("join", 2, 2, |_, a| match argument(a, 1) {
        Value::List(_) => joined(text(a, 0)?, list(a, 1)?),
        other => text_of(other).map(Value::text),
    }),
    function("base", 1, 1, |_, a| Ok(Value::text(base(text(a, 0)?)))),
    function("dir", 1, 1, |_, a| Ok(Value::text(dir(text(a, 0)?)))),
    function("ext", 1, 1, |_, a| Ok(Value::text(ext(text(a, 0)?)))),
    function("regexMatch", 2, 2, |_, a| {
        Ok(Value::Bool(regexp(text(a, 0)?)?.is_match(text(a, 1)?)))
    }),
    function("regexQuoteMeta", 1, 1, |_, a| {
        let special = |c: char| "\\.+*?()|[]{}^$".contains(c);
        let quoted = text(a, 0)?
            .chars()
            .flat_map(|c| special(c).then_some('\\').into_iter().chain(Some(c)));
        Ok(Value::text(quoted.collect::<String>()))
    }),
];

/// As Go's `strings.Title`: the first letter of every word.
fn title(text: &str) -> String {
    let mut word_starts = true;
    text.chars()
        .flat_map(|c| {
            let letter = std::mem::replace(&mut word_starts, !(c.is_alphanumeric() || c == '_' || c == '\''));
            let upper: Vec<char> = if letter {
                c.to_uppercase().collect()
            } else {
                vec![c]
            };
            upper
        })
        .collect()
}

fn untitle(text: &str) -> String {
    let mut word_starts = true;
    text.chars()
        .flat_map(|c| {
            let letter = std::mem::replace(&mut word_starts, c.is_whitespace());
            let lower: Vec<char> = if letter {
                c.to_lowercase().collect()
            } else {
                vec![c]
            };
            lower
        })
        .collect()
}

fn trim_all(set: &str, text: &str) -> Result<Value, Refusal> {
    Ok(Value::text(text.trim_matches(|c| set.contains(c))))
}

fn replace(old: &str, new: &str, whole: &str) -> Result<Value, Refusal> {
    let mut out = Bounded::default();
    for (index, piece) in whole.split(old).enumerate() {
        if index > 0 {
            out.push(new)?;
        }
        out.push(piece)?;
    }
    Ok(out.into_value())
}

/// Sprig's rule: a negative start means the beginning, a negative or too large end the end.
fn substr(start: i64, end: i64, text: &str) -> Value {
    let length = text.chars().count();
    let start = usize::try_from(start).unwrap_or(0).min(length);
    let end = usize::try_from(end).unwrap_or(length).min(length);
    let kept = text.chars().skip(start).take(end.saturating_sub(start));
    Value::text(kept.collect::<String>())
}

/// The first characters, or, by a negative count, the last.
fn trunc(count: i64, text: &str) -> Value {
    let length = text.chars().count();
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if length <= most {
        return Value::text(text);
    }
    let skipped = if count < 0 { length - most } else { 0 };
    Value::text(text.chars().skip(skipped).take(most).collect::<String>())
}

fn indent(before: &str, spaces: i64, text: &str) -> Result<Value, Refusal> {
    let spaces = usize::try_from(spaces).unwrap_or(0);
    let mut out = Bounded::default();
    out.push(before)?;
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push("\n")?;
        }
        out.repeat(" ", spaces)?;
        out.push(line)?;
    }
    Ok(out.into_value())
}

/// Each value that is something, quoted, with spaces between them.
fn quoted(values: &[Value], quote: fn(&str, &mut Bounded) -> Result<(), Refusal>) -> Result<Value, Refusal> {
    let mut out = Bounded::default();
    for value in values.iter().filter(|value| **value != Value::Nil) {
        if out.len() > 0 {
            out.push(" ")?;
        }
        quote(&text_of(value)?, &mut out)?;
    }
    Ok(out.into_value())
}

fn joined(separator: &str, values: &[Value]) -> Result<Value, Refusal> {
    let mut out = Bounded::default();
    for (index, value) in values.iter().filter(|value| **value != Value::Nil).enumerate() {
        if index > 0 {
            out.push(separator)?;
        }
        show(value, &mut out)?;
    }
    Ok(out.into_value())
}

/// Traefik's: what is neither letter nor digit becomes one `-` between what is.
fn normalize(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.join("-")
}

/// An empty separator splits into characters, as in Go.
fn split(text: &str, separator: &str) -> Result<Value, Refusal> {
    if separator.is_empty() {
        return Value::texts(text.chars().map(|c| c.to_string()));
    }
    Value::texts(text.split(separator))
}

/// A dictionary with `_0`, `_1`, ... as sprig makes it.
fn splitn(separator: &str, count: i64, text: &str) -> Result<Value, Refusal> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let parts = (0..).zip(text.splitn(count, separator));
    Value::dict(
        parts
            .map(|(index, part): (usize, _)| (format!("_{index}"), Value::text(part)))
            .collect(),
    )
}

/// The last part of a path, without slashes behind it.
fn base(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.is_empty() => ".",
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

/// Everything before the last part of a path.
fn dir(path: &str) -> &str {
    match path.rsplit_once('/') {
        None => ".",
        Some((before, _)) => match before.trim_end_matches('/') {
            "" => "/",
            directory => directory,
        },
    }
}

/// From the last dot of the last part on.
fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.')
        .and_then(|dot| name.get(dot..))
        .unwrap_or_default()
}

fn regexp(source: &str) -> Result<GoRegexp, Refusal> {
    GoRegexp::new(source).map_err(|error| format!("in the expression: {error}"))
}
