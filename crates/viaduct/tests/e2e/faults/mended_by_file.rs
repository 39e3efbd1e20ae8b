//! The same edits for configuration from files.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use viaduct_testkit::http1;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::suggestion;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use super::{text, wait_fault};
use crate::fixture::{HOST, Pki, root};

/// The root command, and a file of dynamic configuration that is edited.
struct File {
    work: TempDir,
    configuration: Value,
}

impl File {
    /// One router to one server; `transport` is what it says, if there is to be one.
    fn new(url: &str, transport: Option<Value>) -> Self {
        let mut balancer = json!({ "servers": [{ "url": url }] });
        let mut configuration = json!({ "http": {
            "routers": { "web": { "rule": "PathPrefix(`/`)", "service": "app", "entryPoints": ["web"] } },
        }});
        if let Some(transport) = transport {
            balancer["serversTransport"] = json!("lane");
            configuration["http"]["serversTransports"] = json!({ "lane": transport });
        }
        configuration["http"]["services"] = json!({ "app": { "loadBalancer": balancer } });
        Self {
            work: tempfile::tempdir().expect("a temporary directory"),
            configuration,
        }
    }

    fn write(&self, configuration: &Value) {
        let aside = self.work.path().join("routes.new");
        std::fs::write(&aside, configuration.to_string()).expect("a file");
        std::fs::rename(&aside, self.work.path().join("routes.yml")).expect("a file");
    }

    fn command(&self) -> Command {
        let mut command = root(self.work.path());
        command.args([
            "--entrypoints.web.address=127.0.0.1:0",
            "--entrypoints.traefik.address=127.0.0.1:0",
            "--providers.file.filename=routes.yml",
            "--providers.providersthrottleduration=0s",
            "--api.insecure",
        ]);
        command
    }

    /// The edit that is proposed for `code`, whose fix is `fix`, is merged into the file as it was printed.
    #[track_caller]
    fn mend(&self, code: &str, fix: &str) {
        self.write(&self.configuration);
        let mut running = Running::until_ready(&mut self.command());
        let (web, api) = (running.address("web"), running.address("traefik"));
        let ask = || http1::once(web, format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).status;
        assert_eq!(ask(), 502);
        let fault = wait_fault(api, code);
        assert_eq!(text(&fault, "fix"), fix);
        let edit = text(&fault, "suggestion");
        assert!(!edit.is_empty(), "{fault:#}");
        self.write(&suggestion::to_file(&self.configuration, edit));
        let log = running.child().output();
        wait_until(&format!("the mend to be enough:\n{edit}\n{log}"), || ask() == 200);
    }
}

#[test]
fn c2_name_mismatch_in_a_file() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend_ca.issue(Leaf::server("other.example.com")), "");
    let transport = json!({ "serverName": HOST, "rootCAs": [pki.backend_ca.pem()] });
    let file = File::new(&format!("https://127.0.0.1:{}", nginx.port()), Some(transport));
    file.mend(
        "name_mismatch",
        "set `serverName: other.example.com` in serversTransport `lane`",
    );
}

#[test]
fn c2_unknown_ca_in_a_file_without_a_transport() {
    let ca = Ca::new("Backend CA");
    let nginx = Nginx::server(&ca.issue(Leaf::server(HOST).ip("127.0.0.1")), "");
    let file = File::new(&format!("https://127.0.0.1:{}", nginx.port()), None);
    ca.write_to(file.work.path(), "backend-tls-ca.pem");
    file.mend(
        "unknown_ca",
        "create a serversTransport with the CA `CN=Backend CA` in `rootCAs` and name it as `serversTransport` at the service of router `web@file`",
    );
}

#[test]
fn c2_ca_missing_on_a_machine_without_roots() {
    let pki = Pki::new();
    let nginx = Nginx::server(&pki.backend, "");
    let url = format!("https://127.0.0.1:{}", nginx.port());
    let file = File::new(&url, None);
    file.write(&file.configuration);
    std::fs::create_dir(file.work.path().join("none")).expect("a directory");
    let running = Running::until_ready(
        file.command()
            .env("SSL_CERT_FILE", file.work.path().join("none/roots.pem"))
            .env("SSL_CERT_DIR", file.work.path().join("none")),
    );
    let web = running.address("web");
    let ask = || http1::once(web, format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).status;
    assert_eq!(ask(), 502);
    let fault = wait_fault(running.address("traefik"), "ca_missing");
    assert!(text(&fault, "wanted").contains("trusted roots"), "{fault:#}");
    assert!(text(&fault, "got").starts_with("none"), "{fault:#}");
    assert!(text(&fault, "fix").contains("or name `rootCAs`"), "{fault:#}");
    let named = json!({ "serverName": HOST, "rootCAs": [pki.backend_ca.pem()] });
    file.write(&File::new(&url, Some(named)).configuration);
    wait_until("the named CA to be used", || ask() == 200);
}

#[test]
fn c2_client_cert_missing_in_a_file() {
    let (pki, ca) = (Pki::new(), Ca::new("Client CA"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = ca.write_to(directory.path(), "ca.crt").display().to_string();
    let server = SServer::start(
        &pki.backend,
        &["-Verify", "2", "-verify_return_error", "-CAfile", &authority],
    );
    let transport = json!({ "serverName": HOST, "rootCAs": [pki.backend_ca.pem()] });
    let file = File::new(&format!("https://127.0.0.1:{}", server.port()), Some(transport));
    ca.issue(Leaf::client("the ingress"))
        .write_to(file.work.path(), "lane-client");
    file.mend(
        "client_cert_missing",
        "add a client certificate issued by `CN=Client CA` to `certificates` in serversTransport `lane`",
    );
}

#[test]
fn c2_tls_on_plain_port_in_a_file() {
    let pki = Pki::new();
    let server = SServer::start(&pki.backend, &[]);
    let transport = json!({ "serverName": HOST, "rootCAs": [pki.backend_ca.pem()] });
    let file = File::new(&format!("http://127.0.0.1:{}", server.port()), Some(transport));
    file.mend(
        "tls_on_plain_port",
        "write `https://` in the servers' URLs of service `app`",
    );
}

#[test]
fn c2_plaintext_on_tls_port_in_a_file() {
    let nginx = Nginx::plain("listen {port}; location / { return 200 nginx; }");
    let file = File::new(&format!("https://{}", nginx.address()), None);
    file.mend(
        "plaintext_on_tls_port",
        "write `http://` in the servers' URLs of service `app`",
    );
}
