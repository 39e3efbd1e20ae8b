//! Whose connection it is, by a real load balancer (C69).

use viaduct_testkit::curl::Curl;
use viaduct_testkit::haproxy::Haproxy;
use viaduct_testkit::http1;

use super::Edge;

/// The address that a client connects from, so that it is not the load balancer's.
const CLIENT: &str = "127.0.0.9";

fn edge(rules: &str) -> Edge {
    Edge::start(&format!(
        "entryPoints: {{web: {{address: '127.0.0.1:0', proxyProtocol: {rules}}}}}"
    ))
}

#[test]
pub(crate) fn a2_14_haproxy_names_the_client_in_both_versions() {
    let edge = edge("{trustedIPs: [127.0.0.1/32]}");
    for (path, options) in [
        ("/v1", "send-proxy"),
        ("/v2", "send-proxy-v2"),
        ("/ssl", "send-proxy-v2-ssl-cn"),
    ] {
        let haproxy = Haproxy::before(edge.address("web"), options);
        let curl = Curl::plain(haproxy.address()).args(&["--interface", CLIENT]);
        assert_eq!(curl.get("a.example", path).status, 404);
        assert_eq!(edge.wait_access(path).text("ClientHost"), CLIENT, "{options}");
    }
    // The header is an offer, not a demand.
    let haproxy = Haproxy::before(edge.address("web"), "");
    let curl = Curl::plain(haproxy.address()).args(&["--interface", CLIENT]);
    assert_eq!(curl.get("a.example", "/without").status, 404);
    assert_eq!(edge.wait_access("/without").text("ClientHost"), "127.0.0.1");
}

#[test]
fn c69_a_load_balancer_that_is_not_trusted_is_the_client_itself() {
    let edge = edge("{trustedIPs: [192.0.2.1]}");
    for (path, options) in [("/v1", "send-proxy"), ("/v2", "send-proxy-v2")] {
        let haproxy = Haproxy::before(edge.address("web"), options);
        let curl = Curl::plain(haproxy.address()).args(&["--interface", CLIENT]);
        assert_eq!(curl.get("a.example", path).status, 404);
        assert_eq!(
            edge.wait_access(path).text("ClientHost"),
            "127.0.0.1",
            "{options}"
        );
    }
}

#[test]
fn c69_without_the_option_a_header_is_no_request() {
    let edge = Edge::start("entryPoints: {web: {address: '127.0.0.1:0'}}");
    let header = "PROXY TCP4 203.0.113.7 127.0.0.1 12345 80\r\n";
    let answer = http1::once(
        edge.address("web"),
        format!("{header}GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    );
    assert_eq!(answer.status, 400);
}
