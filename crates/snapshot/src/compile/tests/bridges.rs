//! The class of every backend leg, and what a demand for one does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use viaduct_config::finding::Code;
use viaduct_config::update::Origin;
use viaduct_config::{Element, EntryPointName, Finding, ObjectRef, Severity, Update};

use super::kit::{Compiled, Outcome, World, balancer, ca, issued, pair, served, update};
use crate::bridge::{BridgeClass, BridgeException, BridgeMode, BridgePolicy, Excepted};

/// A service of every class that configuration can produce, and routers `Host(name)` for each at `web`.
fn every_class() -> Value {
    let by = |transport: &str, url: &str| json!({ "loadBalancer": { "serversTransport": transport, "servers": [{ "url": url }] } });
    let services = json!({
        "mutual": by("mutual", "https://10.0.0.1"),
        "verified": by("verified", "https://10.0.0.1"),
        "system": balancer("https://10.0.0.1"),
        "skipped": by("skipped", "https://10.0.0.1"),
        "spiffe": by("spiffe", "https://10.0.0.1"),
        "plain": by("mutual", "http://10.0.0.1"),
        "h2c": balancer("h2c://10.0.0.1"),
    });
    json!({ "http": {
        "routers": routers(services.as_object().expect("an object").keys().map(String::as_str)),
        "services": services,
        "serversTransports": {
            "mutual": { "rootCAs": [ca().pem()], "certificates": [pair(issued())] },
            "verified": { "rootCAs": [ca().pem()], "serverName": "web.example.com" },
            "skipped": { "insecureSkipVerify": true, "certificates": [pair(issued())] },
            "spiffe": { "insecureSkipVerify": true, "peerCertURI": "spiffe://a/b" },
        },
    }})
}

fn routers<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    names
        .map(|name| {
            let router =
                json!({ "rule": format!("Host(`{name}`)"), "service": name, "entryPoints": ["web"] });
            (name.to_owned(), router)
        })
        .collect()
}

fn classes(compiled: &Compiled) -> BTreeMap<String, BridgeClass> {
    let routers = compiled.snapshot.routers.values();
    routers
        .filter_map(|router| {
            let weakest = router.named_service.as_ref()?.weakest?;
            Some((router.name.to_string(), weakest))
        })
        .collect()
}

fn demanding(mut world: World, require: BridgeClass) -> World {
    world.install.bridge.require = require;
    world
}

fn out() -> Outcome {
    Outcome::Out(503, Code::BelowRequiredClass)
}

#[test]
fn c6_every_backend_leg_has_a_class() {
    let compiled = World::of(every_class()).compile();
    compiled.assert_no_errors();
    let found = classes(&compiled);
    let found: Vec<_> = found
        .iter()
        .map(|(name, class)| (name.as_str(), *class))
        .collect();
    assert_eq!(
        found,
        [
            ("h2c@file", BridgeClass::Plaintext),
            ("mutual@file", BridgeClass::Mtls),
            ("plain@file", BridgeClass::Plaintext),
            ("skipped@file", BridgeClass::Unverified),
            ("spiffe@file", BridgeClass::Unverified),
            ("system@file", BridgeClass::Verified),
            ("verified@file", BridgeClass::Verified),
        ]
    );
}

#[test]
fn c6_classes_are_in_order_and_known_by_their_labels() {
    let mut ascending = BridgeClass::ALL;
    ascending.reverse();
    assert!(ascending.is_sorted());
    for class in BridgeClass::ALL {
        assert_eq!(BridgeClass::from_label(class.label()), Some(class));
    }
}

#[test]
fn c7_a_route_below_what_is_required_is_refused_and_the_others_are_served() {
    let refused_by = |require| {
        let compiled = demanding(World::of(every_class()), require).compile();
        let names = [
            "mutual", "verified", "system", "skipped", "spiffe", "plain", "h2c",
        ];
        let refused = names
            .into_iter()
            .filter(|name| compiled.plain(name, "/") == out());
        let refused: Vec<_> = refused.collect();
        assert_eq!(compiled.found(Code::BelowRequiredClass).len(), refused.len());
        refused
    };
    assert!(refused_by(BridgeClass::Plaintext).is_empty());
    assert_eq!(refused_by(BridgeClass::Unverified), ["plain", "h2c"]);
    let unverified = ["skipped", "spiffe", "plain", "h2c"];
    assert_eq!(refused_by(BridgeClass::NameSkipped), unverified);
    assert_eq!(refused_by(BridgeClass::Verified), unverified);
    assert_eq!(
        refused_by(BridgeClass::Mtls),
        ["verified", "system", "skipped", "spiffe", "plain", "h2c"]
    );
}

