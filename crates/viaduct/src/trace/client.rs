//! The client leg, as a client meets it.

use viaduct_snapshot::{EntryPoint, Snapshot};
use viaduct_tls::store::Choice;

use super::report::{Certificate, ClientLeg};
use crate::api::{client_auth, versions};

/// What a ClientHello with this server name gets. An address is no server name.
pub(super) fn leg(snapshot: &Snapshot, entry_point: &EntryPoint, host: &str) -> ClientLeg {
    let name = (!host.is_empty() && host.parse::<std::net::IpAddr>().is_err()).then_some(host);
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
    }
}
