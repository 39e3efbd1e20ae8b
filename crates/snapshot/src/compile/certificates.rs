//! The client leg's certificates: all providers' `tls.certificates` and the default certificate.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::sync::Arc;

use viaduct_config::dynamic::tls::{CertificatePair, StoredCertificate};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, ProviderName, Update};
use viaduct_tls::{CertificateStore, Identity};

use super::sources::{Source, Sources};
use super::staples;
use crate::book::{Book, KeptSource, KeptStore};
use crate::compile::Inputs;

/// The store, and what the next compile needs to share it.
pub(super) struct Certificates {
    pub(super) kept: KeptStore,
    pub(super) by_provider: HashMap<ProviderName, Arc<Vec<Option<Arc<Identity>>>>>,
    pub(super) unusable: Unusable,
}

/// Why certificates cannot be shown, by provider and position.
#[derive(Debug, Default)]
pub(super) struct Unusable(HashMap<(ProviderName, usize), Finding>);

impl Unusable {
    /// What is wrong with the certificate that a router asks for, if anything is.
    pub(super) fn of(&self, source: &Source<'_>, router: &Element) -> Option<&Finding> {
        let position = source.update.own_certificates.get(router)?;
        self.0.get(&(source.provider().clone(), *position))
    }
}

pub(super) fn build(
    inputs: &Inputs<'_>,
    sources: &Sources<'_>,
    book: Option<&Book>,
    findings: &mut Vec<Finding>,
) -> Certificates {
    let mut unusable = Unusable::default();
    let by_provider: HashMap<_, _> = sources
        .iter()
        .map(|source| {
            let identities = identities(source, &mut unusable, findings);
            (source.provider().clone(), identities)
        })
        .collect();
    let identities = sources
        .iter()
        .filter_map(|source| by_provider.get(source.provider()))
        .flat_map(|identities| identities.iter().flatten())
        .cloned()
        .collect();
    let default = default_certificate(inputs, sources, book, findings);
    let staples = inputs.staples.map(|staples| &**staples);
    staples::tell(staples, sources, &by_provider, &default, findings);
    Certificates {
        kept: share_store(inputs, identities, default, book),
        by_provider,
        unusable,
    }
}

fn share_store(
    inputs: &Inputs<'_>,
    identities: Vec<Arc<Identity>>,
    default: Arc<Identity>,
    book: Option<&Book>,
) -> KeptStore {
    let all = || identities.iter().chain([&default]);
    let staples: Vec<_> = all()
        .map(|identity| staples::of(identity, inputs.staples.map(|staples| &**staples)))
        .collect();
    let same = |kept: &&KeptStore| {
        Arc::ptr_eq(&kept.default, &default)
            && kept.staples == staples
            && kept.identities.len() == identities.len()
            && kept
                .identities
                .iter()
                .zip(&identities)
                .all(|(a, b)| Arc::ptr_eq(a, b))
    };
    let store = match book.map(|book| &*book.store).filter(same) {
        Some(kept) => Arc::clone(&kept.store),
        None => {
            let mut served: Vec<_> = all().zip(&staples).map(staples::stapled).collect();
            let default = served.pop().unwrap_or_else(|| Arc::clone(&default));
            Arc::new(CertificateStore::new(served, default))
        }
    };
    KeptStore {
        store,
        identities,
        default,
        staples,
    }
}

