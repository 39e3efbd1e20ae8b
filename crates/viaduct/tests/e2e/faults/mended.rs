//! Real servers that a bridge cannot be built to; the edit that is proposed is applied as it was printed.

use serde_json::json;
use viaduct_testkit::h2::{Frame, flag, kind};
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::origin::{Origin, Wire, ok};
use viaduct_testkit::pki::{Ca, KeyKind, Leaf, Validity};
use viaduct_tls::Reason;

use super::{Broken, Secret, provoke, provoke_complaint, provoked};
use crate::backend_leg::{bridge, demanding, trusting};
use crate::fixture::{HOST, Pki, secure_route};

#[test]
fn c2_unknown_ca_the_named_ca_is_added_beside_the_one_that_is_there() {
    let pki = Pki::new();
    let stranger = Ca::new("Somebody Else");
    let nginx = Nginx::server(&stranger.issue(Leaf::server(HOST)), "");
    let broken = provoke(
        &pki,
        bridge(&pki, nginx.port(), trusting(json!({}))),
        Reason::UnknownCa,
        [
            "Backend CA",
            "Somebody Else",
            "add the CA `CN=Somebody Else` to `rootCAs` in ServersTransport web/web-transport, or to Secret web/backend-ca, which it has now",
        ],
    );
    assert!(
        broken
            .suggestion()
            .contains("- secret: backend-ca\n  - secret: web-transport-ca\n"),
        "{}",
        broken.suggestion()
    );
    broken.mend(&[Secret::Ca("web-transport-ca", stranger.pem())], &pki);
}

#[test]
fn c2_unknown_ca_of_a_ca_that_was_replaced_under_its_old_name() {
    let pki = Pki::new();
    let next = Ca::new("Backend CA");
    let nginx = Nginx::server(&next.issue(Leaf::server(HOST)), "");
    let broken = provoke(
        &pki,
        bridge(&pki, nginx.port(), trusting(json!({}))),
        Reason::UnknownCa,
        [
            "Backend CA",
            "Backend CA",
            "the CA `CN=Backend CA` in Secret web/backend-ca (`rootCAs` in ServersTransport web/web-transport) has the same name and another key: replace it by the one that issues the server's certificate now, or keep both",
        ],
    );
    broken.mend(&[Secret::Ca("web-transport-ca", next.pem())], &pki);
}

#[test]
fn c2_unknown_ca_of_a_self_signed_server() {
    let pki = Pki::new();
    let own = Leaf::server(HOST).self_signed();
    let nginx = Nginx::server(&own, "");
    let broken = provoke(
        &pki,
        bridge(&pki, nginx.port(), trusting(json!({}))),
        Reason::UnknownCa,
        [
            "Backend CA",
            HOST,
            "add the server's own certificate (it is self-signed) to `rootCAs` in ServersTransport web/web-transport, or to Secret web/backend-ca, which it has now",
        ],
    );
    broken.mend(&[Secret::Ca("web-transport-ca", &own.cert_pem)], &pki);
}

#[test]
fn c2_unknown_ca_without_a_transport_two_edits_lead_to_the_bridge() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let manifests = pki.base(nginx.port()).route(secure_route("https"));
    let first = provoke(
        &pki,
        manifests,
        Reason::UnknownCa,
        [
            "trusted roots",
            "Backend CA",
            "create a ServersTransport in namespace web with the CA `CN=Backend CA` in `rootCAs` and name it as `serversTransport` at the service of IngressRoute web/web-ingressroute",
        ],
    );
    let manifests = first.edited(&[Secret::Ca("backend-tls-ca", pki.backend_ca.pem())]);
    first.viaduct.apply("b.yaml", &manifests.yaml());
    let second = provoked(
        &pki,
        first.viaduct,
        manifests,
        Reason::NoIpSan,
        [
            "127.0.0.1",
            HOST,
            "set `serverName: web.example.com` in ServersTransport web/backend-tls",
        ],
    );
    second.mend(&[], &pki);
}

#[test]
fn c2_name_mismatch() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend_ca.issue(Leaf::server("other.example.com")), "");
    let broken = provoke(
        &pki,
        bridge(&pki, nginx.port(), trusting(json!({}))),
        Reason::NameMismatch,
        [
            HOST,
            "other.example.com",
            "set `serverName: other.example.com` in ServersTransport web/web-transport",
        ],
    );
    broken.mend(&[], &pki);
}

#[test]
fn c2_no_ip_san() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let spec = json!({ "rootCAs": [{ "secret": "backend-ca" }] });
    let broken = provoke(
        &pki,
        bridge(&pki, nginx.port(), spec),
        Reason::NoIpSan,
        [
            "127.0.0.1",
            HOST,
            "set `serverName: web.example.com` in ServersTransport web/web-transport",
        ],
    );
    broken.mend(&[], &pki);
}

