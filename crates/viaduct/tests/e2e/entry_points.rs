//! Options of entry points from outside: the root command with an install configuration of the test's, real peers.

mod client_certificate;
pub(crate) mod hygiene;
pub(crate) mod life_cycle;
pub(crate) mod middlewares;
pub(crate) mod proxy_protocol;
pub(crate) mod redirections;

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use viaduct_testkit::access_log::{self, Entry};
use viaduct_testkit::child::Child;
use viaduct_testkit::origin::Origin;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_for;

use crate::fixture::root;

/// A process with an install configuration of its own.
pub(crate) struct Edge {
    running: Running,
    work: TempDir,
}

impl Edge {
    /// `install`: `traefik.yml`; the access log in JSON is added to it.
    #[track_caller]
    pub(crate) fn start(install: &str) -> Self {
        Self::launch(tempfile::tempdir().expect("a temporary directory"), install)
    }

    #[track_caller]
    pub(crate) fn launch(work: TempDir, install: &str) -> Self {
        let text = format!("{install}\naccessLog: {{filePath: access.log, format: json}}\n");
        std::fs::write(work.path().join("traefik.yml"), text).expect("traefik.yml");
        Self {
            running: Running::until_ready(&mut root(work.path())),
            work,
        }
    }

    /// As [`Edge::start`], with a file of dynamic configuration: `{origin}` in it stands for the origin's address.
    #[track_caller]
    pub(crate) fn serving(install: &str, dynamic: &str, origin: &Origin) -> Self {
        let work = tempfile::tempdir().expect("a temporary directory");
        let file = work.path().join("dynamic.yml");
        let dynamic = dynamic.replace("{origin}", &origin.address().to_string());
        std::fs::write(&file, dynamic).expect("dynamic.yml");
        let providers = format!("providers: {{file: {{filename: {}}}}}", file.display());
        Self::launch(work, &format!("{install}\n{providers}"))
    }

    #[track_caller]
    pub(crate) fn address(&self, entry_point: &str) -> SocketAddr {
        self.running.address(entry_point)
    }

    /// Where its files are.
    pub(crate) fn path(&self) -> &Path {
        self.work.path()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.running.child()
    }

    /// Waits for the access-log line of a request to `path`.
    #[track_caller]
    pub(crate) fn wait_access(&self, path: &str) -> Entry {
        let file = self.work.path().join("access.log");
        wait_for(&format!("an access-log line of {path}"), || {
            let lines = access_log::parse(&std::fs::read_to_string(&file).unwrap_or_default());
            lines.into_iter().find(|entry| entry.text("RequestPath") == path)
        })
    }
}
