//! `json`: Traefik's field names, in the order Go's encoder gives them (sorted), plus the facts of both
//! TLS legs that Traefik does not tell.

use std::io::Write as _;
use std::net::IpAddr;
use std::ops::Range;

use http::HeaderMap;

use super::clock::{Clock, Second};
use super::escape;
use super::fields::{Field, Fields};
use super::options::{Headers, Mode, Options};
use crate::record::{BackendLeg, Cause, ClientLeg, Members, Record};

pub(super) fn line(out: &mut Vec<u8>, clock: &mut Clock, options: &Options, record: &Record<'_>) {
    let headers = &options.headers;
    let mut object = Object::open(out, &options.fields);
    if let Some(leg) = record.backend_leg {
        object.fragment(&leg.members, |object| backend_leg(object, leg));
    }
    client(&mut object, record);
    object.number(Field::DownstreamContentSize, record.response_bytes);
    object.number(Field::DownstreamStatus, u64::from(record.status));
    object.text_of(Field::DownstreamStatusLine, || status_line(record.status));
    object.nanos(Field::Duration, record.duration);
    if let Some(Cause {
        code, detail, fix, ..
    }) = record.fault
    {
        object.text(Field::Fault, code);
        object.text(Field::FaultDetail, detail);
        object.optional(Field::FaultFix, fix);
    }
    origin(&mut object, record);
    request(&mut object, options, record);
    object.number(Field::RetryAttempts, u64::from(record.retries));
    object.optional(Field::RouterName, record.router);
    object.optional(Field::ServiceAddr, record.server_addr);
    object.optional(Field::ServiceName, record.service);
    object.optional(Field::ServiceURL, record.server_url);
    let (second, nanos) = clock.start(record.start);
    let fraction = Fraction::of(nanos);
    object.time(Field::StartLocal, &second.local, &fraction, &second.offset);
    object.time(Field::StartUTC, &second.utc, &fraction, "Z");
    if let Some(leg) = record.client_leg {
        object.fragment(&leg.members, |object| client_leg(object, leg));
    }
    if let Some(map) = record.response_headers {
        object.headers("downstream_", headers, map);
    }
    object.text(Field::entryPointName, record.entry_point);
    object.text(Field::level, "info");
    object.text(Field::msg, "");
    if let Some(map) = record.origin_headers {
        object.headers("origin_", headers, map);
    }
    object.headers("request_", headers, record.request_headers);
    if let Some(trace) = &record.trace {
        object.string(Field::span_id, |out| escape::hex_lower(out, &trace.span_id));
    }
    let (Second { local, offset, .. }, _) = clock.end(record.start + record.duration);
    object.time(Field::time, local, &Fraction::of(0), offset);
    if let Some(trace) = &record.trace {
        object.string(Field::trace_id, |out| escape::hex_lower(out, &trace.trace_id));
    }
    object.close();
}

fn backend_leg(object: &mut Object<'_>, leg: &BackendLeg) {
    object.text(Field::BackendTLSCipher, leg.cipher);
    object.boolean(Field::BackendTLSClientCertificate, leg.client_certificate_sent);
    object.optional(Field::BackendTLSGroup, leg.group);
    object.text(Field::BackendTLSPeerFingerprint, &leg.peer_fingerprint);
    object.text(Field::BackendTLSPeerSANs, &leg.peer_sans);
    object.boolean(Field::BackendTLSResumed, leg.resumed);
    object.optional(Field::BackendTLSServerName, leg.server_name.as_deref());
    object.optional(Field::BackendTLSVerifiedBy, leg.verified_by.as_deref());
    object.text(Field::BackendTLSVersion, leg.version);
}

