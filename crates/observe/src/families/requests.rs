//! Requests by entry point, router and service (A11.7).

use super::{Detail, Family, Labels, Scrape, Series, Value, histogram, number};
use crate::counters::{RequestKey, TallyTotals};

pub(super) fn families(scrape: &Scrape<'_>, detail: &Detail, families: &mut Vec<Family>) {
    if detail.entry_points {
        let entry_points = scrape.totals.entry_points.iter();
        let groups = entry_points
            .map(|(name, totals)| Group::new(vec![("entrypoint", name)], &totals.tally))
            .collect::<Vec<_>>();
        level(&ENTRY_POINT, &groups, detail, families);
    }
    if detail.routers {
        let groups = scrape.names.routers.iter().filter_map(|router| {
            let totals = scrape.totals.routers.get(&router.slot)?;
            let owner = vec![("router", &*router.name), ("service", &*router.service)];
            Some(Group::new(owner, totals))
        });
        level(&ROUTER, &groups.collect::<Vec<_>>(), detail, families);
    }
    if detail.services {
        let services = || {
            scrape.names.services.iter().filter_map(|service| {
                let totals = scrape.totals.services.get(&service.slot)?;
                Some((&*service.name, totals))
            })
        };
        let groups = services().map(|(name, totals)| Group::new(vec![("service", name)], totals));
        level(&SERVICE, &groups.collect::<Vec<_>>(), detail, families);
        let retries = services().map(|(name, totals)| number(&[("service", name)], totals.retries as f64));
        families.push(Family::counter(
            "traefik_service_retries_total",
            "Requests that were sent to a service once more.",
            retries.collect(),
        ));
        let servers = scrape.names.servers.iter().map(|server| {
            let labels = [("service", &*server.service), ("url", &*server.url)];
            number(&labels, f64::from(u8::from(server.up)))
        });
        families.push(Family::gauge(
            "traefik_service_server_up",
            "Whether a server gets requests: 1 or 0.",
            servers.collect(),
        ));
    }
}

/// Everything counted of one entry point, router or service.
struct Group<'a> {
    /// The labels that say whose it is.
    owner: Vec<(&'static str, &'a str)>,
    totals: &'a TallyTotals,
}

impl<'a> Group<'a> {
    fn new(owner: Vec<(&'static str, &'a str)>, totals: &'a TallyTotals) -> Self {
        Self { owner, totals }
    }

    /// Prometheus sorts labels; so do we.
    fn labels(&self, more: &[(&str, &str)]) -> Labels {
        let mut labels: Vec<_> = self.owner.iter().chain(more).collect();
        labels.sort_unstable();
        labels
            .into_iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn kind(&self, key: &RequestKey) -> Labels {
        self.labels(&[
            ("code", &key.code_label()),
            ("method", key.method.label()),
            ("protocol", key.protocol.label()),
        ])
    }

    fn requests(&self, detail: &Detail) -> Vec<Series> {
        let mut series = Vec::new();
        for (key, kind) in &self.totals.requests {
            if detail.header_labels.is_empty() {
                series.push(value(self.kind(key), kind.durations.count() as f64));
                continue;
            }
            for (values, count) in &kind.by_headers {
                let mut labels = self.kind(key);
                let more = detail.header_labels.iter().zip(values);
                labels.extend(more.map(|(name, value)| (name.clone(), value.to_string())));
                labels.sort_unstable();
                series.push(value(labels, *count as f64));
            }
        }
        series
    }

    fn tls(&self) -> Vec<Series> {
        let kinds = self.totals.tls.iter();
        kinds
            .map(|((version, cipher), count)| {
                let labels = self.labels(&[("tls_version", version), ("tls_cipher", cipher)]);
                value(labels, *count as f64)
            })
            .collect()
    }

    fn durations(&self, detail: &Detail) -> Vec<Series> {
        let kinds = self.totals.requests.iter();
        kinds
            .map(|(key, kind)| Series {
                labels: self.kind(key),
                value: histogram(&kind.durations, &detail.buckets),
            })
            .collect()
    }

    fn bytes(&self, of: impl Fn(&crate::counters::KindTotals) -> u64) -> Vec<Series> {
        let kinds = self.totals.requests.iter();
        kinds
            .map(|(key, kind)| value(self.kind(key), of(kind) as f64))
            .collect()
    }
}

fn value(labels: Labels, value: f64) -> Series {
    Series {
        labels,
        value: Value::Number(value),
    }
}

/// Traefik's names of one level.
struct Level {
    requests: &'static str,
    tls: &'static str,
    durations: &'static str,
    request_bytes: &'static str,
    response_bytes: &'static str,
}

fn level(level: &Level, groups: &[Group<'_>], detail: &Detail, families: &mut Vec<Family>) {
    let all = |series: &dyn Fn(&Group<'_>) -> Vec<Series>| groups.iter().flat_map(series).collect();
    families.extend([
        Family::counter(
            level.requests,
            "Requests, by code, method and protocol.",
            all(&|group| group.requests(detail)),
        ),
        Family::counter(
            level.tls,
            "Requests that came by TLS, by version and cipher suite.",
            all(&|group| group.tls()),
        ),
        Family::histogram(
            level.durations,
            "How long requests took, from their head to the end of their answer.",
            all(&|group| group.durations(detail)),
        ),
        Family::counter(
            level.request_bytes,
            "Bytes of request bodies.",
            all(&|group| group.bytes(|kind| kind.request_bytes)),
        ),
        Family::counter(
            level.response_bytes,
            "Bytes of response bodies.",
            all(&|group| group.bytes(|kind| kind.response_bytes)),
        ),
    ]);
}

const ENTRY_POINT: Level = Level {
    requests: "traefik_entrypoint_requests_total",
    tls: "traefik_entrypoint_requests_tls_total",
    durations: "traefik_entrypoint_request_duration_seconds",
    request_bytes: "traefik_entrypoint_requests_bytes_total",
    response_bytes: "traefik_entrypoint_responses_bytes_total",
};
const ROUTER: Level = Level {
    requests: "traefik_router_requests_total",
    tls: "traefik_router_requests_tls_total",
    durations: "traefik_router_request_duration_seconds",
    request_bytes: "traefik_router_requests_bytes_total",
    response_bytes: "traefik_router_responses_bytes_total",
};
const SERVICE: Level = Level {
    requests: "traefik_service_requests_total",
    tls: "traefik_service_requests_tls_total",
    durations: "traefik_service_request_duration_seconds",
    request_bytes: "traefik_service_requests_bytes_total",
    response_bytes: "traefik_service_responses_bytes_total",
};
