//! Configuration from the objects of a Kubernetes cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use viaduct_config::install::KubernetesCrd;
use viaduct_config::{ProviderName, Update};
use viaduct_kubernetes::watch::{Access, AccessError, Cluster, Connection, Settings};
use viaduct_kubernetes::{Index, PROVIDER, Policy, translate_noting};

use super::admission;
use crate::failure::Failure;

/// How `providers.kubernetesCRD` reaches its API server.
pub(crate) fn access(written: &KubernetesCrd) -> Access {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Access {
        endpoint: given(&written.endpoint),
        token: given(written.token.expose()),
        certificate_authority: given(&written.cert_auth_file_path).map(PathBuf::from),
        ..Access::default()
    }
}

/// A client of the API server; nobody is asked yet. Needs a tokio runtime.
pub(crate) async fn connect(access: Access) -> Result<Arc<Connection>, Failure> {
    match Connection::open(access).await {
        Ok(connection) => Ok(Arc::new(connection)),
        Err(error) => Err(unusable(error)),
    }
}

/// Which replica this is: the pod's name, and what tells this run of it from others.
pub(crate) fn instance() -> String {
    let name = rustix::system::uname();
    let host = name.nodename().to_string_lossy();
    format!("{host}_{}", std::process::id())
}

/// The provider `kubernetescrd`. `own`: where this process listens, lest it forwards to itself. `loopback`: whether
/// endpoints may be on this machine.
pub(crate) fn crd(
    written: &KubernetesCrd,
    connection: Arc<Connection>,
    own: Vec<SocketAddr>,
    loopback: bool,
) -> Cluster {
    let settings = Settings {
        kinds: Settings::for_traefik_kinds(),
        namespaces: written.namespaces.clone(),
        label_selector: written.label_selector.clone(),
        no_cluster_scope: written.disable_cluster_scope_resources,
    };
    let list = |names: &[String]| (!names.is_empty()).then(|| names.to_vec());
    let policy = Policy {
        allow_cross_namespace: written.allow_cross_namespace,
        allow_external_name_services: written.allow_external_name_services,
        allow_empty_services: written.allow_empty_services,
        cross_provider_namespaces: list(&written.cross_provider_namespaces),
        ingress_class: (!written.ingress_class.is_empty()).then(|| written.ingress_class.clone()),
        native_lb_by_default: written.native_lb_by_default,
        allow_loopback: loopback,
        own_addresses: own,
    };
    cluster(connection, settings, policy)
}

/// What the cluster's objects come to, under the policy of [`read_once`](super::read_once).
pub(crate) async fn read_once(access: Access, namespaces: Vec<String>) -> Result<Update, Failure> {
    let settings = Settings {
        kinds: Settings::for_traefik_kinds(),
        namespaces,
        ..Settings::default()
    };
    let cluster = cluster(connect(access).await?, settings, Policy::directory());
    cluster
        .read_once()
        .await
        .map_err(|error| Failure::new(error.to_string()))
}

fn cluster(connection: Arc<Connection>, settings: Settings, policy: Policy) -> Cluster {
    Cluster {
        connection,
        settings,
        index: Index::new(|secret| admission::admit(|key| secret.get(key))),
        provider: ProviderName::new(PROVIDER),
        translate: Arc::new(move |index| translate_noting(index, &policy)),
    }
}

fn unusable(error: AccessError) -> Failure {
    let hint = match &error {
        AccessError::NoEndpoint => Some(
            "inside a cluster the environment says it; elsewhere set `KUBECONFIG` or \
             `providers.kubernetesCRD.endpoint`",
        ),
        AccessError::InCluster(_) => {
            Some("mount the service account (`automountServiceAccountToken`), or give endpoint and token")
        }
        AccessError::Endpoint { .. }
        | AccessError::Kubeconfig(_)
        | AccessError::Token { .. }
        | AccessError::MalformedToken
        | AccessError::Client(_) => None,
    };
    let failure = Failure::new(error.to_string());
    let failure = match std::error::Error::source(&error).map(ToString::to_string) {
        Some(why) => failure.because(why),
        None => failure,
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