#[test]
fn c2_uri_mismatch() {
    let pki = Pki::new();
    let leaf = Leaf::server(HOST).uri("spiffe://example.com/other");
    let nginx = Nginx::server(&pki.backend_ca.issue(leaf), "");
    let spec = trusting(json!({ "peerCertURI": "spiffe://example.com/wanted" }));
    let broken = provoke(
        &pki,
        bridge(&pki, nginx.port(), spec),
        Reason::UriMismatch,
        [
            "spiffe://example.com/wanted",
            "spiffe://example.com/other",
            "remove `peerCertURI` from ServersTransport web/web-transport, or set it to a URI of the certificate",
        ],
    );
    broken.mend(&[], &pki);
}

#[test]
fn c2_client_cert_missing() {
    let pki = Pki::new();
    let ca = Ca::new("Client CA");
    let (server, _directory) = demanding(&pki, &ca);
    let broken = provoke(
        &pki,
        bridge(&pki, server.port(), trusting(json!({}))),
        Reason::ClientCertMissing,
        [
            "CN=Client CA",
            "none was sent",
            "add a client certificate issued by `CN=Client CA` to `certificatesSecrets` in ServersTransport web/web-transport",
        ],
    );
    let pair = ca.issue(Leaf::client("the ingress"));
    broken.mend(&[Secret::Pair("web-transport-client", &pair)], &pki);
}

#[test]
fn c2_client_cert_refused() {
    let pki = Pki::new();
    let ca = Ca::new("Client CA");
    let (server, _directory) = demanding(&pki, &ca);
    let expired = ca.issue(Leaf::client("the ingress").valid(Validity::expired()));
    let spec = trusting(json!({ "certificatesSecrets": ["old-pair"] }));
    let manifests = bridge(&pki, server.port(), spec).tls_secret("old-pair", &expired);
    let broken = provoke(
        &pki,
        manifests,
        Reason::ClientCertRefused,
        [
            "CN=Client CA",
            "certificate_expired",
            "replace the certificate in `certificatesSecrets` of ServersTransport web/web-transport: the server refused it",
        ],
    );
    let pair = ca.issue(Leaf::client("the ingress"));
    broken.mend(&[Secret::Pair("web-transport-client", &pair)], &pki);
}

#[test]
fn c2_plaintext_on_tls_port() {
    let pki = Pki::new();
    let nginx = Nginx::plain("listen {port}; location / { return 200 nginx; }");
    let broken = provoke(
        &pki,
        bridge(&pki, nginx.port(), trusting(json!({}))),
        Reason::PlaintextOnTlsPort,
        [
            "a TLS handshake",
            "plain text",
            "set `scheme: http` at the service of IngressRoute web/web-ingressroute",
        ],
    );
    broken.mend(&[], &pki);
}

/// A route by plain HTTP whose transport is ready for TLS.
fn plain(pki: &Pki, port: u16) -> Manifests {
    pki.base(port)
        .secret("backend-ca", &[("ca.crt", pki.backend_ca.pem())])
        .transport("web-transport", trusting(json!({})))
        .route(secure_route("http").transport("web-transport"))
}

const HTTPS: &str = "set `scheme: https` at the service of IngressRoute web/web-ingressroute";

#[test]
fn c2_tls_on_plain_port() {
    let pki = Pki::new();
    // It says nothing to plain text.
    let server = SServer::start(&pki.backend, &[]);
    let words = ["an HTTP answer", "a TLS record to a ClientHello", HTTPS];
    let broken = provoke(&pki, plain(&pki, server.port()), Reason::TlsOnPlainPort, words);
    broken.mend(&[], &pki);
}

#[test]
fn c2_tls_on_plain_port_of_a_server_that_sends_an_alert() {
    let pki = Pki::new();
    let server = Origin::https(pki.server(&["http/1.1"]), |_| ok(""));
    let words = ["an HTTP answer", "a TLS record", HTTPS];
    let broken = provoke(&pki, plain(&pki, server.port()), Reason::TlsOnPlainPort, words);
    broken.mend(&[], &pki);
}

#[test]
fn c2_tls_on_plain_port_of_nginx_which_answers_by_itself() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let words = [
        "an HTTP answer",
        "the answer 400, `The plain HTTP request was sent to HTTPS port`",
        HTTPS,
    ];
    let manifests = plain(&pki, nginx.port());
    let broken = provoke_complaint(&pki, manifests, Reason::TlsOnPlainPort, words);
    broken.mend(&[], &pki);
}

