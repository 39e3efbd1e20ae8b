//! Slot -> tally, growing without moving what readers may be looking at.

use std::sync::OnceLock;

use super::tally::Tally;

/// Segments of doubling size: 64, 64, 128, 256, ... tallies, made when a slot of theirs first counts.
#[derive(Debug)]
pub(super) struct SlotTable {
    segments: [OnceLock<Box<[Tally]>>; SEGMENTS],
}

impl Default for SlotTable {
    fn default() -> Self {
        Self {
            segments: std::array::from_fn(|_| OnceLock::new()),
        }
    }
}

impl SlotTable {
    /// The slot's tally; `None` above the bound of 131,072 slots.
    pub(super) fn get(&self, slot: u32) -> Option<&Tally> {
        let (segment, start, length) = segment_of(slot);
        let tallies = self
            .segments
            .get(segment)?
            .get_or_init(|| (0..length).map(|_| Tally::default()).collect());
        tallies.get((slot - start) as usize)
    }

    /// Every slot that exists, with its tally.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Tally)> {
        self.segments.iter().enumerate().flat_map(|(index, segment)| {
            let start = if index == 0 { 0 } else { FIRST << (index - 1) };
            (start..).zip(segment.get().into_iter().flatten())
        })
    }
}

/// Index, first slot and length of the segment that holds a slot.
fn segment_of(slot: u32) -> (usize, u32, u32) {
    match (slot / FIRST).checked_ilog2() {
        None => (0, 0, FIRST),
        Some(doublings) => (doublings as usize + 1, FIRST << doublings, FIRST << doublings),
    }
}

const FIRST: u32 = 64;
const SEGMENTS: usize = 12;
