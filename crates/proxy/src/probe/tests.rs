//! Probes of real servers: nginx and `openssl s_server`.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode, Version};
use serde_json::{Value, json};
use viaduct_snapshot::{Revocations, RouterState, ServiceKind, Timeouts, Transport};
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_tls::{Backend, Reason, Trust, TrustBundle};

use super::{Seen, Target, ask, probe};
use crate::testing::{service, snapshot};

/// On a thread of the control plane: no local tasks, and the future could be anywhere.
fn run<T>(probing: impl Future<Output = T> + Send) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(Duration::from_secs(30), probing).await })
        .expect("the probe hangs")
}

/// The one server of a configuration with this transport.
fn target(url: &str, transport: Value) -> Target {
    let snapshot = snapshot(service([url], transport), None);
    let router = snapshot.routers.values().next().unwrap();
    let RouterState::Ready(service) = &router.state else {
        panic!("the router is out of service");
    };
    let ServiceKind::LoadBalancer(balancer) = &service.kind else {
        panic!("no load balancer");
    };
    Target::of(&balancer.servers[0], &balancer.transport, &snapshot.revocations)
}

fn trusting(ca: &Ca) -> Value {
    json!({ "rootCAs": [ca.pem()], "serverName": "web.example.com" })
}

fn bundle(ca: &Ca) -> Backend<Trust> {
    Backend(Trust::Bundle(Arc::new(
        TrustBundle::from_pem([ca.pem().as_bytes()]).unwrap(),
    )))
}

fn reason(seen: &Seen) -> Option<Reason> {
    seen.fault.as_ref().map(|fault| fault.reason)
}

#[test]
fn c10_a_probe_tells_every_step_of_a_good_connection() {
    let ca = Ca::new("backend");
    let issuing = ca.intermediate("issuing");
    let nginx = Nginx::server_h2(
        &issuing.issue(Leaf::server("web.example.com")),
        "ssl_protocols TLSv1.3;",
    );
    let seen = run(probe(&target(
        &format!("https://localhost:{}", nginx.port()),
        trusting(&ca),
    )));
    assert_eq!(seen.fault, None);
    assert!(!seen.resolved.as_ref().unwrap().addresses.is_empty());
    assert_eq!(seen.attempts.last().unwrap().address, nginx.address());
    assert_eq!(seen.ends.unwrap().peer, nginx.address());
    assert!(seen.is_verified());
    let done = seen.handshake().unwrap();
    assert_eq!((done.version, done.alpn.as_deref()), ("1.3", Some("h2")));
    assert!(!done.resumed && done.group.is_some());
    let tls = seen.tls.as_ref().unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("web.example.com"));
    assert_eq!(tls.client_auth, None);
    let subjects: Vec<_> = seen.presented().iter().map(|facts| &*facts.subject).collect();
    assert_eq!(subjects, ["CN=web.example.com", "CN=issuing"]);
    assert!(seen.took >= tls.took);
}

#[test]
fn c26_the_same_server_under_another_trust() {
    let (ca, other) = (Ca::new("backend"), Ca::new("other"));
    let server = SServer::start(&ca.issue(Leaf::server("web.example.com")), &[]);
    let url = format!("https://127.0.0.1:{}", server.port());
    let wrong = target(&url, trusting(&other));
    let seen = run(probe(&wrong));
    assert_eq!(reason(&seen), Some(Reason::UnknownCa));
    assert!(!seen.is_verified());
    assert_eq!(seen.presented()[0].subject, "CN=web.example.com");
    let right = wrong.trusting(bundle(&ca)).unwrap();
    assert!(run(probe(&right)).is_verified());

    // A transport that skips verification is verified all the same where a trust is given.
    let skipping = target(
        &url,
        json!({ "insecureSkipVerify": true, "serverName": "web.example.com" }),
    );
    let seen = run(probe(&skipping));
    assert_eq!((reason(&seen), seen.is_verified()), (None, false));
    let verified = skipping.trusting(bundle(&other)).unwrap();
    assert_eq!(reason(&run(probe(&verified))), Some(Reason::UnknownCa));
}

