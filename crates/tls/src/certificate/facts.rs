//! From DER to what we need to know. The parser is x509-parser; this file only asks it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, X509Name, X509Version};

use super::{CertificateFacts, Fingerprint, UnreadableCertificate};

/// What verification needs beyond the facts people ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// Whether it may sign other certificates: `CA:TRUE` (or a version 1 certificate, which cannot say),
    /// and no key usage that forbids it.
    pub(crate) may_sign: bool,
    pub(crate) path_length: Option<u32>,
    /// Extended key usages by name; `None` when the extension is absent, which allows everything.
    pub(crate) usages: Option<Vec<String>>,
    pub(crate) server_auth: bool,
    pub(crate) client_auth: bool,
    /// An RSA key of fewer than 2048 bits, with which no signature is accepted.
    pub(crate) weak_key: bool,
    /// Clients are to refuse the certificate without a stapled OCSP answer: the TLS feature `status_request`
    /// (RFC 7633).
    pub(crate) must_staple: bool,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) public_key: Vec<u8>,
    /// Distinguished names, DER.
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) subject_der: Vec<u8>,
}

pub(crate) fn read(der: &[u8]) -> Result<(CertificateFacts, Extensions), UnreadableCertificate> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| unreadable("it is not an X.509 certificate"))?;
    if !rest.is_empty() {
        return Err(unreadable("bytes follow the certificate"));
    }
    let names = Names::of(&certificate)?;
    let facts = CertificateFacts {
        fingerprint: Fingerprint::of(der),
        subject: rfc4514(certificate.subject()),
        issuer: rfc4514(certificate.issuer()),
        common_name: common_name(certificate.subject()),
        dns_names: names.dns,
        ip_addresses: names.ip,
        uris: names.uri,
        serial: hex(certificate.raw_serial()),
        not_before: system_time(certificate.validity().not_before.timestamp()),
        not_after: system_time(certificate.validity().not_after.timestamp()),
        is_ca: certificate.is_ca(),
        self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
    };
    Ok((facts, extensions(&certificate)?))
}

fn extensions(certificate: &X509Certificate<'_>) -> Result<Extensions, UnreadableCertificate> {
    let constraints = certificate
        .basic_constraints()
        .map_err(|_| unreadable("its basic constraints are damaged"))?;
    let key_usage = certificate
        .key_usage()
        .map_err(|_| unreadable("its key usage is damaged"))?;
    let usage = certificate
        .extended_key_usage()
        .map_err(|_| unreadable("its extended key usage is damaged"))?;
    let is_ca = match &constraints {
        Some(constraints) => constraints.value.ca,
        None => certificate.version() != X509Version::V3,
    };
    let (server_auth, client_auth) = match &usage {
        Some(usage) => (
            usage.value.any || usage.value.server_auth,
            usage.value.any || usage.value.client_auth,
        ),
        None => (true, true),
    };
    Ok(Extensions {
        may_sign: is_ca && key_usage.is_none_or(|usage| usage.value.key_cert_sign()),
        path_length: constraints.and_then(|constraints| constraints.value.path_len_constraint),
        usages: usage.map(|usage| usage_names(usage.value)),
        server_auth,
        client_auth,
        weak_key: matches!(
            certificate.public_key().parsed(),
            Ok(PublicKey::RSA(key)) if (1..2048).contains(&key.key_size())
        ),
        must_staple: must_staple(certificate),
        public_key: certificate.public_key().raw.to_vec(),
        issuer_der: certificate.issuer().as_raw().to_vec(),
        subject_der: certificate.subject().as_raw().to_vec(),
    })
}

/// A feature list that cannot be read demands nothing: verifiers that know the extension refuse it anyway.
fn must_staple(certificate: &X509Certificate<'_>) -> bool {
    certificate
        .extensions()
        .iter()
        .filter(|extension| extension.oid == OID_TLS_FEATURE)
        .filter_map(|extension| <Vec<u16> as der::Decode>::from_der(extension.value).ok())
        .any(|features| features.contains(&STATUS_REQUEST))
}

