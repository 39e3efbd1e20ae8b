//! What changed is translated again, and the result is the same as of translating everything.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::index::{Arrival, Collection};
use crate::translate::{translate_ingresses, translate_noting};

/// A cluster, objects by small numbers: few names, so that they meet.
struct Cluster {
    index: Index,
    version: u64,
    routes: Translator,
    ingresses: IngressTranslator,
}

/// A change of one object; `variant` says into what. Beyond the variants of its kind it is deleted.
#[derive(Debug, Clone, Copy)]
struct Change {
    kind: Kind,
    namespace: usize,
    name: usize,
    variant: usize,
}

const NAMESPACES: [&str; 2] = ["a", "b"];
const NAMES: [&str; 2] = ["one", "two"];
const KINDS: [Kind; 13] = [
    Kind::EndpointSlice,
    Kind::EndpointSlice,
    Kind::EndpointSlice,
    Kind::Service,
    Kind::Secret,
    Kind::Endpoints,
    Kind::Node,
    Kind::IngressRoute,
    Kind::TraefikService,
    Kind::Middleware,
    Kind::ServersTransport,
    Kind::TlsStore,
    Kind::Ingress,
];

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change =
        (0..KINDS.len(), 0..2_usize, 0..2_usize, 0..8_usize).prop_map(|(kind, namespace, name, variant)| {
            Change {
                kind: KINDS[kind],
                namespace,
                name,
                variant,
            }
        });
    prop::collection::vec(prop::collection::vec(change, 1..4), 1..40)
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Self {
            index: Index::new(|_| Ok(())),
            version: 0,
            routes: Translator::default(),
            ingresses: IngressTranslator::default(),
        };
        for kind in [
            Kind::Service,
            Kind::EndpointSlice,
            Kind::Secret,
            Kind::IngressRoute,
        ] {
            for (namespace, name) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                cluster.apply(Change {
                    kind,
                    namespace,
                    name,
                    variant: 0,
                });
            }
        }
        cluster
    }

    fn apply(&mut self, change: Change) {
        self.version += 1;
        let collection = Collection {
            kind: change.kind,
            old: false,
            namespace: None,
        };
        let (namespace, name) = (NAMESPACES[change.namespace], NAMES[change.name]);
        let name = match change.kind {
            Kind::TlsStore => "default",
            _ => name,
        };
        let mut object = body(change).unwrap_or_else(|| json!({}));
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(name);
        metadata["uid"] = json!(format!("{}-{namespace}-{name}", change.kind));
        metadata["resourceVersion"] = json!(self.version.to_string());
        if !change.kind.is_cluster_scoped() {
            metadata["namespace"] = json!(namespace);
        }
        if body(change).is_none() {
            self.index.delete(&collection, &object);
        } else if let Some(arrival) = Arrival::read(&collection, object, |_| change.variant != 5) {
            self.index.put(&collection, arrival);
        }
    }

    fn check(&mut self, policy: &Policy, ingresses: &IngressPolicy) {
        let changes = self.index.take_changes();
        let (update, needs) = self.routes.translate(&self.index, policy, &changes);
        let (whole, all_needs) = translate_noting(&self.index, policy);
        assert_eq!(update, whole);
        assert_eq!(*needs, all_needs);
        let (update, of_ingresses) = self.ingresses.translate(&self.index, ingresses, &changes);
        let (whole, all_of_ingresses) = translate_ingresses(&self.index, ingresses);
        assert_eq!(update, whole);
        assert_eq!(*of_ingresses, all_of_ingresses);
        // As the watch does afterwards.
        let needs = needs.iter().chain(&*of_ingresses).cloned().collect();
        self.index.withhold(&needs);
    }
}

