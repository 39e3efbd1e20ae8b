//! What inventories show of a certificate beyond [`CertificateFacts`](super::CertificateFacts). Read when it is
//! asked for, not when a certificate is loaded.

use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::oid::Oid;
use x509_parser::oid_registry::{
    OID_PKCS1_RSASSAPSS, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA,
    OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::Fingerprint;

/// Texts are empty where the certificate says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateDetails {
    /// First organisation and country of the subject.
    pub organization: String,
    pub country: String,
    pub issuer_common_name: String,
    pub issuer_organization: String,
    pub issuer_country: String,
    /// 1 to 3.
    pub version: u32,
    /// Go's name of the kind of key: `RSA`, `ECDSA`, `Ed25519`.
    pub key_type: &'static str,
    /// Bits; 0 where the kind is unknown.
    pub key_size: usize,
    /// Go's name, `SHA256-RSA`; dotted numbers where it has none.
    pub signature_algorithm: String,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub public_key_fingerprint: Fingerprint,
    /// Its extended key usage allows it to be a server's; without one everything is allowed.
    pub server_auth: bool,
}

impl CertificateDetails {
    /// `None`: it is not an X.509 certificate.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (key_type, key_size) = key(&certificate);
        let (subject, issuer) = (certificate.subject(), certificate.issuer());
        Some(Self {
            organization: first(subject.iter_organization()),
            country: first(subject.iter_country()),
            issuer_common_name: first(issuer.iter_common_name()),
            issuer_organization: first(issuer.iter_organization()),
            issuer_country: country(issuer),
            version: certificate.version().0.saturating_add(1),
            key_type,
            key_size,
            signature_algorithm: signature_algorithm(certificate.signature_algorithm.oid()),
            public_key_fingerprint: Fingerprint::of(certificate.public_key().raw),
            server_auth: certificate
                .extended_key_usage()
                .is_ok_and(|usage| usage.is_none_or(|usage| usage.value.any || usage.value.server_auth)),
        })
    }
}

fn country(name: &X509Name<'_>) -> String {
    first(name.iter_country())
}

fn first<'a>(mut values: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> String {
    let value = values.next().and_then(|value| value.as_str().ok());
    value.unwrap_or_default().to_owned()
}

fn key(certificate: &X509Certificate<'_>) -> (&'static str, usize) {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => ("RSA", key.key_size()),
        Ok(PublicKey::EC(point)) => ("ECDSA", point.key_size()),
        Ok(PublicKey::Unknown(bits)) if bits.len() == 32 => ("Ed25519", 256),
        _ => ("unknown", 0),
    }
}

fn signature_algorithm(oid: &Oid<'_>) -> String {
    let known = [
        (OID_PKCS1_SHA256WITHRSA, "SHA256-RSA"),
        (OID_PKCS1_SHA384WITHRSA, "SHA384-RSA"),
        (OID_PKCS1_SHA512WITHRSA, "SHA512-RSA"),
        (OID_PKCS1_RSASSAPSS, "RSASSA-PSS"),
        (OID_SIG_ECDSA_WITH_SHA256, "ECDSA-SHA256"),
        (OID_SIG_ECDSA_WITH_SHA384, "ECDSA-SHA384"),
        (OID_SIG_ECDSA_WITH_SHA512, "ECDSA-SHA512"),
        (OID_SIG_ED25519, "Ed25519"),
    ];
    let name = known.iter().find(|(known, _)| known == oid);
    name.map_or_else(|| oid.to_id_string(), |(_, name)| (*name).to_owned())
}
