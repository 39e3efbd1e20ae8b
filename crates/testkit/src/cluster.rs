//! A cluster for tests that need no more than one: the API server of this crate, or a real cluster.
//!
//! With the environment variable `VIADUCT_TEST_KUBECONFIG` set to the path of a kubeconfig, the tests that use
//! [`Cluster`] run against the cluster it names, as the user it names, who has to be an administrator. Faults cannot be
//! injected there, so tests of faults use [`ApiServer`] itself.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::apiserver::ApiServer;
use crate::kubectl::Kubectl;
use crate::manifest::Manifests;

/// A cluster with a namespace of the test's own.
pub struct Cluster {
    server: Server,
    kubectl: Kubectl,
    namespace: String,
}

enum Server {
    Own(Box<ApiServer>),
    /// The directory holds kubeconfigs of accounts.
    Real(tempfile::TempDir),
}

impl Cluster {
    /// A new server, or a new namespace of the cluster that the environment names.
    pub fn start() -> Self {
        let (server, kubeconfig) = match std::env::var_os(KUBECONFIG) {
            Some(path) => (
                Server::Real(tempfile::tempdir().expect("a directory")),
                PathBuf::from(path),
            ),
            None => {
                let server = ApiServer::start();
                let kubeconfig = server.kubeconfig();
                (Server::Own(Box::new(server)), kubeconfig)
            }
        };
        let cluster = Self {
            server,
            kubectl: Kubectl::new(&kubeconfig),
            namespace: format!("viaduct-test-{}", crate::apiserver::suffix()),
        };
        let metadata = json!({ "name": cluster.namespace });
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
        cluster.kubectl.apply(&namespace.to_string());
        cluster
    }

    /// Where the test's objects are.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Of an administrator.
    pub fn kubeconfig(&self) -> &Path {
        self.kubectl.kubeconfig()
    }

    /// Of an administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The server of this crate, if that is what it is: to look at requests.
    pub fn own(&self) -> Option<&ApiServer> {
        match &self.server {
            Server::Own(server) => Some(server),
            Server::Real(_) => None,
        }
    }

    /// Applies definitions of custom kinds and waits until they are served. A real cluster keeps them.
    #[track_caller]
    pub fn define(&self, definitions: &str) {
        self.kubectl.apply(definitions);
        self.kubectl.run_with(
            &["wait", "--for=condition=Established", "--timeout=20s", "-f", "-"],
            definitions,
        );
    }

    /// Applies manifests; what names no namespace goes into the test's.
    #[track_caller]
    pub fn apply(&self, manifests: &str) {
        self.kubectl
            .run_with(&["apply", "-n", &self.namespace, "-f", "-"], manifests);
    }

    /// Applies manifests in the test's namespace, whatever they name.
    #[track_caller]
    pub fn apply_here(&self, manifests: Manifests) {
        self.apply(&manifests.in_namespace(&self.namespace).yaml());
    }

    /// An object of the test's namespace.
    #[track_caller]
    pub fn get(&self, resource: &str, name: &str) -> Option<Value> {
        let arguments = [
            "get",
            resource,
            name,
            "-n",
            &self.namespace,
            "--ignore-not-found",
            "-o",
            "json",
        ];
        let printed = self.kubectl.run(&arguments);
        (!printed.trim().is_empty()).then(|| serde_json::from_str(&printed).expect("kubectl prints JSON"))
    }

    /// Deletes an object of the test's namespace, which has to be there.
    #[track_caller]
    pub fn delete(&self, resource: &str, name: &str) {
        self.kubectl
            .run(&["delete", resource, name, "-n", &self.namespace]);
    }

    /// A kubeconfig of a service account that may do what `rules` say, in the test's namespace.
    #[track_caller]
    pub fn account(&self, name: &str, rules: &Value) -> PathBuf {
        let metadata = json!({ "name": name });
        let group = "rbac.authorization.k8s.io";
        let objects = Manifests::new()
            .object(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }))
            .object(json!({
                "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata, "rules": rules,
            }))
            .object(json!({
                "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
                "roleRef": { "apiGroup": group, "kind": "Role", "name": name },
                "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": self.namespace }],
            }));
        self.apply_here(objects);
        match &self.server {
            Server::Own(server) => server.kubeconfig_of(&server.account(&self.namespace, name)),
            Server::Real(directory) => {
                let token = self
                    .kubectl
                    .run(&["create", "token", name, "-n", &self.namespace]);
                let path = directory.path().join(format!("{name}.kubeconfig"));
                std::fs::write(&path, self.as_user(token.trim()).to_string()).expect("writing a kubeconfig");
                path
            }
        }
    }

    /// The administrator's kubeconfig with another user in it.
    fn as_user(&self, token: &str) -> Value {
        let mut config = self
            .kubectl
            .json(&["config", "view", "--raw", "--minify", "--flatten"]);
        for user in config["users"].as_array_mut().into_iter().flatten() {
            user["user"] = json!({ "token": token });
        }
        for context in config["contexts"].as_array_mut().into_iter().flatten() {
            context["context"]["namespace"] = json!(self.namespace);
        }
        config
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if matches!(self.server, Server::Real(_)) {
            // Best effort: a test that has failed may have lost the cluster.
            self.kubectl
                .try_run(&["delete", "namespace", &self.namespace, "--wait=false"], "");
        }
    }
}

const KUBECONFIG: &str = "VIADUCT_TEST_KUBECONFIG";
