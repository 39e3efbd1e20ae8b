use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use proptest::prelude::*;

use super::on_circles;

/// `a>bc b>` is an `a` made of `b` and `c`, and a `b` made of nothing.
fn found(written: &str) -> String {
    let one = |written: &str| {
        let (name, parts) = written.split_once('>').expect("a name and its parts");
        let name = name.chars().next().expect("a name");
        (name, parts.chars().collect())
    };
    on_circles(written.split_whitespace().map(one))
        .into_iter()
        .collect()
}

#[test]
fn a9_7_what_is_on_a_circle_or_between_two_is_found_and_nothing_else() {
    for (written, circular) in [
        ("", ""),
        ("a>b b>c c>", ""),
        ("a>b b>x", ""),
        // A diamond is no circle; nor is one part that is named twice.
        ("a>bc b>d c>d d>e e>", ""),
        ("a>bb b>cc c>", ""),
        // By itself.
        ("a>a", "a"),
        ("a>aa b>a", "a"),
        // A circle; one with a chain into it, with a tail, with both.
        ("b>c c>a a>b", "abc"),
        ("x>y y>a a>b b>a", "ab"),
        ("a>b b>az z>y y>w w>", "ab"),
        ("x>a a>b b>az z>y y>", "ab"),
        // Several apart, with others between that belong to none.
        ("a>b b>a c>c d>e e>f f>d g>h h>", "abcdef"),
        // Between two, on either of two ways; and beside it.
        ("a>am m>n n>z z>z", "amnz"),
        ("a>amoq m>z o>z z>z p>z q>", "amoz"),
        // Two that share one.
        ("a>b b>ac c>b", "abc"),
    ] {
        assert_eq!(found(written), circular, "{written}");
    }
}

proptest! {
    #[test]
    fn a9_7_circles_are_what_comes_back_to_itself(edges in prop::collection::btree_map(0..9_u8, prop::collection::vec(0..11_u8, 0..4), 0..9)) {
        let reached = |from: u8| {
            let mut reached = BTreeSet::new();
            let mut next = vec![from];
            while let Some(name) = next.pop() {
                let parts = edges.get(&name).into_iter().flatten();
                next.extend(parts.filter(|part| reached.insert(**part)));
            }
            reached
        };
        let circular: BTreeSet<u8> = edges.keys().copied().filter(|name| reached(*name).contains(name)).collect();
        let leads_to_one = |name: u8| reached(name).iter().any(|below| circular.contains(below));
        let comes_from_one = |name: u8| circular.iter().any(|above| reached(*above).contains(&name));
        let expected: Vec<u8> = edges.keys().copied().filter(|name| leads_to_one(*name) && comes_from_one(*name)).collect();
        let found = on_circles(edges.iter().map(|(name, parts)| (*name, parts.clone())));
        prop_assert_eq!(found, expected);
    }
}

thread_local! {
    static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
}

/// A name that counts how often any is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Counted(usize);

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        LOOKED_AT.set(LOOKED_AT.get() + 1);
        self.0.hash(state);
    }
}

#[test]
fn a9_7_a_long_chain_is_looked_at_a_few_times_only() {
    const LONG: usize = 5_000;
    for into_circle in [false, true] {
        LOOKED_AT.set(0);
        let last = if into_circle { LONG - 2 } else { LONG };
        let part = |name| if name == LONG - 1 { last } else { name + 1 };
        let found = on_circles((0..LONG).map(|name| (Counted(name), vec![Counted(part(name))])));
        let expected: &[usize] = if into_circle { &[LONG - 2, LONG - 1] } else { &[] };
        assert!(found.iter().map(|name| &name.0).eq(expected), "{found:?}");
        let looked_at = LOOKED_AT.get();
        assert!(looked_at < 20 * LONG, "{looked_at} times");
    }
}
