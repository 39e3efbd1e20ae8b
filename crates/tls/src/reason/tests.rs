use super::*;
use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

fn fault(error: &Error, requested: bool, sent: bool) -> Fault {
    let issuers = ["CN=Backend CA".to_owned()];
    let context = HandshakeContext {
        certificate_requested: requested,
        certificate_sent: sent,
        acceptable_issuers: &issuers,
    };
    fault_of_handshake(error, &ExpectedName::Dns("web.example.com".to_owned()), context)
}

#[test]
fn c1_the_set_of_reasons_is_whole_and_its_codes_differ() {
    assert_eq!(Reason::ALL.len(), Reason::BodyBroken as usize + 1);
    assert!(Reason::ALL.is_sorted());
    let codes: std::collections::HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    assert!(
        codes
            .iter()
            .all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    );
    for code in [
        "unknown_ca",
        "no_ip_san",
        "plaintext_on_tls_port",
        "version_or_cipher",
        "alpn",
    ] {
        assert!(codes.contains(code), "{code} is promised");
    }
}

#[test]
fn c1_alerts_about_client_certificates_depend_on_whether_one_was_sent() {
    use AlertDescription as Alert;
    for alert in [
        Alert::UnknownCA,
        Alert::BadCertificate,
        Alert::CertificateUnknown,
        Alert::CertificateExpired,
    ] {
        assert_eq!(
            fault(&Error::AlertReceived(alert), true, true).reason,
            Reason::ClientCertRefused
        );
        assert_eq!(
            fault(&Error::AlertReceived(alert), true, false).reason,
            Reason::ClientCertMissing
        );
    }
    for alert in [Alert::AccessDenied, Alert::HandshakeFailure] {
        assert_eq!(
            fault(&Error::AlertReceived(alert), true, true).reason,
            Reason::ClientCertRefused
        );
        assert_eq!(
            fault(&Error::AlertReceived(alert), true, false).reason,
            Reason::ClientCertMissing
        );
    }
    assert_eq!(
        fault(&Error::AlertReceived(Alert::AccessDenied), false, false).reason,
        Reason::HandshakeFailed
    );
    assert_eq!(
        fault(&Error::AlertReceived(Alert::HandshakeFailure), false, false).reason,
        Reason::VersionOrCipher
    );
}

#[test]
fn c2_a_missing_client_certificate_names_the_issuers_the_server_accepts() {
    let missing = fault(
        &Error::AlertReceived(AlertDescription::CertificateRequired),
        true,
        false,
    );
    assert_eq!(
        missing.to_string(),
        "client_cert_missing: wanted a client certificate issued by `CN=Backend CA`, \
         got the alert `certificate_required`, as none was sent"
    );
    let issuers = vec!["CN=Backend CA".to_owned()];
    assert_eq!(missing.remedy, Some(Remedy::OfferClientCertificate { issuers }));
}

#[test]
fn c1_every_other_kind_of_error_has_its_reason() {
    for (error, reason) in [
        (
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Reason::PlaintextOnTlsPort,
        ),
        (
            Error::InvalidMessage(InvalidMessage::InvalidKeyUpdate),
            Reason::HandshakeFailed,
        ),
        (
            Error::AlertReceived(AlertDescription::ProtocolVersion),
            Reason::VersionOrCipher,
        ),
        (
            Error::AlertReceived(AlertDescription::UnrecognisedName),
            Reason::UnrecognizedName,
        ),
        (
            Error::AlertReceived(AlertDescription::NoApplicationProtocol),
            Reason::Alpn,
        ),
        (
            Error::AlertReceived(AlertDescription::InternalError),
            Reason::HandshakeFailed,
        ),
        (
            Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig),
            Reason::VersionOrCipher,
        ),
        (Error::NoApplicationProtocol, Reason::Alpn),
        (Error::DecryptError, Reason::HandshakeFailed),
        (
            Error::InvalidCertificate(rustls::CertificateError::BadSignature),
            Reason::BadCertificate,
        ),
    ] {
        assert_eq!(fault(&error, false, false).reason, reason, "{error:?}");
    }
}

#[test]
fn dates_are_rfc_3339() {
    assert_eq!(date(1_700_000_000), "2023-11-14T22:13:20Z");
    assert_eq!(date(u64::MAX), "second 18446744073709551615 of the epoch");
}

#[test]
fn c67_a_peer_cannot_fill_the_log() {
    let fault = Fault::new(Reason::NameMismatch, "w", "x".repeat(100_000)).and_got("y".repeat(100_000));
    assert!(fault.to_string().len() < 3 * MAX_TEXT);
}
