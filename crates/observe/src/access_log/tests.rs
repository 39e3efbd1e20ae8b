use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use jiff::tz::{TimeZone, offset};
use serde_json::Value;

use super::clock::Clock;
use super::{Fields, Filters, Headers, Mode, Options, clf, json};
use crate::counters::Leg;
use crate::record::{BackendLeg, Cause, ClientLeg, Members, Record, Slots};

/// The request of the article's log line.
fn record(headers: &HeaderMap) -> Record<'_> {
    Record {
        start: at(1_678_877_150, 120_000_000),
        duration: Duration::from_micros(2_345),
        origin_duration: Some(Duration::from_micros(2_000)),
        entry_point: "websecure",
        internal: false,
        event_stream: false,
        router: Some("web-web-ingressroute-6cd908afc82ca51c00cf@kubernetescrd"),
        service: Some("web-web-ingressroute-6cd908afc82ca51c00cf@kubernetescrd"),
        server_url: Some("https://10.244.2.105:443"),
        server_addr: Some("10.244.2.105:443"),
        client: SocketAddr::from(([10, 244, 0, 128], 40_000)),
        forwarded_for: None,
        client_user: None,
        method: "GET",
        path: "/",
        host: "web.example.com",
        protocol: "HTTP/2.0",
        scheme: "https",
        request_headers: headers,
        request_bytes: 0,
        status: 500,
        origin_status: 0,
        origin_bytes: 0,
        response_headers: None,
        response_bytes: 21,
        retries: 0,
        client_leg: None,
        backend_leg: None,
        fault: None,
        count: 2_987_228,
        slots: Slots::default(),
        origin_headers: None,
        ingress: None,
        kubernetes_service: None,
        trace: None,
    }
}

fn at(seconds: u64, nanos: u32) -> SystemTime {
    UNIX_EPOCH + Duration::new(seconds, nanos)
}

fn clock() -> Clock {
    Clock::new(TimeZone::fixed(offset(2)))
}

fn headers(mode: Mode) -> Options {
    Options {
        headers: Headers::all(mode),
        ..Options::default()
    }
}

fn common(mode: Mode, record: &Record<'_>) -> String {
    common_with(&headers(mode), record)
}

fn common_with(options: &Options, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    clf::common(&mut out, &mut clock(), options, record);
    String::from_utf8(out).unwrap()
}

fn json_text(mode: Mode, record: &Record<'_>) -> String {
    json_with(&headers(mode), record)
}

fn json_with(options: &Options, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    json::line(&mut out, &mut clock(), options, record);
    String::from_utf8(out).unwrap()
}

fn json(mode: Mode, record: &Record<'_>) -> Value {
    serde_json::from_str(&json_text(mode, record)).unwrap()
}

#[test]
fn a11_2_common_is_the_line_of_the_article() {
    assert_eq!(
        common(Mode::Drop, &record(&HeaderMap::new())),
        "10.244.0.128 - - [15/Mar/2023:10:45:50 +0000] \"GET / HTTP/2.0\" 500 21 \"-\" \"-\" 2987228 \
         \"web-web-ingressroute-6cd908afc82ca51c00cf@kubernetescrd\" \"https://10.244.2.105:443\" 2ms\n"
    );
}

#[test]
fn a11_2_generic_clf_is_the_combined_format() {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static("curl/8.5.0"));
    let mut out = Vec::new();
    clf::generic(
        &mut out,
        &mut clock(),
        &super::tests::headers(Mode::Keep),
        &record(&headers),
    );
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "10.244.0.128 - - [15/Mar/2023:10:45:50 +0000] \"GET / HTTP/2.0\" 500 21 \"-\" \"curl/8.5.0\"\n"
    );
}

#[test]
fn a11_4_headers_are_dropped_kept_or_redacted() {
    let mut headers = HeaderMap::new();
    headers.insert("referer", HeaderValue::from_static("https://a/"));
    headers.append("x-two", HeaderValue::from_static("1"));
    headers.append("x-two", HeaderValue::from_static("2"));
    let record = record(&headers);
    assert!(common(Mode::Drop, &record).contains(" \"-\" \"-\" "));
    assert!(common(Mode::Keep, &record).contains(" \"https://a/\" \"-\" "));
    assert!(common(Mode::Redact, &record).contains(" \"REDACTED\" \"-\" "));
    assert_eq!(json(Mode::Drop, &record).get("request_Referer"), None);
    assert_eq!(json(Mode::Keep, &record)["request_X-Two"], "1,2");
    assert_eq!(json(Mode::Redact, &record)["request_X-Two"], "REDACTED");
}