#[test]
fn c2_client_cert_missing_at_nginx_which_answers_by_itself() {
    let (pki, ca) = (Pki::new(), Ca::new("Client CA"));
    let nginx = Nginx::mutual(&pki.backend, &ca, "");
    let manifests = bridge(&pki, nginx.port(), trusting(json!({})));
    let words = [
        "a client certificate issued by `CN=Client CA`",
        "the answer 400, `No required SSL certificate was sent`, as none was sent",
        "add a client certificate issued by `CN=Client CA` to `certificatesSecrets` in ServersTransport web/web-transport",
    ];
    let broken = provoke_complaint(&pki, manifests, Reason::ClientCertMissing, words);
    let pair = ca.issue(Leaf::client("the ingress"));
    broken.mend(&[Secret::Pair("web-transport-client", &pair)], &pki);
}

/// What is narrowed by `spec`, the server's options, and the edit's one line.
#[track_caller]
fn widened(spec: serde_json::Value, server: &[&str], fix: &str, line: &str) {
    let pki = Pki::new();
    let rsa = pki.backend_ca.issue(Leaf::server(HOST).key(KeyKind::Rsa2048));
    let server = SServer::start(&rsa, server);
    let manifests = bridge(&pki, server.port(), trusting(spec));
    let broken = provoke(
        &pki,
        manifests,
        Reason::VersionOrCipher,
        ["in common", "the alert `", fix],
    );
    assert!(broken.suggestion().contains(line), "{}", broken.suggestion());
    broken.mend(&[], &pki);
}

#[test]
fn c2_version_or_cipher_of_a_transport_without_the_servers_version() {
    widened(
        json!({ "minVersion": "VersionTLS13" }),
        &["-tls1_2"],
        "set `minVersion: VersionTLS12` in ServersTransport web/web-transport",
        "minVersion: VersionTLS12",
    );
    widened(
        json!({ "maxVersion": "VersionTLS12" }),
        &["-tls1_3"],
        "set `maxVersion: VersionTLS13` in ServersTransport web/web-transport",
        "maxVersion: VersionTLS13",
    );
}

#[test]
fn c2_version_or_cipher_of_a_transport_without_the_servers_suite() {
    widened(
        json!({ "cipherSuites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"] }),
        &["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"],
        "remove `cipherSuites` from ServersTransport web/web-transport, or name one that the server has",
        "cipherSuites: null",
    );
}

#[test]
fn c2_alpn_of_a_transport_without_http2_and_a_server_with_nothing_else() {
    let pki = Pki::new();
    let server = Origin::script_tls(pki.server(&["h2"]), over_h2);
    let spec = trusting(json!({ "disableHTTP2": true }));
    let broken = provoke(
        &pki,
        bridge(&pki, server.port(), spec),
        Reason::Alpn,
        [
            "ALPN",
            "no_application_protocol",
            "set `disableHTTP2: false` in ServersTransport web/web-transport",
        ],
    );
    broken.mend(&[], &pki);
}

/// A server that answers each request with 200, and speaks nothing but HTTP/2.
fn over_h2(wire: Wire<'_>) {
    let mut preface = [0; 24];
    let write = |frame: Frame, wire: Wire<'_>| {
        wire.write_all(&frame.bytes())
            .and_then(|()| wire.flush())
            .unwrap_or_default();
    };
    if wire.read_exact(&mut preface).is_err() {
        return;
    }
    write(Frame::new(kind::SETTINGS, flag::NONE, 0, []), wire);
    let mut head = [0; 9];
    while wire.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if wire.read_exact(&mut vec![0; length]).is_err() {
            return;
        }
        match head[3] {
            kind::SETTINGS if head[4] & flag::ACK == 0 => {
                write(Frame::new(kind::SETTINGS, flag::ACK, 0, []), wire);
            }
            // `:status: 200` of the static table.
            kind::HEADERS => write(
                Frame::new(
                    kind::HEADERS,
                    flag::END_HEADERS | flag::END_STREAM,
                    stream,
                    [0x88],
                ),
                wire,
            ),
            _ => {}
        }
    }
}

#[test]
fn c2_an_edit_touches_nothing_but_what_it_names() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend_ca.issue(Leaf::server("other.example.com")), "");
    let manifests = bridge(&pki, nginx.port(), trusting(json!({ "maxIdleConnsPerHost": 7 })));
    let Broken { manifests, told, .. } = provoke(
        &pki,
        manifests,
        Reason::NameMismatch,
        [
            HOST,
            "other.example.com",
            "set `serverName: other.example.com` in ServersTransport web/web-transport",
        ],
    );
    let edited = viaduct_testkit::suggestion::to_objects(
        manifests.objects(),
        told["suggestion"].as_str().expect("an edit"),
    );
    let changed: Vec<_> = manifests
        .objects()
        .iter()
        .zip(&edited)
        .filter(|(before, after)| before != after)
        .collect();
    assert_eq!((changed.len(), edited.len()), (1, manifests.objects().len()));
    let (before, after) = changed[0];
    assert_eq!(after["kind"], "ServersTransport");
    assert_eq!(after["spec"]["rootCAs"], before["spec"]["rootCAs"]);
    assert_eq!(after["spec"]["maxIdleConnsPerHost"], 7);
}
