//! `json`: Traefik's field names, in the order Go's encoder gives them (sorted), plus the facts of both
//! TLS legs that Traefik does not tell.

use std::io::Write as _;
use std::net::IpAddr;

use http::HeaderMap;

use super::clock::{Clock, Second};
use super::escape;
use super::options::{Fields, Headers, Mode, Options};
use crate::record::{BackendLeg, Cause, ClientLeg, Record};

pub(super) fn line(out: &mut Vec<u8>, clock: &mut Clock, options: &Options, record: &Record<'_>) {
    let headers = &options.headers;
    let mut object = Object::open(out, &options.fields);
    if let Some(leg) = record.backend_leg {
        backend_leg(&mut object, leg);
    }
    client(&mut object, record);
    object.number("DownstreamContentSize", record.response_bytes);
    object.number("DownstreamStatus", u64::from(record.status));
    object.on_demand("DownstreamStatusLine", || status_line(record.status));
    object.nanos("Duration", record.duration);
    if let Some(Cause { code, detail, .. }) = record.fault {
        object.text("Fault", code);
        object.text("FaultDetail", detail);
    }
    origin(&mut object, record);
    request(&mut object, options, record);
    object.number("RetryAttempts", u64::from(record.retries));
    object.optional("RouterName", record.router);
    object.optional("ServiceAddr", record.server_addr);
    object.optional("ServiceName", record.service);
    object.optional("ServiceURL", record.server_url);
    let (second, nanos) = clock.start(record.start);
    object.time("StartLocal", &second.local, nanos, &second.offset);
    object.time("StartUTC", &second.utc, nanos, "Z");
    if let Some(leg) = record.client_leg {
        client_leg(&mut object, leg);
    }
    if let Some(map) = record.response_headers {
        object.headers("downstream_", headers, map);
    }
    object.text("entryPointName", record.entry_point);
    object.text("level", "info");
    object.text("msg", "");
    if let Some(map) = record.origin_headers {
        object.headers("origin_", headers, map);
    }
    object.headers("request_", headers, record.request_headers);
    if let Some(trace) = &record.trace {
        object.string("span_id", |out| escape::hex_lower(out, &trace.span_id));
    }
    let (Second { local, offset, .. }, _) = clock.end(record.start + record.duration);
    object.time("time", local, 0, offset);
    if let Some(trace) = &record.trace {
        object.string("trace_id", |out| escape::hex_lower(out, &trace.trace_id));
    }
    object.close();
}

fn backend_leg(object: &mut Object<'_>, leg: &BackendLeg) {
    object.text("BackendTLSCipher", leg.cipher);
    object.boolean("BackendTLSClientCertificate", leg.client_certificate_sent);
    object.optional("BackendTLSGroup", leg.group);
    object.text("BackendTLSPeerFingerprint", &leg.peer_fingerprint);
    object.text("BackendTLSPeerSANs", &leg.peer_sans);
    object.boolean("BackendTLSResumed", leg.resumed);
    object.optional("BackendTLSServerName", leg.server_name.as_deref());
    object.optional("BackendTLSVerifiedBy", leg.verified_by.as_deref());
    object.text("BackendTLSVersion", leg.version);
}

fn client(object: &mut Object<'_>, record: &Record<'_>) {
    object.address("ClientAddr", record);
    match record.forwarded_for {
        Some(list) => object.text("ClientHost", list),
        None => object.string("ClientHost", |out| ip(out, record.client.ip())),
    }
    object.string("ClientPort", |out| decimal(out, u64::from(record.client.port())));
    object.text("ClientUsername", record.client_user.unwrap_or("-"));
}

fn origin(object: &mut Object<'_>, record: &Record<'_>) {
    // Compression by a middleware would show here; Traefik's condition is kept.
    let (sent, received) = (record.response_bytes, record.origin_bytes);
    let answered = record.origin_status != 0;
    if answered && sent != received && sent != 0 {
        object.ratio("GzipRatio", received, sent);
    }
    if let Some(ingress) = record.ingress {
        object.text("KubernetesIngressName", ingress.name);
        object.text("KubernetesIngressNamespace", ingress.namespace);
    }
    if answered {
        object.number("OriginContentSize", received);
    }
    let own = record.origin_duration.unwrap_or_default();
    if record.origin_duration.is_some() {
        object.nanos("OriginDuration", own);
    }
    if answered {
        object.number("OriginStatus", u64::from(record.origin_status));
        object.on_demand("OriginStatusLine", || status_line(record.origin_status));
    }
    object.nanos("Overhead", record.duration.saturating_sub(own));
}

fn request(object: &mut Object<'_>, options: &Options, record: &Record<'_>) {
    let path = options.path(record.path);
    let (host, port) = split_host_port(record.host);
    if !record.host.is_empty() {
        object.text("RequestAddr", record.host);
    }
    object.number("RequestContentSize", record.request_bytes);
    object.number("RequestCount", record.count);
    if !record.host.is_empty() {
        object.text("RequestHost", host);
    }
    object.on_demand("RequestLine", || {
        format!("{} {path} {}", record.method, record.protocol)
    });
    object.text("RequestMethod", record.method);
    object.text("RequestPath", &path);
    if !record.host.is_empty() {
        object.text("RequestPort", port);
    }
    object.text("RequestProtocol", record.protocol);
    object.text("RequestScheme", record.scheme);
}

