//! The environment, and texts in other forms.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{Calling, Function, argument, function, text};
use crate::template::show::Bounded;
use crate::template::value::{Refusal, Value};

pub(super) const TABLE: &[Function] = &[
    function("env", 1, 1, |calling, a| {
        Ok(Value::text((calling.env)(text(a, 0)?).unwrap_or_default()))
    }),
    function("expandenv", 1, 1, expand),
    function("b64enc", 1, 1, |_, a| {
        Ok(Value::text(STANDARD.encode(text(a, 0)?)))
    }),
    function("b64dec", 1, 1, |_, a| decoded(STANDARD.decode(text(a, 0)?))),
    function("urlsafeB64enc", 1, 1, |_, a| {
        Ok(Value::text(URL_SAFE.encode(text(a, 0)?)))
    }),
    function("urlsafeB64dec", 1, 1, |_, a| {
        decoded(URL_SAFE.decode(text(a, 0)?))
    }),
    function("toJson", 1, 1, |_, a| json(argument(a, 0), false)),
    function("toRawJson", 1, 1, |_, a| json(argument(a, 0), false)),
    function("toPrettyJson", 1, 1, |_, a| json(argument(a, 0), true)),
    function("fromJson", 1, 1, |_, a| {
        let parsed: serde_json::Value =
            serde_json::from_str(text(a, 0)?).map_err(|error| format!("this is not JSON: {error}"))?;
        from_json(parsed)
    }),
];

fn decoded(bytes: Result<Vec<u8>, base64::DecodeError>) -> Result<Value, Refusal> {
    let bytes = bytes.map_err(|error| format!("this is not base64: {error}"))?;
    String::from_utf8(bytes)
        .map(Value::text)
        .map_err(|_| "what is encoded is not UTF-8 text".to_owned())
}

/// `$NAME` and `${NAME}` replaced by variables of the environment, as Go's `os.ExpandEnv`.
fn expand(calling: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let mut rest = text(arguments, 0)?;
    let mut out = Bounded::default();
    while let Some((before, after)) = rest.split_once('$') {
        out.push(before)?;
        let (name, tail) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or((braced, "")),
            None => {
                let end = after
                    .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
                    .unwrap_or(after.len());
                after.split_at_checked(end).unwrap_or((after, ""))
            }
        };
        if name.is_empty() && !after.starts_with('{') {
            out.push("$")?;
        } else {
            out.push(&(calling.env)(name).unwrap_or_default())?;
        }
        rest = tail;
    }
    out.push(rest)?;
    Ok(out.into_value())
}

fn json(value: &Value, pretty: bool) -> Result<Value, Refusal> {
    let mut budget = MAX_JSON_VALUES;
    let value = to_json(value, &mut budget)?;
    let written = if pretty {
        serde_json::to_string_pretty(&value)
    } else {
        serde_json::to_string(&value)
    };
    written.map(Value::text).map_err(|error| error.to_string())
}

/// One list may stand in another many times: what is written is counted, not what is held.
fn to_json(value: &Value, budget: &mut usize) -> Result<serde_json::Value, Refusal> {
    let cost = match value {
        Value::Text(text) => text.len() + 1,
        _ => 1,
    };
    *budget = budget.checked_sub(cost).ok_or("the JSON becomes too large")?;
    Ok(match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => serde_json::Value::from(&**text),
        Value::List(list) => serde_json::Value::Array(
            list.items()
                .iter()
                .map(|item| to_json(item, budget))
                .collect::<Result<_, _>>()?,
        ),
        Value::Dict(dict) => serde_json::Value::Object(
            dict.entries()
                .iter()
                .map(|(key, value)| Ok((key.clone(), to_json(value, budget)?)))
                .collect::<Result<_, Refusal>>()?,
        ),
    })
}

fn from_json(value: serde_json::Value) -> Result<Value, Refusal> {
    Ok(match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(value),
        // All numbers of JSON are floats in Go; an integer is shown the same, and can be counted with.
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(items) => {
            Value::list(items.into_iter().map(from_json).collect::<Result<_, _>>()?)?
        }
        serde_json::Value::Object(entries) => Value::dict(
            entries
                .into_iter()
                .map(|(key, value)| Ok((key, from_json(value)?)))
                .collect::<Result<_, Refusal>>()?,
        )?,
    })
}

/// Bytes of text and values.
const MAX_JSON_VALUES: usize = 4 * 1024 * 1024;
