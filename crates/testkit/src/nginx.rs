//! nginx from Debian, as the backend: from the flow's own ConfigMap, or from a configuration of the
//! test's.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::child::Child;
use crate::cluster::backend_ip;
use crate::pki::{Ca, Issued};
use crate::port::free_port;
use crate::tool::Tool;
use crate::wait::wait_until;

/// The `nginx.conf` of the flow's ConfigMap, as published.
pub const FLOW: &str = r"
user nginx;
worker_processes  3;
...
http {
  server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name  _;

    ssl_certificate /etc/nginx/ssl/cert.pem;
    ssl_certificate_key /etc/nginx/ssl/key.pem;

    location / {
      proxy_pass http://localhost:80;
      proxy_http_version 1.1;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-Server $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
";

/// A running nginx; its files live in a directory of its own.
pub struct Nginx {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Nginx {
    /// The flow's sidecar in front of `application`, with `identity` as its certificate.
    #[track_caller]
    pub fn flow(identity: &Issued, application: SocketAddr) -> Self {
        Self::flow_with(identity, application, "")
    }

    /// As [`Nginx::flow`], with further directives in its `server` block.
    #[track_caller]
    pub fn flow_with(identity: &Issued, application: SocketAddr, directives: &str) -> Self {
        let directives = directives.to_owned();
        Self::start(|port, directory| {
            write_pair(directory, identity);
            here(FLOW, port, directory)
                .replace("http://localhost:80", &format!("http://{application}"))
                .replace("server_name  _;", &format!("server_name  _;\n{directives}"))
        })
    }

    /// A TLS server with `identity`; `directives` go into its `server` block, where `{dir}` stands for
    /// the directory of its files. It answers `200 nginx` unless the directives say otherwise.
    #[track_caller]
    pub fn server(identity: &Issued, directives: &str) -> Self {
        Self::server_with_files(identity, &[], directives)
    }

    /// As [`Nginx::server`], with HTTP/2 by ALPN.
    #[track_caller]
    pub fn server_h2(identity: &Issued, directives: &str) -> Self {
        Self::server_on("ssl http2", identity, &[], directives)
    }

    /// As [`Nginx::server`], and wants a PROXY header in front of each connection.
    #[track_caller]
    pub fn server_behind_a_balancer(identity: &Issued, directives: &str) -> Self {
        Self::server_on("ssl proxy_protocol", identity, &[], directives)
    }

    /// As [`Nginx::server`], trusting `ca` for client certificates (`ssl_verify_client` is on).
    #[track_caller]
    pub fn mutual(identity: &Issued, ca: &Ca, directives: &str) -> Self {
        let demand =
            format!("ssl_client_certificate {{dir}}/client-ca.crt; ssl_verify_client on; {directives}");
        Self::server_with_files(identity, &[("client-ca.crt", ca.pem())], &demand)
    }

    fn server_with_files(identity: &Issued, files: &[(&str, &str)], directives: &str) -> Self {
        Self::server_on("ssl", identity, files, directives)
    }

    fn server_on(listen: &str, identity: &Issued, files: &[(&str, &str)], directives: &str) -> Self {
        Self::start(|port, directory| {
            write_pair(directory, identity);
            for (name, text) in files {
                std::fs::write(directory.join(name), text).expect("writing a file for nginx");
            }
            let (dir, ip) = (directory.display(), backend_ip());
            let answer = match directives.contains("location") {
                true => "",
                false => "location / { default_type text/plain; return 200 nginx; }",
            };
            let server = format!(
                "listen {ip}:{port} {listen}; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; {} {answer}",
                directives.replace("{dir}", &dir.to_string()),
            );
            around(directory, &format!("server {{ {server} }}"))
        })
    }

    /// A plain server; `directives` are its `server` block, where `{port}` stands for its port and `{dir}` for the
    /// directory of its files.
    #[track_caller]
    pub fn plain(directives: &str) -> Self {
        Self::start(|port, directory| {
            let server = directives
                .replace("{port}", &format!("{}:{port}", backend_ip()))
                .replace("{dir}", &directory.display().to_string());
            around(directory, &format!("server {{ {server} }}"))
        })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are: `{dir}` of its directives.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Puts another certificate in place and makes nginx take it, without losing a connection. When
    /// this returns, every new connection gets it.
    #[track_caller]
    pub fn rotate(&self, identity: &Issued) {
        write_pair(self.directory.path(), identity);
        let count = |event: &str| self.child.output().matches(event).count();
        let gone = count(QUITTING);
        let started = count(STARTED);
        self.child.signal(rustix::process::Signal::HUP);
        wait_until("nginx's old workers to stop accepting", || {
            count(QUITTING) - gone == started - gone
        });
    }

    fn start(configure: impl Fn(u16, &Path) -> String) -> Self {
        for _ in 0..ATTEMPTS {
            let port = free_port();
            let directory = tempfile::tempdir().expect("a temporary directory");
            open_to_workers(directory.path());
            let path = directory.path().join("nginx.conf");
            std::fs::write(&path, configure(port, directory.path())).expect("writing nginx.conf");
            let child = Child::spawn(
                Command::new(Tool::Nginx.path())
                    .arg("-p")
                    .arg(directory.path())
                    .arg("-c")
                    .arg(path)
                    .args(["-e", "stderr"]),
            );
            let ready = child.find_line(|line| {
                if line.contains(STARTED) {
                    return Some(true);
                }
                line.contains("Address already in use").then_some(false)
            });
            match ready {
                Some(true) => {
                    return Self {
                        child,
                        port,
                        directory,
                    };
                }
                Some(false) => {}
                None => panic!("nginx did not start:\n{}", child.output()),
            }
        }
        panic!("nginx found no free port in {ATTEMPTS} attempts");
    }
}

/// The article's configuration, with its ellipsis filled in and its paths and ports on this machine.
fn here(conf: &str, port: u16, directory: &Path) -> String {
    let dir = directory.display();
    conf.replace("user nginx;", "")
        .replace("worker_processes  3;", "worker_processes  2;")
        .replace("...", &preamble(directory))
        .replace("http {", &format!("http {{ {}", scratch(directory)))
        .replace("listen 443 ssl;", &format!("listen {}:{port} ssl;", backend_ip()))
        .replace("listen [::]:443 ssl;", "")
        .replace("/etc/nginx/ssl", &dir.to_string())
}

fn around(directory: &Path, http: &str) -> String {
    format!(
        "worker_processes 1;\n{}\nhttp {{ {} {http} }}\n",
        preamble(directory),
        scratch(directory)
    )
}

fn preamble(directory: &Path) -> String {
    let dir = directory.display();
    format!("daemon off; pid {dir}/nginx.pid; error_log stderr notice; events {{ worker_connections 4096; }}")
}

fn scratch(directory: &Path) -> String {
    let dir = directory.display();
    format!(
        "access_log {dir}/access.log; client_max_body_size 0; client_body_temp_path {dir}/body; \
         proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; \
         scgi_temp_path {dir}/scgi;"
    )
}

fn write_pair(directory: &Path, identity: &Issued) {
    std::fs::write(directory.join("cert.pem"), &identity.chain_pem).expect("writing cert.pem");
    std::fs::write(directory.join("key.pem"), &identity.key_pem).expect("writing key.pem");
}

/// Started by root, its workers are another user.
fn open_to_workers(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).expect("opening a directory");
}

const ATTEMPTS: usize = 5;
/// Notices of its log, one per worker.
const STARTED: &str = "start worker process ";
const QUITTING: &str = "gracefully shutting down";
