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
    ChromiumDriver,
}

impl Tool {
    /// Its path. A missing tool fails the test: a test that was skipped has proved nothing.
    pub fn path(self) -> PathBuf {
        let (program, package) = self.names();
        directories()
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .unwrap_or_else(|| {
                panic!(
                    "this test needs `{program}`, which is not installed\n  hint: apt-get install {package}"
                )
            })
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Nginx => ("nginx", "nginx"),
            Self::Openssl => ("openssl", "openssl"),
            Self::Curl => ("curl", "curl"),
            Self::H2load => ("h2load", "nghttp2-client"),
            Self::Python => ("python3", "python3"),
            Self::Haproxy => ("haproxy", "haproxy"),
            Self::Chromium => ("chromium", "chromium"),
            Self::ChromiumDriver => ("chromedriver", "chromium-driver"),
        }
    }
}

/// `PATH`, then where Debian keeps daemons: users' search paths often lack it.
fn directories() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .collect::<Vec<_>>()
        .into_iter()
        .chain(["/usr/sbin", "/usr/bin"].map(|directory| Path::new(directory).to_owned()))
}
