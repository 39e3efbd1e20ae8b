//! What the demo writes down: certificates, and the manifests of the flow.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::pki::Pair;
use crate::failure::Failure;

/// The demo's directory.
pub(super) struct Files {
    pub(super) root: PathBuf,
    /// Held as long as this demo runs.
    _lock: File,
}

impl Files {
    /// Takes the directory for this demo alone, and makes what is missing. What is neither empty nor an
    /// earlier demo's is left as it is.
    pub(super) fn create(root: &Path) -> Result<Self, Failure> {
        let shown = root.display();
        let unusable =
            |error: io::Error| Failure::new(format!("cannot use the directory `{shown}`")).because(error);
        let root = std::path::absolute(root).map_err(unusable)?;
        fs::create_dir_all(&root).map_err(unusable)?;
        let marker = root.join(MARKER);
        let is_empty = fs::read_dir(&root).map_err(unusable)?.next().is_none();
        if !is_empty && !marker.is_file() {
            return Err(
                Failure::new(format!("the directory `{shown}` holds files that no demo wrote"))
                    .hint("name an empty directory, or one that does not exist yet, with `--dir`"),
            );
        }
        let lock = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(marker)
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(
                    Failure::new(format!("another demo is running in the directory `{shown}`"))
                        .hint("stop it first, or name another directory with `--dir`"),
                );
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        for directory in [root.join("manifests"), root.join("sidecar")] {
            fs::create_dir_all(directory).map_err(unusable)?;
        }
        Ok(Self { root, _lock: lock })
    }

    pub(super) fn edge_ca(&self) -> PathBuf {
        self.root.join("edge-ca.pem")
    }

    pub(super) fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    pub(super) fn sidecar_cert(&self) -> PathBuf {
        self.root.join("sidecar/cert.pem")
    }

    pub(super) fn sidecar_key(&self) -> PathBuf {
        self.root.join("sidecar/key.pem")
    }

    pub(super) fn write_certificates(
        &self,
        edge_ca: &str,
        backend_ca: &str,
        sidecar: &Pair,
    ) -> io::Result<()> {
        fs::write(self.edge_ca(), edge_ca)?;
        fs::write(self.root.join("backend-ca.pem"), backend_ca)?;
        fs::write(self.sidecar_cert(), &sidecar.certificate)?;
        private(&self.sidecar_key(), &sidecar.key)
    }

    /// The flow's objects: routing, trust in the backend, the Service and its one endpoint.
    pub(super) fn write_manifests(
        &self,
        edge: &Pair,
        backend_ca: &str,
        sidecar: SocketAddr,
    ) -> io::Result<()> {
        let directory = self.manifests();
        fs::write(directory.join("1-ingress-route.yaml"), INGRESS_ROUTE)?;
        fs::write(directory.join("2-servers-transport.yaml"), SERVERS_TRANSPORT)?;
        fs::write(directory.join("3-backend-service.yaml"), service(sidecar))?;
        private(
            &directory.join("4-secrets.yaml"),
            &format!(
                "{}---\n{}",
                secret(
                    "web-ingressroute-tls",
                    "kubernetes.io/tls",
                    &[("tls.crt", &edge.certificate), ("tls.key", &edge.key)]
                ),
                secret("backend-ca", "Opaque", &[("ca.crt", backend_ca)]),
            ),
        )
    }
}

/// Says that a demo wrote what is in the directory.
const MARKER: &str = ".viaduct-demo";

/// A file for the owner's eyes only.
fn private(path: &Path, text: &str) -> io::Result<()> {
    // An older file would keep its mode.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

fn secret(name: &str, kind: &str, data: &[(&str, &str)]) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: web\ntype: {kind}\nstringData:\n"
    );
    for (key, pem) in data {
        text.push_str(&format!("  {key}: |\n"));
        for line in pem.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

fn service(sidecar: SocketAddr) -> String {
    let (ip, port) = (sidecar.ip(), sidecar.port());
    format!(
        "apiVersion: v1
kind: Service
metadata:
  name: backend-svc
  namespace: web
spec:
  clusterIP: 10.0.0.1
  ports:
  - name: https
    port: 443
    targetPort: {port}
---
# In a cluster the control plane writes this: the pods behind the Service. Here it is the sidecar.
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: backend-svc-1
  namespace: web
  labels:
    kubernetes.io/service-name: backend-svc
addressType: IPv4
ports:
- name: https
  port: {port}
  protocol: TCP
endpoints:
- addresses: [\"{ip}\"]
  conditions:
    ready: true
"
    )
}

const INGRESS_ROUTE: &str = "# The client leg: the edge certificate, and where the requests go.
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  name: web-ingressroute
  namespace: web
spec:
  entryPoints:
  - websecure
  routes:
  - kind: Rule
    match: Host(`web.example.com`)
    services:
    - name: backend-svc
      namespace: web
      port: 443
      scheme: https
      passHostHeader: true
      serversTransport: web-transport
  tls:
    secretName: web-ingressroute-tls
";

const SERVERS_TRANSPORT: &str = "# The backend leg: which authority to trust, and which name to expect.
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata:
  name: web-transport
  namespace: web
spec:
  serverName: web.example.com
  rootCAs:
  - secret: backend-ca
";
