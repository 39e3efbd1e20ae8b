//! Bundles that were replaced and are believed for a while (c8), what a proof stands on (c9), and verification that
//! is only noted (c15).

use std::sync::Arc;

use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_tls::backend_leg::{Offer, Verification};
use viaduct_tls::{Backend, BackendPolicy, BackendTls, Fingerprint, Reason, Trust, TrustBundle};

use crate::memory::{Clock, bundle, connect, endpoint, plain_server, trusting};

const HOST: &str = "web.example.com";

fn web() -> Leaf {
    Leaf::server(HOST)
}

fn believing(new: &Ca, old: &[&Ca]) -> BackendPolicy {
    let previous = old.iter().map(|ca| bundle(&[ca.pem()])).collect();
    let bundle = Arc::new(bundle(&[new.pem()]).after(previous));
    BackendPolicy {
        verification: Verification::Full(Backend(Trust::Bundle(bundle))),
        ..BackendPolicy::default()
    }
}

#[test]
fn c8_the_proof_says_which_of_two_bundles_a_chain_ends_in() {
    let (old, older, new) = (Ca::new("Old CA"), Ca::new("Older CA"), Ca::new("New CA"));
    let policy = believing(&new, &[&old, &older]);
    for (ca, by_previous) in [(&new, false), (&old, true), (&older, true)] {
        // Twice: the second proof is remembered.
        let endpoint = endpoint(policy.clone(), HOST);
        for _ in 0..2 {
            let proof = connect(&endpoint, &plain_server(&ca.issue(web()))).expect("believed");
            assert!(proof.verified.is_some());
            assert_eq!(proof.verified_by, Some(Fingerprint::of(ca.der())));
            assert_eq!(proof.by_previous, by_previous);
        }
    }
    assert_ne!(policy, trusting(&new), "another trust, and so other pools");
}

#[test]
fn c8_what_is_in_neither_bundle_is_refused_as_the_configured_one_says() {
    let (old, new, stranger) = (Ca::new("Old CA"), Ca::new("New CA"), Ca::new("Stranger"));
    let server = plain_server(&stranger.issue(web()));
    let alone = connect(&endpoint(trusting(&new), HOST), &server).expect_err("a stranger");
    let beside = connect(&endpoint(believing(&new, &[&old]), HOST), &server).expect_err("a stranger");
    assert_eq!(alone, beside);
    // The name is verified under either.
    let other = plain_server(&old.issue(Leaf::server("other.example.com")));
    let fault = connect(&endpoint(believing(&new, &[&old]), HOST), &other).expect_err("its name");
    assert_eq!(fault.reason, Reason::UnknownCa);
}

#[test]
fn c8_bundles_tell_what_they_bring_and_what_is_left_of_them() {
    let (a, b) = (Ca::new("A"), Ca::new("B"));
    let (both, only_a) = (bundle(&[a.pem(), b.pem()]), bundle(&[a.pem()]));
    assert!(both.brings_roots_to(&only_a) && !only_a.brings_roots_to(&both));
    let is_b = |root: &Fingerprint| *root == Fingerprint::of(b.der());
    assert_eq!(both.without(is_b).as_ref(), Some(&*only_a));
    assert_eq!(bundle(&[b.pem()]).without(is_b), None);
    let after = only_a.after(vec![Arc::clone(&both)]);
    let left: Option<TrustBundle> = after.without(is_b);
    assert_eq!(left, Some(only_a.after(vec![Arc::clone(&only_a)])));
    assert_eq!(after.roots().count(), 1, "previous bundles are not told as trust");
}

#[test]
fn c9_a_proof_names_every_certificate_that_it_stands_on() {
    let root = Ca::new("Root");
    let intermediate = root.intermediate("Intermediate");
    let leaf = intermediate.issue(web());
    let proof = connect(&endpoint(trusting(&root), HOST), &plain_server(&leaf)).expect("verified");
    let path = [&leaf.der, intermediate.der(), root.der()].map(|der| Fingerprint::of(der));
    assert_eq!(*proof.path, path);
    let own = web().self_signed();
    let policy = crate::memory::trusting_pems(&[&own.cert_pem]);
    let proof = connect(&endpoint(policy, HOST), &plain_server(&own)).expect("verified");
    assert_eq!(*proof.path, [Fingerprint::of(&own.der)]);
}

