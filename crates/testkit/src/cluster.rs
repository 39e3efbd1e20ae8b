//! A cluster for tests that need no more than one: the API server of this crate, or a real one.
//!
//! With the environment variable `VIADUCT_TEST_KUBECONFIG` set to the path of a kubeconfig, [`anywhere`] is the API
//! server that it names, as the user that it names, who has to be an administrator. Faults cannot be injected there and
//! requests are not recorded, so tests of those use [`ApiServer`] itself.

mod real;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::apiserver::{Account, ApiServer};
use crate::manifest::Manifests;

/// What an administrator does with an API server, whichever it is.
pub trait Api {
    fn url(&self) -> String;

    /// The CA's certificate, for `certAuthFilePath`.
    fn ca_file(&self) -> PathBuf;

    /// A kubeconfig of someone who may do everything.
    fn kubeconfig(&self) -> PathBuf;

    /// A kubeconfig of a service account, with its token as text.
    fn kubeconfig_of(&self, account: &Account) -> PathBuf;

    /// The same with the name of the token's file.
    fn kubeconfig_with_token_file(&self, account: &Account) -> PathBuf;

    /// Creates a service account with a token.
    fn account(&self, namespace: &str, name: &str) -> Account;

    /// Stores a role and its binding, see [`ApiServer::allow`].
    fn allow(&self, account: &Account, verbs: &[&str], resources: &[&str], namespaces: &[&str]);

    /// Serves Traefik's ten kinds, version `v1alpha1`, in `traefik.io` or `traefik.containo.us`.
    fn define_traefik(&self, group: &str);

    /// Serves Traefik's kinds no longer, in neither group.
    fn undefine_traefik(&self);

    /// Creates a namespace, unless it is there.
    fn create_namespace(&self, name: &str);

    /// Creates or replaces one object; returns what is stored.
    fn put(&self, object: &Value) -> Value;

    /// An object as it is stored. `resource` as kubectl takes it; `namespace` empty for what has none.
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value>;

    /// All objects of a kind.
    fn list(&self, resource: &str) -> Vec<Value>;

    /// Deletes an object; false if there is none.
    fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool;

    /// What this API server takes in place of an object that a test has written.
    fn suited(&self, object: Value) -> Value {
        object
    }

    /// The server of this crate, if that is what it is: to look at requests.
    fn own(&self) -> Option<&ApiServer> {
        None
    }

    /// Creates or replaces every object of a YAML text.
    fn apply(&self, yaml: &str) {
        let objects: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("YAML");
        for object in objects.iter().filter(|object| !object.is_null()) {
            self.put(object);
        }
    }

    /// The same objects as [`Api::suited`] has them, for kubectl.
    fn suited_yaml(&self, manifests: &Manifests) -> String {
        let objects = manifests.objects().iter().cloned();
        Manifests::of(objects.map(|object| self.suited(object)).collect()).yaml()
    }
}

impl dyn Api + '_ {
    /// Changes one object in place and stores it; panics if there is none.
    #[track_caller]
    pub fn edit(&self, resource: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self
            .get(resource, namespace, name)
            .unwrap_or_else(|| panic!("there is no {resource} {namespace}/{name}"));
        change(&mut object);
        self.put(&object);
    }
}

/// A new server of this crate, or the one that the environment names; tests take turns with that one, and find it
/// without objects of other tests.
pub fn anywhere() -> Box<dyn Api> {
    match std::env::var_os(KUBECONFIG) {
        Some(path) => Box::new(real::Real::at(&PathBuf::from(path))),
        None => Box::new(ApiServer::start()),
    }
}

/// Where backends listen: on loopback, and on every address where a real API server, which takes no endpoints on
/// loopback, tells of them.
pub fn backend_ip() -> &'static str {
    match std::env::var_os(KUBECONFIG) {
        Some(_) => "0.0.0.0",
        None => "127.0.0.1",
    }
}

impl Api for ApiServer {
    fn url(&self) -> String {
        self.url()
    }

    fn ca_file(&self) -> PathBuf {
        self.ca_file()
    }

    fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig()
    }

    fn kubeconfig_of(&self, account: &Account) -> PathBuf {
        self.kubeconfig_of(account)
    }

    fn kubeconfig_with_token_file(&self, account: &Account) -> PathBuf {
        self.kubeconfig_with_token_file(account)
    }

    fn account(&self, namespace: &str, name: &str) -> Account {
        self.account(namespace, name)
    }

    fn allow(&self, account: &Account, verbs: &[&str], resources: &[&str], namespaces: &[&str]) {
        self.allow(account, verbs, resources, namespaces);
    }

    fn define_traefik(&self, group: &str) {
        self.define_traefik(group);
    }

    fn undefine_traefik(&self) {}

    fn create_namespace(&self, name: &str) {
        self.create_namespace(name);
    }

    fn put(&self, object: &Value) -> Value {
        self.put(object)
    }

    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.get(resource, namespace, name)
    }

    fn list(&self, resource: &str) -> Vec<Value> {
        self.list(resource)
    }

    fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.delete(resource, namespace, name)
    }

    fn own(&self) -> Option<&ApiServer> {
        Some(self)
    }
}

/// A role and its binding: in each of `namespaces`, or cluster-wide if there are none. Resources are written `secrets`,
/// `ingressroutes.traefik.io`, `ingresses.networking.k8s.io/status`.
pub(crate) fn grants(
    account: &Account,
    name: &str,
    verbs: &[&str],
    resources: &[&str],
    namespaces: &[&str],
) -> Vec<Value> {
    let rules: Vec<Value> = resources
        .iter()
        .map(|resource| {
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
            let slash = if subresource.is_empty() { "" } else { "/" };
            json!({
                "apiGroups": [group], "resources": [format!("{plural}{slash}{subresource}")], "verbs": verbs,
            })
        })
        .collect();
    let bind = |scope: &str, namespace: Option<&str>| {
        let group = "rbac.authorization.k8s.io";
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        [
            json!({
                "apiVersion": format!("{group}/v1"), "kind": format!("{scope}Role"), "metadata": metadata,
                "rules": rules,
            }),
            json!({
                "apiVersion": format!("{group}/v1"), "kind": format!("{scope}RoleBinding"), "metadata": metadata,
                "roleRef": { "apiGroup": group, "kind": format!("{scope}Role"), "name": name },
                "subjects": [{
                    "kind": "ServiceAccount", "namespace": account.namespace, "name": account.name,
                }],
            }),
        ]
    };
    if namespaces.is_empty() {
        return bind("Cluster", None).into();
    }
    namespaces
        .iter()
        .flat_map(|namespace| bind("", Some(namespace)))
        .collect()
}

const KUBECONFIG: &str = "VIADUCT_TEST_KUBECONFIG";
