//! A real API server, by kubectl.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Api, grants};
use crate::apiserver::{Account, write_kubeconfig};
use crate::kubectl::Kubectl;
use crate::wait::wait_until;

/// The API server of a kubeconfig. It is one test's at a time, and empty of what others have left.
pub(super) struct Real {
    kubectl: Kubectl,
    url: String,
    authority: String,
    /// What endpoints on loopback become.
    address: String,
    directory: TempDir,
    counter: AtomicUsize,
    _turn: MutexGuard<'static, ()>,
}

impl Real {
    #[track_caller]
    pub(super) fn at(kubeconfig: &Path) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let kubectl = Kubectl::new(kubeconfig);
        let config = kubectl.json(&["config", "view", "--raw", "--minify", "--flatten"]);
        let cluster = &config["clusters"][0]["cluster"];
        let url = cluster["server"].as_str().expect("a server").to_owned();
        let authority = cluster["certificate-authority-data"].as_str().expect("a CA");
        let authority = STANDARD.decode(authority).expect("base64");
        let directory = TempDir::new().expect("a directory");
        let address = std::env::var(ADDRESS).unwrap_or_else(|_| {
            panic!(
                "{ADDRESS} is not set\n  hint: an address of this machine that is not loopback: a real API server takes no endpoints on loopback"
            )
        });
        let real = Self {
            kubectl,
            url: url.trim_end_matches('/').to_owned(),
            authority: String::from_utf8(authority).expect("PEM"),
            address,
            directory,
            counter: AtomicUsize::new(0),
            _turn: turn,
        };
        std::fs::write(real.ca_file(), &real.authority).expect("writing the CA");
        real.empty();
        real
    }

    /// Deletes what tests have made. Namespaces stay: it takes a controller to end one.
    fn empty(&self) {
        // What `viaduct manifests` and the chart make bears the second one.
        let label = format!("{MARK}=yes");
        let printed = "app.kubernetes.io/name=viaduct";
        let marked = self
            .kubectl
            .json(&["get", "namespaces", "--selector", label.as_str()]);
        let namespaces = marked["items"].as_array().into_iter().flatten();
        for namespace in namespaces.filter_map(|namespace| namespace["metadata"]["name"].as_str()) {
            let delete = |kinds: &str| {
                let arguments = ["delete", kinds, "--all", "--namespace", namespace];
                self.kubectl.try_run(&arguments, "")
            };
            let finished = delete(KINDS);
            assert!(finished.status.success(), "{}", finished.output);
            // They may not be defined.
            delete(TRAEFIK_KINDS);
        }
        for kinds in [
            "clusterroles,clusterrolebindings,ingressclasses",
            "roles,rolebindings,leases",
        ] {
            for selector in [label.as_str(), printed] {
                let arguments = ["delete", kinds, "--all-namespaces", "--selector", selector];
                self.kubectl.run(&arguments);
            }
        }
        let lease = [
            "delete",
            "lease",
            "viaduct-ingress-status",
            "--namespace",
            "default",
        ];
        self.kubectl.run(&[&lease[..], &["--ignore-not-found"]].concat());
        self.undefine("traefik.containo.us");
    }

    fn undefine(&self, group: &str) {
        let names: Vec<_> = TRAEFIK_KINDS
            .split(',')
            .map(|plural| format!("{}.{group}", plural.trim_end_matches(".traefik.io")))
            .collect();
        let mut arguments = vec!["delete", "crd", "--ignore-not-found"];
        arguments.extend(names.iter().map(String::as_str));
        self.kubectl.run(&arguments);
    }

    fn next(&self) -> usize {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn kubeconfig_with(&self, account: &Account, user: &Value) -> PathBuf {
        let path = self
            .directory
            .path()
            .join(format!("{}-{}.kubeconfig", account.name, self.next()));
        write_kubeconfig(&path, &self.url, Some(&self.authority), user, &account.namespace);
        path
    }

    fn stored(&self, arguments: &[&str], object: &Value) -> Value {
        let arguments = [arguments, &["-o", "json", "-f", "-"]].concat();
        let printed = self.kubectl.run_with(&arguments, &object.to_string());
        serde_json::from_str(&printed).expect("JSON")
    }
}

