//! The demo's words. Every fact of a leg is what that leg's own handshake established: the client leg's
//! as the client saw it, the backend leg's as the ingress recorded it.

use std::fmt::{Display, Write as _};

use serde_json::Value;
use viaduct_tls::TrustBundle;

use super::client::Answer;
use super::pki::Authority;
use super::{HOST, Stage};

pub(super) fn opening(stage: &Stage) -> String {
    let mut page = Page::default();
    page.line("Viaduct demo: end-to-end TLS on this machine");
    page.line("");
    page.line("  client == TLS ==> ingress == verified TLS ==> sidecar --> application");
    page.line("");
    page.fact("ingress", format_args!("https://{}", stage.ingress_address));
    page.fact("sidecar", format_args!("https://{}", stage.sidecar_address));
    page.fact("application", format_args!("http://{}", stage.app_address));
    page.fact("files", stage.files.root.display());
    page.text
}

pub(super) fn request(stage: &Stage, answer: &Answer, record: Option<&Value>) -> String {
    let mut page = Page::default();
    page.line("");
    page.line(format_args!(
        "GET https://{HOST}/ -> {} in {:.1?}",
        answer.status, answer.took
    ));
    if !answer.status.is_success() {
        page.line(answer.body.trim_end());
    }
    client_leg(&mut page, stage, answer);
    match record {
        Some(record) => backend_leg(&mut page, stage, record),
        None => page.line("\nThe ingress recorded no request."),
    }
    page.text
}

pub(super) fn closing(stage: &Stage, once: bool) -> String {
    let (port, ca) = (stage.ingress_address.port(), stage.files.edge_ca());
    let mut page = Page::default();
    page.line(if once {
        "\nThe same with curl, while a demo without --once runs:"
    } else {
        "\nTry it yourself:"
    });
    page.line(format_args!(
        "  curl --cacert {} --resolve {HOST}:{port}:127.0.0.1 https://{HOST}:{port}/",
        ca.display()
    ));
    if !once {
        page.line("\nCtrl-C ends it.");
    }
    page.text
}

fn client_leg(page: &mut Page, stage: &Stage, answer: &Answer) {
    let handshake = &answer.handshake;
    page.line("\nClient leg (client to ingress)");
    page.fact("version", format_args!("TLS {}", handshake.version));
    page.fact("cipher", handshake.cipher);
    page.fact("key exchange", handshake.group.unwrap_or("none"));
    page.fact("SNI", handshake.server_name.as_deref().unwrap_or("none"));
    let peer = &handshake.proof.peer;
    page.fact(
        "certificate",
        format_args!("{} (SHA-256 {})", peer.dns_names.join(", "), peer.fingerprint),
    );
    let verified_by = handshake
        .proof
        .verified_by
        .map(|fingerprint| fingerprint.to_string());
    page.fact("verified by", authority(stage, verified_by.as_deref()));
    page.fact("resumed", yes_no(handshake.resumed));
}

fn backend_leg(page: &mut Page, stage: &Stage, record: &Value) {
    let text = |field: &str| record.get(field).and_then(Value::as_str);
    let truth = |field: &str| yes_no(record.get(field).and_then(Value::as_bool).unwrap_or(false));
    page.line("\nBackend leg (ingress to sidecar)");
    if let (Some(code), detail) = (text("Fault"), text("FaultDetail")) {
        page.fact("fault", format_args!("{code}: {}", detail.unwrap_or("")));
    }
    let Some(version) = text("BackendTLSVersion") else {
        page.fact("version", "none: the bridge was not built");
        return;
    };
    page.fact("version", format_args!("TLS {version}"));
    page.fact("cipher", text("BackendTLSCipher").unwrap_or("none"));
    page.fact("key exchange", text("BackendTLSGroup").unwrap_or("none"));
    page.fact("SNI", text("BackendTLSServerName").unwrap_or("none"));
    page.fact(
        "certificate",
        format_args!(
            "{} (SHA-256 {})",
            text("BackendTLSPeerSANs").unwrap_or("no names"),
            text("BackendTLSPeerFingerprint").unwrap_or("unknown")
        ),
    );
    page.fact("verified by", authority(stage, text("BackendTLSVerifiedBy")));
    page.fact("resumed", truth("BackendTLSResumed"));
}

/// Which of the two authorities has this fingerprint.
fn authority(stage: &Stage, fingerprint: Option<&str>) -> String {
    let Some(fingerprint) = fingerprint else {
        return "nobody: NOT VERIFIED".to_owned();
    };
    let known = [&stage.edge_ca, &stage.backend_ca]
        .into_iter()
        .find(|known| has_fingerprint(known, fingerprint));
    match known {
        Some(known) => format!("{} (SHA-256 {fingerprint})", known.name),
        None => format!("SHA-256 {fingerprint}"),
    }
}

fn has_fingerprint(authority: &Authority, fingerprint: &str) -> bool {
    TrustBundle::from_pem([authority.certificate.as_bytes()]).is_ok_and(|bundle| {
        bundle
            .roots()
            .any(|root| root.fingerprint.to_string() == fingerprint)
    })
}

fn yes_no(truth: bool) -> &'static str {
    if truth { "yes" } else { "no" }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    // Writing to a `String` does not fail.
    fn line(&mut self, line: impl Display) {
        writeln!(self.text, "{line}").unwrap_or_default();
    }

    fn fact(&mut self, name: &str, value: impl Display) {
        writeln!(self.text, "  {name:<13} {value}").unwrap_or_default();
    }
}
