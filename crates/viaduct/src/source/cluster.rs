//! Configuration from the objects of a Kubernetes cluster.

mod terms;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use viaduct_config::duration::GoDuration;
use viaduct_config::install::{IngressEndpoint, Install, KubernetesCrd, KubernetesIngress};
use viaduct_config::rule::Syntax;
use viaduct_config::{ProviderName, Update};
use viaduct_kubernetes::api::ingress::IngressAddress;
use viaduct_kubernetes::api::{Kind, Name};
use viaduct_kubernetes::lease::{Candidate, Leadership};
use viaduct_kubernetes::status::{self, Endpoint, Outdated};
use viaduct_kubernetes::watch::{Access, AccessError, Cluster, Connection, Patience, Settings, Translate};
use viaduct_kubernetes::{
    INGRESS_PROVIDER, Index, IngressPolicy, IngressTranslator, Needs, PROVIDER, Policy, Translator,
};

use super::admission;
use crate::failure::Failure;

pub(crate) use terms::Terms;

/// What follows a cluster: one watch for both providers, if both reach it in the same way and watch the same namespaces.
#[derive(Default)]
pub(crate) struct Plan {
    access: Access,
    crd: Option<KubernetesCrd>,
    ingress: Option<KubernetesIngress>,
    /// The CRD provider's options, where it has a watch of its own.
    beside: Option<KubernetesCrd>,
    /// Whether Namespaces are heeded (`bridge.namespaceLabels`).
    namespaces_demand: bool,
}

