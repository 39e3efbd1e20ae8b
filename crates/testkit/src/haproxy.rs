//! HAProxy from Debian, as a load balancer in front: it passes bytes on and says whose they are. Or as a backend that
//! refuses.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::child::Child;
use crate::port::free_port;
use crate::tool::Tool;
use crate::wait::wait_until;

/// A running HAProxy.
pub struct Haproxy {
    _child: Child,
    port: u16,
    _directory: TempDir,
}

impl Haproxy {
    /// Passes connections on to `server`; `options`: of its `server` line, such as `send-proxy-v2`.
    #[track_caller]
    pub fn before(server: SocketAddr, options: &str) -> Self {
        Self::start("tcp", "30s", &format!("server viaduct {server} {options}"))
    }

    /// Answers every request with `status`, and reads no body.
    #[track_caller]
    pub fn deny(status: u16) -> Self {
        Self::start("http", "30s", &format!("http-request deny deny_status {status}"))
    }

    /// Passes connections on to `server`, when `delay` is over.
    #[track_caller]
    pub fn slow(server: SocketAddr, delay: &str) -> Self {
        let lines = format!(
            "tcp-request inspect-delay {delay}\n  tcp-request content accept if WAIT_END\n  server application {server}"
        );
        Self::start("tcp", "30s", &lines)
    }

    /// Passes requests on to `server`, and gives it up, also inside an answer, when nothing comes for `patience`.
    #[track_caller]
    pub fn impatient(server: SocketAddr, patience: &str) -> Self {
        Self::start("http", patience, &format!("server application {server}"))
    }

    #[track_caller]
    fn start(mode: &str, patience: &str, line: &str) -> Self {
        let port = free_port();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("haproxy.cfg");
        let text = format!(
            "global\n  nbthread 1\n\
             defaults\n  mode {mode}\n  timeout connect 5s\n  timeout client 30s\n  timeout server {patience}\n\
             listen front\n  bind 127.0.0.1:{port}\n  {line}\n"
        );
        std::fs::write(&path, text).expect("writing haproxy.cfg");
        let child = Child::spawn(Command::new(Tool::Haproxy.path()).arg("-db").arg("-f").arg(path));
        wait_until("HAProxy to listen", || listens(port));
        Self {
            _child: child,
            port,
            _directory: directory,
        }
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

/// Without a connection, which HAProxy would pass on.
fn listens(port: u16) -> bool {
    let wanted = format!("0100007F:{port:04X} 00000000:0000 0A");
    std::fs::read_to_string("/proc/net/tcp").is_ok_and(|table| table.contains(&wanted))
}