#[test]
fn r24_a_sensitive_header_is_never_written() {
    let mut headers = HeaderMap::new();
    let mut token = HeaderValue::from_static("Bearer secret");
    token.set_sensitive(true);
    headers.insert("authorization", token);
    assert_eq!(
        json(Mode::Keep, &record(&headers))["request_Authorization"],
        "REDACTED"
    );
}

#[test]
fn a11_3_json_has_traefiks_fields_sorted() {
    let headers = HeaderMap::new();
    let mut record = record(&headers);
    (record.status, record.origin_status, record.origin_bytes) = (200, 200, 21);
    assert_eq!(
        json_text(Mode::Drop, &record),
        concat!(
            r#"{"ClientAddr":"10.244.0.128:40000","ClientHost":"10.244.0.128","ClientPort":"40000","#,
            r#""ClientUsername":"-","DownstreamContentSize":21,"DownstreamStatus":200,"Duration":2345000,"#,
            r#""OriginContentSize":21,"OriginDuration":2000000,"OriginStatus":200,"Overhead":345000,"#,
            r#""RequestAddr":"web.example.com","RequestContentSize":0,"RequestCount":2987228,"#,
            r#""RequestHost":"web.example.com","RequestMethod":"GET","RequestPath":"/","RequestPort":"-","#,
            r#""RequestProtocol":"HTTP/2.0","RequestScheme":"https","RetryAttempts":0,"#,
            r#""RouterName":"web-web-ingressroute-6cd908afc82ca51c00cf@kubernetescrd","#,
            r#""ServiceAddr":"10.244.2.105:443","#,
            r#""ServiceName":"web-web-ingressroute-6cd908afc82ca51c00cf@kubernetescrd","#,
            r#""ServiceURL":"https://10.244.2.105:443","StartLocal":"2023-03-15T12:45:50.12+02:00","#,
            r#""StartUTC":"2023-03-15T10:45:50.12Z","entryPointName":"websecure","level":"info","msg":"","#,
            r#""time":"2023-03-15T12:45:50+02:00"}"#,
            "\n"
        )
    );
}

