//! Every message an operator can see, in full.

use std::sync::Arc;

use viaduct_config::finding::Code;
use viaduct_config::{Finding, ObjectRef};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::names::Versions;
use viaduct_tls::{Backend, BackendPolicy, BackendTls, Fault, Reason, Remedy, Trust, TrustGeneration};

use super::{hint, suggestion};
use crate::service::Slot;
use crate::{Router, RouterState, Timeouts, Transport};

fn transport(name: &str, object: Option<&str>) -> Transport {
    let policy = BackendPolicy {
        verification: Verification::Full(Backend(Trust::System)),
        server_name: None,
        identities: Vec::new(),
        versions: Versions::from_names("", "").expect("the default versions"),
        cipher_suites: None,
        peer_uri: None,
    };
    Transport {
        name: name.into(),
        generation: TrustGeneration(std::num::NonZeroU64::MIN),
        tls: Arc::new(BackendTls::new(policy).expect("a plain policy")),
        max_idle_per_host: 200,
        disable_http2: false,
        timeouts: Timeouts::default(),
        origin: object.map(|object| ObjectRef::new("ServersTransport", "web", object)),
        root_cas: Vec::new(),
    }
}

fn router(object: Option<&str>) -> Router {
    Router {
        name: "r@file".into(),
        written_name: "r@file".into(),
        rule_text: "Host(`a`)".into(),
        rule: None,
        entry_point: None,
        priority: 0,
        tls: true,
        demanded_policy: None,
        service_name: "app@file".into(),
        named_service: None,
        middlewares: Box::default(),
        state: RouterState::OutOfService {
            status: 503,
            finding: Arc::new(Finding::error(Code::NoServers, "a test has none")),
        },
        observability: Default::default(),
        origin: object.map(|object| ObjectRef::new("IngressRoute", "web", object)),
        slot: Slot(0),
    }
}

fn fault(remedy: Remedy) -> Fault {
    Fault {
        reason: Reason::UnknownCa,
        wanted: "something else".into(),
        got: "something".into(),
        presented: Arc::from([]),
        remedy: Some(remedy),
    }
}

fn in_kubernetes(remedy: Remedy) -> (Option<String>, Option<String>) {
    let (transport, router) = (
        transport("web-t@kubernetescrd", Some("web-transport")),
        router(Some("route")),
    );
    let fault = fault(remedy);
    (
        hint(&fault, &transport, &router),
        suggestion(&fault, &transport, &router),
    )
}

#[test]
fn c2_server_name() {
    let (hint, yaml) = in_kubernetes(Remedy::SetServerName("other.example.com".into()));
    assert_eq!(
        hint.as_deref(),
        Some("set `serverName: other.example.com` in ServersTransport web/web-transport")
    );
    assert_eq!(
        yaml.as_deref(),
        Some(
            "apiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: web-transport\n  \
             namespace: web\nspec:\n  serverName: other.example.com\n"
        )
    );
}

#[test]
fn c2_trust() {
    let (hint, yaml) = in_kubernetes(Remedy::TrustIssuer {
        issuer: "CN=Backend CA".into(),
        self_signed: false,
    });
    assert_eq!(
        hint.as_deref(),
        Some("add the CA `CN=Backend CA` to `rootCAs` in ServersTransport web/web-transport")
    );
    assert!(yaml.is_some_and(|yaml| {
        yaml.ends_with("spec:\n  # the CA `CN=Backend CA`\n  rootCAs:\n  - secret: NAME-OF-SECRET\n")
    }));
    let (hint, _) = in_kubernetes(Remedy::TrustIssuer {
        issuer: "CN=web".into(),
        self_signed: true,
    });
    assert_eq!(
        hint.as_deref(),
        Some(
            "add the server's own certificate (it is self-signed) to `rootCAs` in ServersTransport web/web-transport"
        )
    );
}

