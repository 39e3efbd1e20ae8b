//! `entryPoints`.

use std::time::Duration;

use viaduct_testkit::child::Signal;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::h2;
use viaduct_testkit::http1::{self, Connection};
use viaduct_testkit::origin::{Origin, echo, ok};
use viaduct_testkit::tls::dial_plain;

use super::Seen;
use crate::entry_points::{Edge, hygiene, life_cycle, middlewares, proxy_protocol, redirections};
use crate::http3::limits;
use crate::install::{serving, sources};

pub(super) fn seen() -> Vec<Seen> {
    let of = |option: &str| format!("entryPoints._name_.{option}");
    vec![
        seen!(sources::a1_2_flags => "entryPoints._name_", of("address")),
        seen!(serving::a2_2_routers_without_entry_points_are_served_by_the_default_ones => of("asDefault")),
        seen!(hygiene::a2_15_forwarded_headers_of_those_who_are_trusted =>
            of("forwardedHeaders.connection"),
            of("forwardedHeaders.insecure"),
            of("forwardedHeaders.notAppendXForwardedFor"),
            of("forwardedHeaders.trustedIPs"),
        ),
        seen!(hygiene::cve_2025_66490_escapes_are_forwarded_as_they_are_or_refused =>
            of("http.encodedCharacters.allowEncodedBackSlash"),
            of("http.encodedCharacters.allowEncodedHash"),
            of("http.encodedCharacters.allowEncodedNullCharacter"),
            of("http.encodedCharacters.allowEncodedPercent"),
            of("http.encodedCharacters.allowEncodedQuestionMark"),
            of("http.encodedCharacters.allowEncodedSemicolon"),
            of("http.encodedCharacters.allowEncodedSlash"),
        ),
        seen!(hygiene::a2_8_paths_and_queries_as_the_options_say =>
            of("http"),
            of("http.encodeQuerySemicolons"),
            of("http.sanitizePath"),
        ),
        seen!(hygiene::a2_8_heads_have_a_bound => of("http.maxHeaderBytes")),
        seen!(hygiene::a2_8_headers_with_underscores => of("http.underscoreHeadersStrategy")),
        seen!(middlewares::a2_6_middlewares_of_an_entry_point_are_before_those_of_its_routers => of("http.middlewares")),
        seen!(redirections::a2_5_an_entry_point_sends_everybody_to_another_one =>
            of("http.redirections.entryPoint.permanent"),
            of("http.redirections.entryPoint.priority"),
            of("http.redirections.entryPoint.to"),
        ),
        seen!(a2_5_a_redirection_may_stay_in_plain_text => of("http.redirections.entryPoint.scheme")),
        seen!(a2_4_tls_of_an_entry_point_is_that_of_its_routers => of("http.tls"), of("http.tls.options")),
        seen!(a2_9_settings_of_http2_are_told_to_clients =>
            of("http2.maxConcurrentStreams"),
            of("http2.maxDecoderHeaderTableSize"),
        ),
        seen!(limits::a2_10_the_advertised_port_is_told_and_the_real_one_served =>
            of("http3"),
            of("http3.advertisedPort"),
        ),
        seen!(a2_19_an_entry_point_may_leave_its_requests_untold =>
            of("observability.accessLogs"),
            of("observability.metrics"),
        ),
        seen!(super::tracing::a2_19_an_entry_point_may_leave_its_requests_untraced_or_trace_them_in_detail =>
            of("observability.tracing"),
            of("observability.traceVerbosity"),
        ),
        seen!(proxy_protocol::a2_14_haproxy_names_the_client_in_both_versions =>
            of("proxyProtocol"),
            of("proxyProtocol.trustedIPs"),
        ),
        seen!(a2_14_an_insecure_entry_point_believes_everybody => of("proxyProtocol.insecure")),
        seen!(life_cycle::a2_13_requests_of_a_connection_are_bounded => of("transport.keepAliveMaxRequests")),
        seen!(a2_13_a_connection_is_kept_for_so_long => of("transport.keepAliveMaxTime")),
        seen!(a2_12_what_does_not_end_in_time_is_cut_off => of("transport.lifeCycle.graceTimeOut")),
        seen!(life_cycle::a2_12_connections_are_accepted_until_the_time_for_it_has_passed =>
            of("transport.lifeCycle.requestAcceptGraceTimeout"),
        ),
        seen!(a2_11_time_outs_of_an_entry_point_hold =>
            of("transport.respondingTimeouts.idleTimeout"),
            of("transport.respondingTimeouts.readTimeout"),
            of("transport.respondingTimeouts.writeTimeout"),
        ),
        seen!(a1_8_no_address_is_appended_anywhere => "global.notAppendXForwardedFor"),
    ]
}

