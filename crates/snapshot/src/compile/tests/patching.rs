//! A snapshot that was patched is the one that a whole compile makes, with the same findings.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use viaduct_config::dynamic::Elements;
use viaduct_config::finding::Code;
use viaduct_config::update::Origin;
use viaduct_config::{
    Balanced, Element, EntryPointName, Finding, Location, Map, Material, Materials, ObjectRef, ProviderName,
    Shared, Update,
};

use super::kit::{World, ca, issued, other_ca, pair};
use crate::bridge::{BridgeClass, BridgeException, BridgeMode, Excepted};
use crate::compile::{follow, patch, whole};
use crate::service::ServiceKind;
use crate::users::Users;
use crate::{Router, RouterState, Service, Snapshot};

const PROVIDERS: [&str; 2] = ["a", "b"];
const NAMES: usize = 4;

/// A change of one thing; `variant` says into what. Beyond the variants of its kind it is removed.
#[derive(Debug, Clone, Copy)]
struct Change {
    kind: usize,
    provider: usize,
    name: usize,
    variant: usize,
}

/// Services twice as often as all else together: their changes are what is patched.
const KINDS: usize = 28;

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = (0..KINDS, 0..PROVIDERS.len(), 0..NAMES, 0..14_usize);
    let change = change.prop_map(|(kind, provider, name, variant)| Change {
        kind,
        provider,
        name,
        variant,
    });
    prop::collection::vec(prop::collection::vec(change, 1..3), 1..40)
}

fn apply(world: &mut World, change: Change) {
    let provider = PROVIDERS[change.provider];
    let Change { name, variant, .. } = change;
    let known = world.updates.get(provider);
    let mut update = known.map_or_else(
        || Update::new(ProviderName::new(provider), viaduct_config::Dynamic::default()),
        |known| Update::clone(known),
    );
    let http = &mut update.dynamic.http;
    match change.kind {
        0 => put(&mut http.routers, format!("r{name}"), router(name, variant)),
        1 => put(&mut http.middlewares, format!("m{name}"), middleware(variant)),
        2 => put(
            &mut http.servers_transports,
            format!("t{name}"),
            transport(variant),
        ),
        3 => put(
            &mut update.dynamic.tls.options,
            format!("o{name}"),
            options(variant),
        ),
        4 => {
            let certificates: &mut Vec<_> = &mut update.dynamic.tls.certificates;
            certificates.truncate(name);
            certificates.extend(certificate(variant).map(read));
        }
        5 => put_or_remove(
            &mut update.own_certificates,
            Element::Router(format!("r{name}")),
            (variant < 3).then_some(variant),
        ),
        6 => {
            let broken: &mut Vec<_> = &mut update.broken;
            broken.retain(|(element, _)| *element != broken_element(name, variant));
            if variant < 8 {
                let element = broken_element(name, variant);
                let finding = Finding::error(Code::InvalidObject, format!("broken {variant}"));
                broken.push((element.clone(), finding.element(element)));
            }
        }
        7 => {
            let notes: &mut Vec<_> = &mut update.notes;
            notes.truncate(name);
            notes.push(Finding::warning(Code::UnknownField, format!("note {variant}")));
        }
        8 => put_or_remove(
            &mut update.origins,
            Element::Service(format!("s{name}")),
            (variant < 5).then(|| origin(variant)),
        ),
        9 => put_or_remove(
            &mut update.balanced,
            Element::Service(format!("s{name}")),
            (variant < 5).then(|| Balanced {
                service: ObjectRef::new("Service", "x", format!("{variant}")),
                port: "80".into(),
            }),
        ),
        10 => put_or_remove(
            &mut update.materials,
            Element::ServersTransport(format!("t{name}")),
            (variant < 5).then(|| materials(variant)),
        ),
        11 => return around(world, name, variant),
        // Nothing is shared with what was before.
        12 => update.dynamic = read(serde_json::to_value(&update.dynamic).expect("JSON")),
        _ => put(&mut http.services, format!("s{name}"), service(name, variant)),
    }
    world.put(update);
}

