//! What a process would make of a configuration, without one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use viaduct_config::{Finding, Update};
use viaduct_snapshot::{Inputs, Install, Snapshot, compile};
use viaduct_tls::CertificateStore;
use viaduct_tls::ocsp::Staples;

use super::up;
use crate::cli::EntryPoint;
use crate::failure::Failure;
use crate::install::{Surroundings, load};
use crate::output;
use crate::source::cluster::Terms;

/// What the process that would serve the objects is told. `None`: nobody says.
pub(super) fn terms(options: &[String]) -> Result<Option<Terms>, Failure> {
    if options.is_empty() {
        return Ok(None);
    }
    let told = load(&Surroundings::own(options.to_vec()))?;
    for warning in &told.warnings {
        output::status(format_args!("warning: {warning}"));
    }
    Ok(Some(Terms::of(told.install)))
}

/// The entry points of `viaduct up`, and whatever others the routers name.
pub(super) fn as_up_would(updates: &[Update]) -> Install {
    let defaults = EntryPoint::defaults();
    let routers = updates
        .iter()
        .flat_map(|update| update.dynamic.http.routers.values());
    let mut named: BTreeSet<&str> = routers
        .flat_map(|router| router.entry_points.iter().map(String::as_str))
        .collect();
    for entry_point in &defaults {
        named.remove(entry_point.name.as_str());
    }
    let defaults = defaults
        .iter()
        .map(|entry_point| (entry_point.name.as_str(), entry_point.tls));
    let mut install = up::routing(defaults.chain(named.into_iter().map(|name| (name, false))));
    install.bridge.heeds_namespaces = true;
    install
}

/// As it is in force now: exceptions that have ended count no more.
pub(super) fn compiled(mut install: Install, updates: Vec<Update>) -> (Arc<Snapshot>, Vec<Finding>) {
    install.bridge.advance(SystemTime::now());
    install.bridge.heed(updates.iter());
    let updates: Vec<_> = updates.into_iter().map(Arc::new).collect();
    let inputs = Inputs {
        install: &install,
        updates: &updates,
        generated_default: Arc::new(CertificateStore::generate_default()),
        // Nobody is asked, so there is nothing to be said of it.
        staples: Some(&Arc::new(Staples::new())),
        overlaps: None,
    };
    compile(&inputs, None)
}