/// Leads, or waits to lead. Dropped, it goes on until the process ends.
pub(crate) struct Leader {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Lets go of what this replica leads, so that the next one takes over at once; takes a few seconds at most.
pub(crate) async fn resign(leaders: Vec<Leader>) {
    let (stops, tasks): (Vec<_>, Vec<_>) = leaders
        .into_iter()
        .map(|leader| (leader.stop, leader.task))
        .unzip();
    // Whether it hears or has ended already, it is over.
    stops
        .into_iter()
        .for_each(|stop| stop.send(()).unwrap_or_default());
    for task in tasks {
        drop(task.await);
    }
}

/// What does not depend on a provider's own options.
#[derive(Clone)]
pub(crate) struct Around {
    /// Where this process listens, lest it forwards to itself.
    pub(crate) own: Vec<SocketAddr>,
    /// Whether endpoints may be on this machine.
    pub(crate) loopback: bool,
    pub(crate) default_rule_syntax: Syntax,
    /// Whether findings may name what a tenant may not see. Not where objects are served: tenants are told.
    pub(crate) tell_names: bool,
}

/// Which watches the configured providers need.
pub(crate) fn plans(install: &Install) -> Vec<Plan> {
    let crd = install.providers.kubernetes_crd.clone();
    let ingress = install.providers.kubernetes_ingress.clone();
    let same = crd.as_ref().zip(ingress.as_ref()).is_some_and(|(crd, ingress)| {
        crd.endpoint == ingress.endpoint
            && crd.token == ingress.token
            && crd.cert_auth_file_path == ingress.cert_auth_file_path
            && crd.namespaces == ingress.namespaces
    });
    let mut plans = Vec::new();
    let mut of_ingresses = ingress.map(|ingress| Plan {
        access: access(
            &ingress.endpoint,
            ingress.token.expose(),
            &ingress.cert_auth_file_path,
        ),
        ingress: Some(ingress),
        namespaces_demand: install.bridge.namespace_labels,
        ..Plan::default()
    });
    if let Some(crd) = crd {
        let access = access(&crd.endpoint, crd.token.expose(), &crd.cert_auth_file_path);
        let plan = Plan {
            access,
            ingress: of_ingresses
                .as_mut()
                .filter(|_| same)
                .and_then(|plan| plan.ingress.take()),
            crd: Some(crd.clone()),
            beside: None,
            namespaces_demand: install.bridge.namespace_labels,
        };
        of_ingresses = of_ingresses.filter(|_| !same).map(|plan| Plan {
            beside: Some(crd),
            ..plan
        });
        plans.push(plan);
    }
    plans.extend(of_ingresses);
    plans
}

fn access(endpoint: &str, token: &str, certificate_authority: &str) -> Access {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Access {
        endpoint: given(endpoint),
        token: given(token),
        certificate_authority: given(certificate_authority).map(PathBuf::from),
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

/// Which candidate for a Lease: a pod on its host's network shares the host's name, and its number with the pods there.
fn identity() -> String {
    let chance = RandomState::new().build_hasher().finish();
    format!("{}_{chance:016x}", instance())
}

impl Plan {
    /// A client of its API server; nobody is asked yet. Needs a tokio runtime.
    pub(crate) async fn connect(&self) -> Result<Arc<Connection>, Failure> {
        connect(self.access.clone()).await
    }

    /// Needs a tokio runtime: the status of Ingresses is written from now on. `pause`: the least time between two
    /// configurations of any provider; the longest of it and of the providers' own throttles counts. The
    /// leader, where the status of Ingresses is to be written.
    pub(crate) fn follow(
        self,
        connection: Arc<Connection>,
        around: &Around,
        pause: Duration,
    ) -> Result<(Cluster, Option<Leader>), Failure> {
        let settings = self.settings();
        let throttles = [
            self.crd.as_ref().map(|crd| crd.throttle_duration),
            self.ingress.as_ref().map(|ingress| ingress.throttle_duration),
        ];
        let throttle = throttles
            .into_iter()
            .flatten()
            .filter_map(GoDuration::to_std)
            .fold(pause, Duration::max);
        let (crd, ingress) = self.policies(around);
        let endpoint = self
            .ingress
            .as_ref()
            .and_then(|ingress| ingress.ingress_endpoint.as_ref());
        let (status, leader) = match endpoint {
            None => (None, None),
            Some(written) => {
                let endpoint = endpoint_of(written)?;
                let lease = self.ingress.as_ref().map(|ingress| {
                    status::lease(
                        &ingress.ingress_class,
                        &ingress.label_selector,
                        &ingress.namespaces,
                    )
                });
                let (told, leader) = tell_statuses(&connection, lease.unwrap_or_default());
                (Some((endpoint, told)), Some(leader))
            }
        };
        let cluster = Cluster {
            throttle,
            ..cluster(connection, settings, Policies { crd, ingress, status })
        };
        Ok((cluster, leader))
    }

    /// What its providers make of the objects that are there now. Nothing is written, and no status is anybody's.
    pub(crate) async fn read_once(self, around: &Around) -> Result<Vec<Update>, Failure> {
        let connection = self.connect().await?;
        self.read_from(connection, around).await
    }

    async fn read_from(self, connection: Arc<Connection>, around: &Around) -> Result<Vec<Update>, Failure> {
        let (crd, ingress) = self.policies(around);
        let policies = Policies {
            crd,
            ingress,
            status: None,
        };
        cluster(connection, self.settings(), policies)
            .read_once()
            .await
            .map_err(|error| Failure::new(error.to_string()))
    }

    fn policies(&self, around: &Around) -> (Option<Policy>, Option<IngressPolicy>) {
        let crd = self.crd.as_ref().map(|crd| crd_policy(crd, around));
        let owner = self.crd.as_ref().or(self.beside.as_ref());
        let ingress = self.ingress.as_ref().map(|ingress| IngressPolicy {
            alone: self.crd.is_none(),
            ..ingress_policy(ingress, owner, around)
        });
        (crd, ingress)
    }

    fn settings(&self) -> Settings {
        let mut kinds = BTreeSet::new();
        if let Some(crd) = &self.crd {
            let wanted = Settings::for_traefik_kinds().into_iter();
            kinds.extend(
                wanted.filter(|kind| !(crd.disable_cluster_scope_resources && kind.is_cluster_scoped())),
            );
        }
        if let Some(ingress) = &self.ingress {
            let no_classes = ingress.disable_ingress_class_lookup;
            let wanted = Settings::for_ingresses().into_iter();
            kinds.extend(
                wanted
                    .filter(|kind| !(ingress.disable_cluster_scope_resources && kind.is_cluster_scoped()))
                    .filter(|kind| !(no_classes && *kind == Kind::IngressClass)),
            );
        }
        if self.beside.is_some() {
            // What annotations name, to know whose it is.
            kinds.extend([Kind::Middleware, Kind::TlsOption, Kind::ServersTransport]);
        }
        if self.namespaces_demand {
            kinds.insert(Kind::Namespace);
        }
        let crd = self.crd.as_ref().or(self.beside.as_ref());
        let of_crd = self.crd.as_ref().map(|crd| &crd.namespaces);
        let namespaces = of_crd.or_else(|| self.ingress.as_ref().map(|ingress| &ingress.namespaces));
        Settings {
            kinds: kinds.into_iter().collect(),
            namespaces: namespaces.cloned().unwrap_or_default(),
            label_selector: crd.map(|crd| crd.label_selector.clone()).unwrap_or_default(),
            ingress_selector: self
                .ingress
                .as_ref()
                .map(|ingress| ingress.label_selector.clone())
                .unwrap_or_default(),
            // Left out above, for each provider by itself.
            no_cluster_scope: false,
            patience: Patience::default(),
        }
    }
}

/// What manifests may ask for under an install configuration, as far as it follows a cluster: for whoever reads them
/// without one. Endpoints are the cluster's, so that none are missed; names are told, since they are the reader's.
pub(crate) fn policies(install: &Install) -> (Policy, IngressPolicy) {
    let around = Around {
        own: Vec::new(),
        loopback: install.viaduct.allow_loopback_endpoints,
        default_rule_syntax: crate::settings::providers::default_rule_syntax(install),
        tell_names: true,
    };
    let offline = |policy: Policy| Policy {
        allow_empty_services: true,
        ..policy
    };
    let providers = &install.providers;
    let crd = providers.kubernetes_crd.as_ref();
    let ingress = providers.kubernetes_ingress.as_ref();
    let of_ingress = ingress.map_or_else(IngressPolicy::directory, |ingress| {
        let policy = ingress_policy(ingress, crd, &around);
        IngressPolicy {
            common: offline(policy.common),
            // Classes are seldom among the manifests of an application.
            assume_ingress_class: true,
            ..policy
        }
    });
    let of_crd = crd.map_or_else(Policy::directory, |crd| offline(crd_policy(crd, &around)));
    (of_crd, of_ingress)
}

fn crd_policy(written: &KubernetesCrd, around: &Around) -> Policy {
    Policy {
        allow_cross_namespace: written.allow_cross_namespace,
        allow_external_name_services: written.allow_external_name_services,
        allow_empty_services: written.allow_empty_services,
        cross_provider_namespaces: list(&written.cross_provider_namespaces),
        ingress_class: (!written.ingress_class.is_empty()).then(|| written.ingress_class.clone()),
        native_lb_by_default: written.native_lb_by_default,
        allow_loopback: around.loopback,
        tell_names: around.tell_names,
        own_addresses: around.own.clone(),
    }
}

/// `crd`: whose objects annotations name.
fn ingress_policy(
    written: &KubernetesIngress,
    crd: Option<&KubernetesCrd>,
    around: &Around,
) -> IngressPolicy {
    IngressPolicy {
        common: Policy {
            allow_cross_namespace: crd.is_some_and(|crd| crd.allow_cross_namespace),
            allow_external_name_services: written.allow_external_name_services,
            allow_empty_services: written.allow_empty_services,
            cross_provider_namespaces: list(&written.cross_provider_namespaces),
            ingress_class: (!written.ingress_class.is_empty()).then(|| written.ingress_class.clone()),
            native_lb_by_default: written.native_lb_by_default,
            allow_loopback: around.loopback,
            tell_names: around.tell_names,
            own_addresses: around.own.clone(),
        },
        strict_prefix_matching: written.strict_prefix_matching,
        disable_ingress_class_lookup: written.disable_ingress_class_lookup
            || written.disable_cluster_scope_resources,
        assume_ingress_class: false,
        default_rule_syntax: around.default_rule_syntax,
        alone: false,
    }
}

fn list(names: &[String]) -> Option<Vec<String>> {
    (!names.is_empty()).then(|| names.to_vec())
}

fn endpoint_of(written: &IngressEndpoint) -> Result<Endpoint, Failure> {
    const OPTION: &str = "`providers.kubernetesIngress.ingressEndpoint`";
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if written.published_service.is_empty() {
        let address = IngressAddress {
            ip: given(&written.ip),
            hostname: given(&written.hostname),
        };
        if address == IngressAddress::default() {
            return Err(Failure::new(format!("{OPTION} says nothing"))
                .hint("set `publishedService`, `ip` or `hostname`, or remove it"));
        }
        return Ok(Endpoint::Fixed(address));
    }
    match written
        .published_service
        .split('/')
        .collect::<Vec<_>>()
        .as_slice()
    {
        &[namespace, name] if !namespace.is_empty() && !name.is_empty() => {
            Ok(Endpoint::Service(Name::new(namespace, name)))
        }
        _ => Err(Failure::new(format!(
            "{OPTION}: `{}` is no Service",
            written.published_service.escape_debug()
        ))
        .hint("write `publishedService: NAMESPACE/NAME`")),
    }
}

/// Whoever is told of outdated statuses; the leader among the replicas writes them.
fn tell_statuses(connection: &Arc<Connection>, lease: String) -> (watch::Sender<Vec<Outdated>>, Leader) {
    let (told, outdated) = watch::channel(Vec::new());
    let connection = Arc::clone(connection);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let candidate = Candidate {
            namespace: connection.namespace.clone(),
            name: lease,
            identity: identity(),
        };
        let leadership = Leadership::seek(Arc::clone(&connection), candidate);
        tokio::select! {
            () = status::write(connection, outdated, leadership.watch()) => {}
            Ok(()) = stopped => {}
        }
        leadership.release().await;
    });
    (told, Leader { stop, task })
}

/// What the providers of a watch make of its objects.
struct Policies {
    crd: Option<Policy>,
    ingress: Option<IngressPolicy>,
    status: Option<(Endpoint, watch::Sender<Vec<Outdated>>)>,
}

impl Policies {
    fn providers(&self) -> Vec<ProviderName> {
        let crd = self.crd.is_some().then_some(PROVIDER);
        let ingress = self.ingress.is_some().then_some(INGRESS_PROVIDER);
        crd.into_iter().chain(ingress).map(ProviderName::new).collect()
    }