fn put<T: Clone + DeserializeOwned>(elements: &mut Elements<T>, name: String, value: Option<Value>) {
    put_or_remove(elements, name, value.map(|value| Shared::new(read(value))));
}

fn put_or_remove<K: Ord + Clone, V: Clone>(map: &mut Map<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a test's configuration is well-formed")
}

fn service(name: usize, variant: usize) -> Option<Value> {
    let servers = |urls: &[&str]| {
        let servers: Vec<_> = urls.iter().map(|url| json!({ "url": url })).collect();
        json!({ "loadBalancer": { "servers": servers } })
    };
    let by = |transport: &str, mut service: Value| {
        service["loadBalancer"]["serversTransport"] = json!(transport);
        service
    };
    let weighted = |children: &[(&str, i64)]| {
        let children: Vec<_> = children
            .iter()
            .map(|(name, weight)| json!({ "name": name, "weight": weight }))
            .collect();
        json!({ "weighted": { "services": children } })
    };
    let (above, over) = (
        format!("s{}", (name + 1) % NAMES),
        format!("s{}@b", (name + 2) % NAMES),
    );
    let variants = [
        servers(&["http://10.0.0.1"]),
        servers(&["http://10.0.0.2", "http://10.0.0.1"]),
        servers(&["https://10.0.0.1", "http://10.0.0.3"]),
        servers(&["https://10.0.0.1"]),
        servers(&[]),
        servers(&["http://10.0.0.1?query"]),
        by("t0", servers(&["https://10.0.0.1", "https://10.0.0.1"])),
        by("t1", servers(&["https://10.0.0.2"])),
        servers(&["nonsense"]),
        json!({ "loadBalancer": { "servers": [{ "url": "http://10.0.0.4", "weight": 3 }], "passHostHeader": false } }),
        weighted(&[(&above, 1), (&over, 2)]),
        weighted(&[(&above, 1), (&above, 2)]),
        json!({ "loadBalancer": { "strategy": "p2c", "servers": [] } }),
    ];
    variants.into_iter().nth(variant)
}

fn router(name: usize, variant: usize) -> Option<Value> {
    let rule = format!("Host(`h{}.test`)", name % 3);
    let to = |service: &str| json!({ "rule": rule, "service": service, "entryPoints": ["websecure"] });
    let with = |field: &str, value: Value| {
        let mut router = to("s0");
        router[field] = value;
        router
    };
    let variants = [
        to("s0"),
        to("s1"),
        to("s2@b"),
        to("missing"),
        json!({ "rule": format!("{rule} && PathPrefix(`/x`)"), "service": "s3" }),
        with("tls", json!({ "options": "o0" })),
        with("tls", json!({ "options": "o1" })),
        with("middlewares", json!(["m0"])),
        with("priority", json!(7)),
        with("rule", json!("Hst(`broken`)")),
        with("entryPoints", json!(["nowhere"])),
    ];
    variants.into_iter().nth(variant)
}

fn middleware(variant: usize) -> Option<Value> {
    let variants = [
        json!({ "addPrefix": { "prefix": "/a" } }),
        json!({ "chain": { "middlewares": ["m1"] } }),
        json!({ "headers": { "customRequestHeaders": { "X-A": "1" } } }),
        json!({ "retry": { "attempts": 3 } }),
    ];
    variants.into_iter().nth(variant)
}

fn transport(variant: usize) -> Option<Value> {
    let variants = [
        json!({}),
        json!({ "serverName": "a.test" }),
        json!({ "insecureSkipVerify": true }),
        json!({ "rootCAs": [ca().pem()], "serverName": "a.test" }),
        json!({ "rootCAs": [other_ca().pem()], "serverName": "a.test" }),
        json!({ "rootCAs": ["nonsense"] }),
        json!({ "certificates": [pair(issued())] }),
        json!({ "minVersion": "VersionTLS10" }),
    ];
    variants.into_iter().nth(variant)
}

