//! Values of `headerLabels`, which clients choose: interned, and bounded.

use std::sync::OnceLock;

use http::HeaderMap;

use super::metering::HeaderLabel;

/// Combinations of values that one worker has seen; only its thread adds to it.
#[derive(Debug, Default)]
pub(super) struct Extras {
    seen: OnceLock<Box<[OnceLock<Values>; COMBINATIONS]>>,
}

/// One per label, in the labels' order; empty where the header is absent.
pub(super) type Values = Box<[Box<str>]>;

impl Extras {
    /// The number of these headers' values, from 1; 0 where there is no room for another combination.
    pub(super) fn number(&self, labels: &[HeaderLabel], headers: &HeaderMap) -> u16 {
        let seen = self
            .seen
            .get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
        let place = seen.iter().position(|place| {
            let known = place.get_or_init(|| values(labels, headers));
            known
                .iter()
                .zip(labels)
                .all(|(known, label)| **known == *value(label, headers))
        });
        place.and_then(|index| u16::try_from(index + 1).ok()).unwrap_or(0)
    }

    pub(super) fn values(&self, number: u16) -> Option<&Values> {
        let index = usize::from(number).checked_sub(1)?;
        self.seen.get()?.get(index)?.get()
    }
}

fn values(labels: &[HeaderLabel], headers: &HeaderMap) -> Values {
    labels.iter().map(|label| value(label, headers).into()).collect()
}

/// Cut, so that nobody fills the memory with it.
fn value<'h>(label: &HeaderLabel, headers: &'h HeaderMap) -> &'h str {
    let text = headers.get(&label.header).and_then(|value| value.to_str().ok());
    // Header text is ASCII here: every index is a boundary.
    text.map_or("", |text| text.get(..LONGEST).unwrap_or(text))
}

/// Combinations of values, per worker; requests with further ones are counted without values.
const COMBINATIONS: usize = 200;
const LONGEST: usize = 128;
