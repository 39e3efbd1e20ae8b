//! Services and their servers.

use std::time::Duration;

use serde_json::{Value, json};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding};

use super::kit::{Compiled, Outcome, World, balancer, served, update};
use crate::service::{LoadBalancer, Scheme, ServiceKind};
use crate::{RouterState, Service};

/// A router `r` for the service `app` among these.
fn with(services: &Value) -> World {
    World::of(dynamic(services))
}

fn dynamic(services: &Value) -> Value {
    json!({ "http": {
        "routers": { "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"] } },
        "services": services,
    }})
}

fn service(compiled: &Compiled) -> &Service {
    match &compiled.router("r@file").state {
        RouterState::Ready(service) => service,
        RouterState::OutOfService { finding, .. } => panic!("out of service: {finding:?}"),
    }
}

fn load_balancer(service: &Service) -> &LoadBalancer {
    match &service.kind {
        ServiceKind::LoadBalancer(balancer) => balancer,
        ServiceKind::Weighted(_) | ServiceKind::Internal(_) => panic!("no balancer"),
    }
}

#[test]
fn a6_1_servers_have_weight_path_and_fence() {
    let mut said = update(
        "file",
        dynamic(&json!({ "app": { "loadBalancer": { "servers": [
            { "url": "https://10.0.0.1:8443/base/", "weight": 3 },
            { "url": "https://10.0.0.1:8443/base/", "preservePath": true },
            { "url": "http://10.0.0.2" },
        ]}}})),
    );
    if let Some(app) = said.dynamic.http.services.get_mut("app")
        && let Some(balancer) = &mut app.load_balancer
    {
        balancer.servers[2].fenced = true;
    }
    let mut world = World::new();
    world.put(said);
    let compiled = world.compile();
    let servers = &load_balancer(service(&compiled)).servers;
    assert_eq!((servers[0].weight, &*servers[0].base_path), (3, ""));
    assert_eq!((servers[1].weight, &*servers[1].base_path), (1, "/base"));
    assert_eq!((servers[0].scheme, servers[0].port), (Scheme::Https, 8443));
    assert!(servers[2].fenced && !servers[0].fenced);
    assert_eq!(servers[0].pool, servers[1].pool, "same server, same pool");
    assert_ne!(servers[0].pool, servers[2].pool);
}

#[test]
fn a6_3_a6_5_forwarding_defaults() {
    let compiled = with(&json!({ "app": balancer("http://10.0.0.1") })).compile();
    let balancer = load_balancer(service(&compiled));
    assert!(balancer.pass_host_header);
    assert_eq!(balancer.flush_interval, Some(Duration::from_millis(100)));
    assert_eq!(&*balancer.transport.name, "default@internal");

    let compiled = with(&json!({ "app": { "loadBalancer": {
        "servers": [{ "url": "http://10.0.0.1" }],
        "passHostHeader": false,
        "responseForwarding": { "flushInterval": "-1ms" },
    }}}))
    .compile();
    let balancer = load_balancer(service(&compiled));
    assert!(!balancer.pass_host_header);
    assert_eq!(balancer.flush_interval, None);
}

#[test]
fn a6_13_service_without_servers_is_ready_and_said() {
    let compiled = with(&json!({ "app": { "loadBalancer": { "servers": [] } } })).compile();
    assert_eq!(compiled.plain("a", "/"), served("app@file"));
    assert!(load_balancer(service(&compiled)).servers.is_empty());
    compiled.only(Code::NoServers);
}

#[test]
fn a6_9_weighted_services_hold_their_children() {
    let compiled = with(&json!({
        "app": { "weighted": { "services": [
            { "name": "blue", "weight": 3 }, { "name": "green@file" }, { "name": "off", "weight": 0 },
        ]}},
        "blue": balancer("http://10.0.0.1"),
        "green": balancer("http://10.0.0.2"),
        "off": balancer("http://10.0.0.3"),
    }))
    .compile();
    compiled.assert_no_errors();
    let ServiceKind::Weighted(children) = &service(&compiled).kind else {
        panic!("not weighted");
    };
    let children: Vec<_> = children
        .iter()
        .map(|(child, weight)| (&*child.name, *weight))
        .collect();
    assert_eq!(children, [("blue@file", 3), ("green@file", 1), ("off@file", 0)]);
}

#[test]
fn a6_9_circular_services_are_found() {
    let compiled = with(&json!({
        "app": { "weighted": { "services": [{ "name": "b" }] } },
        "b": { "weighted": { "services": [{ "name": "app" }] } },
    }))
    .compile();
    assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, Code::InvalidService));
    assert!(
        compiled.found(Code::InvalidService)[0]
            .message
            .contains("circular"),
        "{:#?}",
        compiled.findings
    );
}

