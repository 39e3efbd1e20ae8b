//! Who has signed a certificate, apart from whether it should be believed.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Whether the key of `issuer` has signed `certificate` (both DER), and the names agree. Dates, usages and lengths
/// are not looked at, so that this proves where a certificate comes from and nothing else.
pub fn is_signed_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let (Ok((_, signed)), Ok((_, signer))) = (
        X509Certificate::from_der(certificate),
        X509Certificate::from_der(issuer),
    ) else {
        return false;
    };
    if signed.issuer().as_raw() != signer.subject().as_raw() {
        return false;
    }
    let issuer = CertificateDer::from(issuer);
    let Ok(issuer) = EndEntityCert::try_from(&issuer) else {
        return false;
    };
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    // Each knows the identifiers of key and signature that it is for.
    algorithms.all.iter().any(|algorithm| {
        let message = signed.tbs_certificate.as_ref();
        issuer
            .verify_signature(*algorithm, message, signed.signature_value.data.as_ref())
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use viaduct_testkit::pki::{Ca, KeyKind, Leaf};

    use super::is_signed_by;

    #[test]
    fn c3_a_signature_is_checked_and_not_the_name_alone() {
        let (ca, namesake) = (Ca::new("Backend CA"), Ca::new("Backend CA"));
        let leaf = ca.issue(Leaf::server("a.test"));
        assert!(is_signed_by(&leaf.der, ca.der()));
        assert!(!is_signed_by(&leaf.der, namesake.der()));
        assert!(!is_signed_by(&leaf.der, Ca::new("Other").der()));
        assert!(!is_signed_by(b"no certificate", ca.der()));
        let own = Leaf::server("a.test").key(KeyKind::Rsa2048).self_signed();
        assert!(is_signed_by(&own.der, &own.der));
    }
}
