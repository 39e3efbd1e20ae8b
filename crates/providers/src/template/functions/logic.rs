//! Truth, comparison, defaults.

use std::cmp::Ordering;

use super::{ANY, Calling, Function, argument, function, text};
use crate::template::value::{Refusal, Value};

pub(super) const TABLE: &[Function] = &[
    // The first two are run by the caller, which stops at the argument that decides.
    function("and", 1, ANY, last),
    function("or", 1, ANY, last),
    function("not", 1, 1, |_, a| Ok(Value::Bool(!argument(a, 0).is_true()))),
    function("eq", 2, ANY, eq),
    function("ne", 2, 2, |_, a| {
        same(argument(a, 0), argument(a, 1)).map(|same| Value::Bool(!same))
    }),
    function("lt", 2, 2, |_, a| ordered(a, Ordering::is_lt)),
    function("le", 2, 2, |_, a| ordered(a, Ordering::is_le)),
    function("gt", 2, 2, |_, a| ordered(a, Ordering::is_gt)),
    function("ge", 2, 2, |_, a| ordered(a, Ordering::is_ge)),
    function("default", 1, 2, |_, a| {
        let given = argument(a, 1);
        Ok(if given.is_true() { given } else { argument(a, 0) }.clone())
    }),
    function("empty", 1, 1, |_, a| Ok(Value::Bool(!argument(a, 0).is_true()))),
    function("coalesce", 0, ANY, |_, a| {
        Ok(a.iter()
            .find(|value| value.is_true())
            .cloned()
            .unwrap_or(Value::Nil))
    }),
    function("all", 0, ANY, |_, a| {
        Ok(Value::Bool(a.iter().all(Value::is_true)))
    }),
    function("any", 0, ANY, |_, a| {
        Ok(Value::Bool(a.iter().any(Value::is_true)))
    }),
    function("ternary", 3, 3, |_, a| match argument(a, 2) {
        Value::Bool(true) => Ok(argument(a, 0).clone()),
        Value::Bool(false) => Ok(argument(a, 1).clone()),
        other => Err(format!("argument 3 has to be a boolean, not {}", other.noun())),
    }),
    function("fail", 1, 1, |_, a| Err(text(a, 0)?.to_owned())),
    function("kindOf", 1, 1, |_, a| Ok(Value::text(argument(a, 0).kind()))),
    function("typeOf", 1, 1, |_, a| Ok(Value::text(argument(a, 0).kind()))),
    function("kindIs", 2, 2, |_, a| {
        Ok(Value::Bool(text(a, 0)? == argument(a, 1).kind()))
    }),
    function("typeIs", 2, 2, |_, a| {
        Ok(Value::Bool(text(a, 0)? == argument(a, 1).kind()))
    }),
    function("deepEqual", 2, 2, |_, a| {
        Ok(Value::Bool(argument(a, 0) == argument(a, 1)))
    }),
];

fn last(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    Ok(arguments.last().cloned().unwrap_or(Value::Nil))
}

/// Whether the first argument equals any of the others.
fn eq(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let first = argument(arguments, 0);
    for other in arguments.iter().skip(1) {
        if same(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// As Go compares: values of one basic kind; anything equals nothing only if it is nothing.
fn same(a: &Value, b: &Value) -> Result<bool, Refusal> {
    match (a, b) {
        (Value::Nil, other) | (other, Value::Nil) => Ok(*other == Value::Nil),
        (Value::Bool(_), Value::Bool(_))
        | (Value::Integer(_), Value::Integer(_))
        | (Value::Float(_), Value::Float(_))
        | (Value::Text(_), Value::Text(_)) => Ok(a == b),
        _ => Err(incompatible(a, b)),
    }
}

fn ordered(arguments: &[Value], holds: fn(Ordering) -> bool) -> Result<Value, Refusal> {
    let (a, b) = (argument(arguments, 0), argument(arguments, 1));
    let order = match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => return Err(incompatible(a, b)),
    };
    Ok(Value::Bool(order.is_some_and(holds)))
}

fn incompatible(a: &Value, b: &Value) -> Refusal {
    format!("{} and {} cannot be compared", a.noun(), b.noun())
}
