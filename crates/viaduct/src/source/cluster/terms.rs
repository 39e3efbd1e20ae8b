//! Objects that are read and not served: under the terms of the process that would serve them, never wider ones.

use viaduct_config::Update;
use viaduct_config::install::{Install, KubernetesCrd, KubernetesIngress};
use viaduct_kubernetes::watch::Access;
use viaduct_kubernetes::{IngressPolicy, Policy};

use super::{Around, Plan, connect, plans};
use crate::failure::Failure;
use crate::settings::providers::default_rule_syntax;

/// What the process that serves a cluster's objects was told. Whoever reads them may be told names that tenants may not.
#[derive(Clone)]
pub(crate) struct Terms(Install);

impl Terms {
    /// Both providers by their defaults, which guard a cluster's operator against its tenants.
    pub(crate) fn cluster() -> Self {
        Self::of(Install::default())
    }

    /// An install configuration's. One that follows no cluster says nothing of the providers, which have their
    /// defaults then.
    pub(crate) fn of(mut install: Install) -> Self {
        let providers = &mut install.providers;
        if providers.kubernetes_crd.is_none() && providers.kubernetes_ingress.is_none() {
            providers.kubernetes_crd = Some(KubernetesCrd::default());
            providers.kubernetes_ingress = Some(KubernetesIngress::default());
        }
        Self(install)
    }

    /// Reads these namespaces, whatever the options name. Empty: what the options name.
    pub(crate) fn in_namespaces(mut self, namespaces: &[String]) -> Self {
        if namespaces.is_empty() {
            return self;
        }
        let providers = &mut self.0.providers;
        let of_crd = providers.kubernetes_crd.iter_mut().map(|crd| &mut crd.namespaces);
        let ingress = providers.kubernetes_ingress.iter_mut();
        of_crd
            .chain(ingress.map(|ingress| &mut ingress.namespaces))
            .for_each(|named| *named = namespaces.to_vec());
        self
    }

    fn around(&self) -> Around {
        Around {
            own: Vec::new(),
            loopback: self.0.viaduct.allow_loopback_endpoints,
            default_rule_syntax: default_rule_syntax(&self.0),
            tell_names: true,
        }
    }

    /// For manifests of a directory. Fails where the options ask for what an API server would do, lest the answer is
    /// another one than the cluster's.
    pub(crate) fn for_directory(&self) -> Result<(Option<Policy>, Option<IngressPolicy>), Failure> {
        let providers = &self.0.providers;
        let chosen = |name: &str, labels: &str, namespaces: &[String], no_cluster_scope: bool| {
            let options = [
                ("labelSelector", !labels.is_empty()),
                ("namespaces", !namespaces.is_empty()),
                ("disableClusterScopeResources", no_cluster_scope),
            ];
            let option = options.into_iter().find(|(_, is_set)| *is_set);
            option.map(|(option, _)| format!("providers.{name}.{option}"))
        };
        let crd = providers.kubernetes_crd.as_ref().and_then(|crd| {
            let cluster_scope = crd.disable_cluster_scope_resources;
            chosen(
                "kubernetesCRD",
                &crd.label_selector,
                &crd.namespaces,
                cluster_scope,
            )
        });
        let ingress = providers.kubernetes_ingress.as_ref().and_then(|ingress| {
            let cluster_scope = ingress.disable_cluster_scope_resources;
            let (labels, namespaces) = (&ingress.label_selector, &ingress.namespaces);
            chosen("kubernetesIngress", labels, namespaces, cluster_scope)
        });
        if let Some(option) = crd.or(ingress) {
            let failure = Failure::new(format!(
                "`{option}` says what an API server is asked for, and there is none behind a directory"
            ));
            return Err(failure.hint("leave the option out, and put those manifests there that are meant"));
        }
        let plan = Plan {
            crd: providers.kubernetes_crd.clone(),
            ingress: providers.kubernetes_ingress.clone(),
            ..Plan::default()
        };
        Ok(plan.policies(&self.around()))
    }

    /// What a cluster's objects come to now, for each provider. `access` takes the place of what the options say of the
    /// API server.
    pub(crate) async fn read_once(&self, access: Access) -> Result<Vec<Update>, Failure> {
        let around = self.around();
        let connection = connect(access).await?;
        let mut updates: Vec<Update> = Vec::new();
        for plan in plans(&self.0) {
            let read = plan.read_from(connection.clone(), &around).await?;
            updates.extend(read);
        }
        Ok(updates)
    }

    /// The install configuration.
    pub(crate) fn install(&self) -> &Install {
        &self.0
    }
}
