//! Go string literals: reading and safe writing.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::error::RuleErrorKind;

/// The offset of the closing `quote` in what follows the opening one.
pub(super) fn end(inside: &str, quote: char) -> Option<usize> {
    if quote == '`' {
        return inside.find('`');
    }
    let mut escaped = false;
    for (index, byte) in inside.bytes().enumerate() {
        match byte {
            b'\n' => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index),
            _ => {}
        }
    }
    None
}

/// The value of a raw literal: its text without carriage returns.
pub(super) fn raw(inside: &str) -> Cow<'_, str> {
    if inside.contains('\r') {
        Cow::Owned(inside.replace('\r', ""))
    } else {
        Cow::Borrowed(inside)
    }
}

/// The value of an interpreted literal. An error has the offset of the escape sequence at fault.
pub(super) fn interpret(inside: &str) -> Result<Cow<'_, str>, (usize, RuleErrorKind)> {
    if !inside.contains('\\') {
        return Ok(Cow::Borrowed(inside));
    }
    // Bytes, because `\xc3\xa9` is a two-byte character.
    let mut value = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((plain, escape)) = rest.split_once('\\') {
        value.extend_from_slice(plain.as_bytes());
        let at = inside.len() - escape.len() - 1;
        rest = unescape(escape, &mut value).ok_or_else(|| {
            let shown: String = escape.chars().take(1).collect();
            (at, RuleErrorKind::InvalidEscape(format!("\\{shown}")))
        })?;
    }
    value.extend_from_slice(rest.as_bytes());
    String::from_utf8(value)
        .map(Cow::Owned)
        .map_err(|_| (0, RuleErrorKind::NotUtf8))
}

/// Reads what follows a backslash; gives what follows the sequence.
fn unescape<'a>(escape: &'a str, value: &mut Vec<u8>) -> Option<&'a str> {
    let letter = escape.chars().next()?;
    let rest = escape.get(letter.len_utf8()..)?;
    let byte = match letter {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0C,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0B,
        '\\' => b'\\',
        '"' => b'"',
        'x' => {
            let (code, rest) = number(rest, 2, 16)?;
            value.push(u8::try_from(code).ok()?);
            return Some(rest);
        }
        '0'..='7' => {
            let (code, rest) = number(escape, 3, 8)?;
            value.push(u8::try_from(code).ok()?);
            return Some(rest);
        }
        'u' | 'U' => {
            let (code, rest) = number(rest, if letter == 'u' { 4 } else { 8 }, 16)?;
            let c = char::from_u32(code)?;
            value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    value.push(byte);
    Some(rest)
}

/// Exactly `digits` digits of `radix`.
fn number(text: &str, digits: usize, radix: u32) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let plain = number.chars().all(|c| c.is_digit(radix));
    let value = plain.then(|| u32::from_str_radix(number, radix).ok()).flatten()?;
    Some((value, rest))
}

/// Writes `value` as a literal that reads back as `value`: raw where possible, as people write rules.
pub(super) fn write(out: &mut String, value: &str) {
    if !value.chars().any(|c| c == '`' || needs_escape(c)) {
        out.push('`');
        out.push_str(value);
        out.push('`');
        return;
    }
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if needs_escape(c) => {
                let written = write!(out, "\\U{:08x}", u32::from(c));
                debug_assert!(written.is_ok(), "writing to a String does not fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Control characters and the byte order mark, which Go does not allow in a source.
fn needs_escape(c: char) -> bool {
    c.is_control() || c == '\u{feff}'
}
