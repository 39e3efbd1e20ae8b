//! What the fuzz target of the access log checks. `crates/observe/tests/fuzz.rs` runs the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use viaduct_observe::access_log::{Headers, Mode, Options, line};
use viaduct_observe::record::{Record, Slots};
use viaduct_observe::{Format, counters::Leg, record::Cause};

/// What a client chooses, one a line: method, path, host, user, address chain, detail of a fault, header values. One
/// request is one line in every format, and in JSON the line is an object with what was sent in it (C67).
pub(crate) fn access_log(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut given = text.split('\u{1e}');
    let mut next = || given.next().unwrap_or_default();
    let (method, path, host, user, chain, detail) = (next(), next(), next(), next(), next(), next());
    let mut headers = HeaderMap::new();
    for value in data.split(|byte| *byte == 0x1e).skip(6).take(16) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append("user-agent", value.clone());
            headers.append("x-any", value);
        }
    }
    let record = Record {
        start: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        duration: Duration::from_micros(10),
        origin_duration: None,
        entry_point: "web",
        internal: false,
        event_stream: false,
        router: Some(host),
        service: None,
        server_url: None,
        server_addr: None,
        client: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        forwarded_for: Some(chain),
        client_user: Some(user),
        method,
        path,
        host,
        protocol: "HTTP/1.1",
        scheme: "https",
        request_headers: &headers,
        request_bytes: 0,
        status: 200,
        origin_status: 0,
        origin_bytes: 0,
        response_headers: Some(&headers),
        response_bytes: 0,
        retries: 0,
        client_leg: None,
        backend_leg: None,
        fault: Some(Cause {
            code: "unknown_ca",
            detail,
            fix: None,
            leg: Leg::Backend,
        }),
        count: 1,
        slots: Slots::default(),
        origin_headers: Some(&headers),
        kubernetes_service: None,
        ingress: None,
        trace: None,
    };
    for format in [Format::Common, Format::GenericClf, Format::Json] {
        let options = Options {
            format,
            headers: Headers::all(Mode::Keep),
            ..Options::default()
        };
        let written = line(&options, &record);
        let (last, before) = written.split_last().expect("a line");
        assert_eq!(*last, b'\n');
        assert!(
            before.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f),
            "{format:?}: {written:?}"
        );
        let shown = std::str::from_utf8(before).expect("a line is UTF-8");
        if format == Format::Json {
            let object: serde_json::Value = serde_json::from_str(shown).expect("a line is JSON");
            assert_eq!(
                object.get("RequestPath").and_then(|path| path.as_str()),
                Some(path)
            );
            assert_eq!(
                object.get("FaultDetail").and_then(|text| text.as_str()),
                Some(detail)
            );
        }
    }
}
