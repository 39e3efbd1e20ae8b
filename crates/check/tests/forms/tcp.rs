//! IngressRouteTCPs, which are not served yet and looked at all the same.

use viaduct_check::Diagnosis as D;

use crate::Cell::{self, Never, With};
use crate::route::ENTRY_POINT;
use crate::{Form, INSTALL, of_object, of_pair};

pub(crate) const FORM: Form = Form {
    right: include_str!("tcp.yaml"),
    said: &[D::Unsupported],
    cell,
};

fn cell(diagnosis: D) -> Cell {
    match diagnosis {
        D::Unreadable | D::NotConfiguration | D::Fragment | D::NoNamespace | D::Placeholder => {
            of_object(diagnosis)
        }
        D::OldApiGroup => With(&[("traefik.io", "traefik.containo.us")]),
        D::ApiVersion => With(&[("apiVersion: traefik.io/v1alpha1\n", "")]),
        D::InvalidObject => With(&[("entryPoints:\n  - websecure", "entryPoints: websecure")]),
        D::Duplicate => With(&[(
            "$",
            "---\napiVersion: traefik.io/v1alpha1\nkind: ServersTransportTCP\nmetadata:\n  name: own\n  namespace: web\nspec: {}\n",
        )]),
        D::UnknownKind => With(&[("kind: IngressRouteTCP", "kind: IngressRouteTcp")]),
        D::ServiceMissing => With(&[("backend-svc", "backend-svd")]),
        D::PortMissing => With(&[("port: 443", "port: 8443")]),
        D::SecretMissing => With(&[("web-tls", "web-tsl")]),
        D::TransportMissing => With(&[("serversTransport: own", "serversTransport: onw")]),
        D::MiddlewareMissing => With(&[("name: own-only", "name: owns-only")]),
        D::TlsOptionMissing => With(&[("name: strict", "name: stritc")]),
        D::SecretKeyMissing => With(&[("secretName: web-tls", "secretName: backend-ca")]),
        D::ForbiddenReference => With(&[("serversTransport: own", "serversTransport: own@kubernetescrd")]),
        D::EntryPointMissing => With(&[("", ENTRY_POINT), ("- websecure", "- websecured")]),
        D::ReferenceMissing => Never("it names Services, Secrets, transports, middlewares and options only"),
        D::MisplacedField => {
            Never("it is read as it was meant in an IngressRoute alone; here nothing reads it: V0112")
        }
        D::UnknownField => With(&[("entryPoints:", "entrypoints:")]),
        D::ForeignAnnotation => With(&[(
            "  namespace: web\n",
            "  namespace: web\n  annotations:\n    nginx.ingress.kubernetes.io/ssl-passthrough: \"true\"\n",
        )]),
        D::DeprecatedField => With(&[("rootCAs:\n    - secret: ", "rootCAsSecrets:\n    - ")]),
        D::InvalidRule => Never("nobody reads rules of TCP: none is served, which is said"),
        D::Unsupported => With(&[]),
        D::InvalidService => Never("a TCP service has no scheme and no strategy that could be wrong"),
        D::NoServers => Never("nobody asks for the servers of a service that is not served"),
        D::Unreachable => Never("which rule of TCP covers another is not looked at: none is served"),
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
        D::ConflictingTlsOptions => Never("a router that is not served claims no host"),
        D::InvalidTlsOption => With(&[("VersionTLS13", "VersionTLS10000")]),
        D::BackendsOwnKey => With(&[
            (
                "    serverName:",
                "    certificatesSecrets:\n    - backend-tls\n    serverName:",
            ),
            ("secret: backend-ca", "secret: backend-tls"),
        ]),
        D::LeafAsRoot => With(&[("secret: backend-ca", "secret: backend-self")]),
        D::NoTrust => With(&[("rootCAs:\n    - secret: backend-ca", "rootCAs: []")]),
        D::PlainBackend => With(&[("port: 443\n      tls: true\n", "port: 80\n")]),
        D::SkipVerify => With(&[("    serverName:", "    insecureSkipVerify: true\n    serverName:")]),
        D::NameNotCarried => With(&[
            ("serverName: web.", "serverName: other."),
            ("secret: backend-ca", "secret: backend-tls"),
        ]),
        D::NoTransport => With(&[("      serversTransport: own\n", "")]),
        D::KeyOfCa => With(&[("secret: backend-ca", "secret: ca-with-key")]),
        D::BelowRequiredClass => Never("nothing is demanded of what is not served"),
        D::KeyMismatch
        | D::UnusableCertificate
        | D::Expired
        | D::ExpiresSoon
        | D::NotYetValid
        | D::IncompleteChain
        | D::WeakKey => of_pair(diagnosis),
    }
}
