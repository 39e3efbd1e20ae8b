//! Servers transports: every option, and that nothing broken is replaced by something weaker.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use viaduct_config::duration::GoDuration;
use viaduct_config::dynamic::http::{ForwardingTimeouts, ServersTransport};
use viaduct_config::finding::Code;
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::names::Version;
use viaduct_tls::{Backend, Trust, TrustBundle};

use super::kit::{Compiled, Outcome, World, ca, issued, other_ca, pair, served};
use crate::service::{PoolId, ServiceKind};
use crate::{HeldTrust, RouterState, Timeouts, Transport};

/// Router `r` over this transport `t`, and router `other` over the default one.
fn with(transport: &Value) -> World {
    World::of(json!({ "http": {
        "routers": {
            "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] },
            "other": { "rule": "Host(`b`)", "service": "plain", "entryPoints": ["web"] },
        },
        "services": {
            "app": { "loadBalancer": { "servers": [{ "url": "https://10.0.0.1" }], "serversTransport": "t" } },
            "plain": { "loadBalancer": { "servers": [{ "url": "https://10.0.0.1" }] } },
        },
        "serversTransports": { "t": transport },
    }}))
}

fn transport(compiled: &Compiled, router: &str) -> (Arc<Transport>, PoolId) {
    match &compiled.router(router).state {
        RouterState::Ready(service) => match &service.kind {
            ServiceKind::LoadBalancer(balancer) => {
                (Arc::clone(&balancer.transport), balancer.servers[0].pool)
            }
            ServiceKind::Weighted(_) | ServiceKind::Internal(_) => panic!("no balancer"),
        },
        RouterState::OutOfService { finding, .. } => panic!("out of service: {finding:?}"),
    }
}

#[test]
fn a7_1_to_a7_10_every_option_is_read() {
    let client = issued();
    let compiled = with(&json!({
        "serverName": "web.example.com",
        "rootCAs": [ca().pem()],
        "certificates": [pair(client)],
        "minVersion": "VersionTLS13",
        "peerCertURI": "spiffe://a/b",
        "maxIdleConnsPerHost": 7,
        "disableHTTP2": true,
        "forwardingTimeouts": {
            "dialTimeout": "1s", "responseHeaderTimeout": "2s", "idleConnTimeout": "3s",
            "readIdleTimeout": "4s", "pingTimeout": "5s",
        },
    }))
    .compile();
    compiled.assert_no_errors();
    let (transport, _) = transport(&compiled, "r@file");
    let policy = transport.tls.policy();
    assert_eq!(policy.server_name.as_deref(), Some("web.example.com"));
    assert!(matches!(
        &policy.verification,
        Verification::Full(Backend(Trust::Bundle(_)))
    ));
    assert_eq!(policy.identities.len(), 1);
    // A14.3: a minimum alone is enough.
    assert_eq!(
        (policy.versions.min, policy.versions.max),
        (Version::Tls13, Version::Tls13)
    );
    assert_eq!(policy.peer_uri.as_deref(), Some("spiffe://a/b"));
    assert_eq!(transport.max_idle_per_host, 7);
    assert!(transport.disable_http2);
    assert_eq!(
        transport.timeouts,
        Timeouts {
            dial: Some(Duration::from_secs(1)),
            handshake: Duration::from_secs(10),
            response_header: Some(Duration::from_secs(2)),
            idle: Some(Duration::from_secs(3)),
            read_idle: Some(Duration::from_secs(4)),
            ping: Duration::from_secs(5),
        }
    );
}

#[test]
fn a7_2_insecure_skip_verify_is_explicit() {
    let compiled = with(&json!({ "insecureSkipVerify": true })).compile();
    let (skipping, _) = transport(&compiled, "r@file");
    assert_eq!(skipping.tls.policy().verification, Verification::DangerSkip);
    let (default, _) = transport(&compiled, "other@file");
    assert_eq!(
        default.tls.policy().verification,
        Verification::Full(Backend(Trust::System)),
        "and only there"
    );
}

