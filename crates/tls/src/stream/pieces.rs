//! Cuts a vectored write into what becomes records: small slices are copied together, so that a
//! message's head and a small body are one record; large ones are encrypted where they are.

use std::io::IoSlice;

use super::BURST;

/// A slice from this size on becomes records of its own: a record more costs about as much as copying
/// this many bytes.
const OWN_RECORD: usize = 8 * 1024;

/// Copies the small slices of the first [`BURST`] bytes of `bufs` to `gathered`; returns how many
/// bytes of `bufs`, small or not, [`pieces`] will yield.
pub(super) fn gather(bufs: &[IoSlice<'_>], gathered: &mut Vec<u8>) -> usize {
    cut(bufs)
        .inspect(|slice| {
            if slice.len() < OWN_RECORD {
                gathered.extend_from_slice(slice);
            }
        })
        .map(<[u8]>::len)
        .sum()
}

/// The bytes of `bufs` in order, in as few pieces as `gathered` allows.
pub(super) fn pieces<'b>(bufs: &'b [IoSlice<'_>], mut gathered: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let mut slices = cut(bufs).peekable();
    std::iter::from_fn(move || {
        let first = slices.next()?;
        if first.len() >= OWN_RECORD {
            return Some(first);
        }
        let mut length = first.len();
        while let Some(next) = slices.next_if(|next| next.len() < OWN_RECORD) {
            length += next.len();
        }
        let (piece, rest) = gathered.split_at_checked(length)?;
        gathered = rest;
        Some(piece)
    })
}

fn cut<'b>(bufs: &'b [IoSlice<'_>]) -> impl Iterator<Item = &'b [u8]> {
    let mut budget = BURST;
    bufs.iter()
        .map(move |slice| {
            let cut = slice.get(..budget).unwrap_or(slice);
            budget -= cut.len();
            cut
        })
        .filter(|slice| !slice.is_empty())
}
