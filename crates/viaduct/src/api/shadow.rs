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
use crate::telemetry::Metrics;

/// One entry for each transport that skips verification and has servers with TLS.
pub(super) fn all(snapshot: &Snapshot, metrics: &Metrics) -> Value {
    let standings = metrics.standings();
    let servers = servers(snapshot);
    let mut transports: Vec<&Arc<Transport>> = snapshot
        .transports()
        .filter(|transport| transport.tls.policy().verification == Verification::DangerSkip)
        .collect();
    transports.sort_by(|a, b| a.name.cmp(&b.name));
    let entries = transports.into_iter().filter_map(|transport| {
        let configured = servers.get(&transport.name)?;
        Some(Trial::new(transport, configured, standings.get(&transport.name)).view())
    });
    entries.collect()
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

    fn view(&self) -> Value {
        let passed: u64 = self.seen.iter().map(|(_, server)| server.good).sum();
        let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
        for (reason, count) in self.seen.iter().flat_map(|(_, server)| &server.failed) {
            *failed.entry(reason).or_default() += count;
        }
        let since = self.seen.iter().map(|(_, server)| server.first).min();
        let object = self.transport.origin.as_ref().map(ToString::to_string);
        let safe = self.is_safe();
        json!({
            "transport": &*self.transport.name,
            "object": object,
            "since": since.map(date),
            "handshakes": passed + failed.values().sum::<u64>(),
            "wouldPass": passed,
            "wouldFail": failed,
            "safe": safe,
            "summary": self.summary(safe, passed, &failed, since),
            "patch": self.patch(safe),
            "unseen": self.unseen.iter().take(MOST_SERVERS).collect::<Vec<_>>(),
            "servers": self.seen.iter().take(MOST_SERVERS).map(server).collect::<Vec<_>>(),
        })
    }

    fn summary(
        &self,
        safe: bool,
        passed: u64,
        failed: &BTreeMap<&str, u64>,
        since: Option<SystemTime>,
    ) -> String {
        let Some(since) = since else {
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
        let written = if safe && failures == 0 {
            write!(text, "all would have passed; it is safe to verify")
        } else if safe {
            write!(
                text,
                "all would have passed in the last hour; it is safe to verify"
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
