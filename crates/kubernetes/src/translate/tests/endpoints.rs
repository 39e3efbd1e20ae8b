use viaduct_config::finding::Code;

use super::{BACKEND, assert_clean, balancer, broken_service, codes, route, update, update_under, urls};
use crate::policy::Policy;

const SERVICE: &str = "{apiVersion: v1, kind: Service, metadata: {name: backend, namespace: web}, \
                        spec: {ports: [{port: 443}]}}";

fn slice(name: &str, ports: &str, endpoints: &str) -> String {
    format!(
        "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {{name: {name}, \
          namespace: web, labels: {{kubernetes.io/service-name: backend}}}}, ports: {ports}, endpoints: {endpoints}}}"
    )
}

fn to_backend() -> String {
    route("[{name: backend, port: 443, scheme: http}]")
}

#[test]
fn a9_9_ready_endpoints_serve_and_terminating_ones_are_fenced() {
    let endpoints = "[{addresses: [10.0.0.1]}, \
        {addresses: [10.0.0.2], conditions: {ready: true}}, \
        {addresses: [10.0.0.3], conditions: {ready: false}}, \
        {addresses: [10.0.0.4], conditions: {ready: false, serving: true, terminating: true}}, \
        {addresses: [10.0.0.5], conditions: {ready: false, serving: false, terminating: true}}]";
    let update = update(&[SERVICE, &slice("s", "[{port: 1}]", endpoints), &to_backend()]);
    let servers: Vec<_> = balancer(&update)
        .servers
        .iter()
        .map(|server| (server.url.as_str(), server.fenced))
        .collect();
    assert_eq!(
        servers,
        [
            ("http://10.0.0.1:1", false),
            ("http://10.0.0.2:1", false),
            ("http://10.0.0.4:1", true),
        ]
    );
}

#[test]
fn a9_9_both_families_are_served() {
    let update = update(&[
        SERVICE,
        &slice("v4", "[{port: 1}]", "[{addresses: [10.0.0.1]}]"),
        &slice("v6", "[{port: 1}]", "[{addresses: ['2001:db8::1']}]"),
        &to_backend(),
    ]);
    assert_eq!(urls(&update), ["http://10.0.0.1:1", "http://[2001:db8::1]:1"]);
}

#[test]
fn a9_9_an_endpoint_that_is_listed_twice_is_one() {
    let once = "[{addresses: [10.0.0.1, 10.0.0.2]}]";
    let update = update(&[
        SERVICE,
        &slice("a", "[{port: 1}]", once),
        &slice("b", "[{port: 1}]", "[{addresses: [10.0.0.1]}]"),
        // The same host at another port is another server.
        &slice("c", "[{port: 2}]", "[{addresses: [10.0.0.1]}]"),
        &to_backend(),
    ]);
    assert_eq!(
        urls(&update),
        ["http://10.0.0.1:1", "http://10.0.0.1:2", "http://10.0.0.2:1"]
    );
}

#[test]
fn c64_the_order_of_endpoints_does_not_depend_on_how_they_are_sliced() {
    let one = update(&[
        SERVICE,
        &slice(
            "a",
            "[{port: 1}]",
            "[{addresses: [10.0.0.2]}, {addresses: [10.0.0.1]}]",
        ),
        &to_backend(),
    ]);
    let two = update(&[
        SERVICE,
        &slice("a", "[{port: 1}]", "[{addresses: [10.0.0.1]}]"),
        &slice("b", "[{port: 1}]", "[{addresses: [10.0.0.2]}]"),
        &to_backend(),
    ]);
    assert_eq!(urls(&one), urls(&two));
}

#[test]
fn a9_9_ports_are_found_by_name() {
    let update = update(&[
        &SERVICE.replace("{port: 443}", "{port: 443, name: app}"),
        &slice(
            "s",
            "[{port: 1, name: other}, {port: 2, name: app}]",
            "[{addresses: [10.0.0.1]}]",
        ),
        &to_backend(),
    ]);
    assert_eq!(urls(&update), ["http://10.0.0.1:2"]);
}

