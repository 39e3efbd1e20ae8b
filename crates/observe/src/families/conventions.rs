//! Requests as OpenTelemetry's semantic conventions for HTTP tell of them (A11.9):
//! <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>. Attributes are Traefik's; none has a value that a
//! client chooses.

use super::{Detail, Family, Scrape, Series, histogram, labels};
use crate::counters::{ArrivalKey, HttpVersion, Outcome, ServerAddress, ServerKey};

pub(super) fn families(scrape: &Scrape<'_>, detail: &Detail) -> [Family; 2] {
    let arrivals = scrape.totals.arrivals.iter();
    let arrivals = arrivals.map(|(key, durations)| Series {
        labels: labels(&borrowed(&arrival(key))),
        value: histogram(durations, &detail.buckets),
    });
    let servers = scrape.totals.servers.iter();
    let requests = servers.flat_map(|(address, kinds)| {
        kinds.iter().map(move |(key, durations)| Series {
            labels: labels(&borrowed(&request(address, key))),
            value: histogram(durations, &detail.buckets),
        })
    });
    [
        Family::histogram(
            "http.server.request.duration",
            "Duration of HTTP server requests.",
            arrivals.collect(),
        ),
        Family::histogram(
            "http.client.request.duration",
            "Duration of HTTP client requests.",
            requests.collect(),
        ),
    ]
}

type Attributes = Vec<(&'static str, String)>;

fn arrival(key: &ArrivalKey) -> Attributes {
    let mut attributes = Attributes::new();
    status(&mut attributes, key.code);
    attributes.push(("http.request.method", key.method.convention().to_owned()));
    if let Some(wire) = key.wire {
        protocol(&mut attributes, wire.version);
        attributes.push(("url.scheme", scheme(wire.secure)));
    }
    attributes
}

fn request(address: &ServerAddress, key: &ServerKey) -> Attributes {
    let mut attributes = Attributes::new();
    match key.outcome {
        Outcome::Answer {
            status: code,
            version,
        } => {
            status(&mut attributes, code);
            protocol(&mut attributes, version);
        }
        Outcome::Failure(code) => attributes.push(("error.type", code.to_owned())),
        Outcome::Other => attributes.push(("error.type", OTHER.to_owned())),
    }
    attributes.push(("http.request.method", key.method.convention().to_owned()));
    attributes.push(("server.address", address.host.to_string()));
    attributes.push(("server.port", address.port.to_string()));
    attributes.push(("url.scheme", scheme(address.secure)));
    attributes
}

/// As [`ArrivalKey::code`].
fn status(attributes: &mut Attributes, code: u16) {
    match code {
        4 => attributes.push(("error.type", OTHER.to_owned())),
        0..100 => {}
        _ => {
            if code >= 400 {
                attributes.push(("error.type", code.to_string()));
            }
            attributes.push(("http.response.status_code", code.to_string()));
        }
    }
}

fn protocol(attributes: &mut Attributes, version: HttpVersion) {
    attributes.push(("network.protocol.name", version.protocol_name().to_owned()));
    attributes.push(("network.protocol.version", version.number().to_owned()));
}

fn scheme(secure: bool) -> String {
    if secure { "https" } else { "http" }.to_owned()
}

fn borrowed(attributes: &Attributes) -> Vec<(&str, &str)> {
    attributes.iter().map(|(name, value)| (*name, &**value)).collect()
}

const OTHER: &str = "_OTHER";
