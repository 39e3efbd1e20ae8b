//! C13, C14: each broken thing takes its own router out of service, never widens trust, and leaves
//! every other router as it was.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Backend, Trust};

use super::kit::{Compiled, Outcome, World, balancer, ca, issued, pair, served};
use crate::RouterState;
use crate::service::ServiceKind;

/// Three routers that share nothing but the process: each has its own service, transport and options.
fn healthy() -> Value {
    let mut routers = serde_json::Map::new();
    let mut services = serde_json::Map::new();
    let mut transports = serde_json::Map::new();
    let mut options = serde_json::Map::new();
    for n in 0..3 {
        routers.insert(
            format!("r{n}"),
            json!({ "rule": format!("Host(`h{n}`)"), "service": format!("s{n}"), "entryPoints": ["websecure"],
                    "tls": { "options": format!("o{n}") } }),
        );
        let mut service = balancer("https://10.0.0.1");
        service["loadBalancer"]["serversTransport"] = json!(format!("t{n}"));
        services.insert(format!("s{n}"), service);
        transports.insert(
            format!("t{n}"),
            json!({ "rootCAs": [ca().pem()], "certificates": [pair(issued())], "serverName": "web.example.com" }),
        );
        options.insert(
            format!("o{n}"),
            json!({ "clientAuth": { "caFiles": [ca().pem()] } }),
        );
    }
    json!({
        "http": { "routers": routers, "services": services, "serversTransports": transports },
        "tls": { "options": options },
    })
}

/// Ways to break router 0, each an edit of one value.
fn breakages() -> Vec<(&'static str, Value)> {
    let with_junk = format!(
        "{}-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        ca().pem()
    );
    let (half, _) = ca().pem().split_at(ca().pem().len() / 2);
    let mut all = Vec::new();
    for bad in [
        json!([]),
        json!([""]),
        json!(["junk"]),
        json!([half]),
        json!([with_junk]),
        json!([ca().pem(), ""]),
    ] {
        all.push(("/http/serversTransports/t0/rootCAs", bad.clone()));
        // An empty list without a type is "no client authentication" in Traefik's own words.
        let mut auth = json!({ "clientAuthType": "RequireAndVerifyClientCert" });
        auth["caFiles"] = bad;
        all.push(("/tls/options/o0/clientAuth", auth));
    }
    all.extend([
        (
            "/http/serversTransports/t0/certificates",
            json!([{ "certFile": "", "keyFile": "" }]),
        ),
        (
            "/http/serversTransports/t0/certificates",
            json!([{ "certFile": ca().pem(), "keyFile": issued().key_pem }]),
        ),
        ("/http/serversTransports/t0/minVersion", json!("TLS1.2")),
        ("/http/serversTransports/t0/cipherSuites", json!(["X"])),
        ("/http/serversTransports/t0/spiffe", json!({})),
        ("/http/services/s0/loadBalancer/serversTransport", json!("t9")),
        (
            "/http/services/s0/loadBalancer/serversTransport",
            json!("t0@nowhere"),
        ),
        (
            "/http/services/s0/loadBalancer/servers",
            json!([{ "url": "nonsense" }]),
        ),
        ("/http/services/s0/loadBalancer/sticky", json!({ "cookie": {} })),
        ("/http/services/s0", json!({})),
        ("/http/routers/r0/service", json!("s9")),
        ("/http/routers/r0/service", json!("")),
        ("/http/routers/r0/middlewares", json!(["auth"])),
        ("/http/routers/r0/priority", json!(i64::MAX)),
        ("/http/routers/r0/tls/options", json!("o9")),
        ("/http/routers/r0/tls/options", json!("o1@internal")),
        ("/http/routers/r0/tls/certResolver", json!("le")),
        ("/http/routers/r0/rule", json!("Host(`h0`")),
        ("/http/routers/r0/entryPoints", json!(["nowhere"])),
        ("/tls/options/o0/minVersion", json!("1.2")),
        ("/tls/options/o0/clientAuth/clientAuthType", json!("Maybe")),
    ]);
    all
}

