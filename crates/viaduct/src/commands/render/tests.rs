use viaduct_config::dynamic::http::{
    LoadBalancer, Router, RouterTls, ServersTransport, Service, Weighted, WeightedService,
};
use viaduct_config::dynamic::tls::TlsOptions;
use viaduct_config::{Dynamic, ProviderName, Update};

use viaduct_config::render::{Format, Secrets, render};

use super::{findings, qualified, together};

#[test]
fn a3_15_names_and_references_carry_their_provider() {
    let mut dynamic = Dynamic::default();
    let tls = RouterTls {
        options: "strict".into(),
        ..RouterTls::default()
    };
    let router = Router {
        service: "app".into(),
        middlewares: vec!["auth".into(), "other@file".into()],
        tls: Some(tls),
        ..Router::default()
    };
    let balancer = LoadBalancer {
        servers_transport: "trust".into(),
        ..LoadBalancer::default()
    };
    let child = WeightedService {
        name: "app".into(),
        weight: None,
    };
    let weighted = Weighted {
        services: vec![child],
        ..Weighted::default()
    };
    dynamic.http.routers.insert("web".into(), router);
    dynamic.http.services.insert(
        "app".into(),
        Service {
            load_balancer: Some(balancer),
            ..Service::default()
        },
    );
    dynamic.http.services.insert(
        "split".into(),
        Service {
            weighted: Some(Box::new(weighted)),
            ..Service::default()
        },
    );
    dynamic
        .http
        .servers_transports
        .insert("trust".into(), ServersTransport::default());
    dynamic.tls.options.insert("strict".into(), TlsOptions::default());
    dynamic
        .tls
        .options
        .insert("default".into(), TlsOptions::default());

    let shown = qualified(&Update::new(ProviderName::new("kubernetescrd"), dynamic));
    let router = &shown.http.routers["web@kubernetescrd"];
    assert_eq!(router.service, "app@kubernetescrd");
    assert_eq!(router.middlewares, ["auth@kubernetescrd", "other@file"]);
    assert_eq!(router.tls.as_ref().unwrap().options, "strict@kubernetescrd");
    let services = &shown.http.services;
    assert_eq!(
        services["app@kubernetescrd"]
            .load_balancer
            .as_ref()
            .unwrap()
            .servers_transport,
        "trust@kubernetescrd"
    );
    assert_eq!(
        services["split@kubernetescrd"]
            .weighted
            .as_ref()
            .unwrap()
            .services[0]
            .name,
        "app@kubernetescrd"
    );
    assert!(shown.http.servers_transports.contains_key("trust@kubernetescrd"));
    assert_eq!(
        shown.tls.options.keys().collect::<Vec<_>>(),
        ["default", "strict@kubernetescrd"]
    );
}

#[test]
fn a6_4_nothing_named_stays_nothing() {
    let mut dynamic = Dynamic::default();
    dynamic.http.services.insert(
        "app".into(),
        Service {
            load_balancer: Some(LoadBalancer::default()),
            ..Service::default()
        },
    );
    let shown = qualified(&Update::new(ProviderName::new("kubernetescrd"), dynamic));
    assert_eq!(
        shown.http.services["app@kubernetescrd"]
            .load_balancer
            .as_ref()
            .unwrap()
            .servers_transport,
        ""
    );
}

#[test]
fn a9_7_every_kind_of_reference_carries_its_provider() {
    let written = "
http:
  services:
    a:
      weighted: {services: [{name: x}, {name: y@file}]}
      middlewares: [m]
    b: {highestRandomWeight: {services: [{name: x}]}}
    c: {mirroring: {service: x, mirrors: [{name: z}]}}
    d: {failover: {service: x, fallback: z}}
  middlewares:
    m: {chain: {middlewares: [n, o@file]}}
    n: {errors: {service: x}}
tcp:
  routers: {r: {service: s, middlewares: [m], tls: {options: o}}}
  services:
    s: {weighted: {services: [{name: t}]}}
    t: {loadBalancer: {serversTransport: u}}
  middlewares: {m: {inFlightConn: {amount: 1}}}
  serversTransports: {u: {}}
udp:
  routers: {r: {service: s}}
  services: {s: {weighted: {services: [{name: t}]}}, t: {loadBalancer: {}}}
";
    let document = viaduct_config::document::parse("a.yaml", written)
        .unwrap()
        .remove(0);
    let dynamic = document.root.read::<Dynamic>().unwrap().value;
    let shown = qualified(&Update::new(ProviderName::new("k"), dynamic));
    let text = render(&shown, Format::Json, Secrets::Shown);
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected = serde_json::json!({
        "http": {
            "services": {
                "a@k": { "weighted": { "services": [{ "name": "x@k" }, { "name": "y@file" }] }, "middlewares": ["m@k"] },
                "b@k": { "highestRandomWeight": { "services": [{ "name": "x@k" }] } },
                "c@k": { "mirroring": { "service": "x@k", "mirrors": [{ "name": "z@k" }] } },
                "d@k": { "failover": { "service": "x@k", "fallback": "z@k" } },
            },
            "middlewares": {
                "m@k": { "chain": { "middlewares": ["n@k", "o@file"] } },
                "n@k": { "errors": { "service": "x@k" } },
            },
        },
        "tcp": {
            "routers": { "r@k": { "service": "s@k", "middlewares": ["m@k"], "tls": { "options": "o@k" } } },
            "services": {
                "s@k": { "weighted": { "services": [{ "name": "t@k" }] } },
                "t@k": { "loadBalancer": { "serversTransport": "u@k" } },
            },
            "middlewares": { "m@k": { "inFlightConn": { "amount": 1 } } },
            "serversTransports": { "u@k": {} },
        },
        "udp": {
            "routers": { "r@k": { "service": "s@k" } },
            "services": { "s@k": { "weighted": { "services": [{ "name": "t@k" }] } }, "t@k": { "loadBalancer": {} } },
        },
    });
    assert_eq!(shown, expected);
}

#[test]
fn a9_10_what_both_providers_say_is_shown_as_one() {
    let of = |provider: &str| {
        let mut dynamic = Dynamic::default();
        dynamic.http.routers.insert("web".into(), Router::default());
        dynamic
            .tls
            .certificates
            .push(viaduct_config::dynamic::tls::StoredCertificate::default());
        Update::new(ProviderName::new(provider), dynamic)
    };
    let shown = together(&[of("kubernetescrd"), of("kubernetes")]);
    let names: Vec<_> = shown.http.routers.keys().map(String::as_str).collect();
    assert_eq!(names, ["web@kubernetes", "web@kubernetescrd"]);
    assert_eq!(shown.tls.certificates.len(), 1, "one Secret may be named by both");
}

#[test]
fn a_router_that_names_no_entry_point_has_the_default_one() {
    let router = Router {
        rule: "Path(`/`)".into(),
        service: "app".into(),
        ..Router::default()
    };
    let balancer = Service {
        load_balancer: Some(LoadBalancer {
            servers: vec![viaduct_config::dynamic::http::Server {
                url: "http://192.0.2.1".into(),
                ..Default::default()
            }],
            ..LoadBalancer::default()
        }),
        ..Service::default()
    };
    let mut dynamic = Dynamic::default();
    dynamic.http.routers.insert("web".into(), router);
    dynamic.http.services.insert("app".into(), balancer);
    let updates = vec![Update::new(ProviderName::new("k"), dynamic)];
    assert_eq!(findings(updates, None).expect("findings"), []);
}
