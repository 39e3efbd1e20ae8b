//! Lines against a plain description of them: a sorted object, field by field.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Fraction, line, split_host_port};
use crate::access_log::clock::Clock;
use crate::access_log::fields::{Field, Fields};
use crate::access_log::{Mode, Options};
use crate::counters::Leg;
use crate::record::{
    BackendLeg, Cause, ClientLeg, Ingress, KubernetesService, Members, Record, Slots, TraceIds,
};

/// What a record borrows.
#[derive(Debug, Clone)]
struct Told {
    texts: Vec<String>,
    maybe: Vec<Option<String>>,
    numbers: Vec<u32>,
    flags: [bool; 5],
    client: SocketAddr,
    nanos: u32,
    legs: (Option<ClientLeg>, Option<BackendLeg>),
}

fn told(text: &'static str) -> impl Strategy<Value = Told> {
    let client = (any::<std::net::IpAddr>(), any::<u16>()).prop_map(SocketAddr::from);
    (
        vec(text, 9),
        vec(option::of(text), 12),
        vec(any::<u32>(), 9),
        any::<[bool; 5]>(),
        client,
        0..1_000_000_000_u32,
        any::<(bool, bool)>(),
    )
        .prop_map(|(texts, maybe, numbers, flags, client, nanos, legs)| Told {
            legs: (
                legs.0.then(|| client_leg(&maybe, flags)),
                legs.1.then(|| backend_leg(&texts, &maybe, flags)),
            ),
            texts,
            maybe,
            numbers,
            flags,
            client,
            nanos,
        })
}

fn client_leg(maybe: &[Option<String>], flags: [bool; 5]) -> ClientLeg {
    ClientLeg {
        version: "1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        group: flags[0].then_some("X25519"),
        sni: maybe[0].as_deref().map(Arc::from),
        resumed: flags[1],
        took: Duration::ZERO,
        client_subject: maybe[1].as_deref().map(Arc::from),
        members: Members::default(),
    }
}

fn backend_leg(texts: &[String], maybe: &[Option<String>], flags: [bool; 5]) -> BackendLeg {
    BackendLeg {
        version: "1.2",
        cipher: "TLS_AES_256_GCM_SHA384",
        group: flags[0].then_some("X25519MLKEM768"),
        server_name: maybe[2].as_deref().map(Arc::from),
        resumed: flags[2],
        verified_by: maybe[3].as_deref().map(Arc::from),
        peer_fingerprint: Arc::from(&*texts[0]),
        peer_sans: Arc::from(&*texts[1]),
        client_certificate_sent: flags[3],
        took: Duration::ZERO,
        peer_common_name: Arc::from("web"),
        peer_serial: Arc::from("01"),
        peer_not_after: UNIX_EPOCH,
        members: Members::default(),
    }
}

impl Told {
    fn record<'a>(&'a self, headers: &'a HeaderMap) -> Record<'a> {
        let (texts, maybe, numbers) = (&self.texts, &self.maybe, &self.numbers);
        let bytes = u64::from(numbers[4]);
        Record {
            start: self.start(),
            duration: Duration::new(1, numbers[0] % 1_000_000_000),
            origin_duration: self.flags[0].then(|| Duration::from_nanos(u64::from(numbers[1]))),
            entry_point: &texts[2],
            internal: false,
            event_stream: false,
            router: maybe[4].as_deref(),
            service: maybe[5].as_deref(),
            server_url: maybe[6].as_deref(),
            server_addr: maybe[7].as_deref(),
            client: self.client,
            forwarded_for: maybe[8].as_deref(),
            client_user: maybe[9].as_deref(),
            method: &texts[3],
            path: &texts[4],
            host: &texts[5],
            protocol: "HTTP/2.0",
            scheme: "https",
            request_headers: headers,
            request_bytes: u64::from(numbers[2]),
            status: 200 + (numbers[3] % 300) as u16,
            origin_status: if self.flags[1] { 204 } else { 0 },
            origin_bytes: bytes,
            response_headers: None,
            response_bytes: bytes,
            retries: numbers[5],
            client_leg: self.legs.0.as_ref(),
            backend_leg: self.legs.1.as_ref(),
            fault: maybe[10].as_deref().map(|detail| Cause {
                code: "unknown_ca",
                detail,
                fix: maybe[9].as_deref(),
                leg: Leg::Backend,
            }),
            count: u64::from(numbers[6]),
            slots: Slots::default(),
            origin_headers: None,
            ingress: self.flags[2].then_some(Ingress {
                namespace: &texts[6],
                name: &texts[7],
            }),
            kubernetes_service: self.flags[2].then_some(KubernetesService {
                namespace: &texts[6],
                name: &texts[7],
                port: &texts[0],
            }),
            trace: self.flags[3].then_some(TraceIds {
                trace_id: [0xa1; 16],
                span_id: [0x0b; 8],
            }),
        }
    }

