//! Kubernetes objects for tests, all in namespace `web` unless written out.

use base64::Engine;
use serde_json::{Value, json};

use crate::pki::Issued;

/// The namespace of everything here.
pub const NAMESPACE: &str = "web";

/// A file of manifests to be.
#[derive(Debug, Clone, Default)]
pub struct Manifests(Vec<Value>);

impl Manifests {
    pub fn new() -> Self {
        Self::default()
    }

    /// With these objects.
    pub fn of(objects: Vec<Value>) -> Self {
        Self(objects)
    }

    /// Any object.
    pub fn object(mut self, object: Value) -> Self {
        self.0.push(object);
        self
    }

    /// A `kubernetes.io/tls` Secret.
    pub fn tls_secret(self, name: &str, identity: &Issued) -> Self {
        self.secret(
            name,
            &[("tls.crt", &identity.chain_pem), ("tls.key", &identity.key_pem)],
        )
    }

    /// A Secret.
    pub fn secret(self, name: &str, entries: &[(&str, &str)]) -> Self {
        let data: serde_json::Map<_, _> = entries
            .iter()
            .map(|(key, value)| {
                let text = base64::engine::general_purpose::STANDARD.encode(value);
                ((*key).to_owned(), Value::String(text))
            })
            .collect();
        self.object(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata(name),
            "data": data,
        }))
    }

    /// A Service on port 443 and its EndpointSlice: one server on 127.0.0.1.
    pub fn backend(self, name: &str, port: u16) -> Self {
        self.backends(name, &[port])
    }

    /// A Service on port 443 with one EndpointSlice per server: slices share their ports.
    pub fn backends(self, name: &str, ports: &[u16]) -> Self {
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(name),
            "spec": { "clusterIP": "10.0.0.10", "ports": [{ "name": "app", "port": 443 }] },
        });
        ports
            .iter()
            .enumerate()
            .fold(self.object(service), |manifests, (index, port)| {
                manifests.object(json!({
                    "apiVersion": "discovery.k8s.io/v1",
                    "kind": "EndpointSlice",
                    "metadata": {
                        "name": format!("{name}-{index}"),
                        "namespace": NAMESPACE,
                        "labels": { "kubernetes.io/service-name": name },
                    },
                    "addressType": "IPv4",
                    "ports": [{ "name": "app", "port": port, "protocol": "TCP" }],
                    "endpoints": [{ "addresses": ["127.0.0.1"], "conditions": { "ready": true } }],
                }))
            })
    }

    pub fn transport(self, name: &str, spec: Value) -> Self {
        self.traefik("ServersTransport", name, spec)
    }

    pub fn tls_option(self, name: &str, spec: Value) -> Self {
        self.traefik("TLSOption", name, spec)
    }

    pub fn route(self, route: Route) -> Self {
        let Route { name, spec } = route;
        self.traefik("IngressRoute", &name, spec)
    }

    /// An object of group `traefik.io/v1alpha1`.
    pub fn traefik(self, kind: &str, name: &str, spec: Value) -> Self {
        self.object(json!({
            "apiVersion": "traefik.io/v1alpha1",
            "kind": kind,
            "metadata": metadata(name),
            "spec": spec,
        }))
    }

    /// All of it in another namespace.
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        for object in &mut self.0 {
            object["metadata"]["namespace"] = json!(namespace);
        }
        self
    }

    /// As values.
    pub fn objects(&self) -> &[Value] {
        &self.0
    }

    /// All of it as one file of several documents. JSON is YAML.
    pub fn yaml(&self) -> String {
        self.0.iter().map(|object| format!("---\n{object:#}\n")).collect()
    }
}

/// An IngressRoute with one rule and one service.
#[derive(Debug, Clone)]
pub struct Route {
    name: String,
    spec: Value,
}

impl Route {
    /// For the entry point `websecure`, to `service` on port 443 by `scheme`.
    pub fn secure(name: &str, rule: &str, service: &str, scheme: &str) -> Self {
        let mut route = Self::on(name, "websecure", rule, service, scheme);
        route.set("/tls", json!({}));
        route
    }

    /// For the entry point `web`.
    pub fn plain(name: &str, rule: &str, service: &str, scheme: &str) -> Self {
        Self::on(name, "web", rule, service, scheme)
    }

    fn on(name: &str, entry_point: &str, rule: &str, service: &str, scheme: &str) -> Self {
        let service = json!({ "name": service, "port": 443, "scheme": scheme });
        Self {
            name: name.to_owned(),
            spec: json!({
                "entryPoints": [entry_point],
                "routes": [{ "kind": "Rule", "match": rule, "services": [service] }],
            }),
        }
    }

    pub fn transport(self, name: &str) -> Self {
        self.service_field("serversTransport", json!(name))
    }

    /// The front certificate's Secret.
    pub fn certificate(mut self, secret: &str) -> Self {
        self.set("/tls/secretName", json!(secret));
        self
    }

    pub fn options(mut self, name: &str) -> Self {
        self.set("/tls/options", json!({ "name": name }));
        self
    }

    /// A field of its service, such as `passHostHeader`.
    pub fn service_field(mut self, field: &str, value: Value) -> Self {
        self.set(&format!("/routes/0/services/0/{field}"), value);
        self
    }

    /// A field of its rule, such as `priority` or `middlewares`.
    pub fn rule_field(mut self, field: &str, value: Value) -> Self {
        self.set(&format!("/routes/0/{field}"), value);
        self
    }

    fn set(&mut self, pointer: &str, value: Value) {
        let (parent, field) = pointer.rsplit_once('/').expect("a JSON pointer");
        let object = self
            .spec
            .pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .expect("an object");
        object.insert(field.to_owned(), value);
    }
}

fn metadata(name: &str) -> Value {
    json!({ "name": name, "namespace": NAMESPACE })
}
