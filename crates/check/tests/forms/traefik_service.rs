//! TraefikServices, and the transports of the services in them.

use viaduct_check::Diagnosis as D;

use crate::Cell::{self, Never, With};
use crate::route::VERIFIED;
use crate::{Form, INSTALL, of_object, of_transport};

pub(crate) const FORM: Form = Form {
    right: include_str!("traefik_service.yaml"),
    said: &[],
    cell,
};

const ROUTE: &str = "a TraefikService has none: it is said of the IngressRoute that names it";

fn cell(diagnosis: D) -> Cell {
    match diagnosis {
        D::Unreadable | D::NotConfiguration | D::Fragment | D::NoNamespace | D::Placeholder => {
            of_object(diagnosis)
        }
        D::OldApiGroup => With(&[("traefik.io", "traefik.containo.us")]),
        D::ApiVersion => With(&[("apiVersion: traefik.io/v1alpha1\n", "")]),
        D::InvalidObject => With(&[("weight: 1", "weight: much")]),
        D::Duplicate => With(&[(
            "$",
            "---\napiVersion: traefik.io/v1alpha1\nkind: TraefikService\nmetadata:\n  name: both\n  namespace: web\nspec: {}\n",
        )]),
        D::UnknownKind => With(&[("kind: TraefikService", "kind: TraefikServices")]),
        D::ServiceMissing => With(&[("backend-svc", "backend-svd")]),
        D::PortMissing => With(&[("port: 443", "port: 8443")]),
        D::TransportMissing => With(&[("serversTransport: own", "serversTransport: onw")]),
        D::ForbiddenReference => With(&[("serversTransport: own", "serversTransport: own@kubernetescrd")]),
        D::ReferenceMissing => With(&[(
            "- name: backend-svc\n      port: 443\n      scheme: https\n      serversTransport: own",
            "- kind: TraefikService\n      name: nobody",
        )]),
        D::MisplacedField => {
            Never("it is read as it was meant in an IngressRoute alone; here nothing reads it: V0112")
        }
        D::UnknownField => With(&[("weight: 1", "wieght: 1")]),
        D::ForeignAnnotation => With(&[(
            "  namespace: web\n",
            "  namespace: web\n  annotations:\n    nginx.ingress.kubernetes.io/affinity: cookie\n",
        )]),
        D::DeprecatedField
        | D::BackendsOwnKey
        | D::LeafAsRoot
        | D::NoTrust
        | D::SkipVerify
        | D::NameNotCarried
        | D::KeyOfCa => of_transport(diagnosis),
        D::Unsupported => With(&[
            (
                "  weighted:\n    services:\n    - name: backend-svc",
                "  mirroring:\n    mirrors: []\n    name: backend-svc",
            ),
            (
                "      port: 443\n      scheme: https\n      serversTransport: own\n      weight: 1",
                "    port: 443\n    scheme: https\n    serversTransport: own",
            ),
        ]),
        D::InvalidService => With(&[("scheme: https", "scheme: htps")]),
        D::NoServers => With(&[(
            "$",
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: backend-svc-1\n  namespace: web\n  labels:\n    kubernetes.io/service-name: backend-svc\naddressType: IPv4\nports:\n- name: https\n  port: 8443\nendpoints: []\n",
        )]),
        D::SecretMissing => With(&[("secret: backend-ca", "secret: backend-ac")]),
        D::SecretKeyMissing => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - backend-ca\n  serverName:",
        )]),
        D::MiddlewareMissing
        | D::TlsOptionMissing
        | D::EntryPointMissing
        | D::InvalidRule
        | D::Unreachable
        | D::ConflictingTlsOptions
        | D::InvalidTlsOption => Never(ROUTE),
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
        D::PlainBackend => With(&[("port: 443\n      scheme: https\n", "port: 80\n")]),
        D::NoTransport => With(&[("      serversTransport: own\n", "")]),
        D::BelowRequiredClass => With(&[("", VERIFIED), ("port: 443\n      scheme: https\n", "port: 80\n")]),
        D::KeyMismatch => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - mismatch-tls\n  serverName:",
        )]),
        D::UnusableCertificate => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - damaged-tls\n  serverName:",
        )]),
        D::Expired => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - expired-tls\n  serverName:",
        )]),
        D::ExpiresSoon => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - soon-tls\n  serverName:",
        )]),
        D::NotYetValid => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - not-yet-tls\n  serverName:",
        )]),
        D::IncompleteChain => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - chained-tls\n  serverName:",
        )]),
        D::WeakKey => With(&[(
            "  serverName:",
            "  certificatesSecrets:\n  - weak-tls\n  serverName:",
        )]),
    }
}