fn options(variant: usize) -> Option<Value> {
    let variants = [
        json!({}),
        json!({ "minVersion": "VersionTLS13" }),
        json!({ "clientAuth": { "caFiles": [ca().pem()], "clientAuthType": "RequireAndVerifyClientCert" } }),
        json!({ "cipherSuites": ["nonsense"] }),
    ];
    variants.into_iter().nth(variant)
}

fn certificate(variant: usize) -> Option<Value> {
    match variant {
        0..6 => Some(pair(issued())),
        6..8 => Some(json!({ "certFile": "nonsense", "keyFile": "nonsense" })),
        _ => None,
    }
}

fn broken_element(name: usize, variant: usize) -> Element {
    match variant % 3 {
        0 => Element::Router(format!("r{name}")),
        1 => Element::Service(format!("s{name}")),
        _ => Element::ServersTransport(format!("t{name}")),
    }
}

fn origin(variant: usize) -> Origin {
    Origin {
        object: Some(ObjectRef::new("IngressRoute", "x", format!("{variant}"))),
        location: Some(Location {
            file: "f".into(),
            line: 1,
            column: 1,
        }),
    }
}

fn materials(variant: usize) -> Materials {
    Materials {
        cas: vec![Material {
            object: ObjectRef::new("Secret", "x", format!("{variant}")),
            key: "ca.crt".to_owned(),
            location: None,
        }],
        ..Materials::default()
    }
}

/// What the installation says.
fn around(world: &mut World, name: usize, variant: usize) {
    let bridge = &mut world.install.bridge;
    match variant {
        0..3 => {
            bridge.require = [
                BridgeClass::Plaintext,
                BridgeClass::Unverified,
                BridgeClass::Verified,
            ][variant]
        }
        3 => bridge.mode = BridgeMode::Report,
        4 => bridge.mode = BridgeMode::Enforce,
        5 => bridge.exceptions.clear(),
        6 => bridge.exceptions.push(BridgeException {
            of: Excepted::Service(format!("s{name}@a").into()),
            until: "2030-01-01".into(),
            ends: std::time::SystemTime::UNIX_EPOCH,
            reason: "a test".into(),
            live: true,
        }),
        7 => world.install.entry_points.rotate_left(1),
        8 => world.overlaps = Some(crate::Overlaps::default()),
        9 => world.overlaps = None,
        10 => world.install.provider_precedence = vec![ProviderName::new("b")],
        11 => world.staples = Some(Arc::default()),
        _ => world.staples = None,
    }
}

/// Everything that a snapshot says, and every number in it.
fn told(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes all");
    line(format!(
        "generation {} slots {}",
        snapshot.generation, snapshot.slots
    ));
    line(format!(
        "out of service {} pools {:?}",
        snapshot.out_of_service, snapshot.live_pools
    ));
    for router in snapshot.routers.values() {
        line(router_told(router));
    }
    for service in snapshot.services() {
        line(service_told(service));
    }
    let mut entry_points: Vec<_> = snapshot.entry_points.values().collect();
    entry_points.sort_by_key(|entry_point| &entry_point.name);
    for entry_point in entry_points {
        let tables = [("plain", &entry_point.plain), ("secure", &entry_point.secure)];
        for (table, routers) in tables {
            for router in routers.routers() {
                line(format!("{} {table} {}", entry_point.name, router_told(router)));
            }
        }
        for host in (0..3).map(|n| format!("h{n}.test")) {
            let headers = http::HeaderMap::new();
            for path in ["/", "/x"] {
                let request = super::kit::request(&host, path, &headers);
                let (_, policy) = entry_point.tls(Some(&host));
                let secure = entry_point.route_secure(&request, policy);
                line(format!(
                    "{} {host}{path} {policy:?} {}",
                    entry_point.name,
                    routed_told(&secure)
                ));
                line(format!(
                    "{host}{path} {}",
                    routed_told(&entry_point.route_plain(&request))
                ));
            }
        }
    }
    let mut transports: Vec<_> = snapshot.transports().collect();
    transports.sort_by_key(|transport| &transport.name);
    for transport in transports {
        line(format!(
            "{} {:?} {:?}",
            transport.name, transport.generation, transport.origin
        ));
    }
    for finding in &**snapshot.findings() {
        line(format!("{finding:?}"));
    }
    text
}