#[test]
fn b37_json_tells_both_legs_and_the_fault() {
    let client = ClientLeg {
        version: "1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        group: Some("X25519MLKEM768"),
        sni: Some(Arc::from("web.example.com")),
        resumed: true,
        took: Duration::ZERO,
        client_subject: Some(Arc::from("CN=alice")),
        members: Members::default(),
    };
    let backend = BackendLeg {
        version: "1.3",
        cipher: "TLS_AES_256_GCM_SHA384",
        group: Some("X25519"),
        server_name: Some(Arc::from("web.example.com")),
        resumed: false,
        verified_by: Some(Arc::from("aa11")),
        peer_fingerprint: Arc::from("bb22"),
        peer_sans: Arc::from("web.example.com,10.0.0.1"),
        client_certificate_sent: true,
        took: Duration::ZERO,
        peer_common_name: Arc::from("web"),
        peer_serial: Arc::from("01"),
        peer_not_after: UNIX_EPOCH,
        members: Members::default(),
    };
    let headers = HeaderMap::new();
    let mut record = record(&headers);
    record.client_leg = Some(&client);
    record.backend_leg = Some(&backend);
    record.fault = Some(cause("wanted \"a\", got b"));
    let line = json(Mode::Drop, &record);
    for (field, value) in [
        ("TLSVersion", "1.3"),
        ("TLSCipher", "TLS_AES_128_GCM_SHA256"),
        ("TLSGroup", "X25519MLKEM768"),
        ("TLSServerName", "web.example.com"),
        ("TLSClientSubject", "CN=alice"),
        ("BackendTLSVersion", "1.3"),
        ("BackendTLSCipher", "TLS_AES_256_GCM_SHA384"),
        ("BackendTLSGroup", "X25519"),
        ("BackendTLSServerName", "web.example.com"),
        ("BackendTLSVerifiedBy", "aa11"),
        ("BackendTLSPeerFingerprint", "bb22"),
        ("BackendTLSPeerSANs", "web.example.com,10.0.0.1"),
        ("Fault", "unknown_ca"),
        ("FaultDetail", "wanted \"a\", got b"),
        ("FaultFix", "set `a` to b"),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(line["TLSResumed"], true);
    assert_eq!(line["BackendTLSResumed"], false);
    assert_eq!(line["BackendTLSClientCertificate"], true);
}

#[test]
fn a11_3_fields_without_a_value_are_absent() {
    let headers = HeaderMap::new();
    let mut record = record(&headers);
    (
        record.router,
        record.service,
        record.server_url,
        record.server_addr,
    ) = (None, None, None, None);
    (record.origin_duration, record.host) = (None, "");
    let line = json(Mode::Drop, &record);
    let absent = [
        "RouterName",
        "ServiceName",
        "ServiceURL",
        "OriginStatus",
        "OriginDuration",
        "RequestHost",
        "Fault",
    ];
    for field in absent {
        assert_eq!(line.get(field), None, "{field}");
    }
    assert!(common(Mode::Drop, &record).ends_with(" 2987228 \"-\" \"-\" 2ms\n"));
}

#[test]
fn a11_3_host_and_port_are_split_as_go_does() {
    for (given, host, port) in [
        ("a.example.com:8443", "a.example.com", "8443"),
        ("a.example.com", "a.example.com", "-"),
        ("[::1]:8443", "::1", "8443"),
        ("[::1]", "[::1]", "-"),
    ] {
        let headers = HeaderMap::new();
        let mut record = record(&headers);
        record.host = given;
        let line = json(Mode::Drop, &record);
        assert_eq!(
            (&line["RequestHost"], &line["RequestPort"]),
            (&host.into(), &port.into()),
            "{given}"
        );
    }
}

#[test]
fn a2_15_the_client_host_is_the_one_trusted_proxies_named() {
    let headers = HeaderMap::new();
    let mut record = record(&headers);
    record.forwarded_for = Some("203.0.113.9, 10.0.0.1");
    assert!(common(Mode::Drop, &record).starts_with("203.0.113.9,10.0.0.1 - - ["));
    assert_eq!(json(Mode::Drop, &record)["ClientHost"], "203.0.113.9, 10.0.0.1");
}

#[test]
fn a11_3_ipv6_clients_have_brackets_and_mapped_ones_are_ipv4() {
    let headers = HeaderMap::new();
    let mut record = record(&headers);
    record.client = "[2001:db8::1]:5".parse().unwrap();
    assert_eq!(json(Mode::Drop, &record)["ClientAddr"], "[2001:db8::1]:5");
    record.client = "[::ffff:192.0.2.1]:5".parse().unwrap();
    assert_eq!(json(Mode::Drop, &record)["ClientAddr"], "192.0.2.1:5");
}

#[test]
fn a11_3_fractions_lose_their_trailing_zeros() {
    let headers = HeaderMap::new();
    for (nanos, text) in [
        (0, "50Z"),
        (5, "50.000000005Z"),
        (100_000_000, "50.1Z"),
        (999_999_999, "50.999999999Z"),
    ] {
        let mut record = record(&headers);
        record.start = at(1_678_877_150, nanos);
        let line = json(Mode::Drop, &record);
        assert_eq!(line["StartUTC"], format!("2023-03-15T10:45:{text}"));
    }
}

#[test]
fn c67_every_byte_of_every_client_text_gives_one_valid_line() {
    for byte in 0..=u8::MAX {
        let raw = [b'a', byte, b'"', b'\\', b'z'];
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&raw) {
            headers.insert("user-agent", value.clone());
            headers.insert("referer", value);
        }
        let mut record = record(&headers);
        (record.path, record.method, record.host) = (&text, &text, &text);
        (record.client_user, record.forwarded_for) = (Some(text.as_str()), Some(text.as_str()));
        record.fault = Some(cause(&text));

        let line = json_text(Mode::Keep, &record);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["RequestPath"], text, "byte {byte:#04x}");
        assert!(no_control(line.as_bytes()), "byte {byte:#04x}");

        let line = common(Mode::Keep, &record);
        assert!(
            no_control(line.as_bytes()) && line.is_ascii(),
            "byte {byte:#04x}: {line}"
        );
        assert_eq!(bare_quotes(&line), 10, "byte {byte:#04x}: {line}");
    }
}

/// One line feed, at the end, and no other control character.
fn no_control(line: &[u8]) -> bool {
    let text = std::str::from_utf8(line).unwrap();
    text.ends_with('\n') && text.chars().filter(|c| c.is_control()).count() == 1
}

/// Quotes that are not escaped.
fn bare_quotes(line: &str) -> usize {
    let mut escaped = false;
    line.chars()
        .filter(|&character| {
            let bare = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            bare
        })
        .count()
}

