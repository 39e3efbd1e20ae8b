//! A list that is copied page by page, and only where it changes.

use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) struct Pages<T> {
    /// Each has [`PAGE`] items; the last may have fewer, and none is empty.
    pages: Vec<Arc<Vec<T>>>,
}

impl<T> Pages<T> {
    pub(super) fn get(&self, position: usize) -> Option<&T> {
        self.pages.get(position / PAGE)?.get(position % PAGE)
    }

    pub(super) fn len(&self) -> usize {
        let last = self.pages.last().map_or(0, |page| page.len());
        self.pages.len().saturating_sub(1) * PAGE + last
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.iter())
    }
}

impl<T: Clone> Pages<T> {
    /// The same with other items in the places of those that `other` names one for. `None`: it names none.
    pub(super) fn with(&self, other: impl Fn(&T) -> Option<T>) -> Option<Self> {
        let mut pages = None;
        for (number, page) in self.pages.iter().enumerate() {
            for (position, item) in page.iter().enumerate() {
                let Some(item) = other(item) else { continue };
                let copied: &mut Vec<Arc<Vec<T>>> = pages.get_or_insert_with(|| self.pages.clone());
                if let Some(place) = copied
                    .get_mut(number)
                    .and_then(|page| Arc::make_mut(page).get_mut(position))
                {
                    *place = item;
                }
            }
        }
        pages.map(|pages| Self { pages })
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> FromIterator<T> for Pages<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items = items.into_iter().peekable();
        let mut pages = Vec::new();
        while items.peek().is_some() {
            pages.push(Arc::new(items.by_ref().take(PAGE).collect()));
        }
        Self { pages }
    }
}

/// A power of two, so that a position is split by shifts.
const PAGE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_copy_shares_the_pages_that_did_not_change() {
        let pages: Pages<usize> = (0..PAGE * 3 + 5).collect();
        assert_eq!(pages.len(), PAGE * 3 + 5);
        assert_eq!(pages.get(PAGE * 3 + 4), Some(&(PAGE * 3 + 4)));
        assert_eq!(pages.get(PAGE * 3 + 5), None);
        let changed = pages.with(|item| (*item == PAGE + 1).then_some(0));
        let changed = changed.expect("one is another");
        let differs = |position: &usize| pages.get(*position) != changed.get(*position);
        let differing: Vec<_> = (0..pages.len()).filter(differs).collect();
        assert_eq!(differing, [PAGE + 1]);
        let shared = pages.pages.iter().zip(&changed.pages);
        assert_eq!(shared.filter(|(a, b)| Arc::ptr_eq(a, b)).count(), 3);
        assert!(pages.with(|_| None).is_none());
    }

    #[test]
    fn an_empty_list_and_full_pages_are_lists_too() {
        assert_eq!(Pages::<u8>::from_iter([]).len(), 0);
        let full: Pages<usize> = (0..PAGE * 2).collect();
        assert_eq!((full.len(), full.iter().count()), (PAGE * 2, PAGE * 2));
    }
}