    fn start(&self) -> SystemTime {
        UNIX_EPOCH + Duration::new(u64::from(self.numbers[8]), self.nanos)
    }

    /// The line, written again over the same clock and legs: what was kept of the first does not change it.
    fn line(&self, fields: Fields) -> String {
        let options = Options {
            fields,
            ..Options::default()
        };
        let headers = HeaderMap::new();
        let mut clock = Clock::new(zone());
        let mut write = || {
            let mut out = b"before\n".to_vec();
            line(&mut out, &mut clock, &options, &self.record(&headers));
            String::from_utf8(out).unwrap()
        };
        let first = write();
        assert_eq!(first, write());
        first.strip_prefix("before\n").unwrap().to_owned()
    }
}

fn zone() -> TimeZone {
    TimeZone::fixed(offset(-3))
}

/// What the line has to say, by the words of the reference.
fn described(told: &Told, keep: impl Fn(&str) -> Mode) -> Value {
    let headers = HeaderMap::new();
    let record = told.record(&headers);
    let (host, port) = split_host_port(record.host);
    let answered = record.origin_status != 0;
    let client = record.client.ip().to_canonical();
    let own = record.origin_duration.unwrap_or_default();
    let nanos = |duration: Duration| Value::from(u64::try_from(duration.as_nanos()).unwrap());
    let text = |text: Option<&str>| text.map(Value::from);
    let named = !record.host.is_empty();
    let mut members: Vec<(&str, Option<Value>)> = vec![
        (
            "ClientAddr",
            Some(SocketAddr::new(client, record.client.port()).to_string().into()),
        ),
        (
            "ClientHost",
            Some(
                record
                    .forwarded_for
                    .map_or_else(|| client.to_string(), str::to_owned)
                    .into(),
            ),
        ),
        ("ClientPort", Some(record.client.port().to_string().into())),
        ("ClientUsername", Some(record.client_user.unwrap_or("-").into())),
        ("DownstreamContentSize", Some(record.response_bytes.into())),
        ("DownstreamStatus", Some(record.status.into())),
        ("Duration", Some(nanos(record.duration))),
        ("Fault", record.fault.map(|cause| cause.code.into())),
        ("FaultDetail", record.fault.map(|cause| cause.detail.into())),
        ("FaultFix", record.fault.and_then(|cause| Some(cause.fix?.into()))),
        (
            "KubernetesIngressName",
            record.ingress.map(|ingress| ingress.name.into()),
        ),
        (
            "KubernetesIngressNamespace",
            record.ingress.map(|ingress| ingress.namespace.into()),
        ),
        (
            "KubernetesServiceName",
            record.kubernetes_service.map(|service| service.name.into()),
        ),
        (
            "KubernetesServiceNamespace",
            record.kubernetes_service.map(|service| service.namespace.into()),
        ),
        (
            "KubernetesServicePort",
            record.kubernetes_service.map(|service| service.port.into()),
        ),
        ("OriginContentSize", answered.then(|| record.origin_bytes.into())),
        ("OriginDuration", record.origin_duration.map(nanos)),
        ("OriginStatus", answered.then(|| record.origin_status.into())),
        ("Overhead", Some(nanos(record.duration.saturating_sub(own)))),
        ("RequestAddr", named.then(|| record.host.into())),
        ("RequestContentSize", Some(record.request_bytes.into())),
        ("RequestCount", Some(record.count.into())),
        ("RequestHost", named.then(|| host.into())),
        ("RequestMethod", Some(record.method.into())),
        ("RequestPath", Some(record.path.into())),
        ("RequestPort", named.then(|| port.into())),
        ("RequestProtocol", Some(record.protocol.into())),
        ("RequestScheme", Some(record.scheme.into())),
        ("RetryAttempts", Some(record.retries.into())),
        ("RouterName", text(record.router)),
        ("ServiceAddr", text(record.server_addr)),
        ("ServiceName", text(record.service)),
        ("ServiceURL", text(record.server_url)),
        ("StartLocal", Some(time(record.start, &zone()).into())),
        ("StartUTC", Some(time(record.start, &TimeZone::UTC).into())),
        ("entryPointName", Some(record.entry_point.into())),
        ("level", Some("info".into())),
        ("msg", Some("".into())),
        ("span_id", record.trace.map(|_| "0b".repeat(8).into())),
        (
            "time",
            Some(time(floor(record.start + record.duration), &zone()).into()),
        ),
        ("trace_id", record.trace.map(|_| "a1".repeat(16).into())),
    ];
    if let Some(leg) = record.client_leg {
        members.extend([
            ("TLSCipher", text(Some(leg.cipher))),
            ("TLSClientSubject", text(leg.client_subject.as_deref())),
            ("TLSGroup", text(leg.group)),
            ("TLSResumed", Some(leg.resumed.into())),
            ("TLSServerName", text(leg.sni.as_deref())),
            ("TLSVersion", text(Some(leg.version))),
        ]);
    }
    if let Some(leg) = record.backend_leg {
        members.extend([
            ("BackendTLSCipher", text(Some(leg.cipher))),
            (
                "BackendTLSClientCertificate",
                Some(leg.client_certificate_sent.into()),
            ),
            ("BackendTLSGroup", text(leg.group)),
            ("BackendTLSPeerFingerprint", text(Some(&leg.peer_fingerprint))),
            ("BackendTLSPeerSANs", text(Some(&leg.peer_sans))),
            ("BackendTLSResumed", Some(leg.resumed.into())),
            ("BackendTLSServerName", text(leg.server_name.as_deref())),
            ("BackendTLSVerifiedBy", text(leg.verified_by.as_deref())),
            ("BackendTLSVersion", text(Some(leg.version))),
        ]);
    }
    let kept = members.into_iter().filter_map(|(name, value)| match keep(name) {
        Mode::Keep => Some((name.to_owned(), value?)),
        Mode::Redact => value.map(|_| (name.to_owned(), "REDACTED".into())),
        Mode::Drop => None,
    });
    Value::Object(kept.collect::<Map<_, _>>())
}