const APP: &str = "
http:
  routers:
    app: {rule: PathPrefix(`/`), service: app}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
";

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn a2_5_a_redirection_may_stay_in_plain_text() {
    let edge = Edge::start(
        "entryPoints: {web: {address: '127.0.0.1:0', http: {redirections: {entryPoint: {to: ':81', scheme: http}}}}}",
    );
    let answer = http1::once(edge.address("web"), GET);
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, Some("http://a.example:81/"))
    );
}

#[test]
fn a2_4_tls_of_an_entry_point_is_that_of_its_routers() {
    let hosted = APP.replace("PathPrefix(`/`)", "Host(`a.example`)");
    let origin = Origin::http(|_| ok("backend"));
    let edge = Edge::serving(
        "
entryPoints:
  plain: {address: '127.0.0.1:0'}
  usual: {address: '127.0.0.1:0', http: {tls: {}}}
  strict: {address: '127.0.0.1:0', http: {tls: {options: modern@file}}}
",
        &format!("{hosted}tls: {{options: {{modern: {{minVersion: VersionTLS13}}}}}}\n"),
        &origin,
    );
    assert_eq!(http1::once(edge.address("plain"), GET).status, 200);
    assert_eq!(http1::once(edge.address("usual"), GET).status, 404);
    for (entry_point, old) in [("usual", true), ("strict", false)] {
        let curl = |version: &str| {
            let curl = Curl::plain(edge.address(entry_point)).over_tls();
            curl.args(&["--insecure", "--tls-max", version])
                .get("a.example", "/")
                .status
                == 200
        };
        assert!(curl("1.3"), "{entry_point}");
        assert_eq!(curl("1.2"), old, "{entry_point}");
    }
}

#[test]
fn a2_9_settings_of_http2_are_told_to_clients() {
    let edge = Edge::start(
        "entryPoints: {web: {address: '127.0.0.1:0', http2: {maxConcurrentStreams: 7, maxDecoderHeaderTableSize: 1234}}}",
    );
    let mut connection = h2::Connection::open(dial_plain(edge.address("web")));
    let settings = connection.find(|frame| {
        let own = frame.kind == h2::kind::SETTINGS && frame.flags & h2::flag::ACK == 0;
        own.then(|| frame.payload.clone())
    });
    let settings: Vec<(u8, u32)> = settings
        .expect("SETTINGS")
        .chunks(6)
        .map(|entry| {
            (
                entry[1],
                u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]),
            )
        })
        .collect();
    assert!(settings.contains(&(3, 7)), "{settings:?}");
    assert!(settings.contains(&(1, 1234)), "{settings:?}");
}

#[test]
fn a2_19_an_entry_point_may_leave_its_requests_untold() {
    let edge = Edge::start(
        "
entryPoints:
  web: {address: '127.0.0.1:0'}
  unlogged: {address: '127.0.0.1:0', observability: {accessLogs: false}}
  uncounted: {address: '127.0.0.1:0', observability: {metrics: false}}
  traefik: {address: '127.0.0.1:0'}
metrics: {prometheus: {}}
",
    );
    let ask = |entry_point: &str, path: &str| {
        http1::once(
            edge.address(entry_point),
            format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        )
    };
    for entry_point in ["unlogged", "uncounted", "web"] {
        assert_eq!(ask(entry_point, &format!("/{entry_point}")).status, 404);
    }
    edge.wait_access("/web");
    edge.wait_access("/uncounted");
    let metrics = ask("traefik", "/metrics").text();
    let counted = |entry_point: &str| {
        let label = format!("entrypoint=\"{entry_point}\"");
        let mut lines = metrics.lines();
        lines.any(|line| line.starts_with("traefik_entrypoint_requests_total") && line.contains(&label))
    };
    assert!(
        counted("web") && counted("unlogged") && !counted("uncounted"),
        "{metrics}"
    );
    let log = std::fs::read_to_string(edge.path().join("access.log")).expect("an access log");
    assert!(!log.contains("/unlogged"), "{log}");
}

