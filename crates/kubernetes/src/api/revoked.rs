//! The annotation `viaduct.io/revoked`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::annotations::ALL;

/// What an object says must not be trusted, each item once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// As written. One list for whatever it is told to.
    pub listed: Arc<[String]>,
    /// [`ALL`].
    pub all: bool,
}

/// A list of more than [`MAX`](Revoked::MAX) items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the list has more than {} items; a CA takes all its certificates with it",
    Revoked::MAX
)]
pub struct TooMany;

impl Revoked {
    /// So many may be listed: an annotation may be a quarter of a megabyte long, and each of thousands of transports is held
    /// against it.
    pub const MAX: usize = 256;

    /// With commas, spaces or line ends between the items.
    pub(crate) fn parse(text: &str) -> Result<Self, TooMany> {
        Self::of(text.split([',', '\n', ' ']).map(str::trim))
    }

    /// What either says.
    pub(crate) fn and(&self, other: &Self) -> Result<Self, TooMany> {
        if self == other {
            return Ok(self.clone());
        }
        let of_both = self.items().chain(other.items());
        Self::of(of_both)
    }

    fn of<'a>(items: impl Iterator<Item = &'a str>) -> Result<Self, TooMany> {
        let mut seen = BTreeSet::new();
        let mut revoked = Self::default();
        let mut listed = Vec::new();
        for item in items {
            if item == ALL {
                revoked.all = true;
            } else if !item.is_empty() && seen.insert(item) {
                if listed.len() >= Self::MAX {
                    return Err(TooMany);
                }
                listed.push(item.to_owned());
            }
        }
        revoked.listed = listed.into();
        Ok(revoked)
    }

    fn items(&self) -> impl Iterator<Item = &str> {
        let all = self.all.then_some(ALL);
        self.listed.iter().map(String::as_str).chain(all)
    }
}
