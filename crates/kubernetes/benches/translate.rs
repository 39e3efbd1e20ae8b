//! Cost of translating ten thousand routes with a Service and an EndpointSlice each, as after every change, and of
//! reading a changed one. `cargo bench -p viaduct-kubernetes --bench translate`

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use viaduct_kubernetes::{Index, Policy, translate};

fn objects(n: usize) -> String {
    format!(
        "---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {{name: app-{n}, namespace: web}}
spec:
  entryPoints: [websecure]
  routes:
  - kind: Rule
    match: Host(`app-{n}.example.com`) && PathPrefix(`/api`)
    services: [{{name: app-{n}, port: 443, serversTransport: web}}]
  tls: {{secretName: edge-tls}}
---
apiVersion: v1
kind: Service
metadata: {{name: app-{n}, namespace: web}}
spec: {{clusterIP: 10.0.0.1, ports: [{{name: https, port: 443}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: app-{n}-1, namespace: web, labels: {{kubernetes.io/service-name: app-{n}}}}}
addressType: IPv4
ports: [{{name: https, port: 8443}}]
endpoints: [{{addresses: [10.1.{}.{}], conditions: {{ready: true}}}}]
",
        n / 250,
        n % 250 + 1
    )
}

const SHARED: &str = "
apiVersion: v1
kind: Secret
metadata: {name: edge-tls, namespace: web}
stringData: {tls.crt: certificate, tls.key: key}
---
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata: {name: web, namespace: web}
spec: {serverName: web.example.com}
";

fn translating(criterion: &mut Criterion) {
    let mut index = Index::new(|_| Ok(()));
    index.apply("shared.yaml", SHARED);
    index.apply("first.yaml", &objects(0));
    let mut others = String::new();
    for n in 1..ROUTES {
        write!(others, "{}", objects(n)).expect("a string takes everything");
    }
    index.apply("others.yaml", &others);
    let policy = Policy::directory();
    let update = translate(&index, &policy);
    assert_eq!(update.dynamic.http.routers.len(), ROUTES);
    assert!(
        update.notes.is_empty() && update.broken.is_empty(),
        "{:?} {:?}",
        update.notes,
        update.broken
    );

    let mut group = criterion.benchmark_group("translate 10000 routes");
    group.sample_size(10);
    group.bench_function("all", |bencher| {
        bencher.iter(|| black_box(translate(&index, &policy)));
    });
    let changed = [objects(0), objects(0).replace("/api", "/other")];
    let mut turn = changed.iter().cycle();
    group.bench_function("one changed file", |bencher| {
        bencher.iter(|| {
            index.apply("first.yaml", turn.next().expect("a cycle has no end"));
            black_box(translate(&index, &policy))
        });
    });
    group.finish();
}

const ROUTES: usize = 10_000;

criterion_group!(benches, translating);
criterion_main!(benches);
