//! What servers say about TLS in an HTTP answer: nginx ends a handshake without the client certificate that it demands,
//! and it and Go's server understand plain HTTP where they expect TLS. They complain with status 400 and words of their
//! own, and no alert.

use http::StatusCode;
use viaduct_tls::Fault;
use viaduct_tls::reason::{fault_of_missing_certificate, fault_of_refused_certificate};

use super::fault;
use super::link::Link;

/// Whether an answer with this status may be a complaint, so that its body is worth a look.
pub(crate) fn may_complain(status: StatusCode) -> bool {
    status == StatusCode::BAD_REQUEST
}

/// The fault behind an answer that [may complain](may_complain), by the first bytes of its body. Whether the connection
/// can have met such a complaint is looked at too, so that a page that is passed on by another server is none.
pub(crate) fn fault(body: &[u8], link: &Link) -> Option<Fault> {
    let (_, complaint, words) = COMPLAINTS
        .iter()
        .find(|(beginning, ..)| body.starts_with(beginning))?;
    let got = format!("the answer 400, `{words}`");
    match complaint {
        Complaint::PlainText => link.is_plain().then(|| fault::tls_on_plain_port(&got)),
        Complaint::NoCertificate => {
            let auth = link.client_auth()?;
            (!auth.certificate_sent).then(|| fault_of_missing_certificate(&got, auth))
        }
        Complaint::BadCertificate => link
            .client_auth()
            .map(|auth| fault_of_refused_certificate(&got, auth)),
    }
}

#[derive(Debug, Clone, Copy)]
enum Complaint {
    PlainText,
    NoCertificate,
    BadCertificate,
}

/// How the body begins, what it is about, its words.
const COMPLAINTS: [(&[u8], Complaint, &str); 4] = [
    (
        b"<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title>",
        Complaint::PlainText,
        "The plain HTTP request was sent to HTTPS port",
    ),
    (
        b"Client sent an HTTP request to an HTTPS server.",
        Complaint::PlainText,
        "Client sent an HTTP request to an HTTPS server.",
    ),
    (
        b"<html>\r\n<head><title>400 No required SSL certificate was sent</title>",
        Complaint::NoCertificate,
        "No required SSL certificate was sent",
    ),
    (
        b"<html>\r\n<head><title>400 The SSL certificate error</title>",
        Complaint::BadCertificate,
        "The SSL certificate error",
    ),
];
