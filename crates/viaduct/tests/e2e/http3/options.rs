//! Which TLS options a connection over QUIC is made with: those of the host that routing uses, as over TCP (I2).

use serde_json::json;
use tempfile::TempDir;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, echo, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::viaduct::Viaduct;

use super::{edge, peer};
use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, up};

/// [`HOST`] is open; `guarded.example.com` and every host of `wild.example.com` want a certificate of the CA.
struct Guarded {
    pki: std::sync::Arc<Pki>,
    origin: Origin,
    viaduct: Viaduct,
    files: TempDir,
    /// Certificate and key of a client: one of the CA, and a stranger's.
    known: [String; 2],
    stranger: [String; 2],
}

impl Guarded {
    fn new() -> Self {
        Self::with(|manifests| manifests)
    }

    fn with(more: impl FnOnce(Manifests) -> Manifests) -> Self {
        let (pki, origin, clients) = (Pki::new(), Origin::http(echo), Ca::new("Client CA"));
        let guard = |name: &str, rule: &str| {
            Route::secure(name, rule, BACKEND, "http")
                .certificate(FRONT_SECRET)
                .options("mutual")
        };
        let manifests = pki
            .base(origin.port())
            .secret("client-ca", &[("ca.crt", clients.pem())])
            .tls_option(
                "mutual",
                json!({ "clientAuth": {
                    "secretNames": ["client-ca"], "clientAuthType": "RequireAndVerifyClientCert",
                } }),
            )
            .route(Route::secure("open", RULE, BACKEND, "http").certificate(FRONT_SECRET))
            .route(guard("guarded", "Host(`guarded.example.com`)"))
            .route(guard("wild", "Host(`*.wild.example.com`)"));
        let viaduct = up().http3().file("r.yaml", more(manifests).yaml()).start();
        let files = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, ca: &Ca| {
            let written = ca.issue(Leaf::client(name)).write_to(files.path(), name);
            [
                written.cert.display().to_string(),
                written.key.display().to_string(),
            ]
        };
        Self {
            known: write("known", &clients),
            stranger: write("stranger", &Ca::new("Another CA")),
            pki,
            origin,
            viaduct,
            files,
        }
    }

    #[track_caller]
    fn peer(&self, scenario: &str) -> String {
        assert!(self.files.path().exists());
        let more = [&self.known, &self.stranger].map(|pair| pair.each_ref().map(String::as_str));
        let prelude = "GUARDED = 'guarded.example.com'\nKNOWN, STRANGER = MORE[:2], MORE[2:]\n";
        peer(
            &self.pki,
            &self.viaduct,
            &format!("{prelude}{scenario}"),
            &more.concat(),
        )
    }
}

#[test]
fn a2_10_http3_is_told_of_over_tcp_and_spoken_over_udp() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok("over QUIC"));
    let viaduct = edge(&pki, &origin);
    let told = pki.curl(&viaduct).get(HOST, "/tcp");
    assert_eq!(
        told.header("alt-svc"),
        Some(format!("h3=\":{}\"; ma=2592000", viaduct.websecure().port()).as_str())
    );
    peer(
        &pki,
        &viaduct,
        r#"
peer = Peer()
answer = peer.get("/udp")
check((answer.status, answer.body), (200, b"over QUIC"), answer)
check("alt-svc" in answer.headers, False, answer)
check("date" in answer.headers, True, answer)
check(peer.handshake.alpn_protocol, "h3")
peer.close()
"#,
        &[],
    );
    let line = viaduct.wait_access("/udp");
    assert_eq!(line.text("RequestProtocol"), "HTTP/3.0");
    assert_eq!(line.text("TLSVersion"), "1.3");
    assert_eq!(line.text("ClientHost"), "127.0.0.1");
}

#[test]
fn a2_10_an_entry_point_without_http3_neither_tells_of_it_nor_listens() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = up().file("r.yaml", pki.edge_only(origin.port()).yaml()).start();
    assert_eq!(pki.curl(&viaduct).get(HOST, "/").header("alt-svc"), None);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(viaduct.websecure()).expect("an address");
    socket.send(&[0xc0; 1200]).expect("a packet");
    let refused = socket.recv(&mut [0; 100]).expect_err("nobody is there");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn ghsa_gv8r_9rw9_9697_a_guarded_host_wants_its_certificate_over_http3() {
    let guarded = Guarded::new();
    guarded.peer(
        r#"
check(Peer(sni=GUARDED).is_served(authority=GUARDED), False)
check(Peer(sni=GUARDED, cert=STRANGER[0], key=STRANGER[1]).is_served(authority=GUARDED), False)
check(Peer(sni=GUARDED, cert=KNOWN[0], key=KNOWN[1]).is_served("/known", authority=GUARDED), 200)
check(Peer().is_served(), 200)
"#,
    );
    let line = guarded.viaduct.wait_access("/known");
    assert_eq!(line.text("TLSClientSubject"), "CN=known");
    assert_eq!(guarded.origin.requests().len(), 2, "the two that were let in");
}