/// `None`: there is no such variant.
fn body(change: Change) -> Option<Json> {
    let other = NAMES[1 - change.name];
    let name = NAMES[change.name];
    let elsewhere = NAMESPACES[1 - change.namespace];
    let one = change.kind;
    let variants = match one {
        Kind::IngressRoute => vec![
            route(&[json!({"name": name, "port": 80})], Some(name)),
            route(&[json!({"name": other, "port": "web"})], Some(name)),
            route(
                &[
                    json!({"name": name, "port": 80}),
                    json!({"name": other, "port": 80, "weight": 2}),
                ],
                None,
            ),
            route(
                &[json!({"name": name, "namespace": elsewhere, "port": 80})],
                Some(other),
            ),
            route(&[json!({"name": name, "kind": "TraefikService"})], None),
            route(
                &[json!({"name": name, "port": 80, "nodePortLB": true})],
                Some(other),
            ),
        ],
        Kind::Service => vec![
            json!({"spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "web", "port": 80}]}}),
            json!({"spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "web", "port": 8080}, {"name": "other", "port": 80}]}}),
            json!({"spec": {"type": "ExternalName", "externalName": "example.com", "ports": [{"port": 80}]}}),
            json!({"spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "ports": [{"name": "web", "port": 80, "nodePort": 30000}]}}),
            json!({"spec": "nonsense"}),
        ],
        Kind::EndpointSlice => {
            let labels = |service: &str| json!({"labels": {"kubernetes.io/service-name": service}});
            let slice = |service: &str, endpoints: Json| {
                json!({"metadata": labels(service), "addressType": "IPv4", "endpoints": endpoints,
                       "ports": [{"name": "web", "port": 8080}]})
            };
            vec![
                slice(name, json!([{"addresses": ["10.1.0.1"]}])),
                slice(
                    name,
                    json!([{"addresses": ["10.1.0.2"]}, {"addresses": ["10.1.0.1"]}]),
                ),
                slice(
                    name,
                    json!([{"addresses": ["10.1.0.1"], "conditions": {"ready": false, "serving": true, "terminating": true}},
                           {"addresses": ["10.1.0.3"]}]),
                ),
                slice(other, json!([{"addresses": ["10.1.0.4"]}])),
                slice(name, json!([])),
                slice(
                    name,
                    json!([{"addresses": ["not an address!"]}, {"addresses": ["10.1.0.1"]}]),
                ),
                slice(name, json!("nonsense")),
            ]
        }
        Kind::Endpoints => vec![
            json!({"subsets": [{"addresses": [{"ip": "10.2.0.1"}], "ports": [{"name": "web", "port": 81}]}]}),
            json!({"subsets": []}),
        ],
        Kind::Node => vec![
            json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.3.0.1"}]}}),
            json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.3.0.2"}]}}),
        ],
        Kind::Secret => vec![
            json!({"data": {"tls.crt": "b25l", "tls.key": "b25l", "ca.crt": "b25l"}}),
            json!({"data": {"tls.crt": "dHdv", "tls.key": "dHdv", "ca.crt": "dHdv"}}),
            json!({"data": {"tls.crt": "dHdv"}}),
            json!({"data": {"tls.crt": "not base64!"}}),
            json!({"data": {"tls.crt": "", "tls.key": ""}}),
            json!({"data": {"tls.crt": "b25l", "tls.key": "b25l"}}),
        ],
        Kind::TraefikService => vec![
            json!({"spec": {"weighted": {"services": [{"name": name, "port": 80}, {"name": other, "port": 80}]}}}),
            json!({"spec": {"mirroring": {"name": name, "port": 80, "mirrors": [{"name": other, "port": 80, "percent": 10}]}}}),
        ],
        Kind::Middleware => vec![
            json!({"spec": {"errors": {"status": ["500"], "query": "/", "service": {"name": name, "port": 80}}}}),
            json!({"spec": {"basicAuth": {"secret": name}}}),
        ],
        Kind::ServersTransport => vec![
            json!({"spec": {"serverName": "a.test", "rootCAs": [{"secret": name}]}}),
            json!({"spec": {"certificatesSecrets": [other]}}),
        ],
        Kind::TlsStore => vec![
            json!({"spec": {"defaultCertificate": {"secretName": name}}}),
            json!({"spec": {"certificates": [{"secretName": name}, {"secretName": other}]}}),
        ],
        Kind::Ingress => vec![
            json!({"spec": {"rules": [{"host": "i.test", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"number": 80}}}}]}}],
                "tls": [{"secretName": other}]}}),
            json!({"spec": {"defaultBackend": {"service": {"name": other, "port": {"name": "web"}}}}}),
        ],
        _ => Vec::new(),
    };
    variants.into_iter().nth(change.variant)
}

fn route(services: &[Json], secret: Option<&str>) -> Json {
    let mut spec = json!({"routes": [
        {"kind": "Rule", "match": "Host(`a.test`)", "services": services},
        {"kind": "Rule", "match": "Host(`b.test`)", "services": services, "middlewares": []},
    ]});
    if let Some(secret) = secret {
        spec["tls"] = json!({"secretName": secret});
    }
    json!({ "spec": spec })
}