fn client(object: &mut Object<'_>, record: &Record<'_>) {
    let client = record.client;
    let mut host = 0..0;
    object.string(Field::ClientAddr, |out| {
        let bracketed = client.ip().to_canonical().is_ipv6();
        out.extend_from_slice(if bracketed { b"[" } else { b"" });
        let begin = out.len();
        ip(out, client.ip());
        host = begin..out.len();
        out.extend_from_slice(if bracketed { b"]:" } else { b":" });
        decimal(out, u64::from(client.port()));
    });
    match record.forwarded_for {
        Some(list) => object.text(Field::ClientHost, list),
        // As it has just been written, if it has.
        None if !host.is_empty() => object.copy(Field::ClientHost, host),
        None => object.string(Field::ClientHost, |out| ip(out, client.ip())),
    }
    object.string(Field::ClientPort, |out| decimal(out, u64::from(client.port())));
    object.text(Field::ClientUsername, record.client_user.unwrap_or("-"));
}

fn origin(object: &mut Object<'_>, record: &Record<'_>) {
    // Compression by a middleware would show here; Traefik's condition is kept.
    let (sent, received) = (record.response_bytes, record.origin_bytes);
    let answered = record.origin_status != 0;
    if answered && sent != received && sent != 0 {
        object.ratio(Field::GzipRatio, received, sent);
    }
    if let Some(ingress) = record.ingress {
        object.text(Field::KubernetesIngressName, ingress.name);
        object.text(Field::KubernetesIngressNamespace, ingress.namespace);
    }
    if let Some(service) = record.kubernetes_service {
        object.text(Field::KubernetesServiceName, service.name);
        object.text(Field::KubernetesServiceNamespace, service.namespace);
        object.text(Field::KubernetesServicePort, service.port);
    }
    if answered {
        object.number(Field::OriginContentSize, received);
    }
    let own = record.origin_duration.unwrap_or_default();
    if record.origin_duration.is_some() {
        object.nanos(Field::OriginDuration, own);
    }
    if answered {
        object.number(Field::OriginStatus, u64::from(record.origin_status));
        object.text_of(Field::OriginStatusLine, || status_line(record.origin_status));
    }
    object.nanos(Field::Overhead, record.duration.saturating_sub(own));
}

fn request(object: &mut Object<'_>, options: &Options, record: &Record<'_>) {
    let path = options.path(record.path);
    let (host, port) = split_host_port(record.host);
    if !record.host.is_empty() {
        object.text(Field::RequestAddr, record.host);
    }
    object.number(Field::RequestContentSize, record.request_bytes);
    object.number(Field::RequestCount, record.count);
    if !record.host.is_empty() {
        object.text(Field::RequestHost, host);
    }
    object.text_of(Field::RequestLine, || {
        format!("{} {path} {}", record.method, record.protocol)
    });
    object.text(Field::RequestMethod, record.method);
    object.text(Field::RequestPath, &path);
    if !record.host.is_empty() {
        object.text(Field::RequestPort, port);
    }
    object.text(Field::RequestProtocol, record.protocol);
    object.text(Field::RequestScheme, record.scheme);
}

