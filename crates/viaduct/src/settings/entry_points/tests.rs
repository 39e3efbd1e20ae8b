use std::time::Duration;

use viaduct_config::install::from_file;

use super::*;

fn install(text: &str) -> Install {
    from_file("t.yml", text)
        .unwrap_or_else(|error| panic!("{error}"))
        .install
}

#[test]
fn a2_2_default_entry_points_are_those_marked_or_all_but_the_internal_one() {
    let defaults = |text: &str| -> Vec<String> {
        let entry_points = routing(&install(text)).into_iter();
        entry_points
            .filter(|entry_point| entry_point.as_default)
            .map(|entry_point| entry_point.name.to_string())
            .collect()
    };
    let unmarked = "entryPoints: {a: {address: ':1'}, b: {address: ':2'}, traefik: {address: ':3'}}\n";
    assert_eq!(defaults(unmarked), ["a", "b"]);
    let marked = "entryPoints: {a: {address: ':1'}, b: {address: ':2', asDefault: true}}\n";
    assert_eq!(defaults(marked), ["b"]);
}

#[test]
fn a2_7_to_a2_15_options_reach_the_data_plane() {
    let config = data_plane(&install(
        "
entryPoints:
  web:
    address: 127.0.0.1:0/tcp
    http:
      maxHeaderBytes: 2048
      middlewares: [a@file]
      sanitizePath: false
      encodeQuerySemicolons: true
      underscoreHeadersStrategy: reject
      encodedCharacters: {allowEncodedHash: false}
    http2: {maxConcurrentStreams: 7, maxDecoderHeaderTableSize: 1024}
    proxyProtocol: {trustedIPs: [192.0.2.1]}
    forwardedHeaders: {trustedIPs: [10.0.0.0/8], connection: [x-a], notAppendXForwardedFor: true}
    transport:
      respondingTimeouts: {readTimeout: 1s, writeTimeout: 2s, idleTimeout: -1s}
      lifeCycle: {graceTimeOut: 3, requestAcceptGraceTimeout: 4}
      keepAliveMaxTime: 5
      keepAliveMaxRequests: 6
  other:
    address: 127.0.0.1:0
viaduct: {workers: 3, exposeFaults: true, tunnelIdleTimeout: 90s}
bridge: {entryPoints: {other: {exposeFaults: false}}}
",
    ))
    .unwrap();
    assert_eq!(config.workers, 3);
    let exposing = config
        .entry_points
        .iter()
        .map(|entry_point| entry_point.expose_faults);
    assert_eq!(exposing.collect::<Vec<_>>(), [false, true], "other, web");
    let web = config
        .entry_points
        .iter()
        .find(|entry_point| entry_point.name.as_str() == "web")
        .unwrap();
    assert_eq!(web.address, "127.0.0.1:0".parse().unwrap());
    assert_eq!((web.limits.header_bytes, web.limits.h2_streams), (2048, 7));
    assert_eq!(web.limits.h2_decoder_table, 1024);
    assert_eq!(web.life_cycle.grace, Duration::from_secs(3));
    assert_eq!(web.life_cycle.accept, Duration::from_secs(4));
    assert_eq!(web.keep_alive.max_time, Duration::from_secs(5));
    assert_eq!(web.keep_alive.max_requests, 6);
    assert!(web.hygiene.encode_query_semicolons && !web.hygiene.sanitize_path);
    assert_eq!(web.hygiene.underscores, UnderscoreHeaders::Reject);
    assert!(!web.hygiene.encoded_characters.allows(b'#') && web.hygiene.encoded_characters.allows(b'/'));
    let trusted = web.proxy_protocol.as_ref().map(|protocol| &*protocol.trusted_ips);
    assert_eq!(trusted, Some(["192.0.2.1/32".parse().unwrap()].as_slice()));
    assert_eq!(web.timeouts.read, Duration::from_secs(1));
    assert_eq!(web.timeouts.write, Duration::from_secs(2));
    assert_eq!(web.timeouts.tunnel, Duration::from_secs(90));
    assert_eq!(web.timeouts.idle, Duration::ZERO);
    assert_eq!(web.forwarded.trusted_ips, ["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(web.forwarded.connection, ["x-a"]);
    assert!(web.forwarded.not_append_x_forwarded_for && !web.forwarded.insecure);
}

#[test]
fn a2_1_an_address_that_is_none_names_its_entry_point() {
    let error = data_plane(&install("entryPoints: {dns: {address: ':53/udp'}}\n")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "entry point `dns`: address `:53/udp`: `/udp` is not served; HTTP entry points are `/tcp`"
    );
}
