//! `bridge`: what an operator demands of both legs of every route. A section of our own.

use std::str::FromStr as _;
use std::time::SystemTime;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::Map;
use super::choice::choice;
use crate::duration::GoDuration;

/// `bridge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bridge {
    /// The least that a route has to be, whatever its entry point and namespace. Default `plaintext`: anything goes.
    pub require: BridgeRequirement,
    /// What becomes of a route below. Default `enforce`.
    pub mode: BridgeMode,
    /// Tell clients why a request failed, and how long each step to the server took. Default false.
    pub expose_faults: bool,
    /// More, for an entry point and its routes, by its name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub entry_points: Map<BridgeEntryPoint>,
    /// More, for the routes of a Kubernetes namespace, by its name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub namespaces: Map<BridgeMinimum>,
    /// Namespace objects of a cluster may demand more of their routes, by a label or an annotation `viaduct.io/require`. It
    /// takes the right to list and watch Namespaces. Default false.
    pub namespace_labels: bool,
    /// Routes that may be below for a time. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<BridgeException>,
    /// Whether servers are tried before requests need them. Default `report`.
    pub preflight: PreflightMode,
    /// How often every server is tried again, to within a tenth; 0: only when something changed. At least 1 s.
    /// Default 10 min.
    pub preflight_interval: GoDuration,
    pub rotation: BridgeRotation,
    /// SHA-256 fingerprints of certificates that no servers transport trusts: CAs, or servers' own. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<String>,
    /// A file with more of them, one a line, or with the certificates themselves (PEM). It is read again when it
    /// changes. Default: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revoked_file: String,
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            require: BridgeRequirement::default(),
            mode: BridgeMode::default(),
            expose_faults: false,
            entry_points: Map::new(),
            namespaces: Map::new(),
            namespace_labels: false,
            exceptions: Vec::new(),
            preflight: PreflightMode::default(),
            preflight_interval: GoDuration::from_secs(600),
            rotation: BridgeRotation::default(),
            revoked: Vec::new(),
            revoked_file: String::new(),
        }
    }
}

/// `bridge.rotation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BridgeRotation {
    /// For how long the CAs of a servers transport stay trusted that others have replaced; 0: not at all, as in
    /// Traefik. At most a week. Default 10 min.
    pub overlap: GoDuration,
}

impl Default for BridgeRotation {
    fn default() -> Self {
        Self {
            overlap: GoDuration::from_secs(600),
        }
    }
}

/// `bridge.entryPoints.<name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BridgeEntryPoint {
    /// It raises what `bridge.require` says; a lower one changes nothing.
    pub require: BridgeRequirement,
    /// `bridge.exposeFaults`, for this entry point. Default: what is said for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expose_faults: Option<bool>,
}

/// `bridge.namespaces.<name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BridgeMinimum {
    /// It raises what `bridge.require` says; a lower one changes nothing.
    pub require: BridgeRequirement,
}

/// `bridge.exceptions[n]`: exactly one of `router`, `namespace` and `service`, with an end and a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BridgeException {
    /// `name@provider`, or `namespace/name` of the object that it comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub router: String,
    /// A Kubernetes namespace: every route of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `name@provider` of the service that has the servers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// `2026-12-31`, the day included (UTC), or a time such as `2026-12-31T12:00:00Z`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub until: String,
    /// Why, for whoever reads it in a year.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl BridgeException {
    /// When it is over.
    pub fn ends(&self) -> Result<SystemTime, String> {
        let text = self.until.trim();
        let end = match Date::from_str(text) {
            // `jiff` reads a date out of a time as well, and the time is what counts then.
            Ok(date) if !text.contains(['T', 't', ' ', ':']) => date
                .checked_add(1.day())
                .and_then(|next| next.to_zoned(TimeZone::UTC))
                .map(|midnight| midnight.timestamp())
                .ok(),
            Ok(_) | Err(_) => Timestamp::from_str(text).ok(),
        };
        end.map(SystemTime::from).ok_or_else(|| {
            format!(
                "`{}` is no date: write it as `2026-12-31`, or as `2026-12-31T12:00:00Z`",
                self.until.chars().take(64).collect::<String>()
            )
        })
    }
}

choice! {
    /// A class of bridges, as a demand; each includes those below it.
    pub enum BridgeRequirement {
        #[default]
        Plaintext = "plaintext",
        Unverified = "unverified",
        NameSkipped = "name-skipped",
        Verified = "verified",
        Mtls = "mtls",
    }
}

