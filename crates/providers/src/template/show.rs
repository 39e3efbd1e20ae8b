//! Values as text, the way Go's `fmt` writes them.

use super::value::{Refusal, Value};

/// A text that may not become larger than one value may be.
#[derive(Debug, Default)]
pub(super) struct Bounded(String);

impl Bounded {
    pub(super) fn push(&mut self, text: &str) -> Result<(), Refusal> {
        if self.0.len() + text.len() > MAX_TEXT_BYTES {
            return Err("the text becomes larger than 4 MiB".to_owned());
        }
        self.0.push_str(text);
        Ok(())
    }

    pub(super) fn repeat(&mut self, text: &str, times: usize) -> Result<(), Refusal> {
        if text.len().saturating_mul(times) > MAX_TEXT_BYTES {
            return Err("the text becomes larger than 4 MiB".to_owned());
        }
        self.push(&text.repeat(times))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn into_value(self) -> Value {
        Value::text(self.0)
    }
}

/// `%v`.
pub(super) fn show(value: &Value, out: &mut Bounded) -> Result<(), Refusal> {
    match value {
        Value::Nil => out.push("<nil>"),
        Value::Bool(value) => out.push(if *value { "true" } else { "false" }),
        Value::Integer(value) => out.push(&value.to_string()),
        Value::Float(value) => out.push(&float(*value)),
        Value::Text(text) => out.push(text),
        Value::List(list) => {
            out.push("[")?;
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push(" ")?;
                }
                show(item, out)?;
            }
            out.push("]")
        }
        Value::Dict(dict) => {
            out.push("map[")?;
            for (index, (key, value)) in dict.entries().iter().enumerate() {
                if index > 0 {
                    out.push(" ")?;
                }
                out.push(key)?;
                out.push(":")?;
                show(value, out)?;
            }
            out.push("]")
        }
    }
}

/// The value's text.
pub(super) fn text_of(value: &Value) -> Result<String, Refusal> {
    let mut out = Bounded::default();
    show(value, &mut out)?;
    Ok(out.into_text())
}

/// Go's shortest form: exponents below 1e-4 and from 1e21 on.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let written = format!("{value:e}");
        let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    value.to_string()
}

/// `%q`: a Go string literal.
pub(super) fn quote(text: &str, out: &mut Bounded) -> Result<(), Refusal> {
    out.push("\"")?;
    for c in text.chars() {
        match c {
            '"' => out.push("\\\"")?,
            '\\' => out.push("\\\\")?,
            '\n' => out.push("\\n")?,
            '\r' => out.push("\\r")?,
            '\t' => out.push("\\t")?,
            '\u{7}' => out.push("\\a")?,
            '\u{8}' => out.push("\\b")?,
            '\u{b}' => out.push("\\v")?,
            '\u{c}' => out.push("\\f")?,
            c if u32::from(c) < 0x20 || c == '\u{7f}' => out.push(&format!("\\x{:02x}", u32::from(c)))?,
            c if c.is_control() || c == '\u{feff}' => out.push(&format!("\\u{:04x}", u32::from(c)))?,
            c => out.push(c.encode_utf8(&mut [0; 4]))?,
        }
    }
    out.push("\"")
}

const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;
