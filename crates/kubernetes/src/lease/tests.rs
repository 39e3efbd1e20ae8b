use super::*;

fn lease(holder: &str, seconds: i32) -> Lease {
    Lease {
        spec: Some(LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(seconds),
            ..LeaseSpec::default()
        }),
        ..Lease::default()
    }
}

#[test]
fn r16_a_lease_is_taken_when_it_is_free_or_has_not_changed_for_as_long_as_it_lasts() {
    let seconds = Duration::from_secs;
    for (holder, lasts, unchanged, step) in [
        ("me", 15, seconds(0), Move::Renew),
        ("me", 15, seconds(60), Move::Renew),
        ("other", 15, seconds(14), Move::Wait),
        ("other", 15, seconds(15), Move::Take),
        ("", 15, seconds(0), Move::Take),
        // Its own duration counts, not ours.
        ("other", 60, seconds(20), Move::Wait),
    ] {
        assert_eq!(
            decide(&lease(holder, lasts), "me", unchanged),
            step,
            "{holder} {lasts} {unchanged:?}"
        );
    }
    assert_eq!(decide(&Lease::default(), "me", seconds(0)), Move::Take);
}

#[test]
fn r16_a_leader_stops_before_anybody_else_begins() {
    // Counted from when the renewal was asked for, and ended by a timer of its own, whatever a round is waiting for.
    assert!(
        GIVE_UP + ROUND <= DURATION,
        "a renewal that is stored late still ends before its Lease"
    );
    assert!(AGAIN * 2 < GIVE_UP, "one failed renewal loses nothing");
}
