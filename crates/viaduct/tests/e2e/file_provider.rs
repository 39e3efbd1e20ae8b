//! Traefik's file and HTTP providers: the flow without Kubernetes, what changes at run time, what is refused.

pub(crate) mod changes;
mod faults;
mod flow;
pub(crate) mod several;

use std::path::Path;

use tempfile::TempDir;
use viaduct_testkit::viaduct::Running;

use crate::fixture::root;

/// A directory with configuration in it, and what is served from it.
struct Files {
    work: TempDir,
}

impl Files {
    fn new() -> Self {
        let work = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(work.path().join("dynamic")).expect("a directory");
        Self { work }
    }

    fn path(&self) -> &Path {
        self.work.path()
    }

    /// A file of the configuration, replaced in one step.
    fn dynamic(&self, name: &str, text: &str) -> &Self {
        let aside = self.work.path().join("aside");
        std::fs::write(&aside, text).expect("a file");
        std::fs::rename(&aside, self.work.path().join("dynamic").join(name)).expect("a file");
        self
    }

    /// Entry points `web` and `websecure` on free ports, and all files of the directory.
    fn start(&self, arguments: &[&str]) -> Running {
        Running::until_ready(self.command(arguments).arg("--providers.file.directory=dynamic"))
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = root(self.work.path());
        command
            .args(["--entrypoints.web.address=127.0.0.1:0"])
            .args(["--entrypoints.websecure.address=127.0.0.1:0"])
            .args(["--log.level=INFO", "--providers.providersthrottleduration=0s"])
            .args(arguments);
        command
    }
}

/// A router of `host` on `web` to `url`, and its service.
fn plain(name: &str, host: &str, url: &str) -> String {
    format!(
        "http:\n  routers:\n    {name}:\n      rule: Host(`{host}`)\n      service: {name}\n      entryPoints: [web]\n\
         \x20 services:\n    {name}:\n      loadBalancer:\n        servers:\n        - url: {url}\n"
    )
}
