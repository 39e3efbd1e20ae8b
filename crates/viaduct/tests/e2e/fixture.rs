//! What most tests start from: two private CAs, one host, one route.

use std::sync::Arc;

use serde_json::{Value, json};
use viaduct_testkit::curl::Curl;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::pki::{Ca, Issued, KeyKind, Leaf};
use viaduct_testkit::tls::{self, Dial};
use viaduct_testkit::viaduct::{Up, Viaduct};

pub(crate) const HOST: &str = "web.example.com";

/// The rule of [`HOST`].
pub(crate) const RULE: &str = "Host(`web.example.com`)";

/// Names that the manifests below use.
pub(crate) const FRONT_SECRET: &str = "web-ingressroute-tls";
pub(crate) const BACKEND: &str = "backend-svc";
pub(crate) const TRANSPORT: &str = "web-transport";

/// `viaduct up` of the binary under test.
pub(crate) fn up() -> Up {
    Up::new(BINARY)
}

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_viaduct");

/// Certificates of both legs.
pub(crate) struct Pki {
    pub(crate) edge_ca: Ca,
    /// For [`HOST`], signed by `edge_ca`.
    pub(crate) front: Issued,
    pub(crate) backend_ca: Ca,
    /// For [`HOST`], signed by `backend_ca`.
    pub(crate) backend: Issued,
}

impl Pki {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_front_key(KeyKind::P256)
    }

    pub(crate) fn with_front_key(key: KeyKind) -> Arc<Self> {
        let (edge_ca, backend_ca) = (Ca::new("Edge CA"), Ca::new("Backend CA"));
        Arc::new(Self {
            front: edge_ca.issue(Leaf::server(HOST).key(key)),
            backend: backend_ca.issue(Leaf::server(HOST)),
            edge_ca,
            backend_ca,
        })
    }

    /// The front certificate, a service with one server, and nothing that uses them.
    pub(crate) fn base(&self, port: u16) -> Manifests {
        Manifests::new()
            .tls_secret(FRONT_SECRET, &self.front)
            .backend(BACKEND, port)
    }

    /// The whole bridge to a TLS server that `backend_ca` vouches for.
    pub(crate) fn bridge(&self, port: u16) -> Manifests {
        self.bridge_with(port, json!({}))
    }

    /// As [`Pki::bridge`], with further fields in the ServersTransport.
    pub(crate) fn bridge_with(&self, port: u16, fields: Value) -> Manifests {
        self.base(port)
            .secret("backend-ca", &[("ca.crt", self.backend_ca.pem())])
            .transport(
                TRANSPORT,
                with(
                    json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
                    fields,
                ),
            )
            .route(secure_route("https").transport(TRANSPORT))
    }

    /// Client TLS to a backend that speaks plain HTTP/1.
    pub(crate) fn edge_only(&self, port: u16) -> Manifests {
        self.base(port).route(secure_route("http"))
    }

    /// The configuration of a scripted TLS server with the good certificate.
    pub(crate) fn server(&self, alpn: &[&str]) -> Arc<tls::ServerConfig> {
        tls::server(&self.backend, alpn, None)
    }

    pub(crate) fn curl(&self, viaduct: &Viaduct) -> Curl {
        Curl::secure(viaduct.websecure(), self.edge_ca.pem())
    }

    /// A TLS connection to the proxy, HTTP/1.1.
    #[track_caller]
    pub(crate) fn open(&self, viaduct: &Viaduct) -> viaduct_testkit::http1::Connection<tls::Client> {
        viaduct_testkit::http1::Connection::new(Dial::new(viaduct.websecure(), &self.edge_ca).open(HOST))
    }

    /// The same, HTTP/2.
    #[track_caller]
    pub(crate) fn open_h2(&self, viaduct: &Viaduct) -> viaduct_testkit::h2::Connection<tls::Client> {
        let dial = Dial::new(viaduct.websecure(), &self.edge_ca).alpn(&["h2"]);
        viaduct_testkit::h2::Connection::open(dial.open(HOST))
    }
}

/// [`RULE`] on `websecure` with the front certificate.
pub(crate) fn secure_route(scheme: &str) -> Route {
    Route::secure("web-ingressroute", RULE, BACKEND, scheme).certificate(FRONT_SECRET)
}

/// `base` with the fields of `more`.
pub(crate) fn with(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}

/// The binary without a command, in a directory of its own and without options from outside.
pub(crate) fn root(directory: &std::path::Path) -> std::process::Command {
    let mut command = std::process::Command::new(BINARY);
    command
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .env("NO_COLOR", "1");
    command
}
