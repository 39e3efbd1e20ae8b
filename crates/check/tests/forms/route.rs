//! IngressRoutes, and the objects that belong to one.

use viaduct_check::Diagnosis as D;

use crate::Cell::{self, Never, With};
use crate::{Form, INSTALL, of_object, of_pair, of_transport};

pub(crate) const FORM: Form = Form {
    right: include_str!("route.yaml"),
    said: &[],
    cell,
};

fn cell(diagnosis: D) -> Cell {
    match diagnosis {
        D::Unreadable | D::Fragment | D::NoNamespace => of_object(diagnosis),
        D::NotConfiguration => With(&[("$", "---\nreplicas: 2\nimage: registry.example.com/web\n")]),
        D::OldApiGroup => With(&[("traefik.io", "traefik.containo.us")]),
        D::ApiVersion => With(&[("apiVersion: traefik.io/v1alpha1\n", "")]),
        D::InvalidObject => With(&[("entryPoints:\n  - websecure", "entryPoints: websecure")]),
        D::Duplicate => With(&[(
            "$",
            "---\napiVersion: traefik.io/v1alpha1\nkind: TLSOption\nmetadata:\n  name: strict\n  namespace: web\nspec: {}\n",
        )]),
        D::UnknownKind => With(&[("kind: TLSOption", "kind: TlsOption")]),
        D::Placeholder => With(&[(
            "$",
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: conf\n  namespace: web\ndata:\n  nginx.conf: |\n    ...\n",
        )]),
        D::ServiceMissing => With(&[("backend-svc", "backend-svd")]),
        D::PortMissing => With(&[("port: 443", "port: 8443")]),
        D::SecretMissing => With(&[("web-tls", "web-tsl")]),
        D::TransportMissing => With(&[("serversTransport: own", "serversTransport: onw")]),
        D::MiddlewareMissing => With(&[("admin-only", "admins-only")]),
        D::TlsOptionMissing => With(&[("name: strict", "name: stritc")]),
        D::SecretKeyMissing => With(&[("secretName: web-tls", "secretName: backend-ca")]),
        D::ForbiddenReference => With(&[("serversTransport: own", "serversTransport: own@kubernetescrd")]),
        D::EntryPointMissing => With(&[("", ENTRY_POINT), ("- websecure", "- websecured")]),
        D::ReferenceMissing => With(&[("- name: backend-svc", "- kind: TraefikService\n      name: both")]),
        D::MisplacedField => With(&[("    services:", "    secretName: web-tls\n    services:")]),
        D::UnknownField => With(&[("entryPoints:", "entrypoints:")]),
        D::ForeignAnnotation => With(&[(
            "  namespace: web\n",
            "  namespace: web\n  annotations:\n    nginx.ingress.kubernetes.io/backend-protocol: HTTPS\n",
        )]),
        D::DeprecatedField
        | D::BackendsOwnKey
        | D::LeafAsRoot
        | D::NoTrust
        | D::SkipVerify
        | D::NameNotCarried
        | D::KeyOfCa => of_transport(diagnosis),
        D::InvalidRule => With(&[("Host(`web.example.com`)", "Host('web.example.com')")]),
        D::Unsupported => With(&[(
            "  ipAllowList:\n    sourceRange:\n    - 10.0.0.0/8",
            "  plugin:\n    demo: {}",
        )]),
        D::InvalidService => With(&[("scheme: https", "scheme: htps")]),
        D::NoServers => With(&[(
            "$",
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: backend-svc-1\n  namespace: web\n  labels:\n    kubernetes.io/service-name: backend-svc\naddressType: IPv4\nports:\n- name: https\n  port: 8443\nendpoints: []\n",
        )]),
        D::Unreachable => With(&[(
            "  - match: Host(`web.example.com`)\n",
            "  - match: Host(`web.example.com`) && PathPrefix(`/a`)\n    priority: 1\n    services:\n    - name: backend-svc\n      port: 443\n      scheme: https\n      serversTransport: own\n  - match: Host(`web.example.com`)\n",
        )]),
        D::OptionUnknown
        | D::OptionRefused
        | D::OptionInvalid
        | D::OptionWithoutEffect
        | D::OptionDeprecated
        | D::BridgeException => Never(INSTALL),
        D::ClientAuthForBackend => With(&[
            ("      serversTransport: own\n", ""),
            (
                "  minVersion: VersionTLS13",
                "  clientAuth:\n    secretNames:\n    - backend-tls",
            ),
        ]),
        D::ConflictingTlsOptions => With(&[(
            "$",
            "---\napiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata:\n  name: other\n  namespace: web\nspec:\n  entryPoints:\n  - websecure\n  routes:\n  - match: Host(`web.example.com`) && PathPrefix(`/b`)\n    services:\n    - name: backend-svc\n      port: 443\n      serversTransport: own\n  tls: {}\n",
        )]),
        D::InvalidTlsOption => With(&[("VersionTLS13", "VersionTLS10000")]),
        D::PlainBackend => With(&[("port: 443\n      scheme: https\n", "port: 80\n")]),
        D::NoTransport => With(&[("      serversTransport: own\n", "")]),
        D::BelowRequiredClass => With(&[("", VERIFIED), ("port: 443\n      scheme: https\n", "port: 80\n")]),
        D::KeyMismatch
        | D::UnusableCertificate
        | D::Expired
        | D::ExpiresSoon
        | D::NotYetValid
        | D::IncompleteChain
        | D::WeakKey => of_pair(diagnosis),
    }
}

/// Of Markdown only what is fenced is read.
pub(crate) fn in_markdown(diagnosis: D) -> Option<Cell> {
    match diagnosis {
        D::NotConfiguration => Some(With(&[("", "# An article without a block\n")])),
        _ => None,
    }
}

pub(crate) const ENTRY_POINT: &str = "entryPoints:\n  websecure:\n    address: :443\n---\n";
pub(crate) const VERIFIED: &str =
    "entryPoints:\n  websecure:\n    address: :443\nbridge:\n  require: verified\n---\n";