#[test]
fn a9_9_a_port_that_no_endpoint_has_is_said_with_those_they_have() {
    let update = update(&[
        SERVICE,
        &slice("s", "[{port: 1, name: https}]", "[{addresses: [10.0.0.1]}]"),
        &to_backend(),
    ]);
    assert_eq!(urls(&update), Vec::<&str>::new());
    assert_eq!(codes(&update.notes), [Code::NoServers]);
    assert_eq!(
        update.notes[0].wanted.as_deref(),
        Some("endpoints with a port without a name")
    );
    assert_eq!(update.notes[0].got.as_deref(), Some("named `https`"));
}

#[test]
fn a9_9_a_udp_port_of_the_same_number_is_not_the_service() {
    let service = SERVICE.replace(
        "{port: 443}",
        "{port: 443, name: h3, protocol: UDP}, {port: 443, name: h2}",
    );
    let ports = "[{port: 1, name: h3, protocol: UDP}, {port: 2, name: h2, protocol: TCP}]";
    let update = update(&[
        &service,
        &slice("s", ports, "[{addresses: [10.0.0.1]}]"),
        &to_backend(),
    ]);
    assert_eq!(urls(&update), ["http://10.0.0.1:2"]);
}

#[test]
fn a9_9_old_endpoints_count_where_there_are_no_slices() {
    let endpoints = "{apiVersion: v1, kind: Endpoints, metadata: {name: backend, namespace: web}, \
        subsets: [{addresses: [{ip: 10.0.0.9}], notReadyAddresses: [{ip: 10.0.0.8}], ports: [{port: 1}]}]}";
    let old = update(&[SERVICE, endpoints, &to_backend()]);
    assert_eq!(urls(&old), ["http://10.0.0.9:1"]);
    let new = update(&[
        SERVICE,
        endpoints,
        &slice("s", "[{port: 1}]", "[{addresses: [10.0.0.1]}]"),
        &to_backend(),
    ]);
    assert_eq!(urls(&new), ["http://10.0.0.1:1"]);
}

#[test]
fn a6_13_a_service_without_endpoints_is_empty_or_refused_by_policy() {
    let empty = update(&[SERVICE, &to_backend()]);
    assert_eq!(empty.broken, []);
    assert!(balancer(&empty).servers.is_empty());
    assert_eq!(codes(&empty.notes), [Code::NoServers]);
    let refused = update_under(&Policy::default(), &[SERVICE, &to_backend()]);
    assert_eq!(broken_service(&refused).code, Code::NoServers);
}

fn external(name: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: backend, namespace: web}}, \
          spec: {{type: ExternalName, externalName: '{name}'}}}}"
    )
}

#[test]
fn a9_9_external_names_are_dialled_at_the_routes_port() {
    for (name, url) in [
        ("example.org", "http://example.org:443"),
        ("192.0.2.1", "http://192.0.2.1:443"),
        ("2001:db8::1", "http://[2001:db8::1]:443"),
    ] {
        let update = update(&[&external(name), &to_backend()]);
        assert_clean(&update);
        assert_eq!(urls(&update), [url]);
    }
}

#[test]
fn c62_external_names_are_refused_by_default() {
    let update = update_under(&Policy::default(), &[&external("example.org"), &to_backend()]);
    assert_eq!(broken_service(&update).code, Code::ForbiddenReference);
}

#[test]
fn c62_an_external_name_is_a_host_and_nothing_more() {
    for name in ["a/b", "a@b", "a b", "", "a:80", "a?x", "a#b", "[::1]"] {
        let update = update(&[&external(name), &to_backend()]);
        assert_eq!(broken_service(&update).code, Code::InvalidService, "{name}");
    }
}

#[test]
fn c62_what_resolvers_read_as_an_address_is_one() {
    for (name, url) in [
        ("192.0.2.1.", "http://192.0.2.1:443"),
        ("0xc0000201", "http://192.0.2.1:443"),
        ("192.0.513", "http://192.0.2.1:443"),
        ("1.example", "http://1.example:443"),
        ("0xcafe.example", "http://0xcafe.example:443"),
        ("example.c0de", "http://example.c0de:443"),
    ] {
        let update = update(&[&external(name), &to_backend()]);
        assert_eq!(urls(&update), [url], "{name}");
    }
    for name in [
        "4294967296",
        "0x1a9fea9fe",
        "1.2.3.4.5",
        "256.0.0.1",
        "1.2.3.256",
        "08",
        "a.0x1f",
        "a.1",
    ] {
        let update = update(&[&external(name), &to_backend()]);
        assert_eq!(broken_service(&update).code, Code::InvalidService, "{name}");
    }
}

