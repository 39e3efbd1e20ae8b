//! Hints for references that lead nowhere: what there is instead.

use viaduct_config::{Finding, suggest};

use super::Context;
use crate::api::{Kind, Name, Typed};

/// `missing`, with what the namespace has, or where else there is an object of that name.
pub(super) fn hint<T: Typed>(cx: &Context<'_>, missing: Finding, target: &Name) -> Finding {
    // Each hint reads the names of all objects of the kind.
    let Some(left) = cx.hints_left.get().checked_sub(1) else {
        return missing;
    };
    cx.hints_left.set(left);
    let kind = T::KIND;
    if kind == Kind::Secret && !cx.policy.tells_names() {
        return missing;
    }
    let mut here = Vec::new();
    let mut elsewhere = Vec::new();
    for held in cx.view.all::<T>() {
        let name = held.subject.name;
        if name.namespace == target.namespace {
            here.push(&*name.name);
        } else if name.name == target.name && cx.policy.tells_names() {
            elsewhere.push(format!("`{}`", name.namespace));
        }
    }
    let namespace = &target.namespace;
    let near = suggest::closest(&target.name, here.iter().copied());
    // Any two short names are near each other.
    if let Some(near) = near.filter(|_| target.name.len() >= LONG_ENOUGH) {
        missing.hint(format!("did you mean `{near}`?"))
    } else if !elsewhere.is_empty() {
        let others = elsewhere.join(", ");
        missing.hint(format!(
            "there is one in namespace {others}; it must be in `{namespace}`"
        ))
    } else if here.is_empty() {
        missing.hint(format!("namespace `{namespace}` has no {kind}"))
    } else {
        let shown: Vec<_> = here
            .iter()
            .take(MAX_NAMED)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = if here.len() > MAX_NAMED { " and others" } else { "" };
        missing.hint(format!("namespace `{namespace}` has {}{more}", shown.join(", ")))
    }
}

const MAX_NAMED: usize = 5;
const LONG_ENOUGH: usize = 3;
/// How many hints one translation gives.
pub(super) const MAX_HINTS: u32 = 16;
