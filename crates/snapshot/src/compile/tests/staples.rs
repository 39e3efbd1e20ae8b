//! OCSP answers reach the certificates and touch nothing else (A8.22).

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde_json::{Value, json};
use viaduct_config::finding::Code;
use viaduct_config::{Element, EntryPointName, Severity};
use viaduct_testkit::ocsp::Answer;
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_tls::ocsp::{Question, Staples, Stapling};
use viaduct_tls::{Fingerprint, Identity};

use super::kit::{Compiled, World, balancer, issued, pair, served};

fn authority() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(|| super::kit::ca().intermediate("Issuing CA"))
}

fn leaf() -> Leaf {
    Leaf::server("web.example.com").ocsp("http://ocsp.example.com/")
}

/// What a client of a stapling server gets.
fn stapled(leaf: &Issued, answer: &Answer) -> Stapling {
    let identity = Identity::from_pem(leaf.chain_pem.as_bytes(), leaf.key_pem.as_bytes()).unwrap();
    let question = Question::of(&identity).unwrap();
    let response = answer.to(question.request(), authority().own());
    let staple = question.read(&response, SystemTime::now()).unwrap();
    Stapling {
        staple: Some(Arc::new(staple)),
        fault: None,
    }
}

fn failed() -> Stapling {
    Stapling {
        staple: None,
        fault: Some("connection refused".into()),
    }
}

fn staples(leaf: &Issued, stapling: Stapling) -> Option<Arc<Staples>> {
    Some(Arc::new(Staples::from([(Fingerprint::of(&leaf.der), stapling)])))
}

fn with_certificate(leaf: &Issued) -> Value {
    json!({
        "http": {
            "routers": { "web": {
                "rule": "Host(`web.example.com`)", "service": "app", "entryPoints": ["websecure"],
                "tls": { "options": "strict" },
            } },
            "services": { "app": balancer("https://10.0.0.1") },
        },
        "tls": {
            "certificates": [pair(issued()), pair(leaf)],
            "options": { "strict": { "sniStrict": true } },
        },
    })
}

/// The response that is stapled to the certificate of `leaf`.
fn ocsp(compiled: &Compiled, leaf: &Issued) -> Option<Vec<u8>> {
    let fingerprint = Fingerprint::of(&leaf.der);
    let store = compiled.snapshot.certificates();
    let identity = store
        .identities()
        .chain([store.default_identity()])
        .find(|identity| identity.facts().fingerprint == fingerprint)
        .expect("the certificate is served");
    identity.ocsp().map(<[u8]>::to_vec)
}

#[test]
fn a8_22_a_new_staple_changes_the_store_and_keeps_policies_routers_and_pools() {
    let leaf = authority().issue(leaf());
    let mut world = World::of(with_certificate(&leaf));
    world.staples = Some(Arc::default());
    let first = world.compile();
    assert_eq!(ocsp(&first, &leaf), None);

    world.staples = staples(&leaf, stapled(&leaf, &Answer::default()));
    let second = world.compile_after(Some(&first));
    second.assert_no_errors();
    assert!(ocsp(&second, &leaf).is_some());
    assert_eq!(ocsp(&second, issued()), None, "the other certificate");
    assert_eq!(second.snapshot.generation, first.snapshot.generation + 1);
    assert_eq!(second.snapshot.live_pools, first.snapshot.live_pools);
    for (name, router) in &first.snapshot.routers {
        assert!(Arc::ptr_eq(router, &second.snapshot.routers[name]), "{name}");
    }
    for name in [None, Some("web.example.com")] {
        let entry_point = |compiled: &Compiled| {
            Arc::clone(&compiled.snapshot.entry_points[&EntryPointName::new("websecure")])
        };
        let (before, after) = (entry_point(&first), entry_point(&second));
        assert_eq!(
            before.tls(name).1,
            after.tls(name).1,
            "the policy's id, and so its tickets"
        );
    }
    assert_eq!(second.secure("web.example.com", "/"), served("app@file"));

    let third = world.compile_after(Some(&second));
    assert!(Arc::ptr_eq(
        second.snapshot.certificates(),
        third.snapshot.certificates()
    ));
    assert_eq!(third.snapshot.generation, second.snapshot.generation);

    world.staples = staples(&leaf, failed());
    let fourth = world.compile_after(Some(&third));
    assert_eq!(
        ocsp(&fourth, &leaf),
        None,
        "a staple that is gone is served no more"
    );
}

