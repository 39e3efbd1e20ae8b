//! OCSP (RFC 6960): what to ask an authority about a certificate of ours, and which of its answers may be
//! stapled to handshakes.
//!
//! ```text
//!  Identity --> Question --request--> (somebody sends it) --response--> Question::read --> Staple
//! ```
//! Nothing here opens a socket or looks at a clock. The ASN.1 is read by `x509-ocsp` and `der`, signatures are
//! verified by webpki.

mod answer;
mod signer;
mod staple;

use std::time::SystemTime;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use der::asn1::{AnyRef, OctetString};
use der::{Decode, Encode, Tag};
use rustls_pki_types::CertificateDer;
use x509_ocsp::{CertId, OcspRequest, Request, TbsRequest};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_OCSP, OID_PKIX_AUTHORITY_INFO_ACCESS};
use x509_parser::prelude::FromDer;

use crate::certificate::{Fingerprint, Identity};
pub use answer::AnswerError;
pub use staple::{Staple, Staples, Stapling, Status};

/// One certificate's question, which can be asked again and again: it has no nonce, so that responders may
/// answer from a store (RFC 5019).
#[derive(Debug, Clone)]
pub struct Question {
    certificate: Fingerprint,
    id: CertId,
    issuer: CertificateDer<'static>,
    responders: Vec<String>,
    request: Vec<u8>,
}

/// Why nobody can be asked about a certificate. Closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    #[error("the certificate names no OCSP responder")]
    NoResponder,
    #[error("the certificate's issuer is not in its chain")]
    NoIssuer,
    /// Its issuer, serial number or access descriptions cannot be put into a request.
    #[error("no OCSP request can be made for the certificate")]
    Unreadable,
}

impl Question {
    /// The most responders of one certificate that are asked.
    pub const MAX_RESPONDERS: usize = 4;

    /// The issuer is the certificate of the chain whose subject is the leaf's issuer.
    pub fn of(identity: &Identity) -> Result<Self, Unasked> {
        let leaf = identity.chain().first().ok_or(Unasked::Unreadable)?;
        let leaf = parse(leaf)?;
        let responders = responders(&leaf)?;
        let issued_by = |other: &&CertificateDer<'_>| {
            parse(other).is_ok_and(|other| other.subject().as_raw() == leaf.issuer().as_raw())
        };
        let issuer = identity.chain().iter().skip(1).find(issued_by);
        let issuer = issuer.ok_or(Unasked::NoIssuer)?.clone().into_owned();
        let id = certificate_id(&leaf, &parse(&issuer)?).map_err(|_| Unasked::Unreadable)?;
        Ok(Self {
            certificate: identity.facts().fingerprint,
            request: request(&id).map_err(|_| Unasked::Unreadable)?,
            id,
            issuer,
            responders,
        })
    }

    /// The certificate that the question is about.
    pub fn certificate(&self) -> Fingerprint {
        self.certificate
    }

    /// The URLs that the certificate names, in its order; at least one and at most [`Self::MAX_RESPONDERS`].
    pub fn responders(&self) -> &[String] {
        &self.responders
    }

    /// The OCSPRequest, DER: the body of a POST of `application/ocsp-request` (RFC 6960 A.1).
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// What a responder answered, if it may be stapled at `now`: successful, about this certificate, in date,
    /// and signed by the issuer or by somebody whom it allows to (RFC 6960 3.2).
    pub fn read(&self, response: &[u8], now: SystemTime) -> Result<Staple, AnswerError> {
        answer::read(self, response, now)
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Unasked> {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| certificate)
        .map_err(|_| Unasked::Unreadable)
}

/// The URLs for OCSP among the leaf's authority information (RFC 5280 4.2.2.1).
fn responders(leaf: &X509Certificate<'_>) -> Result<Vec<String>, Unasked> {
    let extension = leaf
        .get_extension_unique(&OID_PKIX_AUTHORITY_INFO_ACCESS)
        .map_err(|_| Unasked::Unreadable)?
        .ok_or(Unasked::NoResponder)?;
    let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
        return Err(Unasked::Unreadable);
    };
    let urls = access
        .accessdescs
        .iter()
        .filter(|description| description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP)
        .filter_map(|description| match description.access_location {
            GeneralName::URI(url) => Some(url.to_owned()),
            _ => None,
        });
    let urls: Vec<_> = urls.take(Question::MAX_RESPONDERS).collect();
    if urls.is_empty() {
        Err(Unasked::NoResponder)
    } else {
        Ok(urls)
    }
}

/// Hashed with SHA-1, as everybody does: responders need know no other (RFC 5019 2.1.1). Nothing rests on the
/// hash; it only names the issuer.
fn certificate_id(leaf: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> der::Result<CertId> {
    let sha1 = |bytes: &[u8]| OctetString::new(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    Ok(CertId {
        hash_algorithm: Decode::from_der(SHA1)?,
        issuer_name_hash: sha1(leaf.issuer().as_raw())?,
        issuer_key_hash: sha1(&issuer.public_key().subject_public_key.data)?,
        serial_number: Decode::from_der(&AnyRef::new(Tag::Integer, leaf.raw_serial())?.to_der()?)?,
    })
}

fn request(id: &CertId) -> der::Result<Vec<u8>> {
    let request = Request {
        req_cert: id.clone(),
        single_request_extensions: None,
    };
    let tbs_request = TbsRequest {
        request_list: vec![request],
        ..TbsRequest::default()
    };
    OcspRequest {
        tbs_request,
        optional_signature: None,
    }
    .to_der()
}

/// AlgorithmIdentifier of SHA-1, with the NULL that everybody sends.
const SHA1: &[u8] = &[0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];

#[cfg(test)]
mod tests;
