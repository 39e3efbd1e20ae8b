//! What did not change is shared with the previous snapshot, and what one compiles to does not depend
//! on what was there before.

use std::sync::Arc;

use serde_json::{Value, json};
use viaduct_config::EntryPointName;

use super::kit::{Compiled, World, balancer, issued, pair, served};

fn many(routers: usize, changed: Option<usize>) -> Value {
    let mut all = serde_json::Map::new();
    let mut services = serde_json::Map::new();
    for n in 0..routers {
        all.insert(
            format!("r{n}"),
            json!({ "rule": format!("Host(`h{n}.example.com`)"), "service": format!("s{n}"), "entryPoints": ["websecure"] }),
        );
        let port = if changed == Some(n) { 81 } else { 80 };
        services.insert(format!("s{n}"), balancer(&format!("http://10.0.0.1:{port}")));
    }
    json!({ "http": { "routers": all, "services": services }, "tls": { "certificates": [pair(issued())] } })
}

fn entry_point(compiled: &Compiled, name: &str) -> Arc<crate::EntryPoint> {
    Arc::clone(&compiled.snapshot.entry_points[&EntryPointName::new(name)])
}

#[test]
fn a13_7_identical_configuration_changes_nothing() {
    let first = World::of(many(20, None)).compile();
    let second = World::of(many(20, None)).compile_after(Some(&first));
    assert_eq!(first.snapshot.generation, second.snapshot.generation);
    assert_eq!(first.snapshot.live_pools, second.snapshot.live_pools);
    assert_eq!(first.snapshot.slots, second.snapshot.slots);
    for name in ["web", "websecure"] {
        assert!(
            Arc::ptr_eq(&entry_point(&first, name), &entry_point(&second, name)),
            "{name}"
        );
    }
    assert_eq!(first.findings, second.findings);
}

#[test]
fn a13_7_one_change_leaves_the_rest_shared() {
    let first = World::of(many(20, None)).compile();
    let second = World::of(many(20, Some(7))).compile_after(Some(&first));
    assert_eq!(second.snapshot.generation, first.snapshot.generation + 1);
    for (name, router) in &first.snapshot.routers {
        let same = Arc::ptr_eq(router, &second.snapshot.routers[name]);
        assert_eq!(same, &**name != "r7@file", "{name}");
        assert_eq!(router.slot, second.snapshot.routers[name].slot);
    }
    let (before, after) = (
        entry_point(&first, "websecure"),
        entry_point(&second, "websecure"),
    );
    assert!(Arc::ptr_eq(before.tls(None).0, after.tls(None).0));
    assert!(Arc::ptr_eq(
        &entry_point(&first, "web"),
        &entry_point(&second, "web")
    ));
}

#[test]
fn a8_24_a_new_certificate_keeps_policy_ids_and_makes_new_tls() {
    let mut world = World::of(many(2, None));
    let first = world.compile();
    let renewed = super::kit::ca().issue(viaduct_testkit::pki::Leaf::server("web.example.com"));
    world.say("other", json!({ "tls": { "certificates": [pair(&renewed)] } }));
    let second = world.compile_after(Some(&first));
    let (before, after) = (
        entry_point(&first, "websecure"),
        entry_point(&second, "websecure"),
    );
    assert_eq!(before.tls(None).1, after.tls(None).1);
    assert!(!Arc::ptr_eq(before.tls(None).0, after.tls(None).0));
    assert_eq!(second.snapshot.generation, first.snapshot.generation + 1);
}

#[test]
fn compiling_step_by_step_equals_compiling_at_once() {
    let steps = [
        many(5, None),
        many(9, Some(3)),
        json!({}),
        many(3, Some(1)),
        many(6, None),
    ];
    let mut world = World::new();
    let mut previous: Option<Compiled> = None;
    for step in steps {
        world.say("file", step);
        let compiled = world.compile_after(previous.as_ref());
        let fresh = world.compile();
        assert_eq!(compiled.findings, fresh.findings);
        assert_eq!(compiled.snapshot.routers.len(), fresh.snapshot.routers.len());
        assert_eq!(
            compiled.snapshot.live_pools.len(),
            fresh.snapshot.live_pools.len()
        );
        for n in 0..10 {
            let host = format!("h{n}.example.com");
            assert_eq!(compiled.secure(&host, "/"), fresh.secure(&host, "/"));
        }
        previous = Some(compiled);
    }
    let last = previous.expect("five steps");
    assert_eq!(last.secure("h5.example.com", "/"), served("s5@file"));
}

#[test]
fn a_provider_that_says_nothing_any_more_is_gone() {
    let mut world = World::of(many(2, None));
    let first = world.compile();
    world.updates.clear();
    let second = world.compile_after(Some(&first));
    assert!(second.snapshot.routers.is_empty() && second.snapshot.live_pools.is_empty());
}
