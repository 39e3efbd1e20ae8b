//! The client leg, as a client meets it.

use viaduct_snapshot::{EntryPoint, Snapshot};
use viaduct_tls::ClientAuth;
use viaduct_tls::store::Choice;

use super::report::{Certificate, ClientLeg, Fault};
use crate::api::{client_auth, versions};

/// What a ClientHello with this server name gets.
pub(super) fn leg(snapshot: &Snapshot, entry_point: &EntryPoint, name: Option<&str>) -> ClientLeg {
    let (tls, _) = entry_point.tls(name);
    let policy = tls.policy();
    let store = snapshot.certificates();
    let (identity, choice) = match name {
        Some(name) => store.chosen_for(name),
        None => (store.default_identity(), Choice::Default),
    };
    let shown = name.unwrap_or_default();
    let why = match choice {
        Choice::Exact => format!("it has the SAN `{shown}`"),
        Choice::Wildcard => {
            format!("no certificate has the SAN `{shown}`; a wildcard of this one stands for it")
        }
        Choice::CommonName => format!("no SAN is `{shown}`; its common name is"),
        Choice::Default if name.is_none() => {
            "a client that names no host gets the default certificate".to_owned()
        }
        Choice::Default => format!("no certificate is for `{shown}`: the default one answers"),
    };
    ClientLeg {
        server_name: name.map(str::to_owned),
        versions: versions(policy.versions),
        alpn: policy
            .alpn
            .iter()
            .map(|protocol| String::from_utf8_lossy(protocol).into_owned())
            .collect(),
        client_auth: client_auth(&policy.client_auth).to_owned(),
        certificate: Certificate::of(identity.facts()),
        why,
        refused: policy.sni_strict && choice == Choice::Default,
        handshake: None,
    }
}

/// Why a client without a certificate gets no further; `None`: it does.
pub(super) fn demand(entry_point: &EntryPoint, name: Option<&str>) -> Option<&'static str> {
    let (tls, _) = entry_point.tls(name);
    match tls.policy().client_auth {
        ClientAuth::RequireAny | ClientAuth::RequireAndVerify(_) => {
            Some("clients have to show a certificate, and a trace has none")
        }
        ClientAuth::None | ClientAuth::Request | ClientAuth::VerifyIfGiven(_) => None,
    }
}

/// The handshake is refused for want of a certificate.
pub(super) fn strict(name: Option<&str>) -> Fault {
    let name = name.unwrap_or("no name");
    let mut fault = Fault::plain(
        "unrecognized_name",
        format!("no certificate is for `{name}`, and `sniStrict` is on: the handshake is refused"),
    );
    fault.wanted = Some(format!("a certificate with the SAN `{name}`"));
    fault.got = Some("the default certificate only".to_owned());
    fault.fix = Some(format!(
        "name a certificate for `{name}` (`tls.secretName` of the route, or `tls.certificates`), or set `sniStrict: false` in its TLS options"
    ));
    fault
}
