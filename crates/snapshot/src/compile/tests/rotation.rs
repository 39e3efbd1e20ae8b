//! Which replaced bundles are believed (c8), and what is never trusted (c9).

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Materials, ObjectRef, Origin, RevokedHere, RevokedWhat};
use viaduct_testkit::pki::Ca;
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Fingerprint, TrustBundle};

use super::kit::{Compiled, World, ca, other_ca, update};
use crate::rotation::bundle;
use crate::service::PoolId;
use crate::{Overlaps, RouterState, ServiceKind, Transport};

fn third_ca() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(|| Ca::new("Third CA"))
}

fn fingerprint(ca: &Ca) -> Fingerprint {
    Fingerprint::of(ca.der())
}

fn config(transport: Value) -> Value {
    json!({ "http": {
        "routers": { "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] } },
        "services": {
            "app": { "loadBalancer": { "servers": [{ "url": "https://10.0.0.1" }], "serversTransport": "t" } },
        },
        "serversTransports": { "t": transport },
    }})
}

fn trusting(cas: &[&Ca]) -> Value {
    let pems: Vec<_> = cas.iter().map(|ca| ca.pem()).collect();
    json!({ "serverName": "a.test", "rootCAs": pems })
}

/// A control plane that lets every overlap last until it is told otherwise.
struct Changes {
    world: World,
    last: Compiled,
}

impl Changes {
    fn from(transport: Value) -> Self {
        let mut world = World::of(config(transport));
        world.overlaps = Some(Overlaps::default());
        let last = world.compile();
        Self { world, last }
    }

    fn to(&mut self, transport: Value) -> &mut Self {
        self.world.say("file", config(transport));
        self.again()
    }

    fn again(&mut self) -> &mut Self {
        let next = self.world.compile_after(Some(&self.last));
        let mut overlaps = Overlaps::default();
        for transport in next.snapshot.transports() {
            for old in bundle(transport.tls.policy())
                .iter()
                .flat_map(|bundle| bundle.previous())
            {
                overlaps.insert(&transport.name, old);
            }
        }
        self.world.overlaps = Some(overlaps);
        self.last = next;
        self
    }

    fn transport(&self) -> (Arc<Transport>, PoolId) {
        match &self.last.router("r@file").state {
            RouterState::Ready(service) => match &service.kind {
                ServiceKind::LoadBalancer(balancer) => {
                    (Arc::clone(&balancer.transport), balancer.servers[0].pool)
                }
                ServiceKind::Weighted(_) | ServiceKind::Internal(_) => panic!("no balancer"),
            },
            RouterState::OutOfService { finding, .. } => panic!("out of service: {finding:?}"),
        }
    }

    /// The roots of each previous bundle.
    fn previous(&self) -> Vec<Vec<Fingerprint>> {
        let (transport, _) = self.transport();
        let roots = |bundle: &Arc<TrustBundle>| bundle.roots().map(|root| root.fingerprint).collect();
        bundle(transport.tls.policy())
            .map_or_else(Vec::new, |bundle| bundle.previous().iter().map(roots).collect())
    }
}

#[test]
fn c8_a_replaced_bundle_is_believed_until_its_time_is_over() {
    let mut changes = Changes::from(trusting(&[ca()]));
    let (first, first_pool) = changes.transport();
    changes.to(trusting(&[other_ca()]));
    assert_eq!(changes.previous(), [[fingerprint(ca())]]);
    let (during, during_pool) = changes.transport();
    assert!(first.generation < during.generation && first_pool != during_pool);
    // Whatever else changes.
    changes.again();
    assert_eq!(changes.transport().0.generation, during.generation);
    assert_eq!(changes.transport().1, during_pool);
    changes.world.overlaps = Some(Overlaps::default());
    changes.again();
    assert!(changes.previous().is_empty());
    let (after, after_pool) = changes.transport();
    assert!(during.generation < after.generation && during_pool != after_pool);
}

#[test]
fn c8_without_an_overlap_a_rotation_takes_effect_at_once() {
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.world.overlaps = None;
    changes.to(trusting(&[other_ca()]));
    assert!(changes.previous().is_empty());
}

#[test]
fn c8_what_is_taken_away_without_a_successor_is_gone_at_once() {
    let mut changes = Changes::from(trusting(&[ca(), other_ca()]));
    changes.to(trusting(&[ca()]));
    assert!(changes.previous().is_empty());
    // From earlier bundles, too.
    let mut changes = Changes::from(trusting(&[ca(), third_ca()]));
    changes.to(trusting(&[other_ca(), third_ca()]));
    assert_eq!(changes.previous()[0].len(), 2);
    changes.to(trusting(&[other_ca()]));
    assert_eq!(changes.previous(), [[fingerprint(ca())]]);
}

#[test]
fn c8_two_replaced_bundles_are_believed_at_most_and_what_is_back_is_none() {
    let fourth = Ca::new("Fourth CA");
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.to(trusting(&[other_ca()])).to(trusting(&[third_ca()]));
    assert_eq!(
        changes.previous(),
        [[fingerprint(other_ca())], [fingerprint(ca())]]
    );
    changes.to(trusting(&[&fourth]));
    assert_eq!(
        changes.previous(),
        [[fingerprint(third_ca())], [fingerprint(other_ca())]]
    );
    changes.to(trusting(&[third_ca()]));
    assert_eq!(
        changes.previous(),
        [[fingerprint(&fourth)], [fingerprint(other_ca())]]
    );
    // An addition replaces nothing.
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.to(trusting(&[ca(), other_ca()]));
    assert!(changes.previous().is_empty());
}

#[test]
fn c8_only_a_bundle_that_another_replaces_is_believed() {
    let skipping = json!({ "serverName": "a.test", "insecureSkipVerify": true, "rootCAs": [ca().pem()] });
    let system = json!({ "serverName": "a.test" });
    let renamed = json!({ "serverName": "b.test", "rootCAs": [other_ca().pem()] });
    let identified =
        json!({ "serverName": "a.test", "peerCertURI": "spiffe://a/b", "rootCAs": [other_ca().pem()] });
    for (before, after) in [
        (system.clone(), trusting(&[ca()])),
        (trusting(&[ca()]), system),
        (skipping.clone(), trusting(&[other_ca()])),
        (trusting(&[ca()]), skipping),
        (trusting(&[ca()]), renamed),
        (trusting(&[ca()]), identified),
    ] {
        let mut changes = Changes::from(before.clone());
        changes.to(after.clone());
        assert!(changes.previous().is_empty(), "{before} -> {after}");
    }
}

#[test]
fn c8_a_transport_that_was_out_of_service_has_no_past() {
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.to(json!({ "serverName": "a.test", "rootCAs": ["nonsense"] }));
    assert!(matches!(
        changes.last.router("r@file").state,
        RouterState::OutOfService { .. }
    ));
    changes.to(trusting(&[other_ca()]));
    assert!(changes.previous().is_empty());
}

#[test]
fn c8_another_object_of_the_same_name_inherits_no_trust() {
    let owned = |cas: &[&Ca], object: &str| {
        let mut update = update("file", config(trusting(cas)));
        let origin = Origin {
            object: Some(ObjectRef::new("ServersTransport", "web", object)),
            location: None,
        };
        update
            .origins
            .insert(Element::ServersTransport("t".into()), origin);
        update
    };
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.world.put(owned(&[ca()], "one"));
    changes.again();
    changes.world.put(owned(&[other_ca()], "one"));
    changes.again();
    assert_eq!(changes.previous().len(), 1);
    changes.world.put(owned(&[other_ca()], "two"));
    changes.again();
    assert!(changes.previous().is_empty());
}

#[test]
fn c9_a_revoked_ca_is_trusted_by_nobody_from_the_next_snapshot_on() {
    let mut changes = Changes::from(trusting(&[ca(), other_ca()]));
    let (before, _) = changes.transport();
    changes.world.install.revoked = Arc::new([fingerprint(ca())].into());
    changes.again();
    let (after, _) = changes.transport();
    assert!(before.generation < after.generation);
    let left = bundle(after.tls.policy()).expect("a bundle");
    assert_eq!(
        left.roots().map(|root| root.fingerprint).collect::<Vec<_>>(),
        [fingerprint(other_ca())]
    );
    assert!(left.previous().is_empty(), "nor for a while");
    let warned = |finding: &&viaduct_config::Finding| finding.code == Code::RevokedCertificate;
    assert_eq!(changes.last.findings.iter().filter(warned).count(), 1);
    let path = [fingerprint(third_ca()), fingerprint(ca())];
    assert_eq!(
        changes.last.snapshot.revocations.find("t@file", &path),
        Some(path[1])
    );
    // Nothing changes by compiling again, and the list can be taken back.
    let generation = changes.transport().0.generation;
    assert_eq!(changes.again().transport().0.generation, generation);
    changes.world.install.revoked = Arc::default();
    let (back, _) = changes.again().transport();
    assert_eq!(
        bundle(back.tls.policy()).map(|bundle| bundle.roots().count()),
        Some(2)
    );
}

#[test]
fn c9_a_revoked_ca_is_not_kept_through_a_rotation() {
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.to(trusting(&[other_ca()]));
    assert_eq!(changes.previous().len(), 1);
    changes.world.install.revoked = Arc::new([fingerprint(ca())].into());
    assert!(changes.again().previous().is_empty());
    // In the same step.
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.world.install.revoked = Arc::new([fingerprint(ca())].into());
    assert!(changes.to(trusting(&[other_ca()])).previous().is_empty());
}

#[test]
fn c9_a_transport_without_a_ca_that_may_be_trusted_is_out_of_service() {
    let mut changes = Changes::from(trusting(&[ca()]));
    changes.world.install.revoked = Arc::new([fingerprint(ca())].into());
    changes.again();
    match &changes.last.router("r@file").state {
        RouterState::OutOfService { status, finding } => {
            assert_eq!(
                (*status, finding.root().code),
                (503, Code::RevokedCertificate),
                "{finding:?}"
            );
        }
        RouterState::Ready(_) => panic!("served"),
    }
}

#[test]
fn c9_a_transport_revokes_for_itself_and_what_it_cannot_read_breaks_it() {
    let saying = |revoked: &[String]| {
        let mut update = update("file", config(trusting(&[ca(), other_ca()])));
        let materials = Materials {
            revoked: revoked
                .iter()
                .map(|text| RevokedHere {
                    what: RevokedWhat::Listed(Arc::from([text.clone()])),
                    by: None,
                })
                .collect(),
            ..Materials::default()
        };
        update
            .materials
            .insert(Element::ServersTransport("t".into()), materials);
        update
    };
    let mut changes = Changes::from(trusting(&[ca(), other_ca()]));
    changes
        .world
        .put(saying(&[format!("sha256:{}", fingerprint(ca()))]));
    changes.again();
    let (transport, _) = changes.transport();
    assert_eq!(
        bundle(transport.tls.policy()).map(|bundle| bundle.roots().count()),
        Some(1)
    );
    let revocations = &changes.last.snapshot.revocations;
    assert_eq!(
        revocations.find("t@file", &[fingerprint(ca())]),
        Some(fingerprint(ca()))
    );
    assert_eq!(revocations.find("default@internal", &[fingerprint(ca())]), None);
    // Out of service, and what is busy yet is cut all the same.
    changes
        .world
        .put(saying(&[ca(), other_ca()].map(|ca| fingerprint(ca).to_string())));
    changes.again();
    assert!(matches!(
        changes.last.router("r@file").state,
        RouterState::OutOfService { .. }
    ));
    let revocations = &changes.last.snapshot.revocations;
    assert_eq!(
        revocations.find("t@file", &[fingerprint(other_ca())]),
        Some(fingerprint(other_ca()))
    );
    changes.world.put(saying(&["the old one".to_owned()]));
    changes.again();
    assert!(matches!(
        changes.last.router("r@file").state,
        RouterState::OutOfService { .. }
    ));
}

#[test]
fn c15_what_is_configured_beside_a_skipped_verification_is_what_it_would_be_made_by() {
    let changes = Changes::from(json!({ "insecureSkipVerify": true, "rootCAs": [ca().pem()] }));
    let (transport, _) = changes.transport();
    let policy = transport.tls.policy();
    assert_eq!(policy.verification, Verification::DangerSkip);
    assert!(policy.shadow.is_some());
    let (verifying, _) = Changes::from(trusting(&[ca()])).transport();
    assert_eq!(verifying.tls.policy().shadow, None);
}

/// One list of a tenant's for thousands of transports must not become thousands of lists (I5).
#[test]
fn c9_i5_one_list_of_what_is_revoked_is_one_for_all_transports() {
    let list: Arc<[String]> = Arc::from([fingerprint(ca()).to_string(), "no fingerprint".to_owned()]);
    let mut update = update("file", config(trusting(&[ca(), other_ca()])));
    for name in ["a", "b"] {
        let materials = Materials {
            revoked: vec![RevokedHere {
                what: RevokedWhat::Listed(Arc::clone(&list)),
                by: Some(ObjectRef::new("Secret", "web", "ca")),
            }],
            ..Materials::default()
        };
        update
            .materials
            .insert(Element::ServersTransport(name.into()), materials);
    }
    let mut changes = Changes::from(trusting(&[ca(), other_ca()]));
    changes.world.put(update);
    changes.again();
    let before = Arc::clone(&changes.last.snapshot.revocations);
    let lists: Vec<_> = before
        .by_transport()
        .map(|(_, list)| std::ptr::from_ref(list))
        .chain(before.by_object().map(|(_, list)| std::ptr::from_ref(list)))
        .collect();
    assert_eq!(lists.len(), 3);
    assert!(lists.iter().all(|list| *list == lists[0]), "{lists:?}");
    // What can be read of a list counts, whatever else is on it.
    assert_eq!(
        before.find("a@file", &[fingerprint(ca())]),
        Some(fingerprint(ca()))
    );
    // And workers are not made to compare what has not changed.
    changes.again();
    assert!(Arc::ptr_eq(&before, &changes.last.snapshot.revocations));
}
