//! Lists and dictionaries. None is changed; a new one is made.

use std::collections::BTreeMap;

use super::{ANY, Calling, Function, argument, dict, function, integer, list, text};
use crate::template::show::text_of;
use crate::template::value::{Refusal, Value};

pub(super) const TABLE: &[Function] = &[
    function("list", 0, ANY, |_, a| Value::list(a.to_vec())),
    function("tuple", 0, ANY, |_, a| Value::list(a.to_vec())),
    function("first", 1, 1, |_, a| {
        Ok(list(a, 0)?.first().cloned().unwrap_or(Value::Nil))
    }),
    function("last", 1, 1, |_, a| {
        Ok(list(a, 0)?.last().cloned().unwrap_or(Value::Nil))
    }),
    function("rest", 1, 1, |_, a| {
        Value::list(list(a, 0)?.iter().skip(1).cloned().collect())
    }),
    function("initial", 1, 1, |_, a| {
        let items = list(a, 0)?;
        Value::list(
            items
                .iter()
                .take(items.len().saturating_sub(1))
                .cloned()
                .collect(),
        )
    }),
    function("append", 2, 2, |_, a| {
        Value::list(list(a, 0)?.iter().chain([argument(a, 1)]).cloned().collect())
    }),
    function("push", 2, 2, |_, a| {
        Value::list(list(a, 0)?.iter().chain([argument(a, 1)]).cloned().collect())
    }),
    function("prepend", 2, 2, |_, a| {
        Value::list([argument(a, 1)].into_iter().chain(list(a, 0)?).cloned().collect())
    }),
    function("concat", 0, ANY, concat),
    function("reverse", 1, 1, |_, a| {
        Value::list(list(a, 0)?.iter().rev().cloned().collect())
    }),
    function("uniq", 1, 1, uniq),
    function("compact", 1, 1, |_, a| {
        Value::list(
            list(a, 0)?
                .iter()
                .filter(|item| item.is_true())
                .cloned()
                .collect(),
        )
    }),
    function("without", 1, ANY, |_, a| {
        let kept = list(a, 0)?
            .iter()
            .filter(|item| !a.iter().skip(1).any(|out| out == *item));
        Value::list(kept.cloned().collect())
    }),
    function("has", 2, 2, |_, a| match argument(a, 1) {
        Value::Nil => Ok(Value::Bool(false)),
        _ => Ok(Value::Bool(list(a, 1)?.contains(argument(a, 0)))),
    }),
    function("sortAlpha", 1, 1, |_, a| {
        let mut texts = list(a, 0)?.iter().map(text_of).collect::<Result<Vec<_>, _>>()?;
        texts.sort_unstable();
        Value::texts(texts)
    }),
    function("toStrings", 1, 1, |_, a| {
        Value::texts(list(a, 0)?.iter().map(text_of).collect::<Result<Vec<_>, _>>()?)
    }),
    function("slice", 1, 3, slice),
    function("index", 1, ANY, index),
    function("len", 1, 1, len),
    function("dict", 0, ANY, |_, a| Value::dict(pairs(a)?)),
    function("get", 2, 2, |_, a| {
        Ok(dict(a, 0)?
            .get(text(a, 1)?)
            .cloned()
            .unwrap_or_else(|| Value::text("")))
    }),
    function("hasKey", 2, 2, |_, a| {
        Ok(Value::Bool(dict(a, 0)?.contains_key(text(a, 1)?)))
    }),
    function("set", 3, 3, |_, a| {
        let mut entries = dict(a, 0)?.clone();
        entries.insert(text(a, 1)?.to_owned(), argument(a, 2).clone());
        Value::dict(entries)
    }),
    function("unset", 2, 2, |_, a| {
        let mut entries = dict(a, 0)?.clone();
        entries.remove(text(a, 1)?);
        Value::dict(entries)
    }),
    function("keys", 1, ANY, |_, a| {
        let mut keys = Vec::new();
        for index in 0..a.len() {
            keys.extend(dict(a, index)?.keys().cloned());
        }
        Value::texts(keys)
    }),
    function("values", 1, 1, |_, a| {
        Value::list(dict(a, 0)?.values().cloned().collect())
    }),
    function("pick", 1, ANY, |_, a| chosen(a, true)),
    function("omit", 1, ANY, |_, a| chosen(a, false)),
    function("pluck", 1, ANY, |_, a| {
        let name = text(a, 0)?;
        let mut found = Vec::new();
        for index in 1..a.len() {
            found.extend(dict(a, index)?.get(name).cloned());
        }
        Value::list(found)
    }),
    function("merge", 1, ANY, |_, a| merged(a, false)),
    function("mergeOverwrite", 1, ANY, |_, a| merged(a, true)),
];

