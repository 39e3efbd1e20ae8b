//! What is told of requests: metrics, access log, traces.

pub(crate) mod collectors;
pub(crate) mod log;
pub(crate) mod metrics;

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use viaduct_testkit::child::Child;
use viaduct_testkit::http1::{self, Response};
use viaduct_testkit::origin::{Origin, echo};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_for;

use crate::fixture::root;

/// A collector by gRPC.
pub(crate) const COLLECTOR: &str = include_str!("scripts/otlp_collector.py");

/// The root command with one working backend, one that is gone, and files for what it tells.
pub(crate) struct Observed {
    running: Running,
    origin: Origin,
    /// Where the backend is that is gone.
    gone: u16,
    work: TempDir,
}

impl Observed {
    /// `install`: further sections of the install configuration.
    pub(crate) fn start(install: &str) -> Self {
        Self::start_with(install, &[])
    }

    /// With variables of the environment.
    pub(crate) fn start_with(install: &str, variables: &[(&str, &str)]) -> Self {
        let origin = Origin::http(echo);
        let work = tempfile::tempdir().expect("a temporary directory");
        let (there, gone) = (origin.address(), viaduct_testkit::port::closed_port());
        let text = format!(
            "
entryPoints: {{web: {{address: '127.0.0.1:0'}}, traefik: {{address: '127.0.0.1:0'}}}}
providers: {{file: {{filename: traefik.yml}}}}
{install}
http:
  routers:
    there: {{rule: Host(`there.example`), service: there}}
    gone: {{rule: Host(`gone.example`), service: gone}}
    metrics: {{rule: Host(`metrics.example`), service: prometheus@internal, observability: {{metrics: true}}}}
    quiet: {{rule: Host(`quiet.example`), service: there, observability: {{accessLogs: false, metrics: false}}}}
  services:
    there: {{loadBalancer: {{servers: [{{url: 'http://{there}'}}]}}}}
    gone: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{gone}'}}]}}}}
"
        );
        std::fs::write(work.path().join("traefik.yml"), text).expect("a file");
        Self {
            running: Running::until_ready(root(work.path()).envs(variables.iter().copied())),
            origin,
            gone,
            work,
        }
    }

    /// The port of the backend that is there, or of the one that is gone.
    pub(crate) fn port_of(&self, service: &str) -> u16 {
        match service {
            "gone" => self.gone,
            _ => self.origin.address().port(),
        }
    }

    #[track_caller]
    pub(crate) fn get(&self, entry_point: &str, host: &str, path: &str) -> Response {
        http1::once(
            self.running.address(entry_point),
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        )
    }

    #[track_caller]
    pub(crate) fn address(&self, entry_point: &str) -> SocketAddr {
        self.running.address(entry_point)
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.running.child()
    }

    /// The entries of the file `access.log`, when there are so many.
    #[track_caller]
    pub(crate) fn entries(&self, count: usize) -> Vec<Value> {
        let file = self.work.path().join("access.log");
        wait_for(&format!("{count} lines in the access log"), || {
            let text = std::fs::read_to_string(&file).ok()?;
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).expect("an object a line"))
                .collect();
            (lines.len() >= count).then_some(lines)
        })
    }
}