fn policies() -> [(Policy, IngressPolicy); 2] {
    let strict = Policy::default();
    let open = Policy {
        allow_cross_namespace: true,
        allow_external_name_services: true,
        allow_empty_services: true,
        ..Policy::default()
    };
    [strict, open].map(|policy| {
        let ingresses = IngressPolicy {
            common: policy.clone(),
            assume_ingress_class: true,
            disable_ingress_class_lookup: true,
            ..IngressPolicy::directory()
        };
        (policy, ingresses)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn r14_what_is_translated_bit_by_bit_is_what_is_translated_at_once(steps in changes(), open in 0..2_usize) {
        let (policy, ingresses) = &policies()[open];
        let mut cluster = Cluster::new();
        cluster.check(policy, ingresses);
        for step in steps {
            step.into_iter().for_each(|change| cluster.apply(change));
            cluster.check(policy, ingresses);
        }
    }
}

/// Whether a change was followed, and not everything translated again.
fn is_followed(cluster: &mut Cluster, change: Change) -> bool {
    let policy = Policy::default();
    let ingresses = IngressPolicy::directory();
    cluster.check(&policy, &ingresses);
    cluster.apply(change);
    let memory = cluster.routes.0.as_mut().expect("a translation before");
    assert!(memory.update.notes.is_empty());
    // Nobody would say this again.
    memory.update.notes.push(viaduct_config::Finding::warning(
        viaduct_config::finding::Code::DuplicateObject,
        "from before",
    ));
    let changes = cluster.index.take_changes();
    let (update, _) = cluster.routes.translate(&cluster.index, &policy, &changes);
    let followed = !update.notes.is_empty();
    cluster.routes = Translator::default();
    followed
}

#[test]
fn r14_a_changed_endpoint_service_or_certificate_is_followed() {
    let mut cluster = Cluster::new();
    let (update, _) = translate_noting(&cluster.index, &Policy::default());
    assert_eq!(update.dynamic.http.routers.len(), 8, "two of each route");
    assert!(update.broken.is_empty());
    for (kind, variant) in [
        (Kind::EndpointSlice, 1),
        (Kind::EndpointSlice, 2),
        (Kind::Secret, 1),
        (Kind::Service, 0),
        (Kind::Node, 0),
        (Kind::EndpointSlice, 0),
    ] {
        let change = Change {
            kind,
            namespace: 0,
            name: 0,
            variant,
        };
        assert!(is_followed(&mut cluster, change), "{change:?}");
    }
    let route = Change {
        kind: Kind::IngressRoute,
        namespace: 0,
        name: 0,
        variant: 1,
    };
    assert!(
        !is_followed(&mut cluster, route),
        "who looks at what is different"
    );
}

#[test]
fn r14_a_route_to_a_missing_service_keeps_no_change_of_other_endpoints_from_being_followed() {
    let mut cluster = Cluster::new();
    let collection = Collection {
        kind: Kind::IngressRoute,
        old: false,
        namespace: None,
    };
    let mut lost = route(&[json!({"name": "ones", "port": 80})], None);
    lost["metadata"] = json!({"name": "lost", "namespace": "b", "uid": "lost", "resourceVersion": "1"});
    let arrival = Arrival::read(&collection, lost, |_| true).expect("an IngressRoute");
    cluster.index.put(&collection, arrival);
    let (update, _) = translate_noting(&cluster.index, &Policy::default());
    assert_eq!(update.broken.len(), 2, "both of its routers");
    let hint = update.broken[0].1.hint.as_deref();
    assert_eq!(hint, Some("did you mean `one`?"), "it looked at all Services");

    let change = |kind, name, variant| Change {
        kind,
        namespace: 0,
        name,
        variant,
    };
    for change in [
        change(Kind::EndpointSlice, 0, 1),
        change(Kind::EndpointSlice, 1, 2),
        change(Kind::Endpoints, 0, 0),
        change(Kind::EndpointSlice, 0, 0),
    ] {
        assert!(is_followed(&mut cluster, change), "{change:?}");
    }
    let service = change(Kind::Service, 0, 1);
    assert!(!is_followed(&mut cluster, service), "the hint may be another one");
}