fn routed_told(routed: &crate::Routed<'_>) -> String {
    match routed {
        crate::Routed::Router(router) => router_told(router),
        other => format!("{other:?}"),
    }
}

fn router_told(router: &Router) -> String {
    let middlewares: Vec<_> = router
        .middlewares
        .iter()
        .map(|middleware| &middleware.name)
        .collect();
    let state = match &router.state {
        RouterState::Ready(service) => service_told(service),
        out @ RouterState::OutOfService { .. } => format!("{out:?}"),
    };
    format!(
        "router {} {} {} {:?} {} {} {:?} {} {:?} {middlewares:?} {:?} {:?} {:?} {state}",
        router.name,
        router.written_name,
        router.rule_text,
        router.entry_point,
        router.priority,
        router.tls,
        router.demanded_policy,
        router.service_name,
        router.named_service.as_deref().map(service_told),
        router.observability,
        router.origin,
        router.slot
    )
}

fn service_told(service: &Service) -> String {
    let kind = match &service.kind {
        ServiceKind::LoadBalancer(balancer) => format!(
            "{:?} {} {:?} {} {:?}",
            balancer.servers,
            balancer.pass_host_header,
            balancer.flush_interval,
            balancer.transport.name,
            balancer.transport.generation
        ),
        ServiceKind::Weighted(children) => {
            let children = children
                .iter()
                .map(|(child, weight)| format!("{} x {weight}", service_told(child)));
            children.collect::<Vec<_>>().join(", ")
        }
        ServiceKind::Internal(internal) => format!("{internal:?}"),
    };
    format!(
        "service {} {:?} {:?} {:?} [{kind}]",
        service.name, service.weakest, service.slot, service.balances
    )
}

/// One service, router and transport of a name are one in memory, too.
fn assert_is_one(snapshot: &Snapshot) {
    let services: Map<Arc<str>, Arc<Service>> = snapshot
        .services()
        .map(|service| (Arc::clone(&service.name), Arc::clone(service)))
        .collect();
    let is_known = |service: &Arc<Service>| Arc::ptr_eq(&services[&service.name], service);
    for service in services.values() {
        match &service.kind {
            ServiceKind::Weighted(children) => assert!(children.iter().all(|(child, _)| is_known(child))),
            ServiceKind::LoadBalancer(balancer) => {
                let mut transports = snapshot.transports();
                assert!(transports.any(|transport| Arc::ptr_eq(transport, &balancer.transport)));
                let mut servers = balancer.servers.iter();
                assert!(servers.all(|server| snapshot.live_pools.contains(server.pool)));
            }
            ServiceKind::Internal(_) => {}
        }
    }
    for router in snapshot.routers.values() {
        assert!(router.named_service.as_ref().is_none_or(is_known));
        if let RouterState::Ready(service) = &router.state {
            assert!(is_known(service));
        }
    }
    for entry_point in snapshot.entry_points.values() {
        for router in entry_point.plain.routers().chain(entry_point.secure.routers()) {
            assert!(Arc::ptr_eq(&snapshot.routers[&router.name], router));
        }
    }
    if let Some(users) = snapshot.book.users.get() {
        let fresh = Users::of(snapshot);
        for name in services.keys() {
            assert_eq!(users.routers(name), fresh.routers(name));
            assert_eq!(users.parents(name), fresh.parents(name));
        }
    }
}