#[test]
fn a2_14_an_insecure_entry_point_believes_everybody() {
    let edge = Edge::start("entryPoints: {web: {address: '127.0.0.1:0', proxyProtocol: {insecure: true}}}");
    let request = "PROXY TCP4 203.0.113.7 127.0.0.1 12345 80\r\nGET /told HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(http1::once(edge.address("web"), request).status, 404);
    assert_eq!(edge.wait_access("/told").text("ClientHost"), "203.0.113.7");
}

#[test]
fn a2_13_a_connection_is_kept_for_so_long() {
    let edge = Edge::start(
        "
entryPoints:
  brief: {address: '127.0.0.1:0', transport: {keepAliveMaxTime: 1ns}}
  long: {address: '127.0.0.1:0', transport: {keepAliveMaxTime: 1h}}
",
    );
    for (entry_point, header) in [("brief", Some("close")), ("long", None)] {
        let mut connection = Connection::new(dial_plain(edge.address(entry_point)));
        connection.send(GET);
        let answer = connection.response().expect("an answer");
        assert_eq!(answer.header("connection"), header, "{entry_point}");
    }
}

#[test]
fn a2_12_what_does_not_end_in_time_is_cut_off() {
    let silent = Origin::script(|wire| {
        let mut buffer = [0; 1024];
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let mut edge = Edge::serving(
        "entryPoints: {web: {address: '127.0.0.1:0', transport: {lifeCycle: {graceTimeOut: 100ms}}}}",
        APP,
        &silent,
    );
    let mut connection = Connection::new(dial_plain(edge.address("web")));
    connection.send(GET);
    viaduct_testkit::wait::wait_until("the backend to be asked", || silent.connections() == 1);
    edge.child().signal(Signal::TERM);
    // The default is ten seconds.
    edge.child().wait_exit(Duration::from_secs(6));
    assert!(connection.response().is_none());
}

#[test]
fn a2_11_time_outs_of_an_entry_point_hold() {
    let silent = Origin::script(|wire| {
        let mut buffer = [0; 1024];
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let entry_point = |name: &str, option: &str| {
        format!(
            "  {name}: {{address: '127.0.0.1:0', transport: {{respondingTimeouts: {{{option}: 300ms}}}}}}\n"
        )
    };
    let install = format!(
        "entryPoints:\n{}{}{}",
        entry_point("reading", "readTimeout"),
        entry_point("writing", "writeTimeout"),
        entry_point("idle", "idleTimeout"),
    );
    let routes = APP.replace("PathPrefix(`/`)", "Path(`/silent`)");
    let edge = Edge::serving(&install, &routes, &silent);
    // Who is silent for twenty seconds fails these: no default is shorter than a minute.
    let mut half = Connection::new(dial_plain(edge.address("reading")));
    half.send("GET / HTTP/1.1\r\nHost");
    assert!(half.closed());
    let mut late = Connection::new(dial_plain(edge.address("writing")));
    late.send(GET.replace("GET / ", "GET /silent "));
    assert!(late.closed());
    let mut idle = Connection::new(dial_plain(edge.address("idle")));
    idle.send(GET);
    assert_eq!(idle.response().map(|answer| answer.status), Some(404));
    assert!(idle.closed());
}

#[test]
fn a1_8_no_address_is_appended_anywhere() {
    let origin = Origin::http(echo);
    let edge = Edge::serving(
        "
global: {notAppendXForwardedFor: true}
entryPoints: {web: {address: '127.0.0.1:0', forwardedHeaders: {insecure: true}}}
",
        APP,
        &origin,
    );
    let curl = Curl::plain(edge.address("web")).args(&["--header", "X-Forwarded-For: 203.0.113.7"]);
    assert_eq!(curl.get("a.example", "/chain").status, 200);
    let request = origin.wait_request("/chain");
    assert_eq!(request.all("x-forwarded-for"), ["203.0.113.7"]);
}
