use std::collections::HashSet;
use std::sync::Arc;

use super::{MAX_ABSENT, Slots, Slotted};

fn name(n: usize) -> Arc<str> {
    format!("r{n}@file").into()
}

#[test]
fn names_keep_their_slots_and_kinds_do_not_share_them() {
    let mut slots = Slots::default();
    let router = slots.slot(Slotted::Router, &name(0));
    let service = slots.slot(Slotted::Service, &name(0));
    assert_ne!(router, service);
    // Away for a round, and back.
    let mut next = slots.next_round();
    next.end_round();
    let mut again = next.next_round();
    assert_eq!(again.slot(Slotted::Router, &name(0)), router);
    assert_eq!(again.bound(), 2);
}

#[test]
fn slots_of_names_that_come_and_go_are_bounded() {
    let mut slots = Slots::default();
    for round in 0..40 {
        slots = slots.next_round();
        let live: HashSet<_> = (0..500)
            .map(|n| slots.slot(Slotted::Router, &name(round * 500 + n)))
            .collect();
        assert_eq!(live.len(), 500, "live names never share a slot");
        slots.end_round();
    }
    let bound = usize::try_from(slots.bound()).expect("a small number");
    assert!(bound <= MAX_ABSENT + 2 * 500, "{bound}");
}
