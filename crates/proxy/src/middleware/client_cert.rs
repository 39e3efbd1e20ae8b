//! `passTLSClientCert`: tells the backend about the client's certificate.
//!
//! Both headers are owned (I3): what a client says in their place has been removed before routing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use viaduct_snapshot::middleware::{CertificateInfo, PassTlsClientCert};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_DOMAIN_COMPONENT, OID_X509_COMMON_NAME, OID_X509_COUNTRY_NAME, OID_X509_LOCALITY_NAME,
    OID_X509_ORGANIZATION_NAME, OID_X509_ORGANIZATIONAL_UNIT, OID_X509_SERIALNUMBER,
    OID_X509_STATE_OR_PROVINCE_NAME, Oid,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::headers::{self, X_FORWARDED_TLS_CLIENT_CERT, X_FORWARDED_TLS_CLIENT_CERT_INFO};
use crate::request::Request;
use crate::wire::{Connection, Leg};

/// Sets the headers, if there is a certificate.
pub(super) fn pass(pass: &PassTlsClientCert, connection: &Connection, request: &mut Request) {
    let Leg::Secure { peer, .. } = &connection.leg else {
        return;
    };
    if peer.is_empty() {
        return;
    }
    let headers = &mut request.parts.headers;
    if pass.pem {
        let bodies: Vec<_> = peer
            .iter()
            .map(|certificate| STANDARD.encode(certificate))
            .collect();
        if let Ok(value) = HeaderValue::try_from(bodies.join(",")) {
            headers::claim(headers, X_FORWARDED_TLS_CLIENT_CERT, value);
        }
    }
    if let Some(info) = &pass.info {
        let facts: Vec<_> = peer.iter().map(|certificate| facts(info, certificate)).collect();
        let escaped = query_escaped(&facts.join(","));
        if let Ok(value) = HeaderValue::try_from(escaped) {
            headers::claim(headers, X_FORWARDED_TLS_CLIENT_CERT_INFO, value);
        }
    }
}

/// `Subject="..";Issuer="..";...`, as Traefik writes it.
fn facts(info: &CertificateInfo, certificate: &CertificateDer<'_>) -> String {
    // rustls has accepted it; what it cannot be read as says nothing.
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return String::new();
    };
    let mut facts = Vec::new();
    if let Some(wanted) = &info.subject {
        let wanted = [
            (wanted.domain_component, OID_DOMAIN_COMPONENT, "DC"),
            (wanted.country, OID_X509_COUNTRY_NAME, "C"),
            (wanted.province, OID_X509_STATE_OR_PROVINCE_NAME, "ST"),
            (wanted.locality, OID_X509_LOCALITY_NAME, "L"),
            (wanted.organization, OID_X509_ORGANIZATION_NAME, "O"),
            (wanted.organizational_unit, OID_X509_ORGANIZATIONAL_UNIT, "OU"),
            (wanted.serial_number, OID_X509_SERIALNUMBER, "SN"),
            (wanted.common_name, OID_X509_COMMON_NAME, "CN"),
        ];
        facts.extend(name("Subject", certificate.subject(), &wanted));
    }
    if let Some(wanted) = &info.issuer {
        let wanted = [
            (wanted.domain_component, OID_DOMAIN_COMPONENT, "DC"),
            (wanted.country, OID_X509_COUNTRY_NAME, "C"),
            (wanted.province, OID_X509_STATE_OR_PROVINCE_NAME, "ST"),
            (wanted.locality, OID_X509_LOCALITY_NAME, "L"),
            (wanted.organization, OID_X509_ORGANIZATION_NAME, "O"),
            (wanted.serial_number, OID_X509_SERIALNUMBER, "SN"),
            (wanted.common_name, OID_X509_COMMON_NAME, "CN"),
        ];
        facts.extend(name("Issuer", certificate.issuer(), &wanted));
    }
    if info.serial_number {
        facts.push(format!("SerialNumber=\"{}\"", certificate.tbs_certificate.serial));
    }
    if info.not_before {
        facts.push(format!(
            "NB=\"{}\"",
            certificate.validity().not_before.timestamp()
        ));
    }
    if info.not_after {
        facts.push(format!("NA=\"{}\"", certificate.validity().not_after.timestamp()));
    }
    if info.sans {
        facts.extend(alternative_names(&certificate));
    }
    facts.join(";")
}

fn name(title: &str, name: &X509Name<'_>, wanted: &[(bool, Oid<'_>, &str)]) -> Option<String> {
    let mut parts = Vec::new();
    for (_, oid, short) in wanted.iter().filter(|(wanted, _, _)| *wanted) {
        let values = name
            .iter_by_oid(oid)
            .filter_map(|attribute| attribute.as_str().ok());
        let mut values: Vec<_> = values.filter(|value| !value.is_empty()).collect();
        if matches!(*short, "CN" | "SN") {
            // Of a name that has several, the last, as Go.
            values.drain(..values.len().saturating_sub(1));
        }
        parts.extend(values.into_iter().map(|value| format!("{short}={value}")));
    }
    (!parts.is_empty()).then(|| format!("{title}=\"{}\"", parts.join(",")))
}

/// DNS names, addresses of mail, of machines, URIs: in this order, as Traefik.
fn alternative_names(certificate: &X509Certificate<'_>) -> Option<String> {
    let extension = certificate.subject_alternative_name().ok()??;
    let mut names: Vec<(u8, String)> = extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((0, (*name).to_owned())),
            GeneralName::RFC822Name(name) => Some((1, (*name).to_owned())),
            GeneralName::IPAddress(bytes) => Some((2, address(bytes)?)),
            GeneralName::URI(uri) => Some((3, (*uri).to_owned())),
            _ => None,
        })
        .collect();
    names.sort_by_key(|(kind, _)| *kind);
    let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
    (!names.is_empty()).then(|| format!("SAN=\"{}\"", names.join(",")))
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(v6).to_string())
}

/// As Go's `url.QueryEscape`.
fn query_escaped(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string().replace("%20", "+")
}

const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
