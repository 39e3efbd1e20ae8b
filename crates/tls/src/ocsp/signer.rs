//! Who may sign an answer (RFC 6960 4.2.2.2): the issuer of the certificate itself, or a responder whose
//! certificate the issuer has signed, for the very purpose of signing such answers.

use der::{Encode, Tag, Tagged};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, anchor_from_trusted_cert, spki_for_anchor};

use super::AnswerError;
use super::answer::Basic;

pub(super) fn verify(
    issuer: &CertificateDer<'_>,
    basic: &Basic<'_>,
    signed: &[u8],
    now: UnixTime,
) -> Result<(), AnswerError> {
    let supported = default_provider().signature_verification_algorithms.all;
    let signature = basic.signature.as_bytes().ok_or(AnswerError::Unreadable)?;
    if basic.signature_algorithm.tag() != Tag::Sequence {
        return Err(AnswerError::Unreadable);
    }
    let named = basic.signature_algorithm.value();
    // An algorithm's name stands for several, one for each kind of key.
    let fitting = || {
        supported
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == named)
    };
    let anchor = anchor_from_trusted_cert(issuer).map_err(AnswerError::BadSigner)?;

    let issuer_key = spki_for_anchor(&anchor);
    let issuer_key = RawPublicKeyEntity::try_from(&issuer_key).map_err(AnswerError::BadSigner)?;
    if fitting().any(|algorithm| issuer_key.verify_signature(*algorithm, signed, signature).is_ok()) {
        return Ok(());
    }
    for certificate in basic.certs.iter().flatten().take(MAX_CERTIFICATES) {
        let certificate = certificate.to_der().map_err(|_| AnswerError::Unreadable)?;
        let certificate = CertificateDer::from(certificate);
        let delegate = EndEntityCert::try_from(&certificate).map_err(AnswerError::BadSigner)?;
        if fitting().any(|algorithm| delegate.verify_signature(*algorithm, signed, signature).is_ok()) {
            return vouched_for(&delegate, &anchor, supported, now);
        }
    }
    Err(AnswerError::NotSigned)
}

/// Signed by the issuer itself, in date, and with the extended key usage OCSPSigning.
fn vouched_for(
    delegate: &EndEntityCert<'_>,
    issuer: &rustls_pki_types::TrustAnchor<'_>,
    supported: &[&dyn SignatureVerificationAlgorithm],
    now: UnixTime,
) -> Result<(), AnswerError> {
    let usage = KeyUsage::required(OCSP_SIGNING);
    delegate
        .verify_for_usage(
            supported,
            std::slice::from_ref(issuer),
            &[],
            now,
            usage,
            None,
            None,
        )
        .map(|_| ())
        .map_err(AnswerError::BadSigner)
}

/// So many of the certificates that come with an answer are looked at.
const MAX_CERTIFICATES: usize = 4;

/// id-kp-OCSPSigning, 1.3.6.1.5.5.7.3.9.
const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
