//! Identifiers of traces and spans: unique, not secret.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// SplitMix64, seeded by the operating system (through the standard library's hasher).
#[derive(Debug)]
pub(super) struct Random(Cell<u64>);

impl Random {
    pub(super) fn seeded() -> Self {
        Self(Cell::new(RandomState::new().hash_one(0)))
    }

    pub(super) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn trace_id(&self) -> [u8; 16] {
        let id = (u128::from(self.next()) << 64) | u128::from(self.next());
        // All zeros is no identifier.
        id.max(1).to_be_bytes()
    }

    pub(super) fn span_id(&self) -> [u8; 8] {
        self.next().max(1).to_be_bytes()
    }
}