choice! {
    /// What becomes of a route below what is required.
    pub enum BridgeMode {
        /// It is out of service: 503.
        #[default]
        Enforce = "enforce",
        /// It is served, and a warning says so.
        Report = "report",
    }
}

choice! {
    /// What becomes of a handshake that would fail.
    pub enum PreflightMode {
        /// None is tried.
        Off = "off",
        /// It is told.
        #[default]
        Report = "report",
        /// And a change of trust under which it fails waits.
        Gate = "gate",
    }
}
const LONGEST_OVERLAP: GoDuration = GoDuration::from_secs(7 * 24 * 3600);

/// What is wrong with the section: the path of the option, and why.
pub(super) fn complaints<'i>(
    bridge: &'i Bridge,
    is_entry_point: impl Fn(&str) -> bool + 'i,
) -> impl Iterator<Item = (String, String)> + 'i {
    let unknown = bridge
        .entry_points
        .keys()
        .filter(move |name| !is_entry_point(name))
        .map(|name| {
            (
                format!("bridge.entryPoints.{name}"),
                format!("there is no entry point `{name}`"),
            )
        });
    let exceptions = bridge.exceptions.iter().enumerate();
    let exceptions = exceptions.flat_map(|(index, exception)| {
        let path = format!("bridge.exceptions[{index}]");
        let faults = exception_faults(exception);
        faults.map(move |(field, fault)| (format!("{path}{field}"), fault))
    });
    let interval = bridge.preflight_interval;
    let too_short = interval != GoDuration::default() && interval < GoDuration::from_secs(1);
    let interval = too_short.then(|| {
        (
            "bridge.preflightInterval".to_owned(),
            format!("`{interval}` is less than a second; 0 means never"),
        )
    });
    let overlap = bridge.rotation.overlap;
    let overlap_fault = if overlap.to_std().is_none() {
        Some("it cannot be negative; 0 means that a replaced CA is not trusted at all")
    } else if overlap > LONGEST_OVERLAP {
        Some("more than a week: configure both CAs for as long as that")
    } else {
        None
    };
    let overlap = overlap_fault.map(|fault| ("bridge.rotation.overlap".to_owned(), fault.to_owned()));
    unknown.chain(exceptions).chain(interval).chain(overlap)
}

/// The field, where the fault is in one, and what is wrong.
fn exception_faults(exception: &BridgeException) -> impl Iterator<Item = (&'static str, String)> + use<> {
    let until = if exception.until.trim().is_empty() {
        let missing = "an exception needs an `until`: the day that it ends with, such as `2026-12-31`";
        Some(("", missing.to_owned()))
    } else {
        exception.ends().err().map(|fault| (".until", fault))
    };
    let reason = exception.reason.trim().is_empty().then(|| {
        let missing = "an exception needs a `reason`: why it is there, for whoever reads it in a year";
        ("", missing.to_owned())
    });
    [subject_fault(exception), until, reason].into_iter().flatten()
}

fn subject_fault(exception: &BridgeException) -> Option<(&'static str, String)> {
    let BridgeException {
        router,
        namespace,
        service,
        ..
    } = exception;
    let given = [router, namespace, service];
    if given.iter().filter(|name| !name.is_empty()).count() != 1 {
        let one = "an exception is for one `router`, one `namespace` or one `service`";
        return Some(("", one.to_owned()));
    }
    let is_object = |name: &str| {
        name.split_once('/')
            .is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
    };
    if !router.is_empty() && !router.contains('@') && !is_object(router) {
        let fault =
            format!("`{router}` is no router: write `name@provider`, or `namespace/name` of its object");
        return Some((".router", fault));
    }
    if !service.is_empty() && !service.contains('@') {
        let fault = format!("`{service}` is no service: write `name@provider`");
        return Some((".service", fault));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn c7_an_exception_ends_with_its_day_or_at_its_time() {
        let ends = |until: &str| {
            BridgeException {
                until: until.to_owned(),
                ..BridgeException::default()
            }
            .ends()
            .ok()
            .map(|end| end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
        };
        let at = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(ends("1970-01-02"), at(2 * 86_400));
        assert_eq!(ends("1970-01-02T00:00:01Z"), at(86_401));
        assert_eq!(ends("1970-01-02T01:00:01+01:00"), at(86_401));
        for no_date in [
            "",
            "tomorrow",
            "2026-13-01",
            "2026-02-30",
            "31.12.2026",
            "2026-12-31T12:00:00",
        ] {
            assert_eq!(ends(no_date), None, "{no_date:?}");
        }
    }
}
