//! `bridge` -> what is demanded of both legs of every route (C7), and tried before requests need it (C11).

use viaduct_config::EntryPointName;
use viaduct_config::install::{self, BridgeRequirement};
use viaduct_snapshot::bridge::{BridgeException, BridgeMode, Excepted};
use viaduct_snapshot::{BridgeClass, BridgePolicy};

use crate::failure::Failure;
use crate::preflight::Settings;

pub(crate) fn policy(bridge: &install::Bridge) -> Result<BridgePolicy, Failure> {
    let entry_points = bridge.entry_points.iter();
    let namespaces = bridge.namespaces.iter();
    Ok(BridgePolicy {
        require: class(bridge.require),
        mode: mode(bridge.mode),
        entry_points: entry_points
            .map(|(name, least)| (EntryPointName::new(name.as_str()), class(least.require)))
            .collect(),
        namespaces: namespaces
            .map(|(name, least)| (name.as_str().into(), class(least.require)))
            .collect(),
        heeds_namespaces: bridge.namespace_labels,
        demanded: Default::default(),
        misread: Default::default(),
        unread: false,
        exceptions: bridge
            .exceptions
            .iter()
            .map(exception)
            .collect::<Result<_, _>>()?,
    })
}

/// An interval of 0: servers are not tried again.
pub(crate) fn preflight(bridge: &install::Bridge) -> Settings {
    let interval = super::timeout(bridge.preflight_interval);
    Settings {
        mode: bridge.preflight,
        interval: (!interval.is_zero()).then_some(interval),
    }
}

/// Whether clients of an entry point are told of faults. `viaduct.exposeFaults` is the same as `bridge.exposeFaults`.
pub(crate) fn exposes_faults(install: &install::Install, entry_point: &str) -> bool {
    let here = install.bridge.entry_points.get(entry_point);
    here.and_then(|here| here.expose_faults)
        .unwrap_or(install.bridge.expose_faults || install.viaduct.expose_faults)
}

pub(crate) fn class(required: BridgeRequirement) -> BridgeClass {
    match required {
        BridgeRequirement::Plaintext => BridgeClass::Plaintext,
        BridgeRequirement::Unverified => BridgeClass::Unverified,
        BridgeRequirement::NameSkipped => BridgeClass::NameSkipped,
        BridgeRequirement::Verified => BridgeClass::Verified,
        BridgeRequirement::Mtls => BridgeClass::Mtls,
    }
}

pub(crate) fn mode(mode: install::BridgeMode) -> BridgeMode {
    match mode {
        install::BridgeMode::Enforce => BridgeMode::Enforce,
        install::BridgeMode::Report => BridgeMode::Report,
    }
}

fn exception(written: &install::BridgeException) -> Result<BridgeException, Failure> {
    let ends = written
        .ends()
        .map_err(|error| Failure::new("`bridge.exceptions` cannot be used").because(error))?;
    Ok(BridgeException {
        of: excepted(written),
        until: written.until.as_str().into(),
        ends,
        reason: written.reason.as_str().into(),
        live: false,
    })
}

/// Exactly one of them is written, or there would be no configuration.
fn excepted(written: &install::BridgeException) -> Excepted {
    let install::BridgeException {
        router,
        namespace,
        service,
        ..
    } = written;
    if !namespace.is_empty() {
        return Excepted::Namespace(namespace.as_str().into());
    }
    if !service.is_empty() {
        return Excepted::Service(service.as_str().into());
    }
    match router.split_once('/') {
        Some((namespace, name)) if !router.contains('@') => Excepted::Object {
            namespace: namespace.into(),
            name: name.into(),
        },
        Some(_) | None => Excepted::Router(router.as_str().into()),
    }
}

#[cfg(test)]
mod tests {
    use viaduct_config::install::from_flags;

    use super::*;

    #[test]
    fn c7_every_kind_of_exception_is_read_from_flags() {
        let flags = [
            "--bridge.require=verified",
            "--bridge.namespaces.pay.require=mtls",
            "--bridge.exceptions[0].router=app@file",
            "--bridge.exceptions[0].until=2031-01-01",
            "--bridge.exceptions[0].reason=a",
            "--bridge.exceptions[1].router=shop/route",
            "--bridge.exceptions[1].until=2031-01-01",
            "--bridge.exceptions[1].reason=b",
            "--bridge.exceptions[2].service=app@file",
            "--bridge.exceptions[2].until=2031-01-01T10:00:00Z",
            "--bridge.exceptions[2].reason=c",
        ]
        .map(str::to_owned);
        let policy = policy(&from_flags(&flags).unwrap().install.bridge).unwrap();
        assert_eq!(policy.require, BridgeClass::Verified);
        assert_eq!(policy.namespaces.get("pay"), Some(&BridgeClass::Mtls));
        let of: Vec<_> = policy.exceptions.iter().map(|one| one.of.to_string()).collect();
        assert_eq!(
            of,
            ["router `app@file`", "router `shop/route`", "service `app@file`"]
        );
        assert!(
            policy.exceptions.iter().all(|one| !one.live),
            "nobody has looked yet"
        );
    }
}
