//! A cluster that is watched: the real binary and the real kubectl against the API server of `testkit` (A9.8, R14 to
//! R16, C60 to C64, C17).

mod absence;
pub(crate) mod access;
mod bridges;
mod events;
mod faults;
pub(crate) mod options;
mod rotation;
mod scale;
pub(crate) mod serving;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use viaduct_testkit::apiserver::{Account, ApiServer};
use viaduct_testkit::child::{Finished, run};
use viaduct_testkit::cluster::Api;
use viaduct_testkit::http1;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::tool::Tool;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BACKEND, Pki, TRANSPORT, root};

/// What the provider reads, as a role names it.
const READ: [&str; 15] = [
    "services",
    "secrets",
    "configmaps",
    "endpointslices.discovery.k8s.io",
    "ingresses.networking.k8s.io",
    "ingressroutes.traefik.io",
    "ingressroutetcps.traefik.io",
    "ingressrouteudps.traefik.io",
    "middlewares.traefik.io",
    "middlewaretcps.traefik.io",
    "serverstransports.traefik.io",
    "serverstransporttcps.traefik.io",
    "tlsoptions.traefik.io",
    "tlsstores.traefik.io",
    "traefikservices.traefik.io",
];

/// An API server with Traefik's kinds, and an account that may read what Traefik's may. The one of `testkit` can be made
/// to misbehave and tells what it was asked; [`Cluster::anywhere`] may be a real one.
struct Cluster<T: Api + ?Sized = ApiServer> {
    server: Box<T>,
    account: Account,
    pki: Arc<Pki>,
    work: TempDir,
}

impl Cluster {
    fn new() -> Self {
        Self::without_rights().with_rights()
    }

    /// Without Traefik's kinds, and with an account that may do nothing.
    fn without_rights() -> Self {
        Self::at(Box::new(ApiServer::start()))
    }

    /// A further route to the bridge's backend.
    fn route(name: &str, host: &str) -> Manifests {
        let rule = format!("Host(`{host}`)");
        Manifests::new().route(Route::secure(name, &rule, BACKEND, "https").transport(TRANSPORT))
    }
}

impl Cluster<dyn Api> {
    fn anywhere() -> Self {
        Self::anywhere_without_rights().with_rights()
    }

    fn anywhere_without_rights() -> Self {
        Self::at(viaduct_testkit::cluster::anywhere())
    }
}

impl<T: Api + ?Sized> Cluster<T> {
    fn at(server: Box<T>) -> Self {
        server.create_namespace("web");
        Self {
            account: server.account("viaduct", "viaduct"),
            server,
            pki: Pki::new(),
            work: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    fn with_rights(self) -> Self {
        self.server.define_traefik("traefik.io");
        let reading = ["get", "list", "watch"];
        self.server.allow(&self.account, &reading, &READ, &[]);
        self.server.allow(
            &self.account,
            &reading,
            &["nodes", "ingressclasses.networking.k8s.io"],
            &[],
        );
        self
    }

    /// With kubectl, as people do it.
    #[track_caller]
    fn apply(&self, manifests: &Manifests) {
        let finished = self.kubectl(&["apply", "-f", "-"], &self.server.suited_yaml(manifests));
        assert!(finished.status.success(), "{finished:?}");
    }

    #[track_caller]
    fn kubectl(&self, arguments: &[&str], input: &str) -> Finished {
        let mut command = Command::new(Tool::Kubectl.path());
        command
            .env_clear()
            .env("HOME", self.work.path())
            .arg("--kubeconfig")
            .arg(self.server.kubeconfig())
            .args(arguments);
        run(&mut command, input.as_bytes())
    }

    /// The root command with the provider, by flags. The least pauses, so that a test sees each change by itself.
    fn command(&self, more: &[&str]) -> Command {
        let mut command = root(self.work.path());
        command.args([
            "--entryPoints.web.address=127.0.0.1:0",
            "--entryPoints.websecure.address=127.0.0.1:0",
            "--entryPoints.traefik.address=127.0.0.1:0",
            "--log.level=INFO",
            "--ping=true",
            "--api.insecure=true",
            "--providers.providersThrottleDuration=10ms",
            "--providers.kubernetesCRD=true",
            "--viaduct.allowLoopbackEndpoints=true",
        ]);
        command.arg(format!(
            "--providers.kubernetesCRD.endpoint={}",
            self.server.url()
        ));
        command.arg(format!(
            "--providers.kubernetesCRD.token={}",
            self.account.token_file.display()
        ));
        command.arg(format!(
            "--providers.kubernetesCRD.certAuthFilePath={}",
            self.server.ca_file().display()
        ));
        command.args(more);
        command
    }

    #[track_caller]
    fn start(&self) -> Running {
        Running::until_ready(&mut self.command(&[]))
    }

    /// An HTTPS backend with the good certificate, and the bridge to it.
    #[track_caller]
    fn bridge(&self) -> Origin {
        let origin = Origin::https(self.pki.server(&["http/1.1"]), |_| ok("hello"));
        self.apply(&self.pki.bridge(origin.port()));
        origin
    }

    fn manifests_directory(&self, manifests: &Manifests) -> PathBuf {
        let directory = self.work.path().join("manifests");
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join("all.yaml"), manifests.yaml()).expect("a file");
        directory
    }
}

/// The status of a request to the plain entry point.
fn status(running: &Running, host: &str) -> u16 {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    http1::once(running.address("web"), request).status
}

/// Waits for a plain request to be answered so.
#[track_caller]
fn wait_status(running: &mut Running, host: &str, wanted: u16) {
    let address = running.address("web");
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    wait_until(
        &format!("{wanted} for {host}; the log:\n{}", running.child().output()),
        || http1::once(address, request.as_str()).status == wanted,
    );
}

/// A plain route to a plain backend.
fn plain(name: &str, host: &str) -> Manifests {
    Manifests::new().route(Route::plain(name, &format!("Host(`{host}`)"), BACKEND, "http"))
}

/// What the running process has made of its configuration, by its API.
#[track_caller]
fn raw_data(running: &Running) -> Value {
    let request = "GET /api/rawdata HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n";
    let answer = http1::once(running.address("traefik"), request);
    serde_json::from_str(&answer.text()).expect("JSON")
}
