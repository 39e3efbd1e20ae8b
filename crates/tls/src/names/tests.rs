use super::*;

#[test]
fn a14_3_a_minimum_without_a_maximum_is_a_range() {
    let pinned = Versions::from_names("VersionTLS13", "").expect("a valid range");
    assert_eq!(
        pinned,
        Versions {
            min: Version::Tls13,
            max: Version::Tls13
        }
    );
    let both = Versions::from_names("VersionTLS12", "VersionTLS12").expect("a valid range");
    assert_eq!(
        both,
        Versions {
            min: Version::Tls12,
            max: Version::Tls12
        }
    );
    assert_eq!(Versions::from_names("", ""), Ok(Versions::default()));
}

#[test]
fn a8_1_an_old_minimum_is_raised_and_said_while_an_old_maximum_is_refused() {
    let (versions, note) = Versions::from_names_with_note("VersionTLS10", "").expect("raised");
    assert_eq!(versions, Versions::default());
    assert!(matches!(note, Some(NameError::NotOffered(name, _)) if name == "VersionTLS10"));
    assert!(matches!(
        Versions::from_names("", "VersionTLS11"),
        Err(NameError::NotOffered(..))
    ));
    assert_eq!(
        Versions::from_names("VersionTLS13", "VersionTLS12"),
        Err(NameError::EmptyRange(
            "VersionTLS13".to_owned(),
            "VersionTLS12".to_owned()
        ))
    );
    assert_eq!(
        Versions::from_names("TLS12", ""),
        Err(NameError::UnknownVersion("TLS12".to_owned()))
    );
}

#[test]
fn a8_2_every_offered_suite_goes_there_and_back_by_name() {
    for (suite, name) in SUITES {
        assert_eq!(CipherSuite::from_name(name), Ok(CipherSuite(*suite)));
        assert_eq!(cipher_name(*suite), *name);
    }
    let offered: Vec<_> = rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES
        .iter()
        .map(|suite| suite.suite())
        .collect();
    assert_eq!(offered.len(), SUITES.len());
    assert!(SUITES.iter().all(|(suite, _)| offered.contains(suite)));
}

#[test]
fn a14_6_an_unknown_suite_is_an_error_and_an_absent_one_says_what_to_use() {
    assert_eq!(
        CipherSuite::from_name("TLS_NOPE"),
        Err(NameError::UnknownCipherSuite("TLS_NOPE".to_owned()))
    );
    let Err(NameError::NotOffered(_, hint)) = CipherSuite::from_name("TLS_RSA_WITH_AES_128_CBC_SHA") else {
        panic!("an RSA key exchange is not offered");
    };
    assert!(hint.contains("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
}

#[test]
fn a8_3_groups_have_both_spellings() {
    assert_eq!(Group::from_name("CurveP256"), Group::from_name("P256"));
    assert_eq!(
        Group::from_name("X25519MLKEM768"),
        Ok(Group(rustls::NamedGroup::X25519MLKEM768))
    );
    assert_eq!(
        Group::from_name("SecP256r1MLKEM768"),
        Ok(Group(rustls::NamedGroup::secp256r1MLKEM768))
    );
    assert!(matches!(Group::from_name("P521"), Err(NameError::NotOffered(..))));
    assert!(matches!(
        Group::from_name("SecP384r1MLKEM1024"),
        Err(NameError::NotOffered(..))
    ));
    assert!(matches!(
        Group::from_name("p256"),
        Err(NameError::UnknownGroup(_))
    ));
}
