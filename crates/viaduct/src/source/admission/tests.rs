use viaduct_testkit::pki::{Ca, Leaf};

use super::admit;

fn verdict(data: &[(&str, &str)]) -> Result<(), String> {
    admit(|name| {
        data.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_bytes())
    })
}

#[test]
fn c24_a_pair_is_admitted_only_whole_and_matching() {
    let ca = Ca::new("CA");
    let (one, two) = (ca.issue(Leaf::server("a")), ca.issue(Leaf::server("b")));
    assert_eq!(
        verdict(&[("tls.crt", &one.chain_pem), ("tls.key", &one.key_pem)]),
        Ok(())
    );
    let mixed = verdict(&[("tls.crt", &one.chain_pem), ("tls.key", &two.key_pem)]).unwrap_err();
    assert!(mixed.contains("does not belong"), "{mixed}");
    assert!(verdict(&[("tls.crt", ""), ("tls.key", "")]).is_err());
    assert!(verdict(&[("tls.key", &one.key_pem)]).is_err());
}

#[test]
fn c43_a_ca_is_admitted_only_if_it_can_be_read() {
    let ca = Ca::new("CA");
    for name in ["ca.crt", "tls.ca", "tls.crt"] {
        assert_eq!(verdict(&[(name, ca.pem())]), Ok(()), "{name}");
        assert!(verdict(&[(name, "")]).unwrap_err().contains(name), "{name}");
        assert!(
            verdict(&[(name, "-----BEGIN CERTIFICATE-----\nAA")]).is_err(),
            "{name}"
        );
    }
}

#[test]
fn c61_other_secrets_are_none_of_our_business() {
    assert_eq!(verdict(&[("users", "admin:x")]), Ok(()));
    assert_eq!(verdict(&[]), Ok(()));
}
