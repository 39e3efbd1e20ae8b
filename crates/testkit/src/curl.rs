//! curl, as the client most people try first.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::child::run;
use crate::pki::Issued;
use crate::tool::Tool;

/// Requests to one proxy, under any host name.
pub struct Curl {
    address: SocketAddr,
    directory: TempDir,
    arguments: Vec<String>,
    plain: bool,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// 0 when there was none.
    pub status: u16,
    pub body: String,
    /// `1.1`, `2`.
    pub http_version: String,
    /// Response heads as received, 1xx and trailers included.
    pub heads: String,
    /// curl's exit code; 0 when the exchange went well.
    pub exit: i32,
    pub error: String,
}

impl Curl {
    /// Over TLS, trusting `ca_pem`.
    pub fn secure(address: SocketAddr, ca_pem: &str) -> Self {
        let curl = Self::plain(address);
        let ca = curl.directory.path().join("ca.crt");
        std::fs::write(&ca, ca_pem).expect("writing a CA");
        let ca = ca.display().to_string();
        Self { plain: false, ..curl }.args(&["--cacert", &ca])
    }

    /// In plain text.
    pub fn plain(address: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self {
            address,
            directory,
            arguments: Vec::new(),
            plain: true,
        }
    }

    /// Over TLS, trusting whom curl trusts by itself.
    pub fn over_tls(self) -> Self {
        Self { plain: false, ..self }
    }

    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// With a client certificate.
    pub fn identity(self, identity: &Issued) -> Self {
        let files = identity.write_to(self.directory.path(), "client");
        let (cert, key) = (files.cert.display().to_string(), files.key.display().to_string());
        self.args(&["--cert", &cert, "--key", &key])
    }

    /// A file with `bytes`, for `--data-binary @FILE`.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, bytes).expect("writing a file");
        path
    }

    #[track_caller]
    pub fn get(&self, host: &str, path: &str) -> Answer {
        self.request(host, path, &[])
    }

    #[track_caller]
    pub fn request(&self, host: &str, path: &str, arguments: &[&str]) -> Answer {
        let scheme = if self.plain { "http" } else { "https" };
        let port = self.address.port();
        let (body, heads) = (
            self.directory.path().join("body"),
            self.directory.path().join("heads"),
        );
        let mut command = Command::new(Tool::Curl.path());
        command
            .args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"])
            .args(["--write-out", "%{stderr}\n%{http_version} %{http_code}"])
            .arg("--connect-to")
            .arg(format!("{host}:{port}:127.0.0.1:{port}"))
            .arg("--output")
            .arg(&body)
            .arg("--dump-header")
            .arg(&heads)
            .args(&self.arguments)
            .args(arguments)
            .arg(format!("{scheme}://{host}:{port}{path}"));
        for file in [&body, &heads] {
            std::fs::write(file, "").expect("emptying a file");
        }
        let finished = run(&mut command, b"");
        let (error, summary) = finished
            .output
            .rsplit_once('\n')
            .unwrap_or(("", &finished.output));
        let (version, status) = summary.split_once(' ').unwrap_or_default();
        Answer {
            status: status.parse().unwrap_or_default(),
            body: read(&body),
            http_version: version.to_owned(),
            heads: read(&heads),
            exit: finished.status.code().unwrap_or(-1),
            error: error.to_owned(),
        }
    }
}

impl Answer {
    /// The value of a header in the last head that has it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.heads.lines().rev().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
