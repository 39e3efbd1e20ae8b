//! The backend leg's verifier, on webpki's primitives.
//!
//! It accepts what Go's x509 accepts (A7.18), among it a self-signed server certificate that is itself
//! the trust anchor, by exact match, with validity and name still checked (E59). When it refuses, the
//! typed [`Fault`](crate::Fault), with the presented chain, travels inside rustls's error
//! (`CertificateError::Other`), because rustls drops the chain.
//!
//! Where it is stricter than Go: RSA keys under 2048 bits and SHA-1 signatures are refused, and so is a
//! `CA:TRUE` certificate used by a server unless it is itself in the trust bundle. `tests/handshakes/go`
//! compares the table of accepted and refused certificates with Go.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::backend_leg::{BackendPolicy, Verification};
use crate::certificate::{CertificateFacts, Fingerprint};
use crate::reason::{ExpectedName, Fault, Reason};
use crate::trust::{Anchors, Backend, Trust, system_roots};

pub(crate) mod chain;
mod explain;
mod name;
mod proofs;
pub(crate) mod signature;

use chain::{Purpose, Window};
use explain::Presented;
use proofs::ProofCache;

/// Proof that a peer's chain and name were checked; made only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified(());

/// What verification established, for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub verified: Option<Verified>,
    /// The trust anchor; `None` when verification was skipped.
    pub verified_by: Option<Fingerprint>,
    /// What the proof stands on: from the leaf to the trust anchor. When verification was skipped, all that was
    /// presented.
    pub path: Arc<[Fingerprint]>,
    /// The trust anchor is of a bundle that has been replaced ([`TrustBundle::previous`](crate::TrustBundle)).
    pub by_previous: bool,
    /// What verification would have said where it was skipped; `None` where it was not, or nobody asked.
    pub shadow: Option<Arc<Shadow>>,
    pub peer: Arc<CertificateFacts>,
}

/// What verification would have said. Nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The trust anchor, or why not.
    pub outcome: Result<Fingerprint, Fault>,
    /// The certificate that vouches for itself at the end of what was presented, DER: a candidate for trust that
    /// somebody has to look at. `None`: there was none.
    pub authority: Option<Arc<[u8]>>,
}

/// Verifies servers under one backend policy. Shared by all endpoints of the policy, so that sessions stay
/// bound to it: rustls resumes only under the verifier that saw the full handshake.
#[derive(Debug)]
pub struct BackendVerifier {
    verification: Verification,
    /// Under [`Verification::DangerSkip`]: whom would be trusted.
    shadow: Option<Backend<Trust>>,
    peer_uri: Option<String>,
    algorithms: WebPkiSupportedAlgorithms,
    clock: Arc<dyn TimeProvider>,
    proofs: ProofCache,
}

impl BackendVerifier {
    pub(crate) fn new(
        policy: &BackendPolicy,
        algorithms: WebPkiSupportedAlgorithms,
        clock: Arc<dyn TimeProvider>,
    ) -> Self {
        Self {
            verification: policy.verification.clone(),
            shadow: policy.shadow.clone(),
            peer_uri: policy.peer_uri.clone(),
            algorithms,
            clock,
            proofs: ProofCache::default(),
        }
    }