    fn into_translate(self) -> Box<Translate> {
        let (mut routes, mut ingresses) = (Translator::default(), IngressTranslator::default());
        let mut together = Together::default();
        Box::new(move |index, changes| {
            let crd = self.crd.as_ref();
            let crd = crd.map(|policy| routes.translate(index, policy, changes));
            let ingress = self.ingress.as_ref();
            let ingress = ingress.map(|policy| ingresses.translate(index, policy, changes));
            if let (Some(policy), Some((endpoint, told))) = (&self.ingress, &self.status) {
                let now = status::outdated(index, policy, endpoint);
                told.send_if_modified(|before| {
                    let changed = *before != now;
                    *before = now;
                    changed
                });
            }
            let (updates, needs) = crd.into_iter().chain(ingress).unzip();
            (updates, together.needs(needs))
        })
    }
}

/// What all providers need, put together again only when it differs.
#[derive(Default)]
struct Together {
    parts: Vec<Arc<Needs>>,
    all: Arc<Needs>,
}

impl Together {
    fn needs(&mut self, parts: Vec<Arc<Needs>>) -> Arc<Needs> {
        let same =
            self.parts.len() == parts.len() && self.parts.iter().zip(&parts).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same {
            self.all = match parts.as_slice() {
                [only] => Arc::clone(only),
                several => Arc::new(several.iter().flat_map(|part| part.iter().cloned()).collect()),
            };
            self.parts = parts;
        }
        Arc::clone(&self.all)
    }
}

fn cluster(connection: Arc<Connection>, settings: Settings, policies: Policies) -> Cluster {
    Cluster {
        connection,
        settings,
        index: Index::new(|secret| admission::admit(|key| secret.get(key))),
        providers: policies.providers(),
        translate: policies.into_translate(),
        throttle: Duration::ZERO,
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
        AccessError::AuthProvider => Some("use a credential plugin (`exec`) in its place"),
        AccessError::Endpoint { .. }
        | AccessError::Plugin(_)
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
