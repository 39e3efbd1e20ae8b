//! Client certificates in Go's five modes, by the same path rules as on the backend leg.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::ClientAuth;
use crate::certificate::CertificateFacts;
use crate::trust::TrustBundle;
use crate::verify::chain::{self, Purpose, Window, seconds};
use crate::verify::signature;

#[derive(Debug)]
pub(super) struct ClientVerifier {
    mandatory: bool,
    /// `None`: the chain is not verified, only possession of the key.
    trust: Option<Arc<TrustBundle>>,
    /// Names of the trusted CAs, so that a client with several certificates can choose.
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    /// `None` where no certificate is asked for.
    pub(super) fn new(auth: &ClientAuth, algorithms: WebPkiSupportedAlgorithms) -> Option<Self> {
        let (mandatory, trust) = match auth {
            ClientAuth::None => return None,
            ClientAuth::Request => (false, None),
            ClientAuth::RequireAny => (true, None),
            ClientAuth::VerifyIfGiven(trust) => (false, Some(Arc::clone(&trust.0))),
            ClientAuth::RequireAndVerify(trust) => (true, Some(Arc::clone(&trust.0))),
        };
        let hints = trust.as_deref().map(hints).unwrap_or_default();
        Some(Self {
            mandatory,
            trust,
            hints,
            algorithms,
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if let Some(trust) = &self.trust {
            chain::verify(
                trust.anchors(),
                end_entity,
                intermediates,
                now,
                Purpose::Client,
                self.algorithms.all,
            )
            .map_err(refusal)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signature::tls12(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signature::tls13(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a leaf that was verified once is still in date.
pub(super) fn check_dates(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let facts = CertificateFacts::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    if Window::of(&facts).contains(now) {
        return Ok(());
    }
    let not_after = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds(facts.not_after)));
    Err(CertificateError::ExpiredContext { time: now, not_after }.into())
}

/// Names of the CAs, unless they are so many that the CertificateRequest would grow beyond reason; without
/// names a client sends what it has.
fn hints(trust: &TrustBundle) -> Vec<DistinguishedName> {
    let subjects = || {
        trust
            .anchors()
            .roots()
            .iter()
            .map(|root| &root.extensions.subject_der)
    };
    if subjects().map(Vec::len).sum::<usize>() > MAX_HINTS {
        return Vec::new();
    }
    subjects()
        .map(|subject| DistinguishedName::from(subject.clone()))
        .collect()
}

/// In rustls's words, so that it sends the alert that fits.
fn refusal(error: webpki::Error) -> rustls::Error {
    use webpki::Error;
    #[expect(clippy::wildcard_enum_match_arm, reason = "webpki's enum is open")]
    let error = match error {
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => CertificateError::UnknownIssuer,
        Error::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => CertificateError::InvalidPurpose,
        Error::CertRevoked => CertificateError::Revoked,
        Error::BadDer | Error::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    error.into()
}

/// In bytes of names.
const MAX_HINTS: usize = 16 << 10;