#[test]
fn c7_the_finding_says_why_and_names_the_smallest_edit() {
    let hints = |require| {
        let compiled = demanding(World::of(every_class()), require).compile();
        let hint = |name: &str| {
            let element = Element::Router(name.to_owned());
            let about = |finding: &&Finding| finding.element.as_ref() == Some(&element);
            let finding = compiled.findings.iter().find(about).expect("a finding");
            finding.hint.clone().unwrap_or_default()
        };
        ["h2c", "plain", "skipped", "verified"]
            .into_iter()
            .filter(|name| compiled.plain(name, "/") == out())
            .map(hint)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        hints(BridgeClass::Verified),
        [
            "write the servers' URLs of service `h2c@file` with `https://`; create a serversTransport with the CA of \
             the servers in `rootCAs` and name it as `serversTransport` at the service of router `h2c@file`",
            "write the servers' URLs of service `plain@file` with `https://`",
            "remove `insecureSkipVerify` from serversTransport `skipped`, which needs the CA of the servers in \
             `rootCAs` then",
        ]
    );
    assert_eq!(
        hints(BridgeClass::Mtls).last().map(String::as_str),
        Some(
            "add a client certificate that the servers accept to `certificates` in serversTransport `verified`"
        )
    );
    let compiled = demanding(World::of(every_class()), BridgeClass::Verified).compile();
    let finding = compiled.found(Code::BelowRequiredClass)[0];
    assert_eq!(
        (
            finding.message.as_str(),
            finding.wanted.as_deref(),
            finding.got.as_deref()
        ),
        (
            "service `h2c@file` is reached in plain text, which is below what is required of the route",
            Some("`bridged+verified` or better (bridge.require)"),
            Some("plaintext")
        )
    );
}

#[test]
fn c7_only_reported_a_route_is_served_with_a_warning() {
    let mut world = demanding(World::of(every_class()), BridgeClass::Verified);
    world.install.bridge.mode = BridgeMode::Report;
    let compiled = world.compile();
    assert_eq!(compiled.plain("plain", "/"), served("plain@file"));
    let found = compiled.found(Code::BelowRequiredClass);
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|finding| finding.severity == Severity::Warning));
}