#[test]
fn a14_4_idle_connections_default_to_200() {
    for (written, limit) in [
        (json!({}), 200),
        (json!({ "maxIdleConnsPerHost": 0 }), 200),
        (json!({ "maxIdleConnsPerHost": -1 }), 0),
    ] {
        let compiled = with(&written).compile();
        assert_eq!(
            transport(&compiled, "r@file").0.max_idle_per_host,
            limit,
            "{written}"
        );
        assert_eq!(transport(&compiled, "other@file").0.max_idle_per_host, 200);
    }
}

#[test]
fn a7_10_zero_means_no_limit() {
    let compiled = with(&json!({ "forwardingTimeouts": {
        "dialTimeout": "0s", "idleConnTimeout": "0s", "pingTimeout": "0s",
    }}))
    .compile();
    let (transport, _) = transport(&compiled, "r@file");
    assert_eq!(transport.timeouts.dial, None);
    assert_eq!(transport.timeouts.idle, None);
    assert_eq!(transport.timeouts.ping, Duration::from_secs(15));
}

#[test]
fn a7_11_static_transport_is_the_default_and_is_not_merged_into_others() {
    let mut world = with(&json!({ "serverName": "x" }));
    world.install.servers_transport = ServersTransport {
        insecure_skip_verify: true,
        max_idle_conns_per_host: Some(5),
        forwarding_timeouts: Some(ForwardingTimeouts {
            dial_timeout: Some(GoDuration::from_secs(1)),
            ..ForwardingTimeouts::default()
        }),
        ..ServersTransport::default()
    };
    let compiled = world.compile();
    let (default, _) = transport(&compiled, "other@file");
    assert_eq!(&*default.name, "default@internal");
    assert_eq!(default.tls.policy().verification, Verification::DangerSkip);
    assert_eq!(
        (default.max_idle_per_host, default.timeouts.dial),
        (5, Some(Duration::from_secs(1)))
    );
    let (named, _) = transport(&compiled, "r@file");
    assert_eq!(
        named.tls.policy().verification,
        Verification::Full(Backend(Trust::System))
    );
    assert_eq!(
        (named.max_idle_per_host, named.timeouts.dial),
        (200, Some(Duration::from_secs(30)))
    );
}

/// A14.1, A14.2, A14.6, A14.7: what cannot be used takes its routers out of service, and only them.
#[test]
fn a14_1_a14_2_a14_6_a14_7_broken_transports_fail_closed() {
    let (cert, key) = (issued().chain_pem.as_str(), issued().key_pem.as_str());
    let stranger = other_ca()
        .issue(viaduct_testkit::pki::Leaf::client("stranger"))
        .key_pem;
    let (truncated, _) = ca().pem().split_at(60);
    let two = format!(
        "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ca().pem()
    );
    for (written, code) in [
        (json!({ "rootCAs": [] }), Code::MissingTrust),
        (json!({ "rootCAs": [""] }), Code::MissingTrust),
        (json!({ "rootCAs": [ca().pem(), ""] }), Code::MissingTrust),
        (json!({ "rootCAs": [two] }), Code::InvalidCertificate),
        (
            json!({ "rootCAs": [truncated], "insecureSkipVerify": true }),
            Code::InvalidCertificate,
        ),
        (
            json!({ "certificates": [{ "certFile": "", "keyFile": "" }] }),
            Code::InvalidCertificate,
        ),
        (
            json!({ "certificates": [{ "certFile": cert, "keyFile": stranger }] }),
            Code::InvalidCertificate,
        ),
        (
            json!({ "certificates": [{ "certFile": cert, "keyFile": key }, { "certFile": "x", "keyFile": key }] }),
            Code::InvalidCertificate,
        ),
        (json!({ "cipherSuites": ["TLS_MADE_UP"] }), Code::InvalidTlsOption),
        (json!({ "minVersion": "VersionTLS99" }), Code::InvalidTlsOption),
        (
            json!({ "minVersion": "VersionTLS13", "maxVersion": "VersionTLS12" }),
            Code::InvalidTlsOption,
        ),
        (
            json!({ "forwardingTimeouts": { "dialTimeout": "-1s" } }),
            Code::InvalidObject,
        ),
        (json!({ "spiffe": { "ids": ["spiffe://x"] } }), Code::Unsupported),
    ] {
        let compiled = with(&written).compile();
        assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, code), "{written}");
        assert_eq!(compiled.plain("b", "/"), served("plain@file"), "{written}");
    }
}