/// RFC 3339 by the calendar's own formatting.
fn time(time: SystemTime, zone: &TimeZone) -> String {
    let zoned = Timestamp::try_from(time).unwrap().to_zoned(zone.clone());
    let form = if zoned.offset().is_zero() {
        "%Y-%m-%dT%H:%M:%S%.fZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%.f%:z"
    };
    zoned.strftime(form).to_string()
}

fn floor(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Keep), Just(Mode::Drop), Just(Mode::Redact)]
}

proptest! {
    /// Printable texts are written as any encoder writes them: compared byte by byte.
    #[test]
    fn a11_3_a_line_is_the_sorted_object_of_its_fields(told in told("[ -~&&[^\"\\\\]]{0,40}")) {
        let expected = described(&told, |_| Mode::Keep);
        prop_assert_eq!(told.line(Fields::default()), format!("{expected}\n"));
    }

    #[test]
    fn c67_a_line_of_any_texts_says_what_they_are(told in told("\\PC{0,9}|.{0,9}|[\u{0}-\u{2029}]{0,9}")) {
        let line = told.line(Fields::default());
        let said: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(said, described(&told, |_| Mode::Keep));
        prop_assert_eq!(line.chars().filter(|character| character.is_control()).count(), 1);
    }

    #[test]
    fn a11_4_each_field_is_kept_dropped_or_redacted(
        told in told("[ -~&&[^\"\\\\]]{0,20}"),
        default in mode(),
        modes in vec(option::of(mode()), Field::ALL.len()),
    ) {
        let named = Field::ALL.iter().zip(&modes);
        let named = named.filter_map(|(field, mode)| Some((field.name(), (*mode)?)));
        let fields = Fields::new(default, named.clone().filter(|(name, _)| !name.ends_with("Line")));
        let expected = described(&told, |name| match name {
            "level" | "msg" | "time" => Mode::Keep,
            _ => named.clone().find(|(known, _)| *known == name).map_or(default, |(_, mode)| mode),
        });
        prop_assert_eq!(told.line(fields), format!("{expected}\n"));
    }

    #[test]
    fn a11_3_a_fraction_has_no_trailing_zero(nanos in 0..1_000_000_000_u32) {
        let expected = format!(".{nanos:09}");
        let expected = expected.trim_end_matches('0').trim_end_matches('.');
        let fraction = Fraction::of(nanos);
        prop_assert_eq!(fraction.as_bytes(), expected.as_bytes());
    }
}
