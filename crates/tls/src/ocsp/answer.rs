//! From a responder's bytes to a [`Staple`].

use std::time::{Duration, SystemTime};

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use der::{Decode, Encode, Sequence};
use rustls_pki_types::UnixTime;
use x509_ocsp::{
    CertId, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus, ResponseData, SingleResponse,
};

use super::{Question, Staple, Status, signer};

/// Why an answer is not stapled. Closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("the answer is no OCSP response")]
    Unreadable,
    /// The responder's own word: `tryLater`, `unauthorized`, ...
    #[error("the responder answered `{0}`")]
    Refused(&'static str),
    #[error("the answer is about another certificate")]
    OtherCertificate,
    /// Handed on, it would make clients refuse a certificate that may merely be new.
    #[error("the responder does not know the certificate")]
    Unknown,
    #[error("the answer is not valid yet")]
    NotYetValid,
    #[error("the answer has expired")]
    Expired,
    #[error("the answer is signed neither by the issuer nor by a responder that it vouches for")]
    NotSigned,
    /// A certificate comes with the answer, but the issuer does not vouch for it.
    #[error("the issuer does not vouch for the certificate that signed the answer: {0}")]
    BadSigner(webpki::Error),
}

/// BasicOCSPResponse (RFC 6960 4.2.1) with what is signed, and the certificates, as they came: a signature
/// is over bytes, not over what they mean.
#[derive(Sequence)]
pub(super) struct Basic<'a> {
    tbs_response_data: AnyRef<'a>,
    pub(super) signature_algorithm: AnyRef<'a>,
    pub(super) signature: BitStringRef<'a>,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    pub(super) certs: Option<Vec<AnyRef<'a>>>,
}

pub(super) fn read(question: &Question, response: &[u8], now: SystemTime) -> Result<Staple, AnswerError> {
    let basic = basic_response(response)?;
    let basic = Basic::from_der(&basic).map_err(unreadable)?;
    let signed = basic.tbs_response_data.to_der().map_err(unreadable)?;
    let data = ResponseData::from_der(&signed).map_err(unreadable)?;
    let answer = data
        .responses
        .iter()
        .find(|answer| same(&answer.cert_id, &question.id))
        .ok_or(AnswerError::OtherCertificate)?;
    signer::verify(&question.issuer, &basic, &signed, unix(now))?;
    judge(answer, response, now)
}

/// The inner response, where the responder answered at all.
fn basic_response(response: &[u8]) -> Result<Vec<u8>, AnswerError> {
    let response = OcspResponse::from_der(response).map_err(unreadable)?;
    let refused = match response.response_status {
        OcspResponseStatus::Successful => None,
        OcspResponseStatus::MalformedRequest => Some("malformedRequest"),
        OcspResponseStatus::InternalError => Some("internalError"),
        OcspResponseStatus::TryLater => Some("tryLater"),
        OcspResponseStatus::SigRequired => Some("sigRequired"),
        OcspResponseStatus::Unauthorized => Some("unauthorized"),
    };
    match (refused, response.response_bytes) {
        (Some(word), _) => Err(AnswerError::Refused(word)),
        (None, Some(bytes)) if bytes.response_type == BASIC => Ok(bytes.response.into_bytes()),
        (None, _) => Err(AnswerError::Unreadable),
    }
}

/// Whether both name one certificate. Of the hash algorithm only the name counts: its parameters are NULL
/// with some responders and absent with others.
fn same(a: &CertId, b: &CertId) -> bool {
    a.hash_algorithm.oid == b.hash_algorithm.oid
        && a.issuer_name_hash == b.issuer_name_hash
        && a.issuer_key_hash == b.issuer_key_hash
        && a.serial_number == b.serial_number
}

/// An answer whose signature is good.
fn judge(answer: &SingleResponse, response: &[u8], now: SystemTime) -> Result<Staple, AnswerError> {
    let this_update = system_time(answer.this_update);
    let next_update = answer.next_update.map(system_time);
    if this_update > now + SKEW {
        return Err(AnswerError::NotYetValid);
    }
    if next_update.is_some_and(|end| end <= now || end <= this_update) {
        return Err(AnswerError::Expired);
    }
    let status = match answer.cert_status {
        CertStatus::Good(_) => Status::Good,
        CertStatus::Revoked(_) => Status::Revoked,
        CertStatus::Unknown(_) => return Err(AnswerError::Unknown),
    };
    Ok(Staple {
        response: response.to_vec(),
        status,
        this_update,
        next_update,
    })
}

fn system_time(time: OcspGeneralizedTime) -> SystemTime {
    // ASN.1 years end at 9999, which every platform's clock can hold.
    SystemTime::UNIX_EPOCH
        .checked_add(time.0.to_unix_duration())
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn unix(time: SystemTime) -> UnixTime {
    let distance = time.duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::since_unix_epoch(distance.unwrap_or_default())
}

fn unreadable(_: der::Error) -> AnswerError {
    AnswerError::Unreadable
}

/// id-pkix-ocsp-basic.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// By so much a responder's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(5 * 60);
