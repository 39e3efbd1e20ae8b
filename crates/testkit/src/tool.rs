//! Programs that tests use, and what to install when one is missing.

use std::path::{Path, PathBuf};

/// A program found on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Nginx,
    Openssl,
    Curl,
    H2load,
    Python,
    Haproxy,
    Chromium,
    /// Chromium's WebDriver.
    /// Makes name spaces.
    Unshare,
    Helm,
    Kubectl,
}

impl Tool {
    /// Its path. A missing tool fails the test: a test that was skipped has proved nothing.
    pub fn path(self) -> PathBuf {
        let (program, how) = self.names();
        directories()
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("this test needs `{program}`, which is not installed\n  hint: {how}"))
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Nginx => ("nginx", "apt-get install nginx"),
            Self::Openssl => ("openssl", "apt-get install openssl"),
            Self::Curl => ("curl", "apt-get install curl"),
            Self::H2load => ("h2load", "apt-get install nghttp2-client"),
            Self::Python => ("python3", "apt-get install python3"),
            Self::Haproxy => ("haproxy", "apt-get install haproxy"),
            Self::Chromium => ("chromium", "apt-get install chromium"),
            Self::Unshare => ("unshare", "apt-get install util-linux"),
            Self::Helm => ("helm", "scripts/get-helm"),
            Self::Kubectl => ("kubectl", "scripts/get-kubectl"),
        }
    }
}

/// `PATH`, then where Debian keeps daemons (users' search paths often lack it), then what `scripts/get-*` has
/// brought.
fn directories() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .collect::<Vec<_>>()
        .into_iter()
        .chain(["/usr/sbin", "/usr/bin", BROUGHT].map(|directory| Path::new(directory).to_owned()))
}

const BROUGHT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools");