#[test]
fn a8_22_a_certificate_that_is_read_again_keeps_its_staple() {
    let leaf = authority().issue(leaf());
    let mut world = World::of(with_certificate(&leaf));
    world.staples = staples(&leaf, stapled(&leaf, &Answer::default()));
    let first = world.compile();
    let mut changed = with_certificate(&leaf);
    changed["tls"]["certificates"] = json!([pair(&leaf)]);
    world.say("file", changed);
    let second = world.compile_after(Some(&first));
    assert_eq!(ocsp(&second, &leaf), ocsp(&first, &leaf));
    assert!(ocsp(&second, &leaf).is_some());
}

#[test]
fn a8_22_the_default_certificate_is_stapled_too() {
    let leaf = authority().issue(leaf());
    let mut world =
        World::of(json!({ "tls": { "stores": { "default": { "defaultCertificate": pair(&leaf) } } } }));
    world.staples = staples(&leaf, stapled(&leaf, &Answer::default()));
    let first = world.compile();
    assert!(ocsp(&first, &leaf).is_some());
    assert!(first.findings.is_empty(), "{:?}", first.findings);
    let second = world.compile_after(Some(&first));
    assert!(Arc::ptr_eq(
        first.snapshot.certificates(),
        second.snapshot.certificates()
    ));

    world.staples = staples(&leaf, failed());
    let third = world.compile_after(Some(&second));
    let finding = third.only(Code::OcspStapling);
    assert_eq!(finding.element, Some(Element::TlsStore("default".into())));
}

#[test]
fn a8_22_a_revoked_certificate_is_stapled_so_and_told_as_an_error() {
    let leaf = authority().issue(leaf());
    let mut world = World::of(with_certificate(&leaf));
    world.staples = staples(&leaf, stapled(&leaf, &Answer::default().revoked()));
    let compiled = world.compile();
    assert!(ocsp(&compiled, &leaf).is_some());
    let finding = compiled.only(Code::RevokedCertificate);
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(finding.element, Some(Element::Certificate(1)));
    assert_eq!(compiled.secure("web.example.com", "/"), served("app@file"));
}

#[test]
fn a8_22_a_certificate_without_its_staple_is_told_of_as_badly_as_it_is() {
    let severity = |leaf: &Issued, staples: Option<Arc<Staples>>| {
        let mut world = World::of(with_certificate(leaf));
        world.staples = staples;
        let compiled = world.compile();
        assert_eq!(compiled.secure("web.example.com", "/"), served("app@file"));
        let found = compiled.found(Code::OcspStapling);
        assert!(found.len() < 2, "{found:?}");
        found.first().map(|finding| finding.severity)
    };
    let plain = authority().issue(leaf());
    let strict = authority().issue(leaf().must_staple());
    assert_eq!(severity(&plain, None), None, "stapling is off");
    assert_eq!(severity(&strict, None), Some(Severity::Warning));
    let pending = Some(Arc::default());
    assert_eq!(severity(&strict, pending), None, "nobody has been asked yet");
    assert_eq!(
        severity(&plain, staples(&plain, failed())),
        Some(Severity::Warning)
    );
    assert_eq!(
        severity(&strict, staples(&strict, failed())),
        Some(Severity::Error)
    );
    let last_good = Stapling {
        fault: failed().fault,
        ..stapled(&strict, &Answer::default())
    };
    assert_eq!(
        severity(&strict, staples(&strict, last_good)),
        Some(Severity::Warning)
    );
}
