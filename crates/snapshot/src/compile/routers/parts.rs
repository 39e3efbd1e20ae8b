//! Names of what one written router becomes at several entry points.
//!
//! Traefik joins entry point and router with `-`, so that router `app` at `web` and a router that is really
//! named `web-app` have one name, and metrics, logs and limits take one for the other (I4). A part keeps
//! Traefik's name where nobody else has it, and otherwise gets a suffix of its own.

use sha2::{Digest as _, Sha256};
use viaduct_config::Finding;
use viaduct_config::dynamic::http::Router as WrittenRouter;
use viaduct_config::finding::Code;

use super::Context;
use crate::compile::sources::Source;
use crate::install::EntryPointInstall;

/// The name of `element`'s part at an entry point, without its provider, and what there is to say of it.
pub(super) fn name(
    context: &Context<'_>,
    source: &Source<'_>,
    element: &str,
    entry_point: &EntryPointInstall,
) -> (String, Option<Finding>) {
    let entry_point = entry_point.name.as_str();
    let plain = format!("{entry_point}-{element}");
    let mut name = plain.clone();
    let mut round: u32 = 0;
    while is_anothers(context, source, &name, (entry_point, element)) {
        name = format!("{plain}-{}", suffix(round, &[entry_point, element]));
        round += 1;
    }
    let finding = (name != plain).then(|| {
        let message = format!(
            "another router is named `{plain}`: what this one is at entry point `{entry_point}` is named `{name}` in logs and metrics"
        );
        Finding::warning(Code::DuplicateObject, message).hint("give one of the two another name")
    });
    (name, finding)
}

/// Whether a router is really named so, or the part of another one would be.
fn is_anothers(context: &Context<'_>, source: &Source<'_>, name: &str, own: (&str, &str)) -> bool {
    let routers = &source.update.dynamic.http.routers;
    if routers.contains_key(name) {
        return true;
    }
    let mut entry_points = context.install.entry_points.iter();
    entry_points.any(|entry_point| {
        let element = name
            .strip_prefix(entry_point.name.as_str())
            .and_then(|rest| rest.strip_prefix('-'));
        element.is_some_and(|element| {
            (entry_point.name.as_str(), element) != own
                && routers
                    .get(element)
                    .is_some_and(|router| has_part(context, router, entry_point))
        })
    })
}

fn has_part(context: &Context<'_>, router: &WrittenRouter, entry_point: &EntryPointInstall) -> bool {
    let (served, several) = context.served_at(router);
    several && router.parent_refs.is_empty() && served.iter().any(|at| at.name == entry_point.name)
}

/// Differs for different parts, however they are cut: the first half of a SHA-256.
fn suffix(round: u32, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(round.to_be_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
