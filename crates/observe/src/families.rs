//! The counters as metric families: what every sink of metrics (Prometheus, OTLP) is given, under
//! Traefik's names, and the bridge's own.
//!
//! ```text
//!  Totals (slots) + Names (of the configuration in force) + Credentials --> [Family] --> text, OTLP
//! ```
//! Series of routers, services, servers and certificates that the configuration no longer has are left
//! out; those that stay go on counting.

mod conventions;
mod requests;

use std::time::SystemTime;

use crate::counters::{LegTotals, Totals};

/// What is told, and how finely: a sink's options.
#[derive(Debug, Clone)]
pub struct Detail {
    /// Series by entry point. Default true.
    pub entry_points: bool,
    /// Series by router. Default false.
    pub routers: bool,
    /// Series by service. Default true.
    pub services: bool,
    /// OpenTelemetry's own metrics of HTTP beside Traefik's. Default false.
    pub conventions: bool,
    /// Upper bounds of the request histograms, seconds.
    pub buckets: Vec<f64>,
    /// The labels of `headerLabels`, in the order of [`Metering::header_labels`](crate::counters::Metering).
    pub header_labels: Vec<String>,
}

/// What the configuration in force calls things.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub routers: Vec<RouterName>,
    pub services: Vec<ServiceName>,
    pub servers: Vec<ServerState>,
    pub bridges: Vec<BridgeCount>,
}

/// How many ways from a router to a service are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeCount {
    pub class: &'static str,
    /// Whether the router has TLS.
    pub client_leg: &'static str,
    /// Whether requests cross them.
    pub state: &'static str,
    pub count: u64,
}

#[derive(Debug, Clone)]
pub struct RouterName {
    pub slot: u32,
    pub name: String,
    /// The service that the router names.
    pub service: String,
    /// The least class of its bridges; `None`: it has none.
    pub class: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct ServiceName {
    pub slot: u32,
    pub name: String,
}

#[derive(Debug, Clone)]
pub struct ServerState {
    pub service: String,
    pub url: String,
    pub up: bool,
}

/// Something that expires.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credential {
    pub kind: CredentialKind,
    /// Who uses it: a TLS store, a TLS option, a servers transport, a server's URL.
    pub owner: String,
    pub common_name: String,
    pub serial: String,
    /// Comma-separated.
    pub sans: String,
    pub not_after: SystemTime,
}

/// What a [`Credential`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CredentialKind {
    /// A certificate that clients are shown.
    FrontLeaf,
    /// A certificate above it, in the chain that clients are shown.
    FrontChain,
    /// A CA that clients' certificates are verified with.
    ClientCa,
    /// A CA that servers are verified with.
    BackendCa,
    /// A certificate that servers are shown.
    BackendClient,
    /// A certificate that a server showed.
    BackendLeaf,
}

impl CredentialKind {
    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::FrontLeaf => "front_leaf",
            Self::FrontChain => "front_chain",
            Self::ClientCa => "client_ca",
            Self::BackendCa => "backend_ca",
            Self::BackendClient => "backend_client",
            Self::BackendLeaf => "backend_leaf",
        }
    }
}

/// How the configuration came to be what it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reloads {
    /// Configurations applied, the first included.
    pub count: u64,
    pub last_success: Option<SystemTime>,
}

/// Everything that metrics are made of, at one moment.
#[derive(Debug)]
pub struct Scrape<'a> {
    pub totals: &'a Totals,
    pub names: &'a Names,
    pub credentials: &'a [Credential],
    pub reloads: Reloads,
}

/// One metric with all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub series: Vec<Series>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub labels: Labels,
    pub value: Value,
}

/// Names and values, in the order they are written.
pub type Labels = Vec<(String, String)>;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Histogram {
        /// Upper bounds in seconds, each with the number of values up to it.
        cumulative: Vec<(f64, u64)>,
        count: u64,
        sum: f64,
    },
}

