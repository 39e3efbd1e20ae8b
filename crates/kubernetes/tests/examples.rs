//! The manifests of `examples/end-to-end-tls` say what their READMEs claim.

use std::path::{Path, PathBuf};

use viaduct_config::finding::Code;
use viaduct_config::{Severity, Update};
use viaduct_kubernetes::{Directory, DirectoryError, Index, Policy, translate};

/// Stand-ins for what `make-secrets.sh` writes.
const SECRETS: &str = "
{apiVersion: v1, kind: Secret, metadata: {name: web-ingressroute-tls, namespace: web}, stringData: {tls.crt: EDGE, tls.key: K}}
---
{apiVersion: v1, kind: Secret, metadata: {name: backend-tls, namespace: web}, stringData: {tls.crt: BACKEND, tls.key: K}}
---
{apiVersion: v1, kind: Secret, metadata: {name: backend-ca, namespace: web}, stringData: {ca.crt: CA}}
";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/end-to-end-tls")
        .join(name)
}

fn update(name: &str, more: &str) -> Result<Update, DirectoryError> {
    let mut index = Index::new(|_| Ok(()));
    // Before any file of the example, so that these count where the script has been run, too.
    index.apply("", more);
    Directory::new(example(name)).refresh(&mut index)?;
    Ok(translate(&index, &Policy::directory()))
}

#[test]
fn s4_the_example_as_it_should_be_has_nothing_wrong() {
    let update = update("as-it-should-be", SECRETS).unwrap();
    assert_eq!(update.broken, []);
    let notes: Vec<_> = update
        .notes
        .iter()
        .filter(|note| note.code != Code::DuplicateObject)
        .collect();
    assert!(notes.is_empty(), "{notes:#?}");
    let http = &update.dynamic.http;
    let service = http.services.values().next().unwrap();
    let balancer = service.load_balancer.as_ref().unwrap();
    assert_eq!(balancer.servers[0].url, "https://127.0.0.1:9443");
    let transport = &http.servers_transports[&balancer.servers_transport];
    assert_eq!(transport.server_name, "web.example.com");
    assert_eq!(transport.root_cas.as_deref(), Some(&["CA".to_owned()][..]));
    assert_eq!(&*update.dynamic.tls.certificates[0].pair.cert_file, "EDGE");
}

/// The README's table, line by line.
#[test]
fn s1_the_example_as_published_is_read_and_told_what_is_wrong() {
    let update = update("as-published", SECRETS).unwrap();
    let mut told: Vec<_> = update
        .notes
        .iter()
        .map(|note| (note.severity, note.code, note.field.clone().unwrap_or_default()))
        .collect();
    told.sort();
    let warning = |code, field: &str| (Severity::Warning, code, field.to_owned());
    assert_eq!(
        told,
        [
            warning(Code::MisplacedField, "spec.certificatesSecrets[0]"),
            warning(Code::MisplacedField, "spec.routes[0].secretName"),
            warning(Code::ApiVersion, "apiVersion"),
            warning(Code::ApiVersion, "apiVersion"),
            warning(Code::ApiVersion, "apiVersion"),
            warning(Code::MissingTrust, "spec.rootCAsSecrets[0]"),
        ]
    );
    let broken: Vec<_> = update
        .broken
        .iter()
        .map(|(element, finding)| (element.to_string(), finding.code))
        .collect();
    assert_eq!(
        broken,
        [
            (
                "TLS options `web-backend-tls-opts`".to_owned(),
                Code::MissingTrust
            ),
            // The Service was not printed.
            (
                "service `web-web-ingressroute-0942d541708eb45f2d08`".to_owned(),
                Code::MissingReference
            ),
        ]
    );
}
