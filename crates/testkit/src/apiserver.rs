//! A Kubernetes API server in memory, for tests.
//!
//! It listens on a port of 127.0.0.1 inside the test's process, speaks HTTP/1.1 and HTTP/2 over TLS (or plain
//! HTTP), and keeps to the rules of a real one wherever a client could tell the difference: revisions,
//! watches, conflicts, permissions, schemas. `kubectl` works with it. `docs/testing-api-server.md` lists
//! what it serves and where it is less than a cluster.
//!
//! ```no_run
//! use viaduct_testkit::apiserver::{ApiServer, Matching, Reply};
//!
//! let server = ApiServer::start();
//! server.define_traefik("traefik.io");
//! server.apply("{apiVersion: v1, kind: Namespace, metadata: {name: web}}");
//! let viaduct = server.account("web", "viaduct");
//! server.allow(&viaduct, &["get", "list", "watch"], &["services", "ingressroutes.traefik.io"], &["web"]);
//! let kubeconfig = server.kubeconfig_of(&viaduct); // for the process under test
//! server.faults().reply_next(2, Matching::of("list", "services"), Reply::InternalError);
//! server.wait_request("a watch of services", |request| request.verb == "watch");
//! ```
//!
//! One request passes through these modules:
//!
//! ```text
//!  serve stream     connections, TLS, HTTP            faults     what is to go wrong
//!  target query     the request, taken apart          record     what was asked
//!  access           who, and may they
//!  handle           which verb
//!  list watch       reading                           selector   labels and fields
//!  write            create, replace, patch, delete    patch managed lists   how they merge
//!  model schema     what a kind's objects may hold    defaults event        built-in kinds' own rules
//!  store            objects, revisions, history       resource definition   which kinds there are
//!  discovery openapi table protobuf   what kubectl needs besides
//!  failure          every refusal with its status
//! ```

mod access;
mod defaults;
mod definition;
mod discovery;
mod event;
mod failure;
mod faults;
mod handle;
mod kubeconfig;
mod list;
mod lists;
mod managed;
mod model;
mod object;
mod openapi;
mod patch;
mod protobuf;
mod query;
mod record;
mod resource;
mod schema;
mod selector;
mod serve;
mod state;
mod store;
mod stream;
mod table;
mod target;
mod watch;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};
use tempfile::TempDir;

pub use faults::{Faults, Matching, Order, Reply, Truncation};
pub use query::Query;
pub use record::Request;

use access::{Denial, User};
use failure::Failure;
pub(crate) use kubeconfig::write as write_kubeconfig;
use list::shown;
use object::{meta, set_meta};
use query::DeleteOptions;
use serve::Control;
use state::{Shared, State, uid};
use write::Write;

use crate::cluster::grants;
use crate::pki::{Ca, Leaf};
use crate::wait::wait_for;

/// A running server; it ends when this is dropped.
pub struct ApiServer {
    shared: Arc<Shared>,
    control: Control,
    ca: Ca,
    directory: TempDir,
    counter: AtomicUsize,
}

/// A service account with a token that is valid now.
#[derive(Debug, Clone)]
pub struct Account {
    pub namespace: String,
    pub name: String,
    pub token: String,
    /// Holds the token, as a pod finds it; rewritten by [`ApiServer::rotate_token`].
    pub token_file: PathBuf,
}

impl Account {
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub fn user(&self) -> String {
        User::service_account(&self.namespace, &self.name).name
    }
}

/// Why the server refused what a test wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub code: u16,
    /// `NotFound`, `Conflict`, `Invalid`, ...
    pub reason: String,
    pub message: String,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        let status = failure.status();
        let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        Self {
            code: failure.code().as_u16(),
            reason: text("reason"),
            message: text("message"),
        }
    }
}

impl ApiServer {
    /// With TLS; without custom kinds; with the namespaces of a new cluster.
    pub fn start() -> Self {
        Self::with(true)
    }

    /// The same without TLS.
    pub fn start_plain() -> Self {
        Self::with(false)
    }

