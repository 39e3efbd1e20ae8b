//! `print`, `println`, `printf`.

use super::{ANY, Calling, Function, function, text};
use crate::template::show::{Bounded, float, quote, show, text_of};
use crate::template::value::{Refusal, Value};

pub(super) const TABLE: &[Function] = &[
    function("print", 0, ANY, print),
    function("println", 0, ANY, println),
    function("printf", 1, ANY, printf),
];

/// A space between two values of which neither is a text, as Go's `Sprint`.
fn print(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let mut out = Bounded::default();
    let mut before_text = true;
    for value in arguments {
        let is_text = matches!(value, Value::Text(_));
        if !before_text && !is_text {
            out.push(" ")?;
        }
        show(value, &mut out)?;
        before_text = is_text;
    }
    Ok(out.into_value())
}

fn println(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let mut out = Bounded::default();
    for (index, value) in arguments.iter().enumerate() {
        if index > 0 {
            out.push(" ")?;
        }
        show(value, &mut out)?;
    }
    out.push("\n")?;
    Ok(out.into_value())
}

fn printf(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let mut out = Bounded::default();
    let mut rest = text(arguments, 0)?;
    let mut values = arguments.iter().skip(1);
    while let Some((before, directive)) = rest.split_once('%') {
        out.push(before)?;
        if let Some(after) = directive.strip_prefix('%') {
            out.push("%")?;
            rest = after;
            continue;
        }
        let (spec, after) = Spec::read(directive)?;
        rest = after;
        match values.next() {
            Some(value) => spec.write(value, &mut out)?,
            None => out.push(&format!("%!{}(MISSING)", spec.verb))?,
        }
    }
    out.push(rest)?;
    let extra: Vec<&Value> = values.collect();
    if !extra.is_empty() {
        return Err(format!(
            "{} more values than the format has verbs for",
            extra.len()
        ));
    }
    Ok(out.into_value())
}

/// What stands between `%` and its verb.
#[derive(Default)]
struct Spec {
    left: bool,
    zeros: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
    verb: char,
}

impl Spec {
    fn read(text: &str) -> Result<(Self, &str), Refusal> {
        let mut spec = Self::default();
        let mut rest = text;
        while let Some(flag) = rest.chars().next().filter(|c| "+-0 #".contains(*c)) {
            match flag {
                '-' => spec.left = true,
                '0' => spec.zeros = true,
                '+' => spec.plus = true,
                _ => {}
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        (spec.width, rest) = number(rest)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            let (precision, after) = number(fraction)?;
            spec.precision = Some(precision);
            rest = after;
        }
        let mut chars = rest.chars();
        spec.verb = chars.next().ok_or("the format ends after `%`")?;
        Ok((spec, chars.as_str()))
    }

    fn write(&self, value: &Value, out: &mut Bounded) -> Result<(), Refusal> {
        let body = match (self.verb, value) {
            ('v', Value::Float(value)) => self.float(*value, true),
            ('v', value) => text_of(value)?,
            ('s', Value::Text(text)) => match self.precision {
                Some(most) => text.chars().take(most).collect(),
                None => text.to_string(),
            },
            ('s', value @ (Value::List(_) | Value::Dict(_))) => text_of(value)?,
            ('q', Value::Text(text)) => {
                let mut quoted = Bounded::default();
                quote(text, &mut quoted)?;
                quoted.into_text()
            }
            ('d', Value::Integer(value)) => self.signed(&value.to_string()),
            ('x', Value::Integer(value)) => hex(*value, false),
            ('X', Value::Integer(value)) => hex(*value, true),
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('t', Value::Bool(value)) => value.to_string(),
            ('f' | 'F', Value::Float(value)) => self.float(*value, false),
            ('g' | 'G', Value::Float(value)) => self.float(*value, true),
            ('T', value) => value.kind().to_owned(),
            ('c', Value::Integer(value)) => u32::try_from(*value)
                .ok()
                .and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER)
                .to_string(),
            // Go's way to say that the verb does not fit.
            (verb, value) => format!("%!{verb}({}={})", value.kind(), text_of(value)?),
        };
        self.pad(&body, value, out)
    }

    fn float(&self, value: f64, shortest: bool) -> String {
        let text = match (shortest, self.precision) {
            (true, _) => float(value),
            (false, precision) => format!("{value:.*}", precision.unwrap_or(6)),
        };
        self.signed(&text)
    }

    fn signed(&self, text: &str) -> String {
        if self.plus && !text.starts_with(['-', '+']) {
            format!("+{text}")
        } else {
            text.to_owned()
        }
    }

    fn pad(&self, body: &str, value: &Value, out: &mut Bounded) -> Result<(), Refusal> {
        let missing = self.width.saturating_sub(body.chars().count());
        let is_number = matches!(value, Value::Integer(_) | Value::Float(_));
        if self.left {
            out.push(body)?;
            out.repeat(" ", missing)
        } else if self.zeros && is_number {
            let (sign, digits) = match body.strip_prefix(['-', '+']) {
                Some(digits) => (body.get(..1).unwrap_or_default(), digits),
                None => ("", body),
            };
            out.push(sign)?;
            out.repeat("0", missing)?;
            out.push(digits)
        } else {
            out.repeat(" ", missing)?;
            out.push(body)
        }
    }
}

fn hex(value: i64, upper: bool) -> String {
    let magnitude = value.unsigned_abs();
    let digits = if upper {
        format!("{magnitude:X}")
    } else {
        format!("{magnitude:x}")
    };
    if value < 0 { format!("-{digits}") } else { digits }
}

/// Digits that may be missing.
fn number(text: &str) -> Result<(usize, &str), Refusal> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let number = match digits {
        "" => 0,
        digits => digits.parse().unwrap_or(usize::MAX),
    };
    if number > MAX_WIDTH {
        return Err("a width is at most 1000".to_owned());
    }
    Ok((number, rest))
}

const MAX_WIDTH: usize = 1000;