/// Puts `value` where `pointer` says, making the last key if there is none.
fn set(dynamic: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    dynamic.pointer_mut(parent).expect("a parent")[key] = value;
}

fn assert_only_router_0_suffers(compiled: &Compiled, what: &str) {
    assert!(
        matches!(
            compiled.secure("h0", "/"),
            Outcome::Out(..) | Outcome::NotFound | Outcome::Misdirected
        ),
        "{what}: {:?}",
        compiled.secure("h0", "/")
    );
    for n in 1..3 {
        assert_eq!(
            compiled.secure(&format!("h{n}"), "/"),
            served(&format!("s{n}@file")),
            "{what}"
        );
        assert!(compiled.demands_certificate(&format!("h{n}")), "{what}");
    }
    assert!(!compiled.findings.is_empty(), "{what}");
    for router in compiled.snapshot.routers.values() {
        assert_trust_is_as_written(&router.state, what);
    }
}

fn assert_trust_is_as_written(state: &RouterState, what: &str) {
    let RouterState::Ready(service) = state else {
        return;
    };
    let ServiceKind::LoadBalancer(balancer) = &service.kind else {
        return;
    };
    let policy = balancer.transport.tls.policy();
    match &policy.verification {
        Verification::Full(Backend(Trust::Bundle(bundle))) => {
            assert_eq!(bundle.roots().count(), 1, "{what}");
        }
        other => panic!("{what}: trust became {other:?}"),
    }
    assert_eq!(policy.identities.len(), 1, "{what}");
}

#[test]
fn c13_c14_each_breakage_stays_with_its_router() {
    let whole = World::of(healthy()).compile();
    whole.assert_no_errors();
    for (pointer, value) in breakages() {
        let what = format!("{pointer} = {value}");
        let mut dynamic = healthy();
        set(&mut dynamic, pointer, value);
        let world = World::of(dynamic);
        assert_only_router_0_suffers(&world.compile(), &what);
        // The same when it happens to a running configuration; the others are the very same values.
        let after = world.compile_after(Some(&whole));
        assert_only_router_0_suffers(&after, &what);
        for n in 1..3 {
            let name = format!("r{n}@file");
            assert!(
                Arc::ptr_eq(whole.router(&name), after.router(&name)),
                "{what}: {name}"
            );
        }
        // And when it is mended, all is well again.
        let mended = World::of(healthy()).compile_after(Some(&after));
        mended.assert_no_errors();
        assert_eq!(mended.secure("h0", "/"), served("s0@file"), "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Several breakages at once, in any order, one after the other.
    #[test]
    fn c13_c14_any_mix_of_breakages_stays_with_its_router(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let breakages = breakages();
        let mut previous = World::of(healthy()).compile();
        let mut dynamic = healthy();
        for pick in picks {
            let (pointer, value) = pick.get(&breakages);
            let (parent, _) = pointer.rsplit_once('/').expect("a pointer");
            // An earlier breakage may have taken the place of this one away.
            if dynamic.pointer(parent).is_some_and(Value::is_object) {
                set(&mut dynamic, pointer, value.clone());
            }
            let compiled = World::of(dynamic.clone()).compile_after(Some(&previous));
            assert_only_router_0_suffers(&compiled, pointer);
            previous = compiled;
        }
    }

    /// Whatever the CA's text is cut or changed to, the transport trusts what was written or nothing.
    #[test]
    fn c13_damaged_ca_text_never_widens_trust(at in any::<prop::sample::Index>(), cut in any::<bool>(), byte in 0x20u8..0x7f) {
        let mut pem = ca().pem().as_bytes().to_vec();
        let at = at.index(pem.len());
        if cut {
            pem.truncate(at);
        } else {
            pem[at] = byte;
        }
        let mut dynamic = healthy();
        set(&mut dynamic, "/http/serversTransports/t0/rootCAs", json!([String::from_utf8_lossy(&pem)]));
        let compiled = World::of(dynamic).compile();
        for router in compiled.snapshot.routers.values() {
            assert_trust_is_as_written(&router.state, "damaged CA");
        }
        prop_assert_eq!(compiled.secure("h1", "/"), served("s1@file"));
    }
}
