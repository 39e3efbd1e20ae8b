//! The client leg's certificates, and which of them answers a ClientHello.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::sign::{CertifiedKey, SigningKey};
use smallvec::SmallVec;

use crate::certificate::Identity;

mod default;

/// Immutable; built with the snapshot. Choice: exact SAN, then one-label wildcard, then the default.
/// Among several for one name (RSA and ECDSA side by side, A14.11) the first that the ClientHello's
/// signature schemes can use, ECDSA before RSA, then the one that expires last.
///
/// A common name counts as a name too, as in Traefik, after any certificate that has the name as a SAN.
#[derive(Debug)]
pub struct CertificateStore {
    identities: Vec<Arc<Identity>>,
    default: Arc<Identity>,
    exact: HashMap<Box<str>, Candidates>,
    /// By what follows `*.`.
    wildcard: HashMap<Box<str>, Candidates>,
    addresses: HashMap<IpAddr, Candidates>,
}

/// Why a certificate answers a server name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It has the name as a SAN.
    Exact,
    /// A SAN of it stands for every name of one more label, and none has the name itself.
    Wildcard,
    /// No SAN fits, and its common name does (as in Traefik).
    CommonName,
    /// None is for that name: the default certificate answers.
    Default,
}

/// Certificates for one name, best first; never empty. Nearly every name has one, which lies in the table's own memory.
#[derive(Debug, Default)]
struct Candidates(SmallVec<[Candidate; 1]>);

#[derive(Debug)]
struct Candidate {
    identity: Arc<Identity>,
    by_common_name: bool,
}

impl CertificateStore {
    pub fn new(identities: Vec<Arc<Identity>>, default: Arc<Identity>) -> Self {
        let mut store = Self {
            identities: Vec::new(),
            default,
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            addresses: HashMap::new(),
        };
        for identity in &identities {
            store.index(identity);
        }
        let lists = store
            .exact
            .values_mut()
            .chain(store.wildcard.values_mut())
            .chain(store.addresses.values_mut());
        for candidates in lists {
            candidates.0.sort_by_cached_key(Candidate::rank);
        }
        store.identities = identities;
        store
    }

    /// Whether a certificate other than the default matches `name` (lower case, no trailing dot).
    pub fn covers(&self, name: &str) -> bool {
        self.by_name(name).is_some()
    }

    /// All but the default.
    pub fn identities(&self) -> impl Iterator<Item = &Arc<Identity>> {
        self.identities.iter()
    }

    pub fn default_identity(&self) -> &Arc<Identity> {
        &self.default
    }

    /// What a client is shown that names `name` and can use any key: for views.
    pub fn shown_for(&self, name: &str) -> &Arc<Identity> {
        let candidates = self.by_name(name);
        let best = candidates.and_then(|candidates| candidates.0.first());
        best.map_or(&self.default, |candidate| &candidate.identity)
    }

    /// As [`shown_for`](Self::shown_for), and why that one.
    pub fn chosen_for(&self, name: &str) -> (&Arc<Identity>, Choice) {
        let name = canonical(name);
        let best = self.by_name(&name).and_then(|candidates| candidates.0.first());
        match best {
            None => (&self.default, Choice::Default),
            Some(candidate) => {
                let how = match (candidate.by_common_name, self.exact.contains_key(&*name)) {
                    (true, _) => Choice::CommonName,
                    (false, true) => Choice::Exact,
                    (false, false) => Choice::Wildcard,
                };
                (&candidate.identity, how)
            }
        }
    }

    /// A self-signed certificate in the place of Traefik's `TRAEFIK DEFAULT CERT` (A8.14). Uses
    /// randomness and the clock: called by the binary at start, handed to the snapshot.
    pub fn generate_default() -> Identity {
        default::generate()
    }

    /// Addresses that certificates name, for clients that send no server name.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.keys().copied()
    }

    /// The certificate for a server name; `usable` says what the ClientHello can work with. Where none of a
    /// name's certificates is usable the best is given all the same, so that the handshake fails for what it
    /// lacks and not under another name.
    pub(crate) fn for_name(
        &self,
        name: &str,
        usable: impl Fn(&dyn SigningKey) -> bool,
    ) -> Option<&Arc<CertifiedKey>> {
        self.by_name(&canonical(name))
            .and_then(|candidates| candidates.choose(usable))
    }

    /// As [`Self::for_name`], for a client that sent no name to this address of ours.
    pub(crate) fn for_address(
        &self,
        address: IpAddr,
        usable: impl Fn(&dyn SigningKey) -> bool,
    ) -> Option<&Arc<CertifiedKey>> {
        self.addresses
            .get(&address.to_canonical())
            .and_then(|candidates| candidates.choose(usable))
    }

    fn by_name(&self, name: &str) -> Option<&Candidates> {
        self.exact.get(name).or_else(|| {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() {
                None
            } else {
                self.wildcard.get(parent)
            }
        })
    }

    fn index(&mut self, identity: &Arc<Identity>) {
        let facts = identity.facts();
        for name in &facts.dns_names {
            self.index_name(name, identity, false);
        }
        if let Some(name) = &facts.common_name
            && !facts.dns_names.contains(name)
        {
            self.index_name(name, identity, true);
        }
        for address in &facts.ip_addresses {
            let candidate = Candidate {
                identity: Arc::clone(identity),
                by_common_name: false,
            };
            self.addresses
                .entry(address.to_canonical())
                .or_default()
                .0
                .push(candidate);
        }
    }

    fn index_name(&mut self, name: &str, identity: &Arc<Identity>, by_common_name: bool) {
        let candidate = Candidate {
            identity: Arc::clone(identity),
            by_common_name,
        };
        let name = canonical(name);
        let (names, key) = match name.strip_prefix("*.") {
            Some(parent) => (&mut self.wildcard, parent),
            None => (&mut self.exact, &*name),
        };
        names.entry(key.into()).or_default().0.push(candidate);
    }
}

impl Candidates {
    fn choose(&self, usable: impl Fn(&dyn SigningKey) -> bool) -> Option<&Arc<CertifiedKey>> {
        let best = self.0.first()?;
        if self.0.len() == 1 {
            return Some(&best.identity.key);
        }
        let chosen = self
            .0
            .iter()
            .find(|candidate| usable(&*candidate.identity.key.key))
            .unwrap_or(best);
        Some(&chosen.identity.key)
    }
}

impl Candidate {
    /// Lower is better. The fingerprint makes the order the same in every process.
    fn rank(&self) -> impl Ord + use<> {
        let facts = self.identity.facts();
        let rsa = self.identity.key.key.algorithm() == rustls::SignatureAlgorithm::RSA;
        (
            self.by_common_name,
            rsa,
            Reverse(facts.not_after),
            facts.fingerprint,
        )
    }
}

/// Lower case, without a trailing dot.
fn canonical(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
