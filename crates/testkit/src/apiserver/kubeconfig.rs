//! How clients find and trust the server: its TLS configuration and kubeconfig files.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::pki::{Ca, Issued};

/// HTTP/2 and HTTP/1.1; client certificates are asked for, and need not be shown.
pub(crate) fn server_config(ca: &Ca, identity: &Issued) -> Arc<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).expect("a CA");
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .expect("a client verifier");
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("a private key");
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_client_cert_verifier(clients)
        .with_single_cert(identity.chain.clone(), key)
        .expect("a server certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A user of a kubeconfig, by client certificate.
pub(crate) fn with_certificate(identity: &Issued) -> Value {
    json!({
        "client-certificate-data": STANDARD.encode(&identity.chain_pem),
        "client-key-data": STANDARD.encode(&identity.key_pem),
    })
}

/// Writes a kubeconfig of one cluster and one user. JSON is YAML.
pub(crate) fn write(path: &Path, url: &str, authority: Option<&str>, user: &Value, namespace: &str) {
    let mut cluster = json!({ "server": url });
    if let Some(pem) = authority {
        cluster["certificate-authority-data"] = json!(STANDARD.encode(pem));
    }
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{ "name": "test", "cluster": cluster }],
        "users": [{ "name": "test", "user": user }],
        "contexts": [{
            "name": "test",
            "context": { "cluster": "test", "user": "test", "namespace": namespace },
        }],
    });
    std::fs::write(path, format!("{config:#}\n")).expect("writing a kubeconfig");
}