fn client_leg(object: &mut Object<'_>, leg: &ClientLeg) {
    object.text("TLSCipher", leg.cipher);
    object.optional("TLSClientSubject", leg.client_subject.as_deref());
    object.optional("TLSGroup", leg.group);
    object.boolean("TLSResumed", leg.resumed);
    object.optional("TLSServerName", leg.sni.as_deref());
    object.text("TLSVersion", leg.version);
}

/// `200 OK`.
fn status_line(status: u16) -> String {
    let known = http::StatusCode::from_u16(status).ok();
    let reason = known.and_then(|status| status.canonical_reason());
    format!("{status} {}", reason.unwrap_or_default())
}

/// As Go's `net.SplitHostPort`, with Traefik's `-` where there is no port.
fn split_host_port(host: &str) -> (&str, &str) {
    if let Some((name, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        return (name, port);
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => (name, port),
        _ => (host, "-"),
    }
}

pub(super) fn ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        // The usual case without the formatting machinery.
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            decimal(out, u64::from(a));
            for octet in [b, c, d] {
                out.push(b'.');
                decimal(out, u64::from(octet));
            }
        }
        IpAddr::V6(v6) => display(out, &v6.to_canonical()),
    }
}

fn decimal(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn display(out: &mut Vec<u8>, value: &dyn std::fmt::Display) {
    // Writing to a `Vec` does not fail.
    if write!(out, "{value}").is_err() {
        out.push(b'-');
    }
}

/// A JSON object being written. Keys are ours and need no escaping, header names apart.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    fields: &'a Fields,
    /// All fields are kept: none is looked up.
    plain: bool,
    first: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>, fields: &'a Fields) -> Self {
        out.push(b'{');
        Self {
            out,
            plain: fields.is_plain(),
            fields,
            first: true,
        }
    }

    fn close(self) {
        self.out.extend_from_slice(b"}\n");
    }

    /// Writes the key; whether its value follows.
    fn key(&mut self, key: &str) -> bool {
        let mode = if self.plain {
            Mode::Keep
        } else {
            self.fields.mode(key)
        };
        if mode == Mode::Drop {
            return false;
        }
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        if mode == Mode::Redact {
            self.out.extend_from_slice(b"\"REDACTED\"");
        }
        mode == Mode::Keep
    }

    fn separate(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }

    /// A field that says what others say already: only where it is asked for by name.
    fn on_demand(&mut self, key: &str, text: impl FnOnce() -> String) {
        if self.fields.named(key) == Some(Mode::Keep) {
            self.text(key, &text());
        }
    }

    fn string(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.key(key) {
            return;
        }
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    fn text(&mut self, key: &str, text: &str) {
        self.string(key, |out| escape::json(out, text.as_bytes()));
    }

    fn optional(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn number(&mut self, key: &str, value: u64) {
        if self.key(key) {
            decimal(self.out, value);
        }
    }

    fn nanos(&mut self, key: &str, duration: std::time::Duration) {
        self.number(key, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    fn ratio(&mut self, key: &str, above: u64, below: u64) {
        if self.key(key) {
            display(self.out, &(above as f64 / below as f64));
        }
    }

    fn boolean(&mut self, key: &str, value: bool) {
        if self.key(key) {
            self.out.extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    fn address(&mut self, key: &str, record: &Record<'_>) {
        self.string(key, |out| {
            let client = record.client;
            let bracketed = client.ip().to_canonical().is_ipv6();
            out.extend_from_slice(if bracketed { b"[" } else { b"" });
            ip(out, client.ip());
            out.extend_from_slice(if bracketed { b"]:" } else { b":" });
            decimal(out, u64::from(client.port()));
        });
    }

    /// RFC 3339 as Go's `RFC3339Nano`: the fraction without trailing zeros, or none.
    fn time(&mut self, key: &str, second: &str, nanos: u32, offset: &str) {
        self.string(key, |out| {
            out.extend_from_slice(second.as_bytes());
            if nanos > 0 {
                let dot = out.len();
                decimal(out, 1_000_000_000 + u64::from(nanos));
                // The leading 1 kept the zeros; the point takes its place.
                if let Some(lead) = out.get_mut(dot) {
                    *lead = b'.';
                }
                while out.last() == Some(&b'0') {
                    out.pop();
                }
            }
            out.extend_from_slice(offset.as_bytes());
        });
    }

    fn headers(&mut self, prefix: &str, headers: &Headers, map: &HeaderMap) {
        if !headers.any() {
            return;
        }
        for name in map.keys() {
            let mode = headers.mode(name);
            if mode == Mode::Drop {
                continue;
            }
            self.separate();
            self.out.push(b'"');
            self.out.extend_from_slice(prefix.as_bytes());
            canonical(self.out, name.as_str());
            self.out.extend_from_slice(b"\":\"");
            for (index, value) in map.get_all(name).iter().enumerate() {
                self.out.extend_from_slice(if index > 0 { b"," } else { b"" });
                if mode == Mode::Redact || value.is_sensitive() {
                    self.out.extend_from_slice(b"REDACTED");
                    break;
                }
                escape::json(self.out, value.as_bytes());
            }
            self.out.push(b'"');
        }
    }
}

/// `user-agent` -> `User-Agent`, as Go spells header names.
fn canonical(out: &mut Vec<u8>, name: &str) {
    let mut start = true;
    for byte in name.bytes() {
        out.push(if start { byte.to_ascii_uppercase() } else { byte });
        start = byte == b'-';
    }
}
