//! `/api/shadow`: what verification would have said of the servers of transports that skip it, and what to paste when
//! it would be well (C15). Nothing that a server presents is ever trusted by itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use viaduct_observe::counters::{ServerStanding, TransportStandings, Verdict, WouldFail};
use viaduct_snapshot::{Scheme, ServiceKind, Snapshot, Transport};
use viaduct_tls::Fingerprint;
use viaduct_tls::backend_leg::Verification;

use super::overview::date;
use crate::bridges;
use crate::telemetry::Metrics;

/// One entry for each transport that skips verification and has servers with TLS.
pub(super) fn all(snapshot: &Snapshot, metrics: &Metrics) -> Value {
    let entries = of_each(snapshot, metrics, |trial| trial.view());
    entries.into_values().collect()
}

/// The same for the rows of `viaduct audit`, by transport.
pub(super) fn trials(snapshot: &Snapshot, metrics: &Metrics) -> BTreeMap<Arc<str>, bridges::Trial> {
    of_each(snapshot, metrics, |trial| trial.told())
}

fn of_each<T>(
    snapshot: &Snapshot,
    metrics: &Metrics,
    tell: impl Fn(&Trial<'_>) -> T,
) -> BTreeMap<Arc<str>, T> {
    let mut transports = snapshot
        .transports()
        .filter(|transport| transport.tls.policy().verification == Verification::DangerSkip)
        .peekable();
    if transports.peek().is_none() {
        return BTreeMap::new();
    }
    let standings = metrics.standings();
    let servers = servers(snapshot);
    let told = transports.filter_map(|transport| {
        let configured = servers.get(&transport.name)?;
        let trial = Trial::new(transport, configured, standings.get(&transport.name));
        Some((Arc::clone(&transport.name), tell(&trial)))
    });
    told.collect()
}

/// The servers with TLS, by the name of their transport.
fn servers(snapshot: &Snapshot) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut servers: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for service in snapshot.services() {
        let ServiceKind::LoadBalancer(balancer) = &service.kind else {
            continue;
        };
        let secure = balancer.servers.iter();
        for server in secure.filter(|server| server.scheme == Scheme::Https) {
            let of_transport = servers.entry(Arc::clone(&balancer.transport.name)).or_default();
            of_transport.push(Arc::clone(&server.url));
        }
    }
    for urls in servers.values_mut() {
        urls.sort();
        urls.dedup();
    }
    servers
}

struct Trial<'a> {
    transport: &'a Transport,
    seen: Vec<(&'a Arc<str>, &'a ServerStanding)>,
    unseen: Vec<&'a str>,
}

impl<'a> Trial<'a> {
    fn new(
        transport: &'a Transport,
        configured: &'a [Arc<str>],
        standings: Option<&'a TransportStandings>,
    ) -> Self {
        let generation = transport.generation.0.get();
        let standings = standings.filter(|standings| standings.generation == generation);
        let known = |url: &Arc<str>| standings?.servers.get_key_value(url);
        Self {
            transport,
            seen: configured.iter().filter_map(known).collect(),
            unseen: configured
                .iter()
                .filter(|url| known(url).is_none())
                .map(|url| &**url)
                .collect(),
        }
    }

    /// Every server was seen, its last handshake would have passed, and none would have failed lately: servers behind
    /// one address may differ.
    fn is_safe(&self) -> bool {
        let lately = SystemTime::now() - LATELY;
        self.unseen.is_empty()
            && !self.seen.is_empty()
            && self.seen.iter().all(|(_, server)| {
                matches!(server.verdict, Verdict::WouldPass(_))
                    && server.last_failed.is_none_or(|failed| failed < lately)
            })
    }

    /// Since when every handshake would have passed; `None`: it is not safe to verify.
    fn safe_since(&self) -> Option<SystemTime> {
        let seen = || self.seen.iter().map(|(_, server)| server);
        let known = seen().map(|server| server.first).max();
        known
            .max(seen().filter_map(|server| server.last_failed).max())
            .filter(|_| self.is_safe())
    }

    fn told(&self) -> bridges::Trial {
        let safe_since = self.safe_since();
        let (passed, failed) = self.counts();
        let patch = self.patch(safe_since.is_some());
        bridges::Trial {
            safe: safe_since.is_some(),
            safe_since: safe_since.map(date).unwrap_or_default(),
            summary: self.summary(safe_since, passed, &failed),
            patch: patch.unwrap_or_default(),
        }
    }

    /// How many handshakes would have passed, and how many failed, by reason.
    fn counts(&self) -> (u64, BTreeMap<&str, u64>) {
        let passed = self.seen.iter().map(|(_, server)| server.good).sum();
        let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
        for (reason, count) in self.seen.iter().flat_map(|(_, server)| &server.failed) {
            *failed.entry(reason).or_default() += count;
        }
        (passed, failed)
    }

    fn view(&self) -> Value {
        let (passed, failed) = self.counts();
        let object = self.transport.origin.as_ref().map(ToString::to_string);
        let safe_since = self.safe_since();
        let safe = safe_since.is_some();
        json!({
            "transport": &*self.transport.name,
            "object": object,
            "since": self.since().map(date),
            "handshakes": passed + failed.values().sum::<u64>(),
            "wouldPass": passed,
            "wouldFail": failed,
            "safe": safe,
            "safeSince": safe_since.map(date),
            "summary": self.summary(safe_since, passed, &failed),
            "patch": self.patch(safe),
            "unseen": self.unseen.iter().take(MOST_SERVERS).collect::<Vec<_>>(),
            "servers": self.seen.iter().take(MOST_SERVERS).map(server).collect::<Vec<_>>(),
        })
    }