#[test]
fn a6_9_deep_nesting_is_bounded() {
    let mut services = serde_json::Map::new();
    for n in 0..2_000 {
        let child = json!({ "weighted": { "services": [{ "name": format!("s{}", n + 1) }] } });
        services.insert(if n == 0 { "app".into() } else { format!("s{n}") }, child);
    }
    services.insert("s2000".into(), balancer("http://10.0.0.1"));
    let compiled = with(&Value::Object(services)).compile();
    assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, Code::InvalidService));
}

#[test]
fn a6_9_what_is_nested_too_deep_takes_nothing_below_it_out_of_service() {
    const BOUND: usize = 64;
    for (above, prefix) in [(BOUND, "a"), (BOUND, "z"), (3 * BOUND, "a"), (3 * BOUND, "z")] {
        // Of the names, those of `a` come in the order of the references, and before the others; those of `z` after them
        // and in the opposite order.
        let name = |n: usize| match prefix {
            "a" => format!("a{n:03}"),
            _ => format!("z{:03}", 999 - n),
        };
        let weighted = |child: &str| json!({ "weighted": { "services": [{ "name": child }] } });
        let mut services = serde_json::Map::new();
        let mut routers = serde_json::Map::new();
        for n in 0..above {
            let child = if n + 1 == above {
                "mine".to_owned()
            } else {
                name(n + 1)
            };
            services.insert(name(n), weighted(&child));
        }
        services.insert("mine".into(), weighted("server"));
        services.insert("server".into(), balancer("http://10.0.0.1"));
        for service in (0..above).map(name).chain(["mine".to_owned()]) {
            let router =
                json!({ "rule": format!("Host(`{service}`)"), "service": service, "entryPoints": ["web"] });
            routers.insert(service, router);
        }
        let compiled = World::of(json!({ "http": { "routers": routers, "services": services } })).compile();

        assert_eq!(compiled.plain("mine", "/"), served("mine@file"));
        for n in 0..above {
            let height = above - n + 1;
            let expected = if height > BOUND {
                Outcome::Out(503, Code::InvalidService)
            } else {
                served(&format!("{}@file", name(n)))
            };
            assert_eq!(compiled.plain(&name(n), "/"), expected, "{} of {above}", name(n));
        }
        // Each is told once as a service, as its own fault, and once as a router.
        let too_deep = compiled.found(Code::InvalidService);
        let of_services = too_deep
            .iter()
            .filter(|finding| finding.message == "weighted services are nested more than 64 deep");
        assert_eq!(of_services.count(), above + 1 - BOUND, "{too_deep:#?}");
    }
}

#[test]
fn a6_9_a_way_that_leads_to_a_circle_takes_no_other_out_of_service() {
    let compiled = World::of(json!({ "http": {
        "routers": {
            "fine": { "rule": "Host(`fine`)", "service": "fine", "entryPoints": ["web"] },
            "round": { "rule": "Host(`round`)", "service": "above", "entryPoints": ["web"] },
        },
        "services": {
            "above": { "weighted": { "services": [{ "name": "fine" }, { "name": "b" }] } },
            "b": { "weighted": { "services": [{ "name": "c" }, { "name": "fine" }] } },
            "c": { "weighted": { "services": [{ "name": "fine" }, { "name": "b" }] } },
            "fine": { "weighted": { "services": [{ "name": "server" }, { "name": "server" }] } },
            "server": balancer("http://10.0.0.1"),
        },
    }}))
    .compile();
    assert_eq!(compiled.plain("fine", "/"), served("fine@file"));
    assert_eq!(
        compiled.plain("round", "/"),
        Outcome::Out(503, Code::InvalidService)
    );
    let told = &compiled.found(Code::InvalidService)[0].message;
    assert!(told.contains("service `b@file` contains itself"), "{told}");
}

/// Whichever end is built first: neither building nor dropping them needs a deep stack.
#[test]
fn a6_9_a_long_chain_is_refused_from_either_end() {
    const LONG: usize = 10_000;
    for from_below in [false, true] {
        let name = |n: usize| match from_below {
            false => format!("s{n:06}"),
            true => format!("s{:06}", LONG - n),
        };
        let mut services = serde_json::Map::new();
        services.insert(name(LONG), balancer("http://10.0.0.1"));
        for n in 0..LONG {
            let child = json!({ "weighted": { "services": [{ "name": name(n + 1) }] } });
            services.insert(name(n), child);
        }
        let app = json!({ "weighted": { "services": [{ "name": name(0) }] } });
        services.insert("app".into(), app);
        let compiled = with(&Value::Object(services)).compile();
        assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, Code::InvalidService));
    }
}

