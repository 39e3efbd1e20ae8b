//! Ingresses with annotations, and Services with theirs.

use viaduct_check::Diagnosis as D;

use crate::Cell::{self, Never, With};
use crate::route::{ENTRY_POINT, VERIFIED};
use crate::{Form, INSTALL, of_object, of_pair, of_transport};

pub(crate) const FORM: Form = Form {
    right: include_str!("ingress.yaml"),
    said: &[],
    cell,
};

const TRANSPORT: &str = "    traefik.ingress.kubernetes.io/service.serverstransport: web-own@kubernetescrd\n";

fn cell(diagnosis: D) -> Cell {
    match diagnosis {
        D::Unreadable | D::NotConfiguration | D::Fragment | D::NoNamespace | D::Placeholder => {
            of_object(diagnosis)
        }
        D::OldApiGroup => With(&[("traefik.io/v1alpha1", "traefik.containo.us/v1alpha1")]),
        D::ApiVersion => With(&[("networking.k8s.io/v1", "extensions/v1beta1")]),
        D::InvalidObject => With(&[("number: 443", "number: https")]),
        D::Duplicate => With(&[(
            "$",
            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n  namespace: web\nspec: {}\n",
        )]),
        D::UnknownKind => Never("a kind of `networking.k8s.io` that is none is somebody else's"),
        D::ServiceMissing => With(&[("name: app-svc", "name: app-svd")]),
        D::PortMissing => With(&[("number: 443", "number: 8443")]),
        D::SecretMissing => With(&[("web-tls", "web-tsl")]),
        D::TransportMissing => With(&[("web-own@kubernetescrd", "web-onw@kubernetescrd")]),
        D::MiddlewareMissing => With(&[("web-own-only@kubernetescrd", "web-owns-only@kubernetescrd")]),
        D::TlsOptionMissing => With(&[("web-strict@", "web-stritc@")]),
        D::SecretKeyMissing => With(&[("secretName: web-tls", "secretName: backend-ca")]),
        D::ForbiddenReference => With(&[("web-own-only@kubernetescrd", "own-only@internal")]),
        D::EntryPointMissing => With(&[
            ("", ENTRY_POINT),
            ("entrypoints: websecure", "entrypoints: websecured"),
        ]),
        D::ReferenceMissing => {
            Never("it names Services and Secrets, and by annotations transports, middlewares and options")
        }
        D::MisplacedField => With(&[(
            "  annotations:\n",
            "  annotations:\n    traefik.ingress.kubernetes.io/service.serversscheme: https\n",
        )]),
        D::UnknownField => With(&[("router.entrypoints:", "router.entrypoint:")]),
        D::ForeignAnnotation => With(&[(
            "  annotations:\n",
            "  annotations:\n    nginx.ingress.kubernetes.io/backend-protocol: HTTPS\n",
        )]),
        D::DeprecatedField
        | D::BackendsOwnKey
        | D::LeafAsRoot
        | D::NoTrust
        | D::SkipVerify
        | D::NameNotCarried
        | D::KeyOfCa => of_transport(diagnosis),
        D::InvalidRule => With(&[
            (
                "router.entrypoints: websecure",
                "router.entrypoints: websecure\n    traefik.ingress.kubernetes.io/router.pathmatcher: PathRegexp",
            ),
            (
                "- path: /\n        pathType: Prefix\n",
                "- path: /(\n        pathType: ImplementationSpecific\n",
            ),
        ]),
        D::Unsupported => With(&[(
            "  ipAllowList:\n    sourceRange:\n    - 10.0.0.0/8",
            "  plugin:\n    demo: {}",
        )]),
        D::InvalidService => Never("a value of an annotation that cannot be is V0006"),
        D::NoServers => With(&[(
            "$",
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: app-svc-1\n  namespace: web\n  labels:\n    kubernetes.io/service-name: app-svc\naddressType: IPv4\nports:\n- name: https\n  port: 8443\nendpoints: []\n",
        )]),
        D::Unreachable => With(&[(
            "",
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: all\n  namespace: web\n  annotations:\n    traefik.ingress.kubernetes.io/router.entrypoints: websecure\n    traefik.ingress.kubernetes.io/router.tls.options: web-strict@kubernetescrd\n    traefik.ingress.kubernetes.io/router.priority: \"900\"\nspec:\n  tls:\n  - secretName: web-tls\n  rules:\n  - host: web.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: app-svc\n            port:\n              number: 443\n---\n",
        )]),
        D::OptionUnknown
        | D::OptionRefused
        | D::OptionInvalid
        | D::OptionWithoutEffect
        | D::OptionDeprecated
        | D::BridgeException => Never(INSTALL),
        D::ClientAuthForBackend => With(&[
            (TRANSPORT, ""),
            (
                "  minVersion: VersionTLS13",
                "  clientAuth:\n    secretNames:\n    - backend-tls",
            ),
        ]),
        D::ConflictingTlsOptions => With(&[(
            "",
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: other\n  namespace: web\n  annotations:\n    traefik.ingress.kubernetes.io/router.entrypoints: websecure\n    traefik.ingress.kubernetes.io/router.tls: \"true\"\nspec:\n  tls:\n  - secretName: web-tls\n  rules:\n  - host: web.example.com\n    http:\n      paths:\n      - path: /other\n        pathType: Prefix\n        backend:\n          service:\n            name: app-svc\n            port:\n              number: 443\n---\n",
        )]),
        D::InvalidTlsOption => With(&[("VersionTLS13", "VersionTLS10000")]),
        D::PlainBackend => With(&[("serversscheme: https", "serversscheme: http")]),
        D::NoTransport => With(&[(TRANSPORT, "")]),
        D::BelowRequiredClass => With(&[("", VERIFIED), ("serversscheme: https", "serversscheme: http")]),
        D::KeyMismatch
        | D::UnusableCertificate
        | D::Expired
        | D::ExpiresSoon
        | D::NotYetValid
        | D::IncompleteChain
        | D::WeakKey => of_pair(diagnosis),
    }
}