    fn with(is_tls: bool) -> Self {
        let ca = Ca::new("Kubernetes test CA");
        let identity = ca.issue(Leaf::server("localhost").ip("127.0.0.1"));
        let tls = is_tls.then(|| kubeconfig::server_config(&ca, &identity));
        let shared = Arc::new(Shared::new());
        let server = Self {
            control: Control::begin(&shared, tls),
            shared,
            ca,
            directory: TempDir::new().expect("a directory"),
            counter: AtomicUsize::new(0),
        };
        std::fs::write(server.ca_file(), server.ca.pem()).expect("writing the CA");
        for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            server.create_namespace(namespace);
        }
        server
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        let scheme = if self.control.is_tls() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.control.port())
    }

    pub fn port(&self) -> u16 {
        self.control.port()
    }

    /// Signs the server's certificate and those of its clients.
    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// The CA's certificate, for `certAuthFilePath`.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Files of this server; a place for more.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A kubeconfig of someone who may do everything: with a client certificate, over plain HTTP with a token.
    pub fn kubeconfig(&self) -> PathBuf {
        let user = if self.control.is_tls() {
            let admin = User::admin();
            let leaf = Leaf::client(&admin.name).organization("system:masters");
            kubeconfig::with_certificate(&self.ca.issue(leaf))
        } else {
            json!({ "token": self.admin_token() })
        };
        self.write_kubeconfig("admin", &user, "default")
    }

    /// A kubeconfig of a service account, with its token as text.
    pub fn kubeconfig_of(&self, account: &Account) -> PathBuf {
        self.write_kubeconfig(
            &account.name,
            &json!({ "token": account.token }),
            &account.namespace,
        )
    }

    /// The same with the name of the token's file, which [`ApiServer::rotate_token`] rewrites.
    pub fn kubeconfig_with_token_file(&self, account: &Account) -> PathBuf {
        let user = json!({ "tokenFile": account.token_file });
        self.write_kubeconfig(&account.name, &user, &account.namespace)
    }

    fn write_kubeconfig(&self, name: &str, user: &Value, namespace: &str) -> PathBuf {
        let path = self
            .directory
            .path()
            .join(format!("{name}-{}.kubeconfig", self.next()));
        let authority = self.control.is_tls().then(|| self.ca.pem().to_owned());
        kubeconfig::write(&path, &self.url(), authority.as_deref(), user, namespace);
        path
    }

    /// Creates a service account with a token.
    pub fn account(&self, namespace: &str, name: &str) -> Account {
        self.create_namespace(namespace);
        let metadata = json!({ "name": name, "namespace": namespace });
        self.put(&json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }));
        let token_file = self.directory.path().join(format!("token-{}", self.next()));
        let token = self.new_token(User::service_account(namespace, name));
        std::fs::write(&token_file, &token).expect("writing a token");
        Account {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            token,
            token_file,
        }
    }

    /// Gives an account a new token, in its file too. The old one is answered with 401 from now on.
    pub fn rotate_token(&self, account: &mut Account) {
        let token = self.new_token(User::service_account(&account.namespace, &account.name));
        // In this order: a client that reads the file at the refusal finds the new token there.
        std::fs::write(&account.token_file, &token).expect("writing a token");
        self.revoke_token(account);
        account.token = token;
    }

    /// Answers an account's token with 401.
    pub fn revoke_token(&self, account: &Account) {
        self.shared.change(|state| state.tokens.revoke(&account.token));
    }

    /// A new bearer token of someone who may do everything.
    pub fn admin_token(&self) -> String {
        self.new_token(User::admin())
    }

    fn new_token(&self, user: User) -> String {
        let token = format!("test.{}", uid());
        self.shared.change(|state| state.tokens.add(&token, user));
        token
    }

    /// Stores a role and its binding: in each of `namespaces`, or cluster-wide if there are none.
    /// Resources are written `secrets`, `ingressroutes.traefik.io`, `ingresses.networking.k8s.io/status`.
    pub fn allow(&self, account: &Account, verbs: &[&str], resources: &[&str], namespaces: &[&str]) {
        for namespace in namespaces {
            self.create_namespace(namespace);
        }
        let name = format!("{}-{}", account.name, self.next());
        for object in grants(account, &name, verbs, resources, namespaces) {
            self.put(&object);
        }
    }

    /// Refuses with 403, whatever the roles say, until [`ApiServer::clear_denials`]; `namespaces` empty:
    /// everywhere. `*` stands for every verb, every resource.
    pub fn deny(&self, account: &Account, verbs: &[&str], resources: &[&str], namespaces: &[&str]) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let denial = Denial {
            user: account.user(),
            verbs: owned(verbs),
            resources: owned(resources),
            namespaces: owned(namespaces),
        };
        self.shared.change(|state| state.denials.push(denial));
    }

    pub fn clear_denials(&self) {
        self.shared.change(|state| state.denials.clear());
    }

    /// Serves Traefik's ten kinds, version `v1alpha1`, in `traefik.io` or `traefik.containo.us`. They have no
    /// schema: every field is kept. For schemas, apply `CustomResourceDefinition`s.
    pub fn define_traefik(&self, group: &str) {
        for (kind, plural) in definition::TRAEFIK {
            self.define(group, "v1alpha1", kind, plural);
        }
    }

    /// Serves a namespaced kind without a schema.
    pub fn define(&self, group: &str, version: &str, kind: &str, plural: &str) {
        let resource = definition::open(group, version, kind, plural);
        self.shared.change(|state| state.kinds.add(resource));
    }

    /// Serves a kind no longer: requests for it get 404. Its objects are kept for the case that it comes back.
    #[track_caller]
    pub fn undefine(&self, resource: &str) {
        let known = self.known(resource);
        self.shared
            .change(|state| state.kinds.remove_all(&known.group, &known.plural));
    }

    /// Creates a namespace, unless it is there.
    pub fn create_namespace(&self, name: &str) {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.put(&namespace);
    }

    /// Creates or replaces every object of a YAML text, as someone who may do everything.
    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        if let Err(refused) = self.try_apply(yaml) {
            panic!("the API server refused an object: {}", refused.message);
        }
    }

    /// As [`ApiServer::apply`], up to the first object that is refused. A text that is no YAML panics.
    #[track_caller]
    pub fn try_apply(&self, yaml: &str) -> Result<(), Refused> {
        let objects: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("YAML");
        for object in objects.iter().filter(|object| !object.is_null()) {
            self.try_put(object)?;
        }
        Ok(())
    }

    /// Creates or replaces one object; returns what is stored.
    #[track_caller]
    pub fn put(&self, object: &Value) -> Value {
        self.try_put(object)
            .unwrap_or_else(|refused| panic!("the API server refused {object}: {}", refused.message))
    }

    /// As [`ApiServer::put`]. A revision in the object has to be the current one.
    pub fn try_put(&self, object: &Value) -> Result<Value, Refused> {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        self.shared.change(|state| {
            let resource = state
                .kinds
                .of_kind(text("apiVersion"), text("kind"))
                .ok_or(Failure::NoSuchPath)?;
            let query = Query::default();
            let namespace = match meta(object, "namespace") {
                "" if resource.namespaced => "default",
                namespace => namespace,
            };
            let write = Write {
                resource: &resource,
                namespace,
                query: &query,
                manager: MANAGER.to_owned(),
                is_status: false,
            };
            let key = (namespace.to_owned(), meta(object, "name").to_owned());
            let done = match state.store.get(&resource.storage, &key).cloned() {
                None => write.create(state, object.clone())?,
                Some(old) => {
                    let mut object = object.clone();
                    if meta(&object, "resourceVersion").is_empty() {
                        set_meta(
                            &mut object,
                            "resourceVersion",
                            Some(json!(meta(&old, "resourceVersion"))),
                        );
                    }
                    write.replace(state, &key.1, object)?
                }
            };
            Ok(done.object)
        })
    }

    /// An object as it is stored. `resource` as kubectl takes it; `namespace` empty for what has none.
    #[track_caller]
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let resource = self.known(resource);
        let state = self.shared.look();
        let key = (namespace.to_owned(), name.to_owned());
        state
            .store
            .get(&resource.storage, &key)
            .map(|object| shown(&resource, object))
    }

    /// All objects of a kind, in the order of namespace and name.
    #[track_caller]
    pub fn list(&self, resource: &str) -> Vec<Value> {
        let resource = self.known(resource);
        let state = self.shared.look();
        state
            .store
            .list(&resource.storage)
            .map(|(_, object)| shown(&resource, object))
            .collect()
    }

    /// Deletes an object; false if there is none.
    #[track_caller]
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        let resource = self.known(resource);
        self.shared.change(|state| {
            let query = Query::default();
            let write = Write {
                resource: &resource,
                namespace,
                query: &query,
                manager: MANAGER.to_owned(),
                is_status: false,
            };
            write.delete(state, name, &DeleteOptions::default()).is_ok()
        })
    }

    /// Changes one object in place and stores it; panics if there is none.
    #[track_caller]
    pub fn edit(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let mut object = self
            .get(resource, namespace, name)
            .unwrap_or_else(|| panic!("there is no {resource} {namespace}/{name}"));
        change(&mut object);
        self.put(&object)
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.shared.look().store.revision()
    }

    /// Counts revisions on as if other clients had changed objects nobody looks at.
    pub fn advance_revision(&self, by: u64) {
        self.shared.change(|state| state.store.advance(by));
    }

    /// What is to go wrong.
    pub fn faults(&self) -> Faults<'_> {
        Faults {
            shared: &self.shared,
            control: &self.control,
        }
    }

    /// Every request that was answered so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.look().requests.clone()
    }

    /// How many of them fit.
    pub fn count(&self, fits: impl Fn(&Request) -> bool) -> usize {
        self.shared
            .look()
            .requests
            .iter()
            .filter(|request| fits(request))
            .count()
    }

    /// Lists that were begun of one kind: see [`Request::is_list`].
    pub fn lists(&self, resource: &str) -> usize {
        self.count(|request| request.resource == resource && request.is_list())
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.look().requests.clear();
    }

    /// Waits for a request that fits.
    #[track_caller]
    pub fn wait_request(&self, what: &str, fits: impl Fn(&Request) -> bool) -> Request {
        wait_for(what, || {
            self.shared
                .look()
                .requests
                .iter()
                .find(|request| fits(request))
                .cloned()
        })
    }

    /// Stops the clock of `creationTimestamp` and its like at a time; `None`: the machine's own.
    pub fn set_clock(&self, time: Option<SystemTime>) {
        self.shared.change(|state| state.clock = time);
    }

    #[track_caller]
    fn known(&self, resource: &str) -> Arc<resource::Resource> {
        let state: &State = &self.shared.look();
        let found = state.kinds.named(resource);
        found.unwrap_or_else(|| panic!("the API server does not serve `{resource}`"))
    }

    fn next(&self) -> usize {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }
}

/// Owner of the fields that tests write.
const MANAGER: &str = "testkit";
