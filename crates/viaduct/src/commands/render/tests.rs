use viaduct_config::dynamic::http::{
    LoadBalancer, Router, RouterTls, ServersTransport, Service, Weighted, WeightedService,
};
use viaduct_config::dynamic::tls::TlsOptions;
use viaduct_config::{Dynamic, ProviderName, Update};

use super::qualified;

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
            weighted: Some(weighted),
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
