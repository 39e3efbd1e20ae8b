use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use viaduct_observe::{Output, Sink};
use viaduct_tls::{Identity, TrustBundle};

use super::HOST;
use super::files::Files;
use super::pki::Authority;
use super::recorder::Recorder;

#[test]
fn r24_private_keys_are_for_the_owners_eyes_only() {
    let directory = tempfile::tempdir().unwrap();
    let files = Files::create(directory.path()).unwrap();
    let ca = Authority::new("Demo CA").unwrap();
    let pair = ca.issue(HOST).unwrap();
    std::fs::write(files.sidecar_key(), "left over, readable by all").unwrap();
    files
        .write_certificates(&ca.certificate, &ca.certificate, &pair)
        .unwrap();
    files
        .write_manifests(&pair, &ca.certificate, SocketAddr::from(([127, 0, 0, 1], 1)))
        .unwrap();
    for secret in [files.sidecar_key(), files.manifests().join("4-secrets.yaml")] {
        let mode = std::fs::metadata(&secret).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", secret.display());
    }
}

#[test]
fn s2_the_demos_certificates_are_pairs_of_a_readable_authority() {
    let ca = Authority::new("Demo CA").unwrap();
    let pair = ca.issue(HOST).unwrap();
    let identity = Identity::from_pem(pair.certificate.as_bytes(), pair.key.as_bytes()).unwrap();
    assert_eq!(identity.facts().dns_names, [HOST]);
    assert!(!identity.facts().is_ca);
    let bundle = TrustBundle::from_pem([ca.certificate.as_bytes()]).unwrap();
    assert!(bundle.roots().all(|root| root.is_ca));
}

#[tokio::test]
async fn b37_the_recorder_hears_each_line_of_the_access_log() {
    let mut recorder = Recorder::new();
    let Output::Writer(mut writer) = recorder.output() else {
        panic!("not a writer")
    };
    writer
        .write_all(b"{\"RequestPath\":\"/a\"}\n{\"RequestPath\":\"/b\"}\n")
        .unwrap();
    let patience = Duration::from_secs(10);
    assert_eq!(recorder.next(patience).await.unwrap()["RequestPath"], "/a");
    assert_eq!(recorder.next(patience).await.unwrap()["RequestPath"], "/b");
    assert_eq!(recorder.next(Duration::ZERO).await, None);
    assert!(Sink::open("test-log", recorder.output()).is_ok());
}
