//! Every message an operator can see, in full.

use std::sync::Arc;

use viaduct_config::finding::Code;
use viaduct_config::{Finding, ObjectRef};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::names::{CipherSuite, Versions};
use viaduct_tls::{Backend, BackendPolicy, BackendTls, Fault, Reason, Remedy, Trust, TrustGeneration};

use super::{hint, mend, suggestion};
use crate::service::Slot;
use crate::{Router, RouterState, Timeouts, Transport};

fn transport(name: &str, object: Option<&str>) -> Transport {
    let policy = BackendPolicy {
        verification: Verification::Full(Backend(Trust::System)),
        shadow: None,
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
        revoked: Arc::default(),
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
        yaml.ends_with("spec:\n  # Secret web-transport-ca, under `ca.crt`: the CA `CN=Backend CA`\n  rootCAs:\n  - secret: web-transport-ca\n")
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
            "http:\n  serversTransports:\n    backend-tls:\n      serverName: a.b\n  services:\n    app:\n      loadBalancer:\n        serversTransport: backend-tls\n"
        )
    );
    assert_eq!(
        suggestion(&fault(remedy()), &default, &router(Some("route"))).as_deref(),
        Some(
            "apiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: backend-tls\n  namespace: web\n\
             spec:\n  serverName: a.b\n---\napiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata:\n  \
             name: route\n  namespace: web\nspec:\n  routes:\n  - match: \"Host(`a`)\"\n    services:\n    \
             - serversTransport: backend-tls\n"
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
    assert!(yaml.is_some_and(|yaml| yaml.contains("  certificatesSecrets:\n  - web-transport-client\n")));
    let file = transport("t@file", None);
    let yaml = suggestion(&fault(Remedy::ReplaceClientCertificate), &file, &router(None));
    assert!(
        yaml.is_some_and(|yaml| yaml.contains("    t:\n") && yaml.contains("- certFile: t-client.crt\n"))
    );
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
fn c2_an_added_ca_stands_beside_those_that_are_there() {
    let mut transport = transport("web-t@kubernetescrd", Some("web-transport"));
    transport.root_cas = vec![
        ObjectRef::new("ConfigMap", "web", "bundle"),
        ObjectRef::new("Secret", "web", "web-transport-ca"),
    ];
    let remedy = Remedy::TrustIssuer {
        issuer: "CN=New".into(),
        self_signed: false,
    };
    let yaml = suggestion(&fault(remedy), &transport, &router(Some("route"))).expect("an edit");
    assert!(
        yaml.ends_with(
            "  rootCAs:\n  - configMap: bundle\n  - secret: web-transport-ca\n  - secret: web-transport-ca-2\n"
        ),
        "{yaml}"
    );
}

#[test]
fn c2_another_scheme() {
    let remedy = || Remedy::UseScheme("https");
    let (_, yaml) = in_kubernetes(remedy());
    assert!(yaml.is_some_and(|yaml| {
        yaml.ends_with("  routes:\n  - match: \"Host(`a`)\"\n    services:\n    - scheme: https\n")
    }));
    let transport = transport("t@file", None);
    assert_eq!(
        hint(&fault(remedy()), &transport, &router(None)).as_deref(),
        Some("write `https://` in the servers' URLs of service `app`")
    );
    let ingress = Router {
        origin: Some(ObjectRef::new("Ingress", "web", "site")),
        ..router(None)
    };
    assert_eq!(
        hint(&fault(remedy()), &transport, &ingress).as_deref(),
        Some(
            "annotate the Service of Ingress web/site with `traefik.ingress.kubernetes.io/service.serversscheme: https`"
        )
    );
    let yaml = suggestion(&fault(remedy()), &transport, &ingress).expect("an edit");
    assert!(
        yaml.contains("    traefik.ingress.kubernetes.io/service.serversscheme: https\n"),
        "{yaml}"
    );
}

#[test]
fn c2_a_restriction_of_our_own_is_what_is_lifted() {
    let narrow = |min: &str, max: &str, suites: Option<&str>| {
        let policy = BackendPolicy {
            versions: Versions::from_names(min, max).expect("versions"),
            cipher_suites: suites.map(|name| vec![CipherSuite::from_name(name).expect("a suite")]),
            ..BackendPolicy::default()
        };
        Transport {
            tls: Arc::new(BackendTls::new(policy).expect("a policy")),
            ..transport("web-t@kubernetescrd", Some("web-transport"))
        }
    };
    let said = |reason, transport: &Transport| {
        let fault = Fault::new(reason, "a", "b");
        let edit = suggestion(&fault, transport, &router(Some("route")));
        edit.and_then(|yaml| Some(yaml.split_once("spec:\n")?.1.to_owned()))
    };
    for (transport, yaml) in [
        (narrow("VersionTLS13", "", None), "  minVersion: VersionTLS12\n"),
        (narrow("", "VersionTLS12", None), "  maxVersion: VersionTLS13\n"),
        (
            narrow("", "", Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")),
            "  cipherSuites: null\n",
        ),
    ] {
        assert_eq!(said(Reason::VersionOrCipher, &transport).as_deref(), Some(yaml));
    }
    assert_eq!(said(Reason::VersionOrCipher, &narrow("", "", None)), None);
    let no_h2 = Transport {
        disable_http2: true,
        ..narrow("", "", None)
    };
    assert_eq!(
        said(Reason::Alpn, &no_h2).as_deref(),
        Some("  disableHTTP2: false\n")
    );
}

#[test]
fn c2_every_reason_has_a_hint_of_one_line_and_a_mend() {
    let (transport, router) = (transport("t@file", None), router(None));
    for reason in Reason::ALL {
        let fault = Fault::new(*reason, "a", "b");
        let line = hint(&fault, &transport, &router).unwrap_or_default();
        assert!(line.len() > 20 && line.lines().count() == 1, "{reason}: {line}");
        assert_eq!(suggestion(&fault, &transport, &router), None, "{reason}");
        assert!(
            !mend(*reason).is_empty() && !mend(*reason).contains('|'),
            "{reason}"
        );
    }
    let slow = Fault::new(Reason::ResponseTimeout, "a", "b");
    assert_eq!(
        hint(&slow, &transport, &router).as_deref(),
        Some(
            "set `forwardingTimeouts.responseHeaderTimeout` in serversTransport `t` to a longer time, or make the server faster"
        )
    );
}