/// Something of everything, so that changes meet.
fn begin() -> World {
    let mut world = World::new();
    for provider in 0..PROVIDERS.len() {
        for name in 0..NAMES {
            for (kind, variant) in [(13, name % 3), (0, name % 3), (2, name % 3), (8, 0), (9, 0)] {
                apply(
                    &mut world,
                    Change {
                        kind,
                        provider,
                        name,
                        variant,
                    },
                );
            }
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a13_7_what_is_patched_is_what_is_compiled_whole(steps in changes()) {
        let mut world = begin();
        let mut patched: Option<Arc<Snapshot>> = None;
        let mut compiled: Option<Arc<Snapshot>> = None;
        for step in std::iter::once(Vec::new()).chain(steps) {
            step.into_iter().for_each(|change| apply(&mut world, change));
            world.with_inputs(|inputs| {
                patched = Some(follow(inputs, patched.as_deref()));
                compiled = Some(whole(inputs, compiled.as_deref()));
            });
            let (Some(patched), Some(compiled)) = (&patched, &compiled) else { unreachable!() };
            assert_is_one(patched);
            prop_assert_eq!(told(patched), told(compiled));
        }
    }
}

/// Whether a change is patched.
fn is_patched(world: &mut World, change: Change) -> bool {
    let mut found = false;
    let mut before = None;
    world.with_inputs(|inputs| before = Some(whole(inputs, None)));
    apply(world, change);
    world.with_inputs(|inputs| {
        found = before
            .as_deref()
            .is_some_and(|before| patch::patch(inputs, before).is_some());
    });
    found
}

#[test]
fn a13_7_changes_of_servers_are_patched_and_others_are_not() {
    let of_service = |variant| Change {
        kind: 13,
        provider: 0,
        name: 1,
        variant,
    };
    for variant in [0, 1, 2, 3, 4, 5, 6, 7, 9] {
        assert!(is_patched(&mut begin(), of_service(variant)), "{variant}");
    }
    for variant in [8, 10, 12, 13] {
        assert!(!is_patched(&mut begin(), of_service(variant)), "{variant}");
    }
    for kind in 0..11 {
        let change = Change {
            kind,
            provider: 0,
            name: 1,
            // Of some kinds there are few variants; beyond them nothing would change.
            variant: if matches!(kind, 1 | 3 | 5) { 2 } else { 4 },
        };
        assert!(!is_patched(&mut begin(), change), "{kind}");
    }
}

#[test]
fn a13_7_a_patch_shares_what_it_does_not_change() {
    let mut world = World::new();
    let mut dynamic = viaduct_config::Dynamic::default();
    for n in 0..1000 {
        let router = json!({ "rule": format!("Host(`h{n}.test`)"), "service": format!("s{n}") });
        dynamic
            .http
            .routers
            .insert(format!("r{n}"), Shared::new(read(router)));
        let service = service(0, n % 4).expect("a variant");
        dynamic
            .http
            .services
            .insert(format!("s{n}"), Shared::new(read(service)));
    }
    world.put(Update::new(ProviderName::new("a"), dynamic));
    let (mut first, mut second) = (None, None);
    world.with_inputs(|inputs| first = Some(whole(inputs, None)));
    let first = first.expect("compiled");
    let mut update = Update::clone(&world.updates["a"]);
    let changed = service(0, 9).expect("a variant");
    update
        .dynamic
        .http
        .services
        .insert("s500".to_owned(), Shared::new(read(changed)));
    world.put(update);
    world.with_inputs(|inputs| second = Some(follow(inputs, Some(&first))));
    let second = second.expect("compiled");
    let differing: Vec<_> = second
        .routers
        .differences_by(&first.routers, Arc::ptr_eq)
        .map(|one| &**one.key)
        .collect();
    assert_eq!(differing, ["web-r500@a", "websecure-r500@a"]);
    assert!(Arc::ptr_eq(first.findings(), second.findings()));
    assert!(Arc::ptr_eq(first.certificates(), second.certificates()));
    let name = EntryPointName::new("web");
    let (before, now) = (
        &first.entry_points[&name].plain,
        &second.entry_points[&name].plain,
    );
    let pairs = before.routers().zip(now.routers());
    assert_eq!(pairs.filter(|(a, b)| !Arc::ptr_eq(a, b)).count(), 1);
}
