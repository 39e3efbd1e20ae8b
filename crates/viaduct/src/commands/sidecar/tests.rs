use std::path::Path;
use std::sync::Arc;

use viaduct_config::EntryPointName;
use viaduct_snapshot::{Inputs, RouterState, compile};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_tls::{CertificateStore, ClientAuth};

use super::material::Files;
use super::{ENTRY_POINT, check_target, up, update};

fn files(directory: &Path) -> Files {
    Files {
        cert: directory.join("cert.pem"),
        key: directory.join("key.pem"),
        client_ca: None,
    }
}

#[test]
fn c24_a_certificate_without_its_key_is_refused_as_a_pair() {
    let directory = tempfile::tempdir().unwrap();
    let files = files(directory.path());
    let ca = Ca::new("Backend CA");
    let (old, new) = (
        ca.issue(Leaf::server("a.example.com")),
        ca.issue(Leaf::server("b.example.com")),
    );

    assert!(files.read().err().unwrap().to_string().contains("cert.pem"));
    std::fs::write(&files.cert, &old.chain_pem).unwrap();
    std::fs::write(&files.key, &old.key_pem).unwrap();
    let first = files.read().unwrap();
    std::fs::write(&files.cert, &new.chain_pem).unwrap();
    let message = files.read().err().unwrap().to_string();
    assert!(
        message.contains("does not belong to the certificate"),
        "{message}"
    );
    std::fs::write(&files.key, &new.key_pem).unwrap();
    assert!(files.read().unwrap() != first);
}

#[test]
fn c43_a_client_ca_without_a_certificate_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pair = Ca::new("Backend CA").issue(Leaf::server("a.example.com"));
    let files = Files {
        client_ca: Some(directory.path().join("ca.pem")),
        ..files(directory.path())
    };
    std::fs::write(&files.cert, &pair.chain_pem).unwrap();
    std::fs::write(&files.key, &pair.key_pem).unwrap();
    std::fs::write(directory.path().join("ca.pem"), "").unwrap();
    let message = files.read().err().unwrap().to_string();
    assert!(
        message.contains("ca.pem` cannot be used as client CA"),
        "{message}"
    );
}

#[test]
fn c43_a_client_ca_is_demanded_of_every_name() {
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::new("Backend CA");
    let pair = ca.issue(Leaf::server("a.example.com"));
    let files = Files {
        client_ca: Some(directory.path().join("ca.pem")),
        ..files(directory.path())
    };
    std::fs::write(&files.cert, &pair.chain_pem).unwrap();
    std::fs::write(&files.key, &pair.key_pem).unwrap();
    std::fs::write(directory.path().join("ca.pem"), ca.pem()).unwrap();
    let update = update("http://localhost:80", &files.read().unwrap());
    let client_auth = update.dynamic.tls.options["default"]
        .client_auth
        .as_ref()
        .unwrap();
    assert_eq!(client_auth.client_auth_type, "RequireAndVerifyClientCert");
    assert_eq!(client_auth.ca_files, [ca.pem()]);
}

#[test]
fn a6_1_the_application_is_a_url_without_a_query() {
    for good in [
        "http://localhost:80",
        "http://[::1]:8080",
        "h2c://127.0.0.1:1",
        "https://app",
    ] {
        assert!(check_target(good).is_ok(), "{good}");
    }
    for bad in ["localhost:80", "ftp://localhost", "http://", "http://a/?b", ""] {
        assert!(check_target(bad).is_err(), "{bad}");
    }
}

#[test]
fn a13_8_the_sidecars_own_configuration_has_no_findings() {
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::new("Backend CA");
    let pair = ca.issue(Leaf::server("a.example.com"));
    let files = Files {
        client_ca: Some(ca.write_to(directory.path(), "ca.pem")),
        ..files(directory.path())
    };
    std::fs::write(&files.cert, &pair.chain_pem).unwrap();
    std::fs::write(&files.key, &pair.key_pem).unwrap();
    let update = Arc::new(update("http://localhost:80", &files.read().unwrap()));
    let install = up::routing([(ENTRY_POINT, true)]);
    let inputs = Inputs {
        install: &install,
        updates: &[update],
        generated_default: Arc::new(CertificateStore::generate_default()),
        staples: None,
        overlaps: None,
    };
    let (snapshot, findings) = compile(&inputs, None);
    assert_eq!(findings, []);
    let router = &snapshot.routers["application@sidecar"];
    assert!(matches!(router.state, RouterState::Ready(_)));
    let (tls, _) = snapshot.entry_points[&EntryPointName::new(ENTRY_POINT)].tls(Some("a.example.com"));
    assert!(matches!(
        tls.policy().client_auth,
        ClientAuth::RequireAndVerify(_)
    ));
}
