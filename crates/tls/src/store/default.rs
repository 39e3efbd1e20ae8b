//! The certificate for names that no other certificate covers.

use std::time::SystemTime;

use jiff::ToSpan as _;
use jiff::civil::Date;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose};

use crate::certificate::{Fingerprint, Identity};

/// P-256, valid for a year, under a host name of its own, so that a browser that is told to trust it trusts
/// nothing else.
pub(super) fn generate() -> Identity {
    let key = KeyPair::generate().expect("the operating system gives random bytes");
    let unique = Fingerprint::of(key.public_key_raw()).to_string();
    let mut params =
        CertificateParams::new([format!("{}.viaduct.default", unique.get(..32).unwrap_or(&unique))])
            .expect("hexadecimal digits make a DNS name");
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "VIADUCT DEFAULT CERT");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    params.not_before = midnight(today.saturating_sub(1.day())).into();
    params.not_after = midnight(today.saturating_add(365.days())).into();
    let certificate = params.self_signed(&key).expect("a fresh P-256 key signs");
    Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .expect("what was just generated can be read")
}

fn midnight(date: Date) -> SystemTime {
    date.to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(SystemTime::UNIX_EPOCH, |zoned| zoned.timestamp().into())
}