#[test]
fn c62_targets_that_are_nobodys_are_refused() {
    let policy = Policy {
        allow_loopback: false,
        ..Policy::directory()
    };
    for name in [
        "localhost",
        "LOCALHOST.",
        "x.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "169.254.169.254.",
        "0xa9fea9fe",
        "0XA9FEA9FE.",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "0xa9.0xfe.43518",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0",
        "fe80::1",
        "fd00:ec2::254",
        "metadata.google.internal",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let update = update_under(&policy, &[&external(name), &to_backend()]);
        assert_eq!(broken_service(&update).code, Code::ForbiddenReference, "{name}");
    }
}

#[test]
fn c62_endpoints_that_are_nobodys_are_left_out_and_said() {
    let policy = Policy {
        allow_loopback: false,
        ..Policy::directory()
    };
    let endpoints = "[{addresses: [127.0.0.1]}, {addresses: [10.0.0.1]}, {addresses: [169.254.169.254]}]";
    let update = update_under(
        &policy,
        &[SERVICE, &slice("s", "[{port: 1}]", endpoints), &to_backend()],
    );
    assert_eq!(urls(&update), ["http://10.0.0.1:1"]);
    assert_eq!(
        codes(&update.notes),
        [Code::ForbiddenReference, Code::ForbiddenReference]
    );
}

#[test]
fn c62_our_own_entry_points_are_no_target() {
    let policy = Policy {
        own_addresses: vec!["0.0.0.0:8443".parse().unwrap(), "10.0.0.5:8000".parse().unwrap()],
        ..Policy::directory()
    };
    for (address, port, served) in [
        ("127.0.0.1", 8443, false),
        ("127.0.0.1", 8444, true),
        ("10.0.0.5", 8000, false),
        ("10.0.0.6", 8000, true),
    ] {
        let endpoints = format!("[{{addresses: [{address}]}}]");
        let ports = format!("[{{port: {port}}}]");
        let update = update_under(
            &policy,
            &[SERVICE, &slice("s", &ports, &endpoints), &to_backend()],
        );
        assert_eq!(urls(&update).len(), usize::from(served), "{address}:{port}");
    }
}

#[test]
fn c62_an_endpoint_address_is_an_address_and_nothing_more() {
    for address in ["10.0.0.1/x", "a b", "x@y", "10.0.0.1:80"] {
        let endpoints = format!("[{{addresses: ['{address}']}}, {{addresses: [10.0.0.1]}}]");
        let update = update(&[SERVICE, &slice("s", "[{port: 1}]", &endpoints), &to_backend()]);
        assert_eq!(urls(&update), ["http://10.0.0.1:1"], "{address}");
        assert_eq!(codes(&update.notes), [Code::InvalidService], "{address}");
    }
}

#[test]
fn c63_ports_out_of_range_are_left_out() {
    for port in ["0", "65536", "-1"] {
        let update = update(&[
            SERVICE,
            &slice("s", &format!("[{{port: {port}}}]"), "[{addresses: [10.0.0.1]}]"),
            &to_backend(),
        ]);
        assert_eq!(urls(&update), Vec::<&str>::new(), "{port}");
    }
    let update = update(&[&external("example.org"), &route("[{name: backend, port: 70000}]")]);
    assert_eq!(broken_service(&update).code, Code::InvalidService);
}

#[test]
fn issue_2_loopback_endpoints_are_fine_in_a_directory() {
    let update = update(&[&BACKEND.replace("10.1.0.1", "127.0.0.1"), &to_backend()]);
    assert_clean(&update);
    assert_eq!(urls(&update), ["http://127.0.0.1:8443"]);
}
