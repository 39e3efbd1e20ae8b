//! `spec.tls` -> certificates, and what is wrong with their Secrets.
//!
//! As in Traefik, `spec.tls` turns nothing on: it says which certificates there are. A host whose certificate
//! cannot be had is closed, which Traefik serves with the default certificate.

use viaduct_config::Finding;
use viaduct_config::finding::Code;

use super::super::{Context, Draft, material};
use crate::api::Name;
use crate::api::ingress::IngressTls;
use crate::index::{Index, Subject};

/// The entries of `spec.tls` whose Secrets cannot be used.
pub(super) struct Secrets<'a> {
    faults: Vec<(&'a IngressTls, Finding)>,
}

impl<'a> Secrets<'a> {
    pub(super) fn load(
        cx: &Context<'_>,
        index: &Index,
        subject: Subject<'_>,
        entries: &'a [IngressTls],
        draft: &mut Draft,
    ) -> Self {
        let mut faults = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let Some(secret) = &entry.secret_name else {
                continue;
            };
            let name = Name::new(&*subject.name.namespace, secret.as_str());
            let field = format!("spec.tls[{position}].secretName");
            match (material::pair(cx, &name), index.doubt(cx.view, &name)) {
                (Ok(pair), None) => draft.certificate(name, pair, None),
                (Ok(_), Some(doubt)) => {
                    let message = format!("Secret `{name}` cannot be used: {doubt}");
                    let finding = subject.error(Code::InvalidCertificate, &field, message);
                    faults.push((entry, finding));
                }
                (Err(fault), _) => {
                    let finding = fault.finding(cx, subject, &field, Code::InvalidCertificate);
                    faults.push((entry, finding));
                }
            }
        }
        Self { faults }
    }

    /// What closes the routers of a host; empty for every host.
    pub(super) fn faults_for(&self, host: &str) -> impl Iterator<Item = &Finding> {
        self.faults
            .iter()
            .filter(move |(entry, _)| covers(entry, host))
            .map(|(_, finding)| finding)
    }
}

fn covers(entry: &IngressTls, host: &str) -> bool {
    let all = entry.hosts.is_empty() || host.is_empty();
    all || entry.hosts.iter().any(|covered| {
        let below = covered.strip_prefix("*.").zip(host.split_once('.'));
        covered.eq_ignore_ascii_case(host)
            || below.is_some_and(|(parent, (_, rest))| parent.eq_ignore_ascii_case(rest))
    })
}
