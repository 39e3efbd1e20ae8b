//! IngressRouteUDPs, which are not served yet and looked at all the same.

use viaduct_check::Diagnosis as D;

use crate::Cell::{self, Never, With};
use crate::route::ENTRY_POINT;
use crate::{Form, INSTALL, of_object};

pub(crate) const FORM: Form = Form {
    right: include_str!("udp.yaml"),
    said: &[D::Unsupported],
    cell,
};

const NO_TLS: &str = "there is no TLS over UDP here: no certificate, no options, no transport";

fn cell(diagnosis: D) -> Cell {
    match diagnosis {
        D::Unreadable | D::NotConfiguration | D::NoNamespace | D::Placeholder => of_object(diagnosis),
        D::Fragment => Never("lines that stand alone are known by what is TLS in them"),
        D::OldApiGroup => With(&[("traefik.io", "traefik.containo.us")]),
        D::ApiVersion => With(&[("apiVersion: traefik.io/v1alpha1\n", "")]),
        D::InvalidObject => With(&[("entryPoints:\n  - websecure", "entryPoints: websecure")]),
        D::Duplicate => With(&[(
            "$",
            "---\napiVersion: traefik.io/v1alpha1\nkind: IngressRouteUDP\nmetadata:\n  name: names\n  namespace: web\nspec:\n  routes: []\n",
        )]),
        D::UnknownKind => With(&[("kind: IngressRouteUDP", "kind: IngressRouteUdp")]),
        D::ServiceMissing => With(&[("- name: names-svc", "- name: names-scv")]),
        D::PortMissing => With(&[("port: 53", "port: 5353")]),
        D::EntryPointMissing => With(&[("", ENTRY_POINT), ("- websecure", "- websecured")]),
        D::MisplacedField => {
            Never("`secretName` and `serversTransport` are misplaced where there is a right place")
        }
        D::UnknownField => With(&[("entryPoints:", "entrypoints:")]),
        D::ForeignAnnotation => With(&[(
            "  namespace: web\n",
            "  namespace: web\n  annotations:\n    nginx.ingress.kubernetes.io/affinity: cookie\n",
        )]),
        D::Unsupported => With(&[]),
        D::ReferenceMissing | D::MiddlewareMissing | D::SecretMissing | D::ForbiddenReference => {
            Never("it names Services, which have no suffix, and nothing else")
        }
        D::InvalidRule | D::Unreachable => Never("a UDP router has no rule"),
        D::InvalidService => Never("a UDP service has no scheme and no strategy that could be wrong"),
        D::NoServers => Never("nobody asks for the servers of a service that is not served"),
        D::PlainBackend => Never("datagrams are what they are: nothing here could secure them"),
        D::BelowRequiredClass => Never("nothing is demanded of what is not served"),
        D::OptionUnknown
        | D::OptionRefused
        | D::OptionInvalid
        | D::OptionWithoutEffect
        | D::OptionDeprecated
        | D::BridgeException => Never(INSTALL),
        D::DeprecatedField
        | D::TransportMissing
        | D::TlsOptionMissing
        | D::SecretKeyMissing
        | D::ClientAuthForBackend
        | D::ConflictingTlsOptions
        | D::InvalidTlsOption
        | D::BackendsOwnKey
        | D::LeafAsRoot
        | D::NoTrust
        | D::SkipVerify
        | D::NameNotCarried
        | D::NoTransport
        | D::KeyOfCa
        | D::KeyMismatch
        | D::UnusableCertificate
        | D::Expired
        | D::ExpiresSoon
        | D::NotYetValid
        | D::IncompleteChain
        | D::WeakKey => Never(NO_TLS),
    }
}
