//! What a scalar means.
//!
//! Plain scalars follow YAML 1.2's core schema, except:
//! - `017` is octal, as Go's YAML readers have it (file modes in manifests are written so); `018` and
//!   other numbers with a leading zero stay text.
//! - an integer that does not fit 64 bits and a float that overflows stay text, so that nothing is lost.
//! - `yes`, `no`, `on`, `off` stay text here; a reader that wants a boolean takes them as one (`bool_word`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Value;

/// An untagged plain scalar.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    integer(text)
        .map(Value::Integer)
        .or_else(|| float(text).map(Value::Float))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A scalar with a tag of the core schema (`str`, `int`, ...). The error says what is wrong.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, String> {
    let mismatch = |kind: &str| format!("`{}` is no {kind}", shorten(text));
    match tag {
        "str" => Ok(Value::String(text.to_owned())),
        "null" => match plain(text) {
            Value::Null => Ok(Value::Null),
            _ => Err(mismatch("null")),
        },
        "bool" => match plain(text) {
            Value::Bool(value) => Ok(Value::Bool(value)),
            _ => bool_word(text)
                .map(Value::Bool)
                .ok_or_else(|| mismatch("boolean")),
        },
        "int" => integer(text)
            .map(Value::Integer)
            .ok_or_else(|| mismatch("64-bit integer")),
        "float" => float(text).map(Value::Float).ok_or_else(|| mismatch("number")),
        "binary" => {
            let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let bytes = STANDARD
                .decode(packed)
                .map_err(|_| "the value of `!!binary` is not base64".to_owned())?;
            String::from_utf8(bytes)
                .map(Value::String)
                .map_err(|_| "the value of `!!binary` is not text".to_owned())
        }
        other => Err(format!("the tag `!!{other}` is not supported")),
    }
}

/// YAML 1.1's other words for booleans, as Go's YAML readers take them where a boolean is wanted.
pub(super) fn bool_word(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn integer(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (digits, radix) = match unsigned.as_bytes() {
        [b'0', b'x', ..] => (unsigned.get(2..)?, 16),
        [b'0', b'o', ..] => (unsigned.get(2..)?, 8),
        [b'0', _, ..] => (unsigned.get(1..)?, 8),
        _ => (unsigned, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    };
    i64::try_from(value).ok()
}

fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_digits = exponent.map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    let well_formed = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent_digits.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    // Numbers with a leading zero and integers out of range are text.
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    let is_integer = exponent.is_none() && !mantissa.contains('.');
    if !well_formed || leading_zero || is_integer {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