/// One provider's certificates, beside `tls.certificates`. Pairs that did not change are not read
/// again.
fn identities(
    source: &Source<'_>,
    unusable: &mut Unusable,
    findings: &mut Vec<Finding>,
) -> Arc<Vec<Option<Arc<Identity>>>> {
    let is_same = |kept: &KeptSource| {
        let (before, now): (&Update, &Update) = (&kept.update, source.update);
        let (of_before, of_now) = (&before.dynamic.tls.certificates, &now.dynamic.tls.certificates);
        of_before.is_same(of_now) && before.broken == now.broken
    };
    if let Some(kept) = source.kept
        && is_same(kept)
        && kept.identities.iter().all(Option::is_some)
    {
        return Arc::clone(&kept.identities);
    }
    // Most are where they were; only for others all texts are looked up.
    let known = LazyCell::new(|| source.kept.map(known_pairs).unwrap_or_default());
    let identities = source
        .update
        .dynamic
        .tls
        .certificates
        .iter()
        .enumerate()
        .map(|(index, StoredCertificate { pair, stores })| {
            let element = Element::Certificate(index);
            if source.broken(&element).is_some() {
                return None;
            }
            if !stores.is_empty() && !stores.iter().any(|store| store == DEFAULT) {
                findings.push(source.at(element, unknown_store(stores)));
                return None;
            }
            if let Some(identity) = source.kept.and_then(|kept| at_its_place(kept, index, pair)) {
                return Some(Arc::clone(identity));
            }
            if let Some(identity) = known
                .get(&*pair.cert_file)
                .and_then(|(key, identity)| (*key == &*pair.key_file).then_some(*identity))
            {
                return Some(Arc::clone(identity));
            }
            match read(pair) {
                Ok(identity) => Some(Arc::new(identity)),
                Err(finding) => {
                    let hint = "clients it is meant for are shown the default certificate, which they do not trust, and routers that ask for it are out of service: give it the certificate's chain, leaf first, and its key as PEM text";
                    let finding = source.at(element, finding.hint(hint));
                    let place = (source.provider().clone(), index);
                    unusable.0.insert(place, finding.clone());
                    findings.push(finding);
                    None
                }
            }
        })
        .collect();
    Arc::new(identities)
}

fn unknown_store(stores: &[String]) -> Finding {
    Finding::warning(
        Code::InvalidCertificate,
        "the certificate is not used: only the store `default` exists",
    )
    .field("stores")
    .wanted(DEFAULT)
    .got(stores.join(", "))
}

/// The identity of a pair that stood here before.
fn at_its_place<'a>(kept: &'a KeptSource, index: usize, pair: &CertificatePair) -> Option<&'a Arc<Identity>> {
    let before = kept.update.dynamic.tls.certificates.get(index)?;
    let identity = kept.identities.get(index)?.as_ref()?;
    (before.pair == *pair).then_some(identity)
}

/// chain PEM -> key PEM and identity.
fn known_pairs(kept: &KeptSource) -> HashMap<&str, (&str, &Arc<Identity>)> {
    kept.update
        .dynamic
        .tls
        .certificates
        .iter()
        .zip(&*kept.identities)
        .filter_map(|(stored, identity)| {
            let pair = &stored.pair;
            Some((&*pair.cert_file, (&*pair.key_file, identity.as_ref()?)))
        })
        .collect()
}

/// Reads a PEM pair.
pub(super) fn read(pair: &CertificatePair) -> Result<Identity, Finding> {
    Identity::from_pem(pair.cert_file.as_bytes(), pair.key_file.as_bytes())
        .map_err(|error| Finding::error(Code::InvalidCertificate, error.to_string()))
}

/// The certificate of the store named `default`; the generated one where there is none, or none that
/// can be used. Traefik, too, ignores all of several definitions.
fn default_certificate(
    inputs: &Inputs<'_>,
    sources: &Sources<'_>,
    book: Option<&Book>,
    findings: &mut Vec<Finding>,
) -> Arc<Identity> {
    let element = || Element::TlsStore(DEFAULT.into());
    let generated = || Arc::clone(&inputs.generated_default);
    let mut stores = sources
        .iter()
        .filter_map(|source| Some((source, source.update.dynamic.tls.stores.get(DEFAULT)?)))
        .filter(|(source, _)| source.broken(&element()).is_none());
    let Some((source, store)) = stores.next() else {
        return generated();
    };
    let others: Vec<_> = stores.map(|(other, _)| other.provider().as_str()).collect();
    if !others.is_empty() {
        let message = format!(
            "the TLS store `default` is defined by several providers ({}, {}): none is used",
            source.provider(),
            others.join(", "),
        );
        findings.push(source.at(element(), Finding::error(Code::DuplicateObject, message)));
        return generated();
    }
    if store.default_generated_cert.is_some() {
        let message = "no certificate resolver exists yet: the default certificate is not obtained";
        findings.push(source.at(
            element(),
            Finding::warning(Code::Unsupported, message).field("defaultGeneratedCert"),
        ));
    }
    let Some(pair) = &store.default_certificate else {
        return generated();
    };
    match read(pair) {
        // An equal one is shared, so that the store can be.
        Ok(identity) => match book.map(|book| &book.store.default) {
            Some(kept) if **kept == identity => Arc::clone(kept),
            Some(_) | None => Arc::new(identity),
        },
        Err(finding) => {
            findings.push(source.at(element(), finding.field("defaultCertificate")));
            generated()
        }
    }
}

pub(super) const DEFAULT: &str = "default";
