//! Chains that have been verified, so that the next handshake with the same server does not verify the same
//! bytes again. Only successes are kept, each with the period its whole path is valid in.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rustls_pki_types::{CertificateDer, UnixTime};

use super::Proof;
use super::chain::Window;
use crate::reason::ExpectedName;

/// Bounded; the oldest goes first. One transport's servers seldom present more chains than this.
#[derive(Debug, Default)]
pub(super) struct ProofCache {
    entries: Mutex<VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    chain: Vec<CertificateDer<'static>>,
    expected: ExpectedName,
    window: Window,
    proof: Proof,
}

impl ProofCache {
    const MAX: usize = 64;

    pub(super) fn find(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        expected: &ExpectedName,
        now: UnixTime,
    ) -> Option<Proof> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries.iter().find(|entry| entry.is_for(leaf, rest, expected))?;
        known.window.contains(now).then(|| known.proof.clone())
    }

    pub(super) fn remember(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        expected: &ExpectedName,
        window: Window,
        proof: &Proof,
    ) {
        let chain = std::iter::once(leaf)
            .chain(rest)
            .map(|der| der.clone().into_owned())
            .collect();
        let entry = Entry {
            chain,
            expected: expected.clone(),
            window,
            proof: proof.clone(),
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|known| !known.is_for(leaf, rest, expected));
        if entries.len() == Self::MAX {
            entries.pop_front();
        }
        entries.push_back(entry);
    }
}

impl Entry {
    /// Compares in full: a hash would have to be trusted.
    fn is_for(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        expected: &ExpectedName,
    ) -> bool {
        match self.chain.split_first() {
            Some((known, known_rest)) => known == leaf && known_rest == rest && self.expected == *expected,
            None => false,
        }
    }
}