#[test]
fn a14_9_trust_generation_follows_content() {
    let base = with(&json!({ "rootCAs": [ca().pem()] }));
    let first = base.compile();
    let (before, pool) = transport(&first, "r@file");
    let (default, default_pool) = transport(&first, "other@file");

    let same = with(&json!({ "rootCAs": [ca().pem()] })).compile_after(Some(&first));
    let (kept, kept_pool) = transport(&same, "r@file");
    assert!(Arc::ptr_eq(&before, &kept));
    assert_eq!(pool, kept_pool);

    let slower = with(&json!({
        "rootCAs": [ca().pem()], "forwardingTimeouts": { "dialTimeout": "1s" },
    }))
    .compile_after(Some(&same));
    let (slower_transport, slower_pool) = transport(&slower, "r@file");
    assert_eq!(
        slower_transport.generation, before.generation,
        "trust is the same"
    );
    assert!(Arc::ptr_eq(&slower_transport.tls, &before.tls));
    assert_ne!(slower_pool, pool, "the pool's limits are not");

    let rotated = with(&json!({ "rootCAs": [other_ca().pem()] })).compile_after(Some(&slower));
    let (other, other_pool) = transport(&rotated, "r@file");
    assert_ne!(other.generation, before.generation);
    assert!(!rotated.snapshot.live_pools.contains(pool));
    assert!(rotated.snapshot.live_pools.contains(other_pool));

    let back = base.compile_after(Some(&rotated));
    let (again, again_pool) = transport(&back, "r@file");
    assert!(
        again.generation != before.generation && again.generation != other.generation,
        "never given twice"
    );
    assert!(again_pool != pool && again_pool != other_pool);

    let (default_after, default_pool_after) = transport(&back, "other@file");
    assert!(
        Arc::ptr_eq(&default, &default_after),
        "a7_17: what did not change is shared"
    );
    assert_eq!(default_pool, default_pool_after);
}

#[test]
fn c11_a_held_trust_takes_the_place_of_another_verified_trust_only() {
    let bundle = |ca: &str| {
        Backend(Trust::Bundle(Arc::new(
            TrustBundle::from_pem([ca.as_bytes()]).unwrap(),
        )))
    };
    let hold = |transport: &Value| {
        let mut world = with(transport);
        let held = HeldTrust {
            trust: bundle(ca().pem()),
            why: Some("1 of 1 servers would fail".to_owned()),
        };
        world.install.held_trust.insert(Arc::from("t@file"), held);
        world
    };
    let before = with(&json!({ "rootCAs": [ca().pem()] })).compile();
    let changed = json!({ "rootCAs": [other_ca().pem()], "serverName": "new.example.com" });
    let world = hold(&changed);
    let compiled = world.compile_after(Some(&before));
    let policy = transport(&compiled, "r@file").0;
    assert_eq!(
        policy.tls.policy().verification,
        Verification::Full(bundle(ca().pem()))
    );
    assert_eq!(
        policy.tls.policy().server_name.as_deref(),
        Some("new.example.com")
    );
    let finding = compiled.only(Code::TrustHeld);
    assert_eq!(finding.got.as_deref(), Some("1 of 1 servers would fail"));
    // Shared by the next compile, which says so again; and let go of at once.
    let again = world.compile_after(Some(&compiled));
    assert!(Arc::ptr_eq(&transport(&again, "r@file").0, &policy));
    again.only(Code::TrustHeld);
    let released = with(&changed).compile_after(Some(&again));
    let verification = &transport(&released, "r@file").0.tls.policy().verification.clone();
    assert_eq!(*verification, Verification::Full(bundle(other_ca().pem())));
    assert!(released.found(Code::TrustHeld).is_empty());

    let skipping = hold(&json!({ "insecureSkipVerify": true })).compile_after(Some(&before));
    let verification = &transport(&skipping, "r@file").0.tls.policy().verification.clone();
    assert_eq!(*verification, Verification::DangerSkip);
    assert!(skipping.found(Code::TrustHeld).is_empty());
    let unusable = hold(&json!({ "rootCAs": ["nothing"] })).compile_after(Some(&before));
    assert!(matches!(
        unusable.router("r@file").state,
        RouterState::OutOfService { .. }
    ));
}
