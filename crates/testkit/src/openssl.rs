//! `openssl s_client` and `openssl s_server`: peers with another TLS stack and every knob.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::child::{Child, Finished, run};
use crate::pki::Issued;
use crate::port::free_port;
use crate::tool::Tool;

/// `openssl s_client` to `address`, which sends `input` and reads until the server closes.
#[track_caller]
pub fn s_client(address: SocketAddr, arguments: &[&str], input: &str) -> Finished {
    let mut command = Command::new(Tool::Openssl.path());
    command
        .args([
            "s_client",
            "-connect",
            &address.to_string(),
            "-ign_eof",
            "-showcerts",
        ])
        .args(arguments);
    run(&mut command, input.as_bytes())
}

/// One handshake and nothing more.
#[track_caller]
pub fn handshake(address: SocketAddr, arguments: &[&str]) -> Finished {
    let mut command = Command::new(Tool::Openssl.path());
    command
        .args(["s_client", "-connect", &address.to_string(), "-showcerts"])
        .args(arguments);
    run(&mut command, b"Q\n")
}

/// `openssl s_server`: a TLS server that answers every request with a status page (`-www`).
pub struct SServer {
    port: u16,
    child: Child,
    _directory: TempDir,
}

impl SServer {
    #[track_caller]
    pub fn start(identity: &Issued, arguments: &[&str]) -> Self {
        for _ in 0..5 {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let files = identity.write_to(directory.path(), "server");
            let port = free_port();
            let mut command = Command::new(Tool::Openssl.path());
            command
                .args([
                    "s_server",
                    "-accept",
                    &format!("127.0.0.1:{port}"),
                    "-www",
                    "-naccept",
                    "1000",
                ])
                .arg("-cert")
                .arg(&files.cert)
                .arg("-key")
                .arg(&files.key)
                .args(["-cert_chain"])
                .arg(&files.cert)
                .args(arguments);
            let child = Child::spawn(&mut command);
            match child.find_line(|line| match line {
                line if line.starts_with("ACCEPT") => Some(true),
                line if line.contains("ddress already in use") => Some(false),
                _ => None,
            }) {
                Some(true) => {
                    return Self {
                        port,
                        child,
                        _directory: directory,
                    };
                }
                Some(false) => {}
                None => panic!("openssl s_server did not start:\n{}", child.output()),
            }
        }
        panic!("openssl s_server found no free port");
    }

    /// Connections are still taken, by the kernel; nothing is answered.
    pub fn pause(&self) {
        self.child.signal(rustix::process::Signal::STOP);
    }

    pub fn resume(&self) {
        self.child.signal(rustix::process::Signal::CONT);
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}
