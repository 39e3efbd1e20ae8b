//! The whole index -> one [`Update`]. Pure: the same objects in any order give the same update.
//!
//! ```text
//!  TLSOption, TLSStore --tls---------+
//!  ServersTransport ---transports----+--> Draft --> Update
//!  Middleware ---------middlewares---+      routers, services, middlewares, certificates;
//!  TraefikService -----traefik_services     what is broken and why
//!  IngressRoute -------routes--------+
//!     services -> endpoints, targets; composed -> names of parts
//!  IngressRouteTCP, MiddlewareTCP, ServersTransportTCP, IngressRouteUDP -> tcp, udp
//! ```
//! What cannot be offered as it was asked for is `broken`, never left out silently and never served
//! without the part that failed.

mod composed;
mod endpoints;
mod incremental;
mod ingress;
mod material;
mod middlewares;
mod names;
mod namespaces;
mod near;
mod reach;
mod references;
mod routes;
mod services;
mod streams;
mod tcp;
mod tls;
mod traefik_services;
mod transports;
mod udp;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use viaduct_config::dynamic::tls::{CertificatePair, StoredCertificate};
use viaduct_config::{Balanced, Dynamic, Element, Finding, Origin, ProviderName, Update};

use crate::api::{Kind, Name};
use crate::index::{Index, Needs, Subject, View};
use crate::policy::Policy;
use incremental::Traces;
use names::Names;

pub use incremental::{IngressTranslator, Translator};
pub(crate) use ingress::served;
pub use ingress::{PROVIDER as INGRESS_PROVIDER, translate_ingresses};

/// The provider's name, as Traefik calls it.
pub const PROVIDER: &str = "kubernetescrd";

/// Everything the index says, under `policy`.
pub fn translate(index: &Index, policy: &Policy) -> Update {
    translate_noting(index, policy).0
}

/// As [`translate`], and which Secrets and ConfigMaps that took: the update says nothing of any other.
pub fn translate_noting(index: &Index, policy: &Policy) -> (Update, Needs) {
    let (update, needs, _) = translate_whole(index, policy);
    (update, needs)
}

/// The same, and who looked at what.
fn translate_whole(index: &Index, policy: &Policy) -> (Update, Needs, Traces) {
    let view = index.view();
    let names = Names::assign(&view);
    let cx = Context {
        view: &view,
        policy,
        names: &names,
        hints_left: Cell::new(near::MAX_HINTS),
    };
    let mut draft = Draft::new(PROVIDER);
    for finding in index.findings().chain(&view.duplicates) {
        if !ingress::is_about_ingresses(finding) {
            draft.note(finding.clone());
        }
    }
    let ambiguities = names.ambiguities();
    let mut traces = Traces::new(ambiguities.is_empty());
    draft.update.notes.extend(ambiguities);
    transports::translate(&cx, &mut draft);
    tls::translate_options(&cx, &mut draft);
    tls::translate_stores(&cx, &mut draft);
    let mut services = Vec::new();
    middlewares::translate(&cx, &mut draft, &mut services);
    traefik_services::translate(&cx, &mut draft, &mut services);
    routes::translate(&cx, &mut draft, &mut services, &mut traces);
    composed::finish(services, &mut draft);
    transports::translate_tcp(&cx, &mut draft);
    tcp::translate_middlewares(&cx, &mut draft);
    tcp::translate(&cx, &mut draft);
    udp::translate(&cx, &mut draft);
    namespaces::translate(&view, &mut draft);
    traces.others.extend(view.looked());
    (draft.finish(&view), view.needs(), traces)
}

/// What every part of the translation looks at.
struct Context<'a> {
    view: &'a View<'a>,
    policy: &'a Policy,
    names: &'a Names<'a>,
    hints_left: Cell<u32>,
}

/// The update, while it is being made.
struct Draft {
    update: Update,
    /// By the Secret they come from, so that each is there once.
    certificates: BTreeMap<Name, StoredCertificate>,
    /// Routers, and the Secrets that their objects name.
    own_certificates: Vec<(Element, Name)>,
}

impl Draft {
    fn new(provider: &'static str) -> Self {
        Self {
            update: Update::new(ProviderName::new(provider), Dynamic::default()),
            certificates: BTreeMap::new(),
            own_certificates: Vec::new(),
        }
    }

    fn note(&mut self, finding: Finding) {
        self.update.notes.push(finding);
    }

    /// Whether there is nothing to be said about what it holds.
    fn says_nothing(&self) -> bool {
        self.update.notes.is_empty() && self.update.broken.is_empty()
    }

    fn broken(&mut self, element: Element, finding: Finding) {
        let finding = finding.element(element.clone());
        self.update.broken.push((element, finding));
    }

    fn origin(&mut self, element: Element, subject: Subject<'_>, field: &str) {
        let origin = Origin {
            object: Some(subject.name.of_kind(subject.kind)),
            location: subject.at(field),
        };
        self.update.origins.insert(element, origin);
    }

    /// A service's servers are the endpoints of a Kubernetes Service.
    fn balanced(&mut self, element: Element, service: &Name, port: Arc<str>) {
        let service = service.of_kind(Kind::Service);
        self.update.balanced.insert(element, Balanced { service, port });
    }

    /// Whether a Secret's pair is among `tls.certificates` already, for whichever stores.
    fn has_certificate(&self, secret: &Name) -> bool {
        self.certificates.contains_key(secret)
    }

    /// Adds a Secret's pair to `tls.certificates`.
    fn certificate(&mut self, secret: Name, pair: CertificatePair, store: Option<&str>) {
        let stored = self
            .certificates
            .entry(secret)
            .or_insert_with(|| StoredCertificate {
                pair,
                stores: Vec::new(),
            });
        if let Some(store) = store
            && !stored.stores.iter().any(|known| known == store)
        {
            stored.stores.push(store.to_owned());
        }
    }

    fn finish(mut self, view: &View<'_>) -> Update {
        self.drop_repetitions();
        let positions: BTreeMap<&Name, usize> = self.certificates.keys().zip(0..).collect();
        self.update.own_certificates = self
            .own_certificates
            .into_iter()
            .filter_map(|(router, secret)| Some((router, *positions.get(&secret)?)))
            .collect();
        self.update
            .dynamic
            .tls
            .certificates
            .reserve_exact(self.certificates.len());
        for (index, (secret, certificate)) in self.certificates.into_iter().enumerate() {
            let origin = Origin {
                object: Some(secret.of_kind(Kind::Secret)),
                location: view.place(Kind::Secret, &secret),
            };
            self.update.origins.insert(Element::Certificate(index), origin);
            self.update.dynamic.tls.certificates.push(certificate);
        }
        self.update
    }

    /// What breaks an element needs no note beside it.
    fn drop_repetitions(&mut self) {
        let Update { broken, notes, .. } = &mut self.update;
        let told: HashSet<_> = broken
            .iter()
            .map(|(_, finding)| (&finding.object, &finding.location, &finding.message))
            .collect();
        notes.retain(|note| !told.contains(&(&note.object, &note.location, &note.message)));
    }
}