    /// After a handshake, full or resumed: what it proved. A small bounded cache remembers verified
    /// chains; validity is checked against the clock again each time (a resumed session must not
    /// outlive its certificate, R17).
    pub fn proof(&self, chain: &[CertificateDer<'static>], expected: &ExpectedName) -> Result<Proof, Fault> {
        let Some((leaf, rest)) = chain.split_first() else {
            return Err(Fault::new(Reason::BadCertificate, "a server certificate", "none"));
        };
        // Without a clock nothing is valid yet: closed, and the remedy names the clock.
        let now = self
            .clock
            .current_time()
            .unwrap_or(UnixTime::since_unix_epoch(std::time::Duration::ZERO));
        self.check(leaf, rest, expected, now)
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        expected: &ExpectedName,
        now: UnixTime,
    ) -> Result<Proof, Fault> {
        if let Some(proof) = self.proofs.find(leaf, rest, expected, now) {
            return Ok(proof);
        }
        let presented = Presented::read(leaf, rest)?;
        let (proof, window) = match &self.verification {
            Verification::Full(Backend(trust)) => self.verify_by(trust, &presented, expected, now)?,
            Verification::DangerSkip => self.skip(&presented, expected, now),
        };
        self.check_uri(&presented)?;
        self.proofs.remember(leaf, rest, expected, window, &proof);
        Ok(proof)
    }

    fn verify_by(
        &self,
        trust: &Trust,
        presented: &Presented<'_>,
        expected: &ExpectedName,
        now: UnixTime,
    ) -> Result<(Proof, Window), Fault> {
        let bundle = match trust {
            Trust::Bundle(bundle) => bundle,
            Trust::System => return self.verify(system_roots(), presented, expected, now),
        };
        let refused = match self.verify(bundle.anchors(), presented, expected, now) {
            Ok(proved) => return Ok(proved),
            Err(refused) => refused,
        };
        let previous = bundle.previous().iter();
        let mut proved =
            previous.filter_map(|bundle| self.verify(bundle.anchors(), presented, expected, now).ok());
        // Only the bundle that is configured tells why not: the others are on their way out.
        let (proof, window) = proved.next().ok_or(refused)?;
        let by_previous = true;
        Ok((Proof { by_previous, ..proof }, window))
    }

    /// Nothing is checked; what a check would have said is noted.
    fn skip(&self, presented: &Presented<'_>, expected: &ExpectedName, now: UnixTime) -> (Proof, Window) {
        let mut window = Window::ALWAYS;
        let shadow = self.shadow.as_ref().map(|Backend(trust)| {
            let outcome = self
                .verify_by(trust, presented, expected, now)
                .and_then(|(proof, valid)| {
                    window = valid;
                    self.check_uri(presented)?;
                    proof
                        .verified_by
                        .ok_or_else(|| Fault::new(Reason::BadCertificate, "a trusted certificate", "none"))
                });
            if outcome.is_err() {
                window = Window::shortly_after(now);
            }
            let authority = presented.authority().map(|der| Arc::from(der.as_ref()));
            Arc::new(Shadow { outcome, authority })
        });
        let proof = Proof {
            verified: None,
            verified_by: None,
            path: std::iter::once(presented.leaf)
                .chain(presented.rest)
                .map(|der| Fingerprint::of(der))
                .collect(),
            by_previous: false,
            shadow,
            peer: Arc::new(presented.leaf_facts().clone()),
        };
        (proof, window)
    }

    fn verify(
        &self,
        anchors: &Anchors,
        presented: &Presented<'_>,
        expected: &ExpectedName,
        now: UnixTime,
    ) -> Result<(Proof, Window), Fault> {
        if anchors.is_empty() {
            return Err(Fault::new(
                Reason::CaMissing,
                "the operating system's trusted roots",
                "none: neither `SSL_CERT_FILE`, `SSL_CERT_DIR` nor the usual places hold a certificate",
            ));
        }
        let path = chain::verify(
            anchors,
            presented.leaf,
            presented.rest,
            now,
            Purpose::Server,
            self.algorithms.all,
        )
        .map_err(|error| presented.chain_fault(&error, anchors, expected, now))?;
        let peer = presented.leaf_facts();
        if !name::covers(peer, expected) {
            return Err(presented.name_fault(expected));
        }
        let proof = Proof {
            verified: Some(Verified(())),
            verified_by: Some(path.anchor),
            path: path.certificates.into(),
            by_previous: false,
            shadow: None,
            peer: Arc::new(peer.clone()),
        };
        Ok((proof, path.window))
    }

    /// `peerCertURI`, on top of chain and name; alone when those are skipped.
    fn check_uri(&self, presented: &Presented<'_>) -> Result<(), Fault> {
        match &self.peer_uri {
            Some(wanted) if !presented.leaf_facts().uris.contains(wanted) => Err(presented.uri_fault(wanted)),
            Some(_) | None => Ok(()),
        }
    }
}

impl ServerCertVerifier for BackendVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let expected =
            ExpectedName::try_from(server_name).map_err(|()| rustls::Error::UnsupportedNameType)?;
        match self.check(end_entity, intermediates, &expected, now) {
            Ok(_) => Ok(ServerCertVerified::assertion()),
            Err(fault) => Err(CertificateError::Other(OtherError(Arc::new(fault))).into()),
        }
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