/// `app` is weighted: 100 to a verified service, `lax` to one in plain text, below another weighted service.
fn weighted(lax: u32) -> Value {
    json!({ "http": {
        "routers": { "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] } },
        "services": {
            "app": { "weighted": { "services": [{ "name": "inner" }, { "name": "good", "weight": 100 }] } },
            "inner": { "weighted": { "services": [{ "name": "good" }, { "name": "bad", "weight": lax }] } },
            "good": balancer("https://10.0.0.1"),
            "bad": balancer("http://10.0.0.2"),
        },
    }})
}

#[test]
fn c7_one_server_in_plain_text_is_enough_however_small_its_share() {
    for lax in [1, 0] {
        let compiled = demanding(World::of(weighted(lax)), BridgeClass::Verified).compile();
        assert_eq!(compiled.plain("a", "/"), out());
        let finding = compiled.only(Code::BelowRequiredClass);
        assert!(finding.message.starts_with("service `bad@file`"), "{finding:?}");
    }
    let mixed = json!({ "http": {
        "routers": routers(["app"].into_iter()),
        "services": { "app": { "loadBalancer": { "servers": [
            { "url": "https://10.0.0.1" }, { "url": "http://10.0.0.2", "weight": 0 },
        ] } } },
    }});
    let compiled = demanding(World::of(mixed), BridgeClass::Verified).compile();
    assert_eq!(compiled.plain("app", "/"), out());
}

#[test]
fn c6_services_that_are_reached_on_a_billion_ways_are_each_looked_at_once() {
    let mut services = serde_json::Map::new();
    for depth in 0..60 {
        let below = json!({ "name": format!("s{}", depth + 1) });
        let service = json!({ "weighted": { "services": [below, below] } });
        services.insert(format!("s{depth}"), service);
    }
    services.insert("s60".to_owned(), balancer("http://10.0.0.1"));
    let world = World::of(json!({ "http": {
        "routers": { "r": { "rule": "Host(`a`)", "service": "s0", "entryPoints": ["web"] } },
        "services": services,
    }}));
    let compiled = demanding(world, BridgeClass::Verified).compile();
    assert_eq!(compiled.router("r@file").backends().len(), 1);
    assert_eq!(compiled.plain("a", "/"), out());
}

/// What a cluster would say: one router of an IngressRoute in this namespace.
fn of_object(namespace: &str, scheme: &str) -> Update {
    let mut update = update(
        "kubernetescrd",
        json!({ "http": {
            "routers": { "r": { "rule": "Host(`a`)", "service": "app" } },
            "services": { "app": balancer(&format!("{scheme}://10.0.0.1")) },
        }}),
    );
    let object = ObjectRef::new("IngressRoute", namespace, "route");
    let origin = Origin {
        object: Some(object),
        location: None,
    };
    update.origins.insert(Element::Router("r".to_owned()), origin);
    update
}

#[test]
fn c7_entry_points_and_namespaces_raise_what_is_required_and_never_lower_it() {
    let refused = |policy: BridgePolicy, namespace: &str, scheme: &str| {
        let mut world = World::new();
        world.install.bridge = policy;
        world.put(of_object(namespace, scheme));
        let compiled = world.compile();
        (
            compiled.plain("a", "/") == out(),
            compiled.secure("a", "/") == out(),
        )
    };
    let policy = |require, entry_point: Option<BridgeClass>, namespace: Option<BridgeClass>| BridgePolicy {
        require,
        entry_points: entry_point
            .map(|class| (EntryPointName::new("websecure"), class))
            .into_iter()
            .collect(),
        namespaces: namespace
            .map(|class| (Arc::from("pay"), class))
            .into_iter()
            .collect(),
        ..BridgePolicy::default()
    };
    let (plaintext, verified, mtls) = (BridgeClass::Plaintext, BridgeClass::Verified, BridgeClass::Mtls);
    let only_there = policy(plaintext, Some(verified), None);
    assert_eq!(refused(only_there.clone(), "pay", "http"), (false, true));
    assert_eq!(refused(only_there, "pay", "https"), (false, false));
    let of_namespace = policy(plaintext, None, Some(mtls));
    assert_eq!(refused(of_namespace.clone(), "pay", "https"), (true, true));
    assert_eq!(refused(of_namespace, "shop", "http"), (false, false));
    let lower = policy(verified, Some(plaintext), Some(plaintext));
    assert_eq!(refused(lower, "pay", "http"), (true, true));
    let both = policy(plaintext, Some(verified), Some(mtls));
    assert_eq!(refused(both, "pay", "https"), (true, true));
}

#[test]
fn c7_what_namespaces_demand_is_the_most_while_nobody_can_read_it() {
    let served = |heeds_namespaces: bool, demand: Option<&str>, unknown: bool, with_object: bool| {
        let mut update = of_object("pay", "https");
        update.demands_unknown = unknown;
        if !with_object {
            update.origins.clear();
        }
        let demand = demand.map(|class| (Arc::from("pay"), vec![class.to_owned()]));
        update.demands = demand.into_iter().collect();
        let mut world = World::new();
        world.install.bridge.heeds_namespaces = heeds_namespaces;
        world.install.bridge.heed(std::iter::once(&update));
        world.put(update);
        world.compile().secure("a", "/") != out()
    };
    assert!(served(true, None, false, true));
    assert!(!served(true, None, true, true), "it might demand anything");
    assert!(served(true, Some("verified"), true, true), "that one has said it");
    assert!(!served(true, Some("mtls"), true, true));
    assert!(served(true, None, true, false), "of no namespace");
    assert!(served(false, None, true, true), "nobody asked");
}

#[test]
fn c7_the_edit_of_a_cluster_is_one_of_its_objects() {
    let mut world = demanding(World::new(), BridgeClass::Verified);
    world.put(of_object("shop", "http"));
    let compiled = world.compile();
    let finding = compiled.only(Code::BelowRequiredClass);
    assert_eq!(
        finding.hint.as_deref(),
        Some(
            "set `scheme: https` at the service of IngressRoute shop/route; create a ServersTransport in namespace shop \
             with the CA of the servers in `rootCAs` and name it as `serversTransport` at the service of IngressRoute \
             shop/route"
        )
    );
}

fn exception(of: Excepted) -> BridgeException {
    BridgeException {
        of,
        until: "1970-01-10".into(),
        ends: day(11),
        reason: "the old billing".into(),
        live: false,
    }
}

/// The beginning of a day of January 1970.
fn day(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs((number - 1) * 86_400)
}

fn under(exception: BridgeException, now: SystemTime) -> (Compiled, Option<SystemTime>) {
    let mut world = demanding(World::new(), BridgeClass::Verified);
    world.install.bridge.exceptions = vec![exception];
    let next = world.install.bridge.advance(now);
    world.put(of_object("shop", "http"));
    (world.compile(), next)
}

#[test]
fn c7_an_exception_lets_a_route_be_served_until_it_ends() {
    for of in [
        Excepted::Router("r@kubernetescrd".into()),
        Excepted::Object {
            namespace: "shop".into(),
            name: "route".into(),
        },
        Excepted::Namespace("shop".into()),
        Excepted::Service("app@kubernetescrd".into()),
    ] {
        let (compiled, next) = under(exception(of.clone()), day(10));
        assert_eq!(next, Some(day(11)));
        assert_eq!(compiled.plain("a", "/"), served("app@kubernetescrd"), "{of}");
        let finding = compiled.only(Code::BelowRequiredClass);
        assert_eq!(finding.severity, Severity::Info);
        assert!(
            finding
                .message
                .ends_with("until 1970-01-10 by an exception: the old billing")
        );
        let (compiled, next) = under(exception(of), day(11));
        assert_eq!((compiled.plain("a", "/"), next), (out(), None));
        let finding = compiled.only(Code::BelowRequiredClass);
        assert!(
            finding
                .message
                .ends_with("; the exception for it ended with 1970-01-10"),
            "{finding:?}"
        );
        assert!(compiled.found(Code::BridgeException).is_empty());
    }
}

#[test]
fn c7_an_exception_at_one_entry_point_is_none_at_another() {
    let (compiled, _) = under(exception(Excepted::Router("web-r@kubernetescrd".into())), day(1));
    assert_eq!(compiled.plain("a", "/"), served("app@kubernetescrd"));
    assert_eq!(compiled.secure("a", "/"), out());
}

#[test]
fn c7_an_exception_for_nothing_is_said_and_lets_nothing_in() {
    for of in [
        Excepted::Router("rr@kubernetescrd".into()),
        Excepted::Namespace("shops".into()),
        Excepted::Service("app@file".into()),
    ] {
        let (compiled, _) = under(exception(of), day(1));
        assert_eq!(compiled.plain("a", "/"), out());
        assert_eq!(compiled.only(Code::BridgeException).severity, Severity::Warning);
    }
}

#[test]
fn c7_an_exception_for_one_service_does_not_cover_its_siblings() {
    let mut dynamic = weighted(1);
    dynamic["http"]["services"]["good"] = balancer("http://10.0.0.3");
    let mut world = demanding(World::of(dynamic), BridgeClass::Verified);
    world.install.bridge.exceptions = vec![exception(Excepted::Service("bad@file".into()))];
    world.install.bridge.advance(day(1));
    let compiled = world.compile();
    assert_eq!(compiled.plain("a", "/"), out());
    assert!(
        compiled
            .only(Code::BelowRequiredClass)
            .message
            .contains("`good@file`")
    );
}

#[test]
fn c7_a_backend_that_turns_plain_is_out_with_the_next_snapshot_and_comes_back() {
    let mut world = demanding(World::new(), BridgeClass::Verified);
    world.put(of_object("shop", "https"));
    let first = world.compile();
    assert_eq!(first.plain("a", "/"), served("app@kubernetescrd"));
    world.put(of_object("shop", "http"));
    let second = world.compile_after(Some(&first));
    assert_eq!(second.plain("a", "/"), out());
    assert!(second.snapshot.generation > first.snapshot.generation);
    let service = second.router("web-r@kubernetescrd").named_service.as_ref();
    assert!(service.is_some(), "it is still told what it would reach");
    world.put(of_object("shop", "https"));
    let third = world.compile_after(Some(&second));
    assert_eq!(third.plain("a", "/"), served("app@kubernetescrd"));
}

#[test]
fn c7_a_transport_that_stops_verifying_takes_its_routes_out() {
    let mut dynamic = every_class();
    let mut world = demanding(World::of(dynamic.clone()), BridgeClass::Verified);
    let first = world.compile();
    assert_eq!(first.plain("verified", "/"), served("verified@file"));
    dynamic["http"]["serversTransports"]["verified"]["insecureSkipVerify"] = json!(true);
    world.say("file", dynamic);
    let second = world.compile_after(Some(&first));
    assert_eq!(second.plain("verified", "/"), out());
}

#[test]
fn c7_what_this_process_answers_is_no_bridge() {
    let mut world = demanding(World::new(), BridgeClass::Mtls);
    world.say("internal", json!({ "http": { "services": { "api": {} } } }));
    world.say(
        "file",
        json!({ "http": { "routers": {
            "r": { "rule": "Host(`a`)", "service": "api@internal", "entryPoints": ["web"] },
        }}}),
    );
    let compiled = world.compile();
    assert_eq!(compiled.plain("a", "/"), served("api@internal"));
    assert!(compiled.router("r@file").backends().is_empty());
}

#[test]
fn c6_tcp_routers_that_pass_tls_through_are_listed() {
    let compiled = World::of(json!({ "tcp": {
        "routers": {
            "through": { "rule": "HostSNI(`a`)", "service": "db", "tls": { "passthrough": true } },
            "ended": { "rule": "HostSNI(`b`)", "service": "db", "tls": {} },
            "raw": { "rule": "HostSNI(`*`)", "service": "db" },
        },
        "services": { "db": { "loadBalancer": { "servers": [{ "address": "10.0.0.1:5432" }] } } },
    }}))
    .compile();
    let found = compiled.snapshot.passthroughs();
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.name.as_str(), one.servers.clone()))
        .collect();
    assert_eq!(found, [("through@file", vec!["10.0.0.1:5432".to_owned()])]);
}