#[test]
fn c11_a_refusal_of_the_client_certificate_is_seen_without_a_request() {
    let (ca, clients) = (Ca::new("backend"), Ca::new("clients"));
    let directory = tempfile::tempdir().unwrap();
    let file = clients.write_to(directory.path(), "clients.crt");
    let identity = ca.issue(Leaf::server("web.example.com"));
    for version in ["-tls1_3", "-tls1_2"] {
        let demand = [
            version,
            "-Verify",
            "1",
            "-verify_return_error",
            "-CAfile",
            file.to_str().unwrap(),
        ];
        let server = SServer::start(&identity, &demand);
        let url = format!("https://127.0.0.1:{}", server.port());
        let none = run(probe(&target(&url, trusting(&ca))));
        assert_eq!(
            reason(&none),
            Some(Reason::ClientCertMissing),
            "{version}: {none:?}"
        );
        let asked = none.tls.unwrap().client_auth.unwrap();
        assert_eq!(
            (asked.sent, &*asked.acceptable_issuers),
            (None, &["CN=clients".to_owned()][..])
        );

        let mut good = trusting(&ca);
        let issued = clients.issue(Leaf::client("edge"));
        good["certificates"] = json!([{ "certFile": issued.chain_pem, "keyFile": issued.key_pem }]);
        let seen = run(probe(&target(&url, good)));
        assert_eq!(reason(&seen), None, "{version}");
        assert!(seen.tls.unwrap().client_auth.unwrap().sent.is_some());
    }
}

#[test]
fn c10_a_request_over_the_probed_connection() {
    let ca = Ca::new("backend");
    let identity = ca.issue(Leaf::server("web.example.com"));
    let seen = r#"location / { add_header X-Seen "$request_method $http_host $request_uri"; return 200; }"#;
    for (nginx, version) in [
        (Nginx::server(&identity, seen), Version::HTTP_11),
        (Nginx::server_h2(&identity, seen), Version::HTTP_2),
    ] {
        let target = target(&format!("https://127.0.0.1:{}", nginx.port()), trusting(&ca));
        let request = Request::put("/a%20b?c=d").header("host", "shop.example.com");
        let seen = run(ask(&target, request.body(()).unwrap()));
        let answer = seen.answer.as_ref().expect("an answer");
        assert_eq!((answer.status, answer.version), (StatusCode::OK, version));
        assert_eq!(answer.headers["x-seen"], "PUT shop.example.com /a%20b?c=d");
        assert!(seen.is_verified());
    }
    let plain = Nginx::plain("listen {port}; location / { return 204; }");
    let target = target(&format!("http://127.0.0.1:{}", plain.port()), json!({}));
    let seen = run(ask(&target, Request::get("/").body(()).unwrap()));
    assert_eq!(seen.answer.unwrap().status, StatusCode::NO_CONTENT);
    assert!(seen.tls.is_none());
}

#[test]
fn c10_failures_before_tls_tell_how_far_it_went() {
    let refused = run(probe(&target("https://127.0.0.1:1", json!({}))));
    assert_eq!(reason(&refused), Some(Reason::ConnectRefused));
    assert!(refused.attempts[0].fault.is_some() && refused.ends.is_none() && refused.tls.is_none());

    let unknown = run(probe(&target("https://nobody.invalid:1", json!({}))));
    assert_eq!(reason(&unknown), Some(Reason::Dns));
    assert!(unknown.attempts.is_empty());
}

#[test]
fn c10_a_silent_server_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let mut target = target(&url, json!({}));
    target.transport = Arc::new(Transport {
        name: Arc::clone(&target.transport.name),
        generation: target.transport.generation,
        tls: Arc::clone(&target.transport.tls),
        max_idle_per_host: 0,
        disable_http2: false,
        timeouts: Timeouts {
            handshake: Duration::from_millis(50),
            ..Timeouts::default()
        },
        origin: None,
        revoked: Arc::default(),
        root_cas: Vec::new(),
    });
    let seen = run(probe(&target));
    assert_eq!(reason(&seen), Some(Reason::HandshakeTimeout));
    assert!(seen.ends.is_some() && seen.handshake().is_none());
}

#[test]
fn c9_a_probe_passes_nothing_that_rests_on_a_revoked_certificate() {
    let ca = Ca::new("backend");
    let issuing = ca.intermediate("issuing");
    let leaf = issuing.issue(Leaf::server("web.example.com"));
    let nginx = Nginx::server(&leaf, "");
    let url = format!("https://127.0.0.1:{}", nginx.port());
    let seen = run(probe(&target(&url, trusting(&ca))));
    let presented: Vec<_> = seen.presented().iter().map(|facts| facts.fingerprint).collect();
    assert_eq!((seen.fault.as_ref(), presented.len()), (None, 2));
    for certificate in presented {
        let mut target = target(&url, trusting(&ca));
        target.revocations = Arc::new(Revocations::everywhere(&Arc::new([certificate].into())));
        let seen = run(probe(&target));
        assert_eq!(reason(&seen), Some(Reason::Revoked));
        assert!(!seen.is_verified());
        assert_eq!(seen.presented().len(), 2, "told all the same");
    }
}