fn concat(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let mut items = Vec::new();
    for index in 0..arguments.len() {
        items.extend_from_slice(list(arguments, index)?);
    }
    Value::list(items)
}

fn uniq(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let items = list(arguments, 0)?;
    if items.len() > MAX_COMPARED {
        return Err("the list has more than 2000 items".to_owned());
    }
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    Value::list(kept)
}

/// Of a list or a text: from the first position on, up to the second.
fn slice(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let position = |index: usize, missing: usize| match arguments.get(index) {
        None => Ok(missing),
        Some(_) => usize::try_from(integer(arguments, index)?)
            .map_err(|_| "a position cannot be negative".to_owned()),
    };
    let out_of_range = || "a position lies behind the end".to_owned();
    match argument(arguments, 0) {
        Value::Text(text) => {
            let range = position(1, 0)?..position(2, text.len())?;
            text.get(range).map(Value::text).ok_or_else(out_of_range)
        }
        _ => {
            let items = list(arguments, 0)?;
            let range = position(1, 0)?..position(2, items.len())?;
            Value::list(items.get(range).ok_or_else(out_of_range)?.to_vec())
        }
    }
}

/// `index $list 1`, `index $dict "key"`, and deeper.
fn index(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let mut value = argument(arguments, 0).clone();
    for (position, key) in arguments.iter().enumerate().skip(1) {
        value = match &value {
            Value::List(list) => {
                let at = integer(arguments, position)?;
                let item = usize::try_from(at).ok().and_then(|at| list.items().get(at));
                item.cloned()
                    .ok_or_else(|| format!("index {at} is outside the list of {}", list.items().len()))?
            }
            Value::Dict(dict) => match key {
                Value::Text(key) => dict.entries().get(&**key).cloned().unwrap_or(Value::Nil),
                other => return Err(format!("a key has to be a text, not {}", other.noun())),
            },
            other => return Err(format!("{} has no parts", other.noun())),
        };
    }
    Ok(value)
}

fn len(_: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
    let length = match argument(arguments, 0) {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Dict(dict) => dict.entries().len(),
        other => return Err(format!("{} has no length", other.noun())),
    };
    Ok(Value::Integer(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// Keys and values in turn; a key without its value has an empty text, as in sprig.
fn pairs(arguments: &[Value]) -> Result<BTreeMap<String, Value>, Refusal> {
    arguments
        .chunks(2)
        .map(|pair| {
            let key = text_of(argument(pair, 0))?;
            Ok((key, pair.get(1).cloned().unwrap_or_else(|| Value::text(""))))
        })
        .collect()
}

fn chosen(arguments: &[Value], named: bool) -> Result<Value, Refusal> {
    let mut names = Vec::new();
    for index in 1..arguments.len() {
        names.push(text(arguments, index)?);
    }
    let kept = dict(arguments, 0)?
        .iter()
        .filter(|(key, _)| names.contains(&key.as_str()) == named);
    Value::dict(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// The entries of all dictionaries, inner ones too; of equal keys the first wins, or the last.
fn merged(arguments: &[Value], overwrite: bool) -> Result<Value, Refusal> {
    let mut entries = dict(arguments, 0)?.clone();
    for index in 1..arguments.len() {
        merge_into(&mut entries, dict(arguments, index)?, overwrite)?;
    }
    Value::dict(entries)
}

fn merge_into(
    entries: &mut BTreeMap<String, Value>,
    more: &BTreeMap<String, Value>,
    overwrite: bool,
) -> Result<(), Refusal> {
    for (key, value) in more {
        match (entries.get_mut(key), value) {
            (Some(Value::Dict(known)), Value::Dict(inner)) => {
                let mut both = known.entries().clone();
                merge_into(&mut both, inner.entries(), overwrite)?;
                entries.insert(key.clone(), Value::dict(both)?);
            }
            (Some(known), _) if known.is_true() && !overwrite => {}
            _ => {
                entries.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// Each with each.
const MAX_COMPARED: usize = 2000;
