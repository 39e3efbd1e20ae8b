//! What manifests are allowed to ask for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use viaduct_config::rule::Syntax;

/// Limits on references and targets. [`Policy::default`] is Traefik's own for a cluster, where
/// manifests are written by tenants; [`Policy::directory`] is for a directory that the operator of
/// this process writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// `providers.kubernetesCRD.allowCrossNamespace`: an object may name objects of another
    /// namespace. Default false.
    pub allow_cross_namespace: bool,
    /// `allowExternalNameServices`. Default false.
    pub allow_external_name_services: bool,
    /// `allowEmptyServices`: a Service without endpoints is served with 503 instead of taking its
    /// router out of service. Default false.
    pub allow_empty_services: bool,
    /// `crossProviderNamespaces`: namespaces whose objects may say `name@provider`. Default `None`:
    /// all of them.
    pub cross_provider_namespaces: Option<Vec<String>>,
    /// `ingressClass`: only routes of this class. Default `None`: those without a class and those of
    /// class `traefik`.
    pub ingress_class: Option<String>,
    /// `nativeLBByDefault`. Default false.
    pub native_lb_by_default: bool,
    /// Endpoints and ExternalName targets may be loopback addresses. Default false: in a cluster
    /// they would be the proxy's own.
    pub allow_loopback: bool,
    /// Hints may name Secrets, and namespaces other than the referrer's: what one tenant is told must not list what
    /// another one has. Default false.
    pub tell_names: bool,
    /// Where this process listens; a target among them would be a loop, and is refused.
    pub own_addresses: Vec<SocketAddr>,
}

impl Policy {
    /// For manifests in a directory of the operator's: ExternalName services, loopback targets and
    /// services without endpoints are fine, other namespaces are not.
    pub fn directory() -> Self {
        Self {
            allow_external_name_services: true,
            allow_empty_services: true,
            allow_loopback: true,
            tell_names: true,
            ..Self::default()
        }
    }

    /// Whether objects of one namespace may name objects of another.
    pub(crate) fn allows_namespace(&self, referrer: &str, namespace: &str) -> bool {
        self.allow_cross_namespace || referrer == namespace
    }

    /// Whether hints may say what else there is, see [`tell_names`](Self::tell_names).
    pub(crate) const fn tells_names(&self) -> bool {
        self.tell_names || self.allow_cross_namespace
    }

    /// Whether objects of a namespace may name elements of other providers.
    pub(crate) fn allows_providers(&self, referrer: &str) -> bool {
        self.cross_provider_namespaces
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|namespace| namespace == referrer))
    }

    /// Why traffic must not go to an address (security.md C62); `None` when it may.
    pub(crate) fn refuses_address(&self, address: IpAddr, port: u16) -> Option<Refusal> {
        let address = address.to_canonical();
        if self.is_own(address, port) {
            return Some(Refusal::OwnAddress);
        }
        if address.is_loopback() {
            return (!self.allow_loopback).then_some(Refusal::Loopback);
        }
        let link_local = match address {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA_V6,
        };
        if link_local {
            return Some(Refusal::LinkLocal);
        }
        let nobody =
            address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
        nobody.then_some(Refusal::NotAHost)
    }

    /// The same for a host name. What it resolves to is not known here.
    pub(crate) fn refuses_host(&self, host: &str, port: u16) -> Option<Refusal> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host == "localhost" || host.ends_with(".localhost") {
            return self.refuses_address(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        }
        (host == "metadata.google.internal").then_some(Refusal::LinkLocal)
    }

    fn is_own(&self, address: IpAddr, port: u16) -> bool {
        self.own_addresses.iter().any(|own| {
            let ip = own.ip().to_canonical();
            let same = ip == address || (ip.is_unspecified() && address.is_loopback());
            own.port() == port && same
        })
    }
}

/// What Ingresses are allowed to ask for, and how they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngressPolicy {
    /// What holds for IngressRoutes as well. `allow_cross_namespace` is that of the CRD provider, whose objects
    /// annotations name.
    pub common: Policy,
    /// `providers.kubernetesIngress.strictPrefixMatching`: a prefix ends where a segment of the path ends, as
    /// Kubernetes has it. Default false: a prefix of the text.
    pub strict_prefix_matching: bool,
    /// `disableIngressClassLookup`: IngressClasses are not known, and Ingresses that name one are not served.
    /// Default false.
    pub disable_ingress_class_lookup: bool,
    /// An IngressClass that nobody has written counts as ours if its name is that of our class. Default false:
    /// in a cluster it is nobody's.
    pub assume_ingress_class: bool,
    /// `core.defaultRuleSyntax`, for `router.pathmatcher`.
    pub default_rule_syntax: Syntax,
    /// Nobody else reads the same index and tells what is wrong with its objects. Default false: findings about
    /// other kinds are left to the CRD provider.
    pub alone: bool,
}

impl IngressPolicy {
    /// For manifests in a directory of the operator's.
    pub fn directory() -> Self {
        Self {
            common: Policy::directory(),
            assume_ingress_class: true,
            ..Self::default()
        }
    }
}

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Loopback,
    LinkLocal,
    OwnAddress,
    NotAHost,
}

impl Refusal {
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::Loopback => "is a loopback address, which would be this proxy's own machine",
            Self::LinkLocal => "is a link-local or metadata address",
            Self::OwnAddress => "is an address this proxy listens on, which would be a loop",
            Self::NotAHost => "is not the address of one host",
        }
    }
}

/// The instance metadata service of a large cloud, which is not link-local in IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
