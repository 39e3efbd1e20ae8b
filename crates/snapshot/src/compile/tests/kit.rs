//! What the tests of `compile` share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use viaduct_config::dynamic::http::RouterTls;
use viaduct_config::finding::Code;
use viaduct_config::{Dynamic, EntryPointName, Finding, ProviderName, Severity, Update};
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_tls::Identity;
use viaduct_tls::ocsp::Staples;

use crate::{
    EntryPointInstall, Inputs, Install, Overlaps, RouteRequest, Routed, Router, RouterState, Snapshot,
    compile,
};

/// A configuration to be.
pub(super) struct World {
    pub(super) install: Install,
    pub(super) updates: BTreeMap<String, Arc<Update>>,
    /// `None`: OCSP stapling is off.
    pub(super) staples: Option<Arc<Staples>>,
    /// `None`: rotations take effect at once.
    pub(super) overlaps: Option<Overlaps>,
}

impl World {
    /// Entry points `web` and, with TLS on by default, `websecure`.
    pub(super) fn new() -> Self {
        let entry_point = |name: &str, tls| EntryPointInstall {
            name: EntryPointName::new(name),
            tls,
            middlewares: Vec::new(),
            as_default: false,
        };
        Self {
            install: Install {
                entry_points: vec![
                    entry_point("web", None),
                    entry_point("websecure", Some(RouterTls::default())),
                ],
                ..Install::default()
            },
            updates: BTreeMap::new(),
            staples: None,
            overlaps: None,
        }
    }

    /// One provider, `file`, that says this.
    pub(super) fn of(dynamic: Value) -> Self {
        let mut world = Self::new();
        world.say("file", dynamic);
        world
    }

    pub(super) fn say(&mut self, provider: &str, dynamic: Value) {
        self.updates
            .insert(provider.to_owned(), Arc::new(update(provider, dynamic)));
    }

    pub(super) fn put(&mut self, update: Update) {
        self.updates
            .insert(update.provider.as_str().to_owned(), Arc::new(update));
    }

    pub(super) fn compile(&self) -> Compiled {
        self.compile_after(None)
    }

    pub(super) fn compile_after(&self, previous: Option<&Compiled>) -> Compiled {
        self.with_inputs(|inputs| {
            let (snapshot, findings) = compile(inputs, previous.map(|previous| &*previous.snapshot));
            Compiled { snapshot, findings }
        })
    }

    pub(super) fn with_inputs<T>(&self, then: impl FnOnce(&Inputs<'_>) -> T) -> T {
        let updates: Vec<_> = self.updates.values().cloned().collect();
        then(&Inputs {
            install: &self.install,
            updates: &updates,
            generated_default: generated_default(),
            staples: self.staples.as_ref(),
            overlaps: self.overlaps.as_ref(),
        })
    }
}

pub(super) fn update(provider: &str, dynamic: Value) -> Update {
    let dynamic: Dynamic = serde_json::from_value(dynamic).expect("a test's configuration is well-formed");
    Update::new(ProviderName::new(provider), dynamic)
}

pub(super) struct Compiled {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) findings: Vec<Finding>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service it goes to.
    Served(String),
    Out(u16, Code),
    Misdirected,
    NotFound,
}

impl Compiled {
    /// A request in plain text at `web`.
    pub(super) fn plain(&self, host: &str, path: &str) -> Outcome {
        let headers = http::HeaderMap::new();
        outcome(
            &self.snapshot.entry_points[&EntryPointName::new("web")]
                .route_plain(&request(host, path, &headers)),
        )
    }

    /// A request at `websecure`, on a connection of its own.
    pub(super) fn secure(&self, host: &str, path: &str) -> Outcome {
        self.secure_over(Some(host), host, path)
    }

    /// A request at `websecure` on a connection with this server name.
    pub(super) fn secure_over(&self, sni: Option<&str>, host: &str, path: &str) -> Outcome {
        let entry_point = &self.snapshot.entry_points[&EntryPointName::new("websecure")];
        let (_, policy) = entry_point.tls(sni);
        let headers = http::HeaderMap::new();
        outcome(&entry_point.route_secure(&request(host, path, &headers), policy))
    }

    /// Whether a connection to `websecure` with this server name needs a client certificate.
    pub(super) fn demands_certificate(&self, sni: &str) -> bool {
        let entry_point = &self.snapshot.entry_points[&EntryPointName::new("websecure")];
        let (tls, _) = entry_point.tls(Some(sni));
        matches!(
            tls.policy().client_auth,
            viaduct_tls::ClientAuth::RequireAny | viaduct_tls::ClientAuth::RequireAndVerify(_)
        )
    }

    pub(super) fn router(&self, name: &str) -> &Arc<Router> {
        self.snapshot
            .routers
            .get(name)
            .unwrap_or_else(|| panic!("no router {name} among {:?}", self.snapshot.routers))
    }

    pub(super) fn found(&self, code: Code) -> Vec<&Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.code == code)
            .collect()
    }

    pub(super) fn only(&self, code: Code) -> &Finding {
        match self.found(code).as_slice() {
            [one] => one,
            _ => panic!("not exactly one {code:?}: {:#?}", self.findings),
        }
    }

    pub(super) fn assert_no_errors(&self) {
        let errors: Vec<_> = self
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

pub(super) fn request<'a>(host: &'a str, path: &'a str, headers: &'a http::HeaderMap) -> RouteRequest<'a> {
    RouteRequest {
        host,
        path,
        query: None,
        method: "GET",
        headers,
        client_ip: IpAddr::from([192, 0, 2, 1]),
    }
}

fn outcome(routed: &Routed<'_>) -> Outcome {
    match routed {
        Routed::Router(router) => match &router.state {
            RouterState::Ready(service) => Outcome::Served(service.name.to_string()),
            RouterState::OutOfService { status, finding } => Outcome::Out(*status, finding.code),
        },
        Routed::Misdirected => Outcome::Misdirected,
        Routed::NotFound => Outcome::NotFound,
    }
}

pub(super) fn served(service: &str) -> Outcome {
    Outcome::Served(service.to_owned())
}

/// `http` with these routers and one service `app`.
pub(super) fn routers(routers: Value) -> Value {
    json!({ "http": { "routers": routers, "services": { "app": balancer("http://10.0.0.1") } } })
}

pub(super) fn balancer(url: &str) -> Value {
    json!({ "loadBalancer": { "servers": [{ "url": url }] } })
}

/// One authority for all tests; making keys takes time.
pub(super) fn ca() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(|| Ca::new("Test CA"))
}

pub(super) fn other_ca() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(|| Ca::new("Other CA"))
}

pub(super) fn issued() -> &'static Issued {
    static ISSUED: OnceLock<Issued> = OnceLock::new();
    ISSUED.get_or_init(|| ca().issue(Leaf::server("web.example.com")))
}

pub(super) fn pair(issued: &Issued) -> Value {
    json!({ "certFile": issued.chain_pem, "keyFile": issued.key_pem })
}

fn generated_default() -> Arc<Identity> {
    static DEFAULT: OnceLock<Arc<Identity>> = OnceLock::new();
    Arc::clone(DEFAULT.get_or_init(|| {
        let issued = ca().issue(Leaf::server("default.invalid"));
        Arc::new(
            Identity::from_pem(issued.chain_pem.as_bytes(), issued.key_pem.as_bytes()).expect("a good pair"),
        )
    }))
}