impl Api for Real {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.kubectl.kubeconfig().to_owned()
    }

    fn kubeconfig_of(&self, account: &Account) -> PathBuf {
        self.kubeconfig_with(account, &json!({ "token": account.token }))
    }

    fn kubeconfig_with_token_file(&self, account: &Account) -> PathBuf {
        self.kubeconfig_with(account, &json!({ "tokenFile": account.token_file }))
    }

    fn account(&self, namespace: &str, name: &str) -> Account {
        self.create_namespace(namespace);
        let metadata = json!({ "name": name, "namespace": namespace });
        self.put(&json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }));
        let token = self
            .kubectl
            .run(&["create", "token", name, "--namespace", namespace]);
        let token_file = self.directory.path().join(format!("token-{}", self.next()));
        std::fs::write(&token_file, token.trim()).expect("writing a token");
        Account {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            token: token.trim().to_owned(),
            token_file,
        }
    }

    fn allow(&self, account: &Account, verbs: &[&str], resources: &[&str], namespaces: &[&str]) {
        let name = format!("viaduct-test-{}-{}", account.name, self.next());
        for mut object in grants(account, &name, verbs, resources, namespaces) {
            object["metadata"]["labels"] = json!({ (MARK): "yes" });
            self.put(&object);
        }
    }

    fn define_traefik(&self, group: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes/crds.yaml");
        let definitions = std::fs::read_to_string(path).expect("our definitions");
        let definitions = definitions.replace("traefik.io", group);
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.kubectl.run_with(&apply, &definitions);
        let wait = ["wait", "--for=condition=Established", "--timeout=20s", "-f", "-"];
        self.kubectl.run_with(&wait, &definitions);
        // It is established a little before discovery tells of it.
        let path = format!("/apis/{group}/v1alpha1");
        wait_until("the definitions to be served", || {
            let kinds = self.kubectl.try_run(&["get", "--raw", &path], "");
            TRAEFIK_KINDS
                .split(',')
                .filter_map(|plural| plural.split('.').next())
                .all(|plural| kinds.printed.contains(&format!("\"{plural}\"")))
        });
    }

    fn undefine_traefik(&self) {
        self.undefine("traefik.io");
    }

    fn create_namespace(&self, name: &str) {
        let known = self.get("namespaces", "", name);
        let Some(known) = known else {
            let metadata = json!({ "name": name, "labels": { (MARK): "yes" } });
            self.put(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }));
            return;
        };
        assert!(
            name == "default" || known["metadata"]["labels"][MARK] == "yes",
            "namespace `{name}` of the cluster is not the tests'\n  hint: give them a cluster of their own"
        );
    }

    fn put(&self, object: &Value) -> Value {
        let object = self.suited(object.clone());
        if object["metadata"].get("resourceVersion").is_some() {
            return self.stored(&["replace"], &object);
        }
        self.stored(
            &[
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager=testkit",
            ],
            &object,
        )
    }

    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let mut arguments = vec!["get", resource, name, "--ignore-not-found", "-o", "json"];
        if !namespace.is_empty() {
            arguments.extend(["--namespace", namespace]);
        }
        let printed = self.kubectl.run(&arguments);
        (!printed.trim().is_empty()).then(|| serde_json::from_str(&printed).expect("JSON"))
    }

    fn list(&self, resource: &str) -> Vec<Value> {
        let all = self.kubectl.json(&["get", resource, "--all-namespaces"]);
        all["items"].as_array().cloned().unwrap_or_default()
    }

    fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        let mut arguments = vec!["delete", resource, name, "--ignore-not-found", "-o", "name"];
        if !namespace.is_empty() {
            arguments.extend(["--namespace", namespace]);
        }
        !self.kubectl.run(&arguments).trim().is_empty()
    }

    /// Without what a real API server refuses: endpoints on loopback, and one address for two Services.
    fn suited(&self, mut object: Value) -> Value {
        match object["kind"].as_str() {
            Some("EndpointSlice") => {
                let endpoints = object["endpoints"].as_array_mut().into_iter().flatten();
                let addresses =
                    endpoints.flat_map(|endpoint| endpoint["addresses"].as_array_mut().into_iter().flatten());
                for address in addresses.filter(|address| *address == "127.0.0.1") {
                    *address = json!(self.address);
                }
            }
            Some("Service") => {
                let has_version = object["metadata"].get("resourceVersion").is_some();
                if let Some(spec) = object["spec"].as_object_mut()
                    && !has_version
                    && spec.get("clusterIP").is_some_and(|ip| ip != "None")
                {
                    spec.remove("clusterIP");
                }
            }
            Some("IngressClass") => object["metadata"]["labels"][MARK] = json!("yes"),
            Some(_) | None => {}
        }
        object
    }
}

static TURN: Mutex<()> = Mutex::new(());
/// The label of what is the tests' own.
const MARK: &str = "viaduct.test/own";
const ADDRESS: &str = "VIADUCT_TEST_ADDRESS";
const KINDS: &str = "services,endpointslices.discovery.k8s.io,secrets,configmaps,serviceaccounts,\
ingresses.networking.k8s.io,leases.coordination.k8s.io,events.events.k8s.io,roles.rbac.authorization.k8s.io,\
rolebindings.rbac.authorization.k8s.io,deployments.apps,poddisruptionbudgets.policy,\
horizontalpodautoscalers.autoscaling";
const TRAEFIK_KINDS: &str = "ingressroutes.traefik.io,ingressroutetcps.traefik.io,ingressrouteudps.traefik.io,\
middlewares.traefik.io,middlewaretcps.traefik.io,serverstransports.traefik.io,serverstransporttcps.traefik.io,\
tlsoptions.traefik.io,tlsstores.traefik.io,traefikservices.traefik.io";