fn usage_names(usage: &x509_parser::extensions::ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let known = known
        .into_iter()
        .filter(|(present, _)| *present)
        .map(|(_, name)| name.to_owned());
    known.chain(usage.other.iter().map(ToString::to_string)).collect()
}

#[derive(Default)]
struct Names {
    dns: Vec<String>,
    ip: Vec<IpAddr>,
    uri: Vec<String>,
}

impl Names {
    fn of(certificate: &X509Certificate<'_>) -> Result<Self, UnreadableCertificate> {
        let mut names = Self::default();
        let extension = certificate
            .subject_alternative_name()
            .map_err(|_| unreadable("its subject alternative names are damaged"))?;
        for name in extension
            .iter()
            .flat_map(|extension| &extension.value.general_names)
        {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::URI(uri) => names.uri.push((*uri).to_owned()),
                GeneralName::IPAddress(bytes) => names.ip.push(ip_address(bytes)?),
                GeneralName::OtherName(..)
                | GeneralName::RFC822Name(_)
                | GeneralName::X400Address(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EDIPartyName(_)
                | GeneralName::RegisteredID(_)
                // Cannot match anything; the certificate's other names still can.
                | GeneralName::Invalid(..) => {}
            }
        }
        // A certificate has one or two names, and there may be tens of thousands of certificates.
        names.dns.shrink_to_fit();
        names.ip.shrink_to_fit();
        names.uri.shrink_to_fit();
        Ok(names)
    }
}

fn ip_address(bytes: &[u8]) -> Result<IpAddr, UnreadableCertificate> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(v4.into());
    }
    <[u8; 16]>::try_from(bytes)
        .map(IpAddr::from)
        .map_err(|_| unreadable("an IP address has a wrong length"))
}

fn common_name(subject: &X509Name<'_>) -> Option<String> {
    subject
        .iter_common_name()
        .next()?
        .as_str()
        .ok()
        .map(str::to_owned)
}

/// RFC 4514: most specific first, escaped.
pub(crate) fn rfc4514(name: &X509Name<'_>) -> String {
    let mut relative: Vec<String> = name
        .iter()
        .map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join("+"))
        .collect();
    relative.reverse();
    relative.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type();
    let key = x509_parser::objects::oid2abbrev(oid, x509_parser::objects::oid_registry())
        .map_or_else(|_| oid.to_id_string(), str::to_owned);
    match attribute.as_str() {
        Ok(value) => format!("{key}={}", escape(value)),
        Err(_) => format!("{key}=#{}", hex(attribute.as_slice())),
    }
}

/// Escapes what RFC 4514 says, and control characters, which would otherwise reach logs.
fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (at, letter) in value.chars().enumerate() {
        let special = match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            '#' => at == 0,
            ' ' => at == 0 || at == last,
            _ => false,
        };
        if letter.is_control() {
            let mut utf8 = [0; 4];
            for byte in letter.encode_utf8(&mut utf8).bytes() {
                push(&mut escaped, format_args!("\\{byte:02x}"));
            }
            continue;
        }
        if special {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push(&mut text, format_args!("{byte:02x}"));
    }
    text
}

/// Writing to a `String` cannot fail.
fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).unwrap_or_default();
}

fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    // X.509 years end at 9999, which every platform's clock can hold.
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn unreadable(why: &str) -> UnreadableCertificate {
    UnreadableCertificate(why.to_owned())
}

/// id-pe-tlsfeature, 1.3.6.1.5.5.7.1.24.
const OID_TLS_FEATURE: Oid<'static> = oid!(1.3.6.1.5.5.7.1.24);

/// The TLS extension by which clients ask for a staple (RFC 6066 8).
const STATUS_REQUEST: u16 = 5;
