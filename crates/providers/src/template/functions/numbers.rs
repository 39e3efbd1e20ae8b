//! Arithmetic, on 64-bit integers but where the name says otherwise, and ranges of numbers.

use super::{ANY, Function, argument, function, integer};
use crate::template::show::Bounded;
use crate::template::value::{Refusal, Value};

pub(super) const TABLE: &[Function] = &[
    function("int", 1, 1, |_, a| {
        Ok(Value::Integer(argument(a, 0).to_integer()))
    }),
    function("int64", 1, 1, |_, a| {
        Ok(Value::Integer(argument(a, 0).to_integer()))
    }),
    function("atoi", 1, 1, |_, a| {
        Ok(Value::Integer(argument(a, 0).to_integer()))
    }),
    function("float64", 1, 1, |_, a| {
        Ok(Value::Float(argument(a, 0).to_float()))
    }),
    function("add1", 1, 1, |_, a| {
        Ok(Value::Integer(argument(a, 0).to_integer().wrapping_add(1)))
    }),
    function("add", 0, ANY, |_, a| Ok(fold(a, 0, i64::wrapping_add))),
    function("mul", 1, ANY, |_, a| Ok(fold(a, 1, i64::wrapping_mul))),
    function("sub", 2, 2, |_, a| both(a, |x, y| Some(x.wrapping_sub(y)))),
    function("div", 2, 2, |_, a| both(a, i64::checked_div)),
    function("mod", 2, 2, |_, a| both(a, i64::checked_rem)),
    function("max", 1, ANY, |_, a| Ok(fold(a, i64::MIN, i64::max))),
    function("min", 1, ANY, |_, a| Ok(fold(a, i64::MAX, i64::min))),
    function("floor", 1, 1, |_, a| {
        Ok(Value::Float(argument(a, 0).to_float().floor()))
    }),
    function("ceil", 1, 1, |_, a| {
        Ok(Value::Float(argument(a, 0).to_float().ceil()))
    }),
    function("round", 2, 2, |_, a| {
        let places = i32::try_from(integer(a, 1)?.clamp(-300, 300)).unwrap_or(0);
        let scale = 10_f64.powi(places);
        Ok(Value::Float((argument(a, 0).to_float() * scale).round() / scale))
    }),
    function("until", 1, 1, |_, a| {
        let end = integer(a, 0)?;
        range(0, end, if end < 0 { -1 } else { 1 })
    }),
    function("untilStep", 3, 3, |_, a| {
        range(integer(a, 0)?, integer(a, 1)?, integer(a, 2)?)
    }),
    function("seq", 1, 3, |_, a| seq(a)),
];

fn fold(arguments: &[Value], start: i64, step: fn(i64, i64) -> i64) -> Value {
    Value::Integer(arguments.iter().map(Value::to_integer).fold(start, step))
}

fn both(arguments: &[Value], apply: fn(i64, i64) -> Option<i64>) -> Result<Value, Refusal> {
    let (a, b) = (
        argument(arguments, 0).to_integer(),
        argument(arguments, 1).to_integer(),
    );
    apply(a, b)
        .map(Value::Integer)
        .ok_or_else(|| format!("{a} cannot be divided by {b}"))
}

/// From `start` up to, or down to, `end`, which is not part of it.
fn range(start: i64, end: i64, step: i64) -> Result<Value, Refusal> {
    let mut items = Vec::new();
    let mut next = start;
    while (step > 0 && next < end) || (step < 0 && next > end) {
        if items.len() >= MAX_RANGE {
            return Err("the range has more than 100000 numbers".to_owned());
        }
        items.push(Value::Integer(next));
        let Some(following) = next.checked_add(step) else {
            break;
        };
        next = following;
    }
    Value::list(items)
}

/// As the command `seq`: a text with the numbers from first to last, both part of it.
fn seq(arguments: &[Value]) -> Result<Value, Refusal> {
    let numbers: Vec<i64> = arguments.iter().map(Value::to_integer).collect();
    let (first, step, last) = match *numbers.as_slice() {
        [last] => (1, if last < 1 { -1 } else { 1 }, last),
        [first, last] => (first, if last < first { -1 } else { 1 }, last),
        [first, step, last] => (first, step, last),
        _ => return Ok(Value::text("")),
    };
    let Value::List(list) = range(first, last.saturating_add(step.signum()), step)? else {
        return Ok(Value::text(""));
    };
    let mut out = Bounded::default();
    for (index, number) in list.items().iter().enumerate() {
        if index > 0 {
            out.push(" ")?;
        }
        out.push(&number.to_integer().to_string())?;
    }
    Ok(out.into_value())
}

const MAX_RANGE: usize = 100_000;