fn client_leg(object: &mut Object<'_>, leg: &ClientLeg) {
    object.text(Field::TLSCipher, leg.cipher);
    object.optional(Field::TLSClientSubject, leg.client_subject.as_deref());
    object.optional(Field::TLSGroup, leg.group);
    object.boolean(Field::TLSResumed, leg.resumed);
    object.optional(Field::TLSServerName, leg.sni.as_deref());
    object.text(Field::TLSVersion, leg.version);
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

/// The fraction of a second as Go's `RFC3339Nano` has it: without trailing zeros, or nothing.
struct Fraction {
    /// A point and nine digits.
    text: [u8; 10],
    length: usize,
}

impl Fraction {
    fn of(nanos: u32) -> Self {
        let mut text = *b".000000000";
        let mut rest = nanos;
        for digit in text.iter_mut().skip(1).rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        let zeros = text.iter().rev().take_while(|digit| **digit == b'0').count();
        let length = if nanos == 0 { 0 } else { text.len() - zeros };
        Self { text, length }
    }

    fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

/// A JSON object being written. Names of fields are ours and need no escaping, header names apart.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    fields: &'a Fields,
    /// Where the object begins in `out`.
    begin: usize,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>, fields: &'a Fields) -> Self {
        Self {
            begin: out.len(),
            out,
            fields,
        }
    }

    fn close(self) {
        // Every member begins with a comma; that of the first is where the brace belongs.
        if let Some(first) = self.out.get_mut(self.begin) {
            *first = b'{';
        }
        self.out.extend_from_slice(b"}\n");
    }

    /// Begins a member whose value is no text; whether the value follows.
    #[inline(always)]
    fn member(&mut self, field: Field) -> bool {
        match self.fields.mode(field) {
            Mode::Keep => {
                self.out.extend_from_slice(field.open());
                true
            }
            mode => self.withheld(field, mode),
        }
    }

    /// What stands for a field that is not kept. `false`: no value follows.
    #[cold]
    fn withheld(&mut self, field: Field, mode: Mode) -> bool {
        if mode == Mode::Redact {
            self.out.extend_from_slice(field.open_text());
            self.out.extend_from_slice(b"REDACTED\"");
        }
        false
    }

    /// Members that are the same for every request of a connection. They are kept where the connection is,
    /// unless some are left out.
    fn fragment(&mut self, kept: &Members, write: impl Fn(&mut Object<'_>)) {
        if !self.fields.is_plain() {
            return write(self);
        }
        let members = kept.get_or_write(|out| write(&mut Object::open(out, self.fields)));
        self.out.extend_from_slice(members);
    }

    #[inline(always)]
    fn string(&mut self, field: Field, write: impl FnOnce(&mut Vec<u8>)) {
        match self.fields.mode(field) {
            Mode::Keep => {
                self.out.extend_from_slice(field.open_text());
                write(self.out);
                self.out.push(b'"');
            }
            mode => drop(self.withheld(field, mode)),
        }
    }

    #[inline(always)]
    fn text(&mut self, field: Field, text: &str) {
        self.string(field, |out| escape::json(out, text));
    }

    /// A text that takes some making.
    fn text_of(&mut self, field: Field, text: impl FnOnce() -> String) {
        if self.fields.mode(field) == Mode::Keep {
            self.text(field, &text());
        }
    }

    /// What is written already, once more.
    fn copy(&mut self, field: Field, written: Range<usize>) {
        self.string(field, |out| out.extend_from_within(written));
    }

    #[inline(always)]
    fn optional(&mut self, field: Field, text: Option<&str>) {
        if let Some(text) = text {
            self.text(field, text);
        }
    }

    #[inline(always)]
    fn number(&mut self, field: Field, value: u64) {
        if self.member(field) {
            decimal(self.out, value);
        }
    }

    fn nanos(&mut self, field: Field, duration: std::time::Duration) {
        self.number(field, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    fn ratio(&mut self, field: Field, above: u64, below: u64) {
        if self.member(field) {
            display(self.out, &(above as f64 / below as f64));
        }
    }

    fn boolean(&mut self, field: Field, value: bool) {
        if self.member(field) {
            self.out.extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    /// RFC 3339, as Go writes it.
    fn time(&mut self, field: Field, second: &str, fraction: &Fraction, offset: &str) {
        self.string(field, |out| {
            out.extend_from_slice(second.as_bytes());
            out.extend_from_slice(fraction.as_bytes());
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
            self.out.extend_from_slice(b",\"");
            self.out.extend_from_slice(prefix.as_bytes());
            canonical(self.out, name.as_str());
            self.out.extend_from_slice(b"\":\"");
            for (index, value) in map.get_all(name).iter().enumerate() {
                self.out.extend_from_slice(if index > 0 { b"," } else { b"" });
                if mode == Mode::Redact || value.is_sensitive() {
                    self.out.extend_from_slice(b"REDACTED");
                    break;
                }
                escape::json_bytes(self.out, value.as_bytes());
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

#[cfg(test)]
mod tests;