#[test]
fn c2_without_a_transport_one_is_to_be_made() {
    let remedy = || Remedy::SetServerName("a.b".into());
    let default = transport("default@internal", None);
    assert_eq!(
        hint(&fault(remedy()), &default, &router(Some("route"))).as_deref(),
        Some(
            "create a ServersTransport in namespace web with `serverName: a.b` and name it as `serversTransport` at the service of IngressRoute web/route"
        )
    );
    assert_eq!(
        hint(&fault(remedy()), &default, &router(None)).as_deref(),
        Some(
            "create a serversTransport with `serverName: a.b` and name it as `serversTransport` at the service of router `r@file`"
        )
    );
    assert_eq!(
        suggestion(&fault(remedy()), &default, &router(None)).as_deref(),
        Some(
            "http:\n  serversTransports:\n    backend-tls:\n      serverName: a.b\n# and at the service of router `r@file`:\n# serversTransport: backend-tls\n"
        )
    );
}

#[test]
fn c2_client_certificates() {
    let (hint, yaml) = in_kubernetes(Remedy::OfferClientCertificate {
        issuers: ["A", "B", "C", "D"].map(|name| format!("CN={name}")).to_vec(),
    });
    assert_eq!(
        hint.as_deref(),
        Some(
            "add a client certificate issued by `CN=A` or `CN=B` or `CN=C` or others to `certificatesSecrets` in ServersTransport web/web-transport"
        )
    );
    assert!(yaml.is_some_and(|yaml| yaml.contains("  certificatesSecrets:\n  - NAME-OF-TLS-SECRET\n")));
    let file = transport("t@file", None);
    let yaml = suggestion(&fault(Remedy::ReplaceClientCertificate), &file, &router(None));
    assert!(yaml.is_some_and(|yaml| yaml.contains("    t:\n") && yaml.contains("- certFile: FILE.crt\n")));
}

#[test]
fn c2_the_rest() {
    for (remedy, expected, has_yaml) in [
        (
            Remedy::UseScheme("http"),
            "set `scheme: http` at the service of IngressRoute web/route",
            true,
        ),
        (
            Remedy::RenewPeerCertificate,
            "renew the server's certificate",
            false,
        ),
        (
            Remedy::RemovePeerUri,
            "remove `peerCertURI` from ServersTransport web/web-transport, or set it to a URI of the certificate",
            true,
        ),
        (
            Remedy::ReplaceClientCertificate,
            "replace the certificate in `certificatesSecrets` of ServersTransport web/web-transport: the server refused it",
            true,
        ),
        (
            Remedy::AllowVersion("VersionTLS13"),
            "set `maxVersion: VersionTLS13` in ServersTransport web/web-transport",
            true,
        ),
        (
            Remedy::AllowVersion("VersionTLS12"),
            "set `minVersion: VersionTLS12` in ServersTransport web/web-transport",
            true,
        ),
    ] {
        let (hint, yaml) = in_kubernetes(remedy);
        assert_eq!(hint.as_deref(), Some(expected));
        assert_eq!(yaml.is_some(), has_yaml, "{expected}");
    }
}

#[test]
fn c67_names_from_certificates_stay_values() {
    for (name, shown) in [
        ("x\ny: z", "serverName: 'xy: z'"),
        ("it's", "serverName: 'it''s'"),
        ("*.a.com", "serverName: '*.a.com'"),
        ("yes", "serverName: 'yes'"),
        ("10.0.0.1", "serverName: '10.0.0.1'"),
    ] {
        let (hint, yaml) = in_kubernetes(Remedy::SetServerName(name.into()));
        let hint = hint.expect("a hint");
        assert!(hint.contains(shown) && hint.lines().count() == 1, "{hint}");
        assert!(yaml.is_some_and(|yaml| yaml.contains(shown)), "{name:?}");
    }
    let long = in_kubernetes(Remedy::TrustIssuer {
        issuer: "x".repeat(100_000),
        self_signed: false,
    });
    assert!(long.0.is_some_and(|hint| hint.len() < 1_000));
}

#[test]
fn no_remedy_no_hint() {
    let fault = Fault {
        remedy: None,
        ..fault(Remedy::FixClock)
    };
    assert_eq!(hint(&fault, &transport("t@file", None), &router(None)), None);
    assert_eq!(
        suggestion(&fault, &transport("t@file", None), &router(None)),
        None
    );
}