    fn since(&self) -> Option<SystemTime> {
        self.seen.iter().map(|(_, server)| server.first).min()
    }

    fn summary(&self, safe_since: Option<SystemTime>, passed: u64, failed: &BTreeMap<&str, u64>) -> String {
        let Some(since) = self.since() else {
            return "no server was connected to yet".to_owned();
        };
        let failures: u64 = failed.values().sum();
        let mut text = format!(
            "{} handshakes with {} of {} servers since {}: ",
            passed + failures,
            self.seen.len(),
            self.seen.len() + self.unseen.len(),
            date(since)
        );
        // Writing to a `String` does not fail.
        let written = if failures == 0 && safe_since.is_some() {
            write!(text, "all would have passed; it is safe to verify")
        } else if let Some(safe_since) = safe_since {
            write!(
                text,
                "all since {} would have passed; it is safe to verify",
                date(safe_since)
            )
        } else if failures == 0 {
            write!(
                text,
                "all would have passed, and others were not connected to yet"
            )
        } else {
            let reasons: Vec<_> = failed
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            write!(text, "{failures} would have failed ({})", reasons.join(", "))
        };
        written.unwrap_or_default();
        text
    }

    /// YAML to look at, and then to paste. `None`: there is nothing to say yet.
    fn patch(&self, safe: bool) -> Option<String> {
        if safe {
            return Some(self.edit("", ""));
        }
        let why = self.seen.iter().find_map(|(_, server)| match &server.verdict {
            Verdict::WouldFail(why) => Some(why),
            Verdict::Current | Verdict::Previous | Verdict::WouldPass(_) => None,
        })?;
        match &why.authority {
            Some(authority) if why.reason == "unknown_ca" => Some(self.learned(authority)),
            _ => {
                let first = why.suggestion.as_deref()?;
                Some(format!("# first this, and verify when all would pass:\n{first}"))
            }
        }
    }

    /// The CA that was presented, for somebody to look at.
    fn learned(&self, authority: &[u8]) -> String {
        let pem = pem(authority);
        let review = format!(
            "# FOR REVIEW: this certificate was presented by a server, and anybody could have. Compare its SHA-256 fingerprint\n\
             # {}\n# with whoever runs the CA before you trust it.\n",
            Fingerprint::of(authority)
        );
        let indented =
            |indent: &str| -> String { pem.lines().map(|line| format!("{indent}{line}\n")).collect() };
        match &self.transport.origin {
            Some(object) => {
                let (namespace, name) = (&object.namespace, &object.name);
                let map = format!(
                    "{review}apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}-ca\n  namespace: {namespace}\ndata:\n  \
                     ca.crt: |\n{}---\n",
                    indented("    ")
                );
                map + &self.edit(&format!("  rootCAs:\n  - configMap: {name}-ca\n"), "")
            }
            None => {
                review
                    + &self.edit(
                        "",
                        &format!("      rootCAs:\n      - |\n{}", indented("        ")),
                    )
            }
        }
    }

    /// The transport without `insecureSkipVerify`, and with these lines: of an object, or of the file format.
    fn edit(&self, of_object: &str, of_file: &str) -> String {
        match &self.transport.origin {
            Some(object) => format!(
                "apiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n{of_object}  \
                 insecureSkipVerify: false\n",
                object.name, object.namespace
            ),
            None if &*self.transport.name == "default@internal" => {
                "# in the install configuration:\nserversTransport:\n  insecureSkipVerify: false\n".to_owned()
            }
            None => {
                let name = &self.transport.name;
                let name = name.rsplit_once('@').map_or(&**name, |(name, _)| name);
                format!(
                    "http:\n  serversTransports:\n    {}:\n{of_file}      insecureSkipVerify: false\n",
                    json!(name)
                )
            }
        }
    }
}

fn server((url, server): &(&Arc<str>, &ServerStanding)) -> Value {
    let mut view = json!({
        "url": &***url,
        "lastSeen": date(server.last),
        "names": &*server.names,
        "notAfter": date(server.not_after),
        "wouldPass": server.good,
        "wouldFail": server.failed,
        "lastFailed": server.last_failed.map(date),
    });
    let more = match &server.verdict {
        Verdict::WouldPass(root) => json!({ "verdict": "pass", "by": &**root }),
        Verdict::WouldFail(why) => failure(why),
        // Not of a transport that skips.
        Verdict::Current | Verdict::Previous => Value::Null,
    };
    if let (Some(view), Value::Object(more)) = (view.as_object_mut(), more) {
        view.extend(more);
    }
    view
}

fn failure(why: &WouldFail) -> Value {
    json!({
        "verdict": why.reason,
        "wanted": why.wanted,
        "got": why.got,
        "issuer": why.issuer,
        "fix": why.suggestion,
    })
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
        body.join("\n")
    )
}

const MOST_SERVERS: usize = 1024;
/// A failure is forgotten after so long without another.
const LATELY: Duration = Duration::from_secs(3600);