/// Each of these takes the router out of service, with this code.
#[test]
fn services_that_cannot_be_served_say_so() {
    let lb = |extra: Value| {
        let mut service = balancer("http://10.0.0.1");
        for (key, value) in extra.as_object().expect("a mapping") {
            service["loadBalancer"][key] = value.clone();
        }
        service
    };
    let cases = [
        (json!({ "mirroring": { "service": "x" } }), Code::Unsupported),
        (json!({ "failover": { "service": "x" } }), Code::Unsupported),
        (
            json!({ "highestRandomWeight": { "services": [] } }),
            Code::Unsupported,
        ),
        (json!({ "loadBalacner": {} }), Code::InvalidService),
        (json!({}), Code::InvalidService),
        (lb(json!({ "sticky": { "cookie": {} } })), Code::Unsupported),
        (lb(json!({ "healthCheck": { "path": "/" } })), Code::Unsupported),
        (lb(json!({ "passiveHealthCheck": {} })), Code::Unsupported),
        (lb(json!({ "strategy": "p2c" })), Code::Unsupported),
        (lb(json!({ "strategy": "best" })), Code::InvalidService),
        (lb(json!({ "serversTransport": "none" })), Code::MissingReference),
        (
            lb(json!({ "serversTransport": "default@internal2" })),
            Code::MissingReference,
        ),
        (
            lb(json!({ "serversTransport": "other@internal" })),
            Code::ForbiddenReference,
        ),
        (
            lb(json!({ "servers": [{ "url": "10.0.0.1:80" }] })),
            Code::InvalidService,
        ),
        (
            lb(json!({ "servers": [{ "url": "http://a", "weight": -1 }] })),
            Code::InvalidService,
        ),
        (
            json!({ "weighted": { "services": [{ "name": "none" }] } }),
            Code::MissingReference,
        ),
        (
            json!({ "weighted": { "services": [], "sticky": {} } }),
            Code::Unsupported,
        ),
        (
            json!({ "weighted": { "services": [], "healthCheck": {} } }),
            Code::Unsupported,
        ),
        (
            json!({ "weighted": { "services": [] }, "loadBalancer": { "servers": [] } }),
            Code::InvalidService,
        ),
    ];
    for (service, code) in cases {
        let compiled = with(&json!({ "app": service })).compile();
        assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, code), "{service}");
        let finding = compiled.found(code)[0];
        assert_eq!(finding.element, Some(Element::Service("app".into())), "{service}");
    }
    for strategy in ["", "wrr", "RoundRobin"] {
        let compiled = with(&json!({ "app": lb(json!({ "strategy": strategy })) })).compile();
        assert_eq!(compiled.plain("a", "/"), served("app@file"), "{strategy}");
    }
}

#[test]
fn broken_services_pass_their_reason_on() {
    let mut said = update(
        "file",
        json!({ "http": {
            "routers": {
                "direct": { "rule": "Host(`a`)", "service": "gone", "entryPoints": ["web"] },
                "indirect": { "rule": "Host(`b`)", "service": "mix", "entryPoints": ["web"] },
                "good": { "rule": "Host(`c`)", "service": "fine", "entryPoints": ["web"] },
            },
            "services": {
                "mix": { "weighted": { "services": [{ "name": "gone" }, { "name": "fine" }] } },
                "fine": balancer("http://10.0.0.1"),
            },
        }}),
    );
    said.broken.push((
        Element::Service("gone".into()),
        Finding::error(Code::MissingReference, "Service web/gone not found")
            .element(Element::Service("gone".into())),
    ));
    let mut world = World::new();
    world.put(said);
    let compiled = world.compile();
    // The provider looked for it and it is not there: the 404 of a name that nobody knows (A6.13).
    assert_eq!(
        compiled.plain("a", "/"),
        Outcome::Out(404, Code::MissingReference)
    );
    assert_eq!(
        compiled.plain("b", "/"),
        Outcome::Out(503, Code::MissingReference)
    );
    assert_eq!(compiled.plain("c", "/"), served("fine@file"));
    let RouterState::OutOfService { finding, .. } = &compiled.router("direct@file").state else {
        panic!("served");
    };
    assert_eq!(finding.message, "service `gone`: Service web/gone not found");
    assert_eq!(finding.element, Some(Element::Router("direct".into())));
}