#[test]
fn cve_2026_53622_a_wildcard_host_is_guarded_in_any_case() {
    let guarded = Guarded::new();
    guarded.peer(
        r#"
for name in ["x.wild.example.com", "X.WILD.eXample.cOm", "x.wild.Example.com"]:
    for authority in [name, name.lower()]:
        check(Peer(sni=name).is_served(authority=authority), False, name)
    check(Peer(sni=name, cert=KNOWN[0], key=KNOWN[1]).is_served(authority=name), 200, name)
"#,
    );
    assert_eq!(guarded.origin.requests().len(), 3);
}

#[test]
fn cve_2026_32305_a_hello_in_several_packets_gets_the_same_options() {
    let guarded = Guarded::new();
    guarded.peer(
        r#"
large = {"quantum_readiness_test": True}
first = Peer(sni=GUARDED, **large)
check(first.sent > 0, False)
check(first.is_served(authority=GUARDED), False)
check(Peer(sni=GUARDED, cert=KNOWN[0], key=KNOWN[1], **large).is_served(authority=GUARDED), 200)
"#,
    );
    assert_eq!(guarded.origin.requests().len(), 1);
}

#[test]
fn a8_23_cve_2026_48491_a_host_with_other_options_is_misdirected() {
    let guarded = Guarded::new();
    guarded.peer(
        r#"
for authority in [GUARDED, "x.wild.example.com", GUARDED + ".", GUARDED.upper(), GUARDED + ":443"]:
    for sni in [HOST, "unknown.test", None]:
        check(Peer(sni=sni).is_served(authority=authority), 421, (sni, authority))
# With a certificate that the open host did not ask for.
check(Peer(cert=KNOWN[0], key=KNOWN[1]).is_served(authority=GUARDED), 421)
# And the other way round.
check(Peer(sni=GUARDED, cert=KNOWN[0], key=KNOWN[1]).is_served(authority=HOST), 421)
"#,
    );
    assert!(guarded.origin.requests().is_empty());
}

#[test]
fn c40_a_ticket_of_an_open_host_opens_no_guarded_one() {
    let guarded = Guarded::new();
    guarded.peer(
        r#"
def ticket(**options):
    peer = Peer(**options)
    check(peer.is_served(authority=options.get("sni", HOST)), 200)
    check(peer.until(lambda: peer.tickets), True)
    return peer.tickets[0]

own = ticket()
again = Peer(ticket=own)
check(again.is_served(), 200)
check(again.handshake.session_resumed, True, "the ticket is good where it came from")
# C34: nothing is taken before the handshake is over.
check(own.max_early_data_size, None)
check(again.handshake.early_data_accepted, False)

stolen = ticket()
stolen.server_name = GUARDED
check(Peer(sni=GUARDED, ticket=stolen).is_served(authority=GUARDED), False)

known = {"cert": KNOWN[0], "key": KNOWN[1]}
theirs = ticket(sni=GUARDED, **known)
resumed = Peer(sni=GUARDED, ticket=theirs, **known)
check(resumed.is_served("/resumed", authority=GUARDED), 200)
check(resumed.handshake.session_resumed, True)
"#,
    );
    let line = guarded.viaduct.wait_access("/resumed");
    assert_eq!(
        line.text("TLSClientSubject"),
        "CN=known",
        "a resumed client is known"
    );
}

#[test]
fn a8_6_sni_strict_holds_over_http3() {
    let strict = json!({ "sniStrict": true });
    let guarded = Guarded::with(|manifests| manifests.tls_option("default", strict));
    guarded.peer(
        r#"
check(Peer().is_served(), 200)
for stranger in ["unknown.test", None]:
    peer = Peer(sni=stranger)
    check(peer.shake_hands(), False)
    check(peer.ended.error_code, 0x100 + 112, stranger)
"#,
    );
}

#[test]
fn a8_1_options_without_tls_1_3_refuse_quic() {
    let old = json!({ "maxVersion": "VersionTLS12" });
    let guarded = Guarded::with(|manifests| manifests.tls_option("default", old));
    guarded.peer(
        r#"
peer = Peer()
check(peer.shake_hands(), False)
check(peer.ended.error_code, 0x100 + 70, peer.ended)
"#,
    );
    let plain = guarded.pki.curl(&guarded.viaduct).get(HOST, "/");
    assert_eq!(plain.status, 200, "TCP is as it was");
}

#[test]
fn c45_a_client_without_h3_is_refused() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = edge(&pki, &origin);
    peer(
        &pki,
        &viaduct,
        r#"
for other in ["h2", "http/1.1", "acme-tls/1"]:
    peer = Peer(alpn=other)
    check(peer.shake_hands(), False)
    check(peer.ended.error_code, 0x100 + 120, other)
"#,
        &[],
    );
}

#[test]
fn a8_13_new_options_hold_for_the_next_connection() {
    let guarded = Guarded::new();
    guarded.peer("check(Peer().is_served(), 200)\n");
    let manifests = guarded
        .pki
        .base(guarded.origin.port())
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "clientAuthType": "RequireAnyClientCert" } }),
        )
        .route(
            Route::secure("open", RULE, BACKEND, "http")
                .certificate(FRONT_SECRET)
                .options("mutual"),
        );
    guarded.viaduct.apply("r.yaml", &manifests.yaml());
    guarded.peer(
        r#"
check(Peer().is_served(), False)
check(Peer(cert=KNOWN[0], key=KNOWN[1]).is_served(), 200)
"#,
    );
}