fn cause(detail: &str) -> Cause<'_> {
    Cause {
        code: "unknown_ca",
        detail,
        fix: Some("set `a` to b"),
        leg: Leg::Backend,
    }
}

#[test]
fn a11_4_fields_are_dropped_or_kept_by_name_whatever_its_case() {
    let headers = HeaderMap::new();
    let record = record(&headers);
    let dropped = Options {
        fields: Fields::new(
            Mode::Keep,
            [("clientaddr", Mode::Drop), ("RequestPath", Mode::Redact)],
        ),
        ..Options::default()
    };
    let line: Value = serde_json::from_str(&json_with(&dropped, &record)).unwrap();
    assert_eq!(line.get("ClientAddr"), None);
    assert_eq!(line["RequestPath"], "REDACTED");
    assert_eq!(line["RequestMethod"], "GET");
    assert!(common_with(&dropped, &record).contains("\"GET REDACTED HTTP/2.0\""));

    let kept = Options {
        fields: Fields::new(
            Mode::Drop,
            [("RouterName", Mode::Keep), ("RequestLine", Mode::Keep)],
        ),
        ..Options::default()
    };
    let line: Value = serde_json::from_str(&json_with(&kept, &record)).unwrap();
    let names: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["RequestLine", "RouterName", "level", "msg", "time"]);
    assert_eq!(line["RequestLine"], "GET / HTTP/2.0");
    assert_eq!(
        common_with(&kept, &record),
        "- - - [-] \"- - -\" - - \"-\" \"-\" - \
         \"web-web-ingressroute-6cd908afc82ca51c00cf@kubernetescrd\" \"-\" 0ms\n"
    );
}

#[test]
fn a11_4_headers_have_modes_of_their_own() {
    let mut request = HeaderMap::new();
    request.insert("x-kept", HeaderValue::from_static("1"));
    request.insert("x-dropped", HeaderValue::from_static("2"));
    let mut origin = HeaderMap::new();
    origin.insert("x-kept", HeaderValue::from_static("3"));
    let mut record = record(&request);
    (record.origin_headers, record.response_headers) = (Some(&origin), Some(&origin));
    let options = Options {
        headers: Headers::new(Mode::Drop, [("x-kept".parse().unwrap(), Mode::Keep)]),
        ..Options::default()
    };
    let line: Value = serde_json::from_str(&json_with(&options, &record)).unwrap();
    for (field, value) in [
        ("request_X-Kept", "1"),
        ("origin_X-Kept", "3"),
        ("downstream_X-Kept", "3"),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(line.get("request_X-Dropped"), None);
}

#[test]
fn a11_4_queries_are_kept_dropped_or_redacted() {
    let headers = HeaderMap::new();
    let mut record = record(&headers);
    record.path = "/a?token=secret&flag&b=2";
    for (query, path) in [
        (Mode::Keep, "/a?token=secret&flag&b=2"),
        (Mode::Drop, "/a"),
        (Mode::Redact, "/a?token=REDACTED&flag&b=REDACTED"),
    ] {
        let options = Options {
            query,
            ..Options::default()
        };
        let line: Value = serde_json::from_str(&json_with(&options, &record)).unwrap();
        assert_eq!(line["RequestPath"], path);
        assert!(common_with(&options, &record).contains(&format!("\"GET {path} HTTP/2.0\"")));
    }
}

#[test]
fn a11_4_a_request_is_told_when_any_filter_takes_it() {
    let headers = HeaderMap::new();
    let mut slow = record(&headers);
    (slow.status, slow.duration) = (200, Duration::from_secs(2));
    let mut retried = record(&headers);
    (retried.status, retried.retries) = (200, 1);
    let failed = record(&headers);
    let mut plain = record(&headers);
    plain.status = 200;
    let filters = Filters {
        status_codes: vec![(404, 404), (500, 599)],
        retry_attempts: true,
        min_duration: Duration::from_secs(1),
    };
    let takes = |record: &Record<'_>| filters.take(record);
    assert_eq!(
        [&slow, &retried, &failed, &plain].map(takes),
        [true, true, true, false]
    );
    assert!(Filters::default().take(&plain));
}

#[test]
fn a11_10_a_traced_request_names_its_trace() {
    let headers = HeaderMap::new();
    let mut record = record(&headers);
    record.trace = Some(crate::record::TraceIds {
        trace_id: [0xab; 16],
        span_id: [0x01; 8],
    });
    let line = json(Mode::Drop, &record);
    assert_eq!(line["trace_id"], "ab".repeat(16));
    assert_eq!(line["span_id"], "01".repeat(8));
}
