//! Cost of compiling ten thousand routes: all of them, none changed, one changed.
//! `cargo bench -p viaduct-snapshot --bench build`

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use viaduct_config::dynamic::http::{LoadBalancer, Router, RouterTls, Server, ServersTransport, Service};
use viaduct_config::{Dynamic, EntryPointName, ProviderName, Update};
use viaduct_snapshot::{EntryPointInstall, Inputs, Install, compile};
use viaduct_tls::CertificateStore;

/// `changed`: route 0 goes to another server.
fn update(changed: bool) -> Arc<Update> {
    let mut dynamic = Dynamic::default();
    for n in 0..ROUTES {
        dynamic.http.routers.insert(
            format!("web-app-{n}"),
            Router {
                entry_points: vec!["websecure".to_owned()],
                rule: format!("Host(`app-{n}.example.com`) && PathPrefix(`/api`)"),
                service: format!("web-app-{n}"),
                tls: Some(RouterTls::default()),
                ..Router::default()
            },
        );
        let last = if changed && n == 0 { 2 } else { 1 };
        let balancer = LoadBalancer {
            servers: vec![Server {
                url: format!("https://10.{}.{}.{last}:8443", n / 250, n % 250),
                ..Server::default()
            }],
            servers_transport: format!("team-{}", n % TRANSPORTS),
            ..LoadBalancer::default()
        };
        dynamic.http.services.insert(
            format!("web-app-{n}"),
            Service {
                load_balancer: Some(balancer),
                ..Service::default()
            },
        );
    }
    for n in 0..TRANSPORTS {
        dynamic.http.servers_transports.insert(
            format!("team-{n}"),
            ServersTransport {
                server_name: format!("team-{n}.internal"),
                ..ServersTransport::default()
            },
        );
    }
    Arc::new(Update::new(ProviderName::new("kubernetescrd"), dynamic))
}

fn build(criterion: &mut Criterion) {
    let install = Install {
        entry_points: vec![EntryPointInstall {
            name: EntryPointName::new("websecure"),
            tls: Some(RouterTls::default()),
            middlewares: Vec::new(),
            as_default: true,
        }],
        ..Install::default()
    };
    let generated_default = Arc::new(CertificateStore::generate_default());
    let (first, second) = ([update(false)], [update(true)]);
    let inputs = |updates| Inputs {
        install: &install,
        updates,
        generated_default: Arc::clone(&generated_default),
        staples: None,
        overlaps: None,
    };
    let (snapshot, findings) = compile(&inputs(&first), None);
    assert!(findings.is_empty(), "{findings:?}");

    let mut group = criterion.benchmark_group("build 10000 routes");
    group.sample_size(10);
    group.bench_function("from nothing", |bencher| {
        bencher.iter(|| black_box(compile(&inputs(&first), None)));
    });
    group.bench_function("unchanged", |bencher| {
        bencher.iter(|| black_box(compile(&inputs(&first), Some(&snapshot))));
    });
    group.bench_function("one route changed", |bencher| {
        bencher.iter(|| black_box(compile(&inputs(&second), Some(&snapshot))));
    });
    group.finish();
}

const ROUTES: usize = 10_000;
const TRANSPORTS: usize = 100;

criterion_group!(benches, build);
criterion_main!(benches);
