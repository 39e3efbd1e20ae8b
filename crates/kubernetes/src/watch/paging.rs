//! How much of a list is asked for at once, and how long it may be.

use super::connection::ApiError;
use crate::api::Kind;

/// The pages of one list.
#[derive(Debug)]
pub(super) struct Paging {
    /// Objects of a page. `None`: everything at once.
    size: Option<usize>,
    pages: usize,
    objects: usize,
}

impl Paging {
    /// Data may be large: 1 MiB in each Secret and ConfigMap.
    pub(super) const fn of(kind: Kind) -> Self {
        let size = if kind.holds_data() { DATA_PAGE } else { PAGE };
        Self {
            size: Some(size),
            pages: 0,
            objects: 0,
        }
    }

    pub(super) const fn whole() -> Self {
        Self {
            size: None,
            pages: 0,
            objects: 0,
        }
    }

    /// `limit`; empty: none.
    pub(super) fn limit(&self) -> String {
        self.size.map_or_else(String::new, |size| size.to_string())
    }

    /// Asks for half as much from now on, if that is less.
    pub(super) fn halve(&mut self) -> bool {
        match self.size {
            Some(size) if size > 1 => {
                self.size = Some(size / 2);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Counts a page. A list has to end some time.
    pub(super) fn count(&mut self, objects: usize) -> Result<(), ApiError> {
        self.pages += 1;
        self.objects += objects;
        let counted = [
            ("pages", self.pages, MOST_PAGES),
            ("objects", self.objects, MOST_OBJECTS),
        ];
        match counted.into_iter().find(|(_, number, most)| number > most) {
            Some((what, _, most)) => Err(ApiError::TooLong { what, most }),
            None => Ok(()),
        }
    }
}

/// As kubectl asks.
const PAGE: usize = 500;
/// Of objects of 1 MiB and what base64 adds to them it is a third of the largest answer that is read.
const DATA_PAGE: usize = 64;
/// More than etcd holds.
const MOST_OBJECTS: usize = 1_000_000;
/// So many of the smallest that data is asked for in, unless halved; a server whose pages are empty ends here too.
const MOST_PAGES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c63_a_page_that_is_too_large_is_asked_for_in_halves_down_to_one_object() {
        let mut paging = Paging::of(Kind::Secret);
        let mut limits = vec![paging.limit()];
        while paging.halve() {
            limits.push(paging.limit());
        }
        assert_eq!(limits, ["64", "32", "16", "8", "4", "2", "1"]);
        assert_eq!(Paging::of(Kind::Service).limit(), "500");
        assert!(!Paging::whole().halve(), "there is no part of it");
    }

    #[test]
    fn c63_a_list_without_end_is_refused() {
        let mut empty = Paging::of(Kind::Service);
        let refused = (0..=MOST_PAGES).find_map(|_| empty.count(0).err());
        let refused = refused.expect("too many pages").to_string();
        assert_eq!(refused, "the list has more than 100000 pages");
        let mut full = Paging::of(Kind::Service);
        assert_eq!(full.count(MOST_OBJECTS), Ok(()));
        let refused = full.count(1).expect_err("too many objects").to_string();
        assert_eq!(refused, "the list has more than 1000000 objects");
    }
}
