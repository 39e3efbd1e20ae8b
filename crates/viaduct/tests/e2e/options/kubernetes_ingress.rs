//! `providers.kubernetesIngress`.

use super::Seen;
use crate::ingress::{cluster, options};

pub(super) fn seen() -> Vec<Seen> {
    vec![
        seen!(cluster::s11_a9_10_an_ingress_of_the_cluster_is_the_same_bridge =>
            "providers.kubernetesIngress",
            "providers.kubernetesIngress.certAuthFilePath",
            "providers.kubernetesIngress.endpoint",
            "providers.kubernetesIngress.token",
        ),
        seen!(cluster::a9_10_the_ingress_provider_serves_alone_and_by_its_own_options =>
            "providers.kubernetesIngress.disableClusterScopeResources",
            "providers.kubernetesIngress.labelSelector",
            "providers.kubernetesIngress.strictPrefixMatching",
        ),
        seen!(cluster::r16_the_status_is_written_once_and_slowly =>
            "providers.kubernetesIngress.ingressEndpoint.hostname",
            "providers.kubernetesIngress.ingressEndpoint.ip",
        ),
        seen!(cluster::a9_10_with_traefiks_role_the_status_is_updated =>
            "providers.kubernetesIngress.ingressEndpoint.publishedService",
        ),
        seen!(options::a9_10_options_choose_ingresses_and_what_they_may_ask_for =>
            "providers.kubernetesIngress.allowEmptyServices",
            "providers.kubernetesIngress.allowExternalNameServices",
            "providers.kubernetesIngress.crossProviderNamespaces",
            "providers.kubernetesIngress.disableIngressClassLookup",
            "providers.kubernetesIngress.ingressClass",
            "providers.kubernetesIngress.namespaces",
            "providers.kubernetesIngress.nativeLBByDefault",
        ),
        seen!(options::a9_10_changes_of_ingresses_wait_for_each_other =>
            "providers.kubernetesIngress.throttleDuration",
        ),
    ]
}