impl Scrape<'_> {
    /// All families that have a series.
    pub fn families(&self, detail: &Detail) -> Vec<Family> {
        let mut families = self.process();
        requests::families(self, detail, &mut families);
        if detail.conventions {
            families.extend(conventions::families(self, detail));
        }
        families.extend(self.bridge());
        families.push(bridges(&self.names.bridges));
        families.push(self.router_classes(detail));
        families.extend(self.expiry());
        families.retain(|family| !family.series.is_empty());
        families
    }

    fn process(&self) -> Vec<Family> {
        let last = self.reloads.last_success.map_or(0.0, seconds);
        let open = self.totals.entry_points.iter().flat_map(|(name, totals)| {
            let of =
                |protocol, open: u64| number(&[("entrypoint", &**name), ("protocol", protocol)], open as f64);
            let quic = totals.open_quic_connections.map(|open| of("UDP", open));
            std::iter::once(of("TCP", totals.open_connections)).chain(quic)
        });
        vec![
            Family::counter(
                "traefik_config_reloads_total",
                "Configurations applied.",
                vec![number(&[], self.reloads.count as f64)],
            ),
            Family::gauge(
                "traefik_config_last_reload_success",
                "When a configuration was last applied, in seconds since 1970.",
                vec![number(&[], last)],
            ),
            Family::gauge(
                "traefik_open_connections",
                "Client connections that are open, by entry point.",
                open.collect(),
            ),
        ]
    }

    /// Handshakes and faults by leg (B38).
    fn bridge(&self) -> [Family; 3] {
        let legs = || {
            let legs = self.totals.legs.iter();
            legs.map(|(leg, totals)| (leg.label(), totals))
        };
        let handshakes = legs().flat_map(|(leg, totals)| {
            let kinds = [
                ("full", totals.full_handshakes),
                ("resumed", totals.resumed_handshakes),
            ];
            kinds.map(|(kind, count)| number(&[("leg", leg), ("kind", kind)], count as f64))
        });
        let faults = legs().flat_map(|(leg, totals)| {
            let faults = totals.faults.iter();
            faults.map(move |(reason, count)| number(&[("leg", leg), ("reason", reason)], *count as f64))
        });
        let durations = legs().map(|(leg, totals)| handshake_durations(leg, totals));
        let has_tls = |series: &Series| !series.labels.iter().any(|(_, value)| value == "own");
        [
            Family::counter(
                "viaduct_handshakes_total",
                "TLS handshakes that were completed, by leg.",
                handshakes.filter(has_tls).collect(),
            ),
            Family::histogram(
                "viaduct_handshake_duration_seconds",
                "How long TLS handshakes took that were completed, by leg.",
                durations.filter(has_tls).collect(),
            ),
            Family::counter(
                "viaduct_faults_total",
                "Failed handshakes and requests, by leg and reason.",
                faults.collect(),
            ),
        ]
    }

    /// The least class of each router, where series by router are asked for.
    fn router_classes(&self, detail: &Detail) -> Family {
        let routers = self.names.routers.iter().filter(|_| detail.routers);
        router_classes(routers.filter_map(|router| Some((router.name.as_str(), router.class?))))
    }

    /// The ends of everything that expires (A11.6, B39, C20).
    fn expiry(&self) -> [Family; 2] {
        let front = self.credentials.iter();
        let front = front.filter(|credential| credential.kind == CredentialKind::FrontLeaf);
        let mut front: Vec<_> = front
            .map(|credential| number(&credential.identity(), seconds(credential.not_after)))
            .collect();
        // One certificate may serve several stores.
        front.sort_by(|a, b| a.labels.cmp(&b.labels));
        front.dedup_by(|a, b| a.labels == b.labels);
        let all = self.credentials.iter().map(|credential| {
            let [cn, serial, sans] = credential.identity();
            let kind = ("kind", credential.kind.label());
            let labels = [kind, ("owner", &*credential.owner), cn, serial, sans];
            number(&labels, seconds(credential.not_after))
        });
        [
            Family::gauge(
                "traefik_tls_certs_not_after",
                "When certificates for clients expire, in seconds since 1970.",
                front,
            ),
            Family::gauge(
                "viaduct_credential_not_after_seconds",
                "When certificates and CAs of both legs expire, in seconds since 1970.",
                all.collect(),
            ),
        ]
    }
}

/// Bridges by class (C6).
pub fn bridges(counts: &[BridgeCount]) -> Family {
    let series = counts.iter().map(|count| {
        let labels = [
            ("class", count.class),
            ("client_leg", count.client_leg),
            ("state", count.state),
        ];
        number(&labels, count.count as f64)
    });
    Family::gauge(
        "viaduct_bridges",
        "Ways from a router to a server, by the class of the backend leg.",
        series.collect(),
    )
}

/// Routers, each with the least class of its bridges (C6).
pub fn router_classes<'a>(routers: impl Iterator<Item = (&'a str, &'a str)>) -> Family {
    let series = routers.map(|(router, class)| number(&[("router", router), ("class", class)], 1.0));
    Family::gauge(
        "viaduct_router_bridge_class",
        "1: the class of the router's weakest bridge.",
        series.collect(),
    )
}

impl Credential {
    fn identity(&self) -> [(&'static str, &str); 3] {
        [
            ("cn", &self.common_name),
            ("serial", &self.serial),
            ("sans", &self.sans),
        ]
    }
}

impl Family {
    fn new(name: &'static str, help: &'static str, kind: Kind, series: Vec<Series>) -> Self {
        Self {
            name,
            help,
            kind,
            series,
        }
    }

    fn counter(name: &'static str, help: &'static str, series: Vec<Series>) -> Self {
        Self::new(name, help, Kind::Counter, series)
    }

    fn gauge(name: &'static str, help: &'static str, series: Vec<Series>) -> Self {
        Self::new(name, help, Kind::Gauge, series)
    }

    fn histogram(name: &'static str, help: &'static str, series: Vec<Series>) -> Self {
        Self::new(name, help, Kind::Histogram, series)
    }
}

fn handshake_durations(leg: &str, totals: &LegTotals) -> Series {
    Series {
        labels: labels(&[("leg", leg)]),
        value: histogram(&totals.durations, &crate::counters::HANDSHAKE_BUCKETS),
    }
}

fn histogram(durations: &crate::counters::Histogram, buckets: &[f64]) -> Value {
    Value::Histogram {
        cumulative: buckets
            .iter()
            .map(|bound| (*bound, durations.at(*bound)))
            .collect(),
        count: durations.count(),
        sum: durations.sum().as_secs_f64(),
    }
}

fn number(names: &[(&str, &str)], value: f64) -> Series {
    Series {
        labels: labels(names),
        value: Value::Number(value),
    }
}

fn labels(names: &[(&str, &str)]) -> Labels {
    let names = names.iter();
    names
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

#[cfg(test)]
mod tests;