fn skipping(ca: &Ca, server_name: &str) -> BackendPolicy {
    BackendPolicy {
        verification: Verification::DangerSkip,
        shadow: Some(Backend(Trust::Bundle(bundle(&[ca.pem()])))),
        server_name: Some(server_name.to_owned()),
        ..BackendPolicy::default()
    }
}

#[test]
fn c15_a_skipped_verification_is_made_all_the_same_and_changes_nothing() {
    let (ca, other) = (Ca::new("Backend CA"), Ca::new("Other CA"));
    let server = plain_server(&ca.issue(web()));
    let outcome = |policy: BackendPolicy| {
        let proof = connect(&endpoint(policy, HOST), &server).expect("nothing is checked");
        assert_eq!((proof.verified, proof.verified_by), (None, None));
        proof.shadow.expect("somebody asked")
    };
    assert_eq!(
        outcome(skipping(&ca, HOST)).outcome,
        Ok(Fingerprint::of(ca.der()))
    );
    let unknown = outcome(skipping(&other, HOST));
    assert_eq!(
        unknown.outcome.as_ref().map_err(|fault| fault.reason),
        Err(Reason::UnknownCa)
    );
    assert_eq!(unknown.authority, None, "the server sends its leaf alone");
    let misnamed = outcome(skipping(&ca, "other.example.com"));
    assert_eq!(
        misnamed.outcome.as_ref().map_err(|fault| fault.reason),
        Err(Reason::NameMismatch)
    );
    let nobody_asks = BackendPolicy {
        shadow: None,
        ..skipping(&ca, HOST)
    };
    let proof = connect(&endpoint(nobody_asks, HOST), &server).expect("nothing is checked");
    assert_eq!(proof.shadow, None);
}

#[test]
fn c15_a_self_signed_certificate_is_offered_for_review() {
    let own = web().self_signed();
    let policy = skipping(&Ca::new("Other CA"), HOST);
    let proof = connect(&endpoint(policy, HOST), &plain_server(&own)).expect("nothing is checked");
    let shadow = proof.shadow.expect("somebody asked");
    assert_eq!(shadow.authority.as_deref(), Some(own.der.as_ref()));
}

#[test]
fn c15_what_would_pass_today_would_not_pass_for_ever() {
    let ca = Ca::new("Backend CA");
    let server = plain_server(&ca.issue(web()));
    let clock = Clock::now();
    let tls = BackendTls::with_clock(skipping(&ca, HOST), clock.clone()).expect("a valid policy");
    let endpoint = tls.endpoint(HOST, Offer::Http1).expect("a valid host");
    let reason = || {
        let proof = connect(&endpoint, &server).expect("nothing is checked");
        let shadow = proof.shadow.expect("somebody asked");
        shadow.outcome.as_ref().err().map(|fault| fault.reason)
    };
    assert_eq!(reason(), None);
    clock.advance(365 * 30);
    assert_eq!(reason(), Some(Reason::Expired));
}

#[test]
fn c9_fingerprints_are_read_as_tools_print_them() {
    let fingerprint = Fingerprint::of(b"x");
    let plain = fingerprint.to_string();
    let pairs: Vec<String> = plain
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect();
    for text in [
        plain.clone(),
        pairs.join(":"),
        format!("sha256:{plain}"),
        format!(" SHA256:{} ", pairs.join(":")),
    ] {
        assert_eq!(text.parse(), Ok(fingerprint), "{text}");
    }
    for text in [
        "",
        "sha256:",
        plain.get(1..).unwrap_or_default(),
        &format!("{plain}0"),
        &format!("x{}", plain.get(1..).unwrap_or_default()),
        "sha1:00",
    ] {
        assert!(text.parse::<Fingerprint>().is_err(), "{text}");
    }
}
