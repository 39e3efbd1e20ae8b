use std::sync::Arc;
use std::time::{Duration, SystemTime};

use viaduct_testkit::ocsp::Answer;
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_tls::ocsp::{Question, Staple, Stapling};
use viaduct_tls::{Fingerprint, Identity};

use super::{Pace, Schedule, jittered};

/// A schedule of one certificate, at an invented time.
struct World {
    authority: Ca,
    leaf: Issued,
    schedule: Schedule,
    /// When it began.
    start: SystemTime,
}

impl World {
    fn new() -> Self {
        Self::of(Leaf::server("web.example.com").ocsp("http://ocsp.example.com/"))
    }

    fn of(leaf: Leaf) -> Self {
        let authority = Ca::new("Root").intermediate("Issuing CA");
        let mut world = Self {
            leaf: authority.issue(leaf),
            authority,
            schedule: Schedule::new(Pace::default()),
            start: SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000),
        };
        world.schedule.serve(&[world.identity()], world.start);
        world
    }

    fn identity(&self) -> Arc<Identity> {
        let (chain, key) = (self.leaf.chain_pem.as_bytes(), self.leaf.key_pem.as_bytes());
        Arc::new(Identity::from_pem(chain, key).unwrap())
    }

    fn certificate(&self) -> Fingerprint {
        Fingerprint::of(&self.leaf.der)
    }

    fn is_due(&mut self, after: Duration) -> bool {
        !self.schedule.due(self.start + after, 8).is_empty()
    }

    /// An answer that begins and ends so long after the start.
    fn answer(&self, begin: Duration, end: Option<Duration>, now: Duration) -> Staple {
        let question = Question::of(&self.identity()).unwrap();
        let answer = Answer::default().valid(self.start + begin, end.map(|end| self.start + end));
        let response = answer.to(question.request(), self.authority.own());
        question.read(&response, self.start + now).unwrap()
    }

    fn answered(&mut self, begin: Duration, end: Option<Duration>, now: Duration) -> bool {
        let staple = self.answer(begin, end, now);
        self.schedule
            .answered(self.certificate(), staple, self.start + now)
    }

    fn failed(&mut self, now: Duration) -> bool {
        self.schedule
            .failed(self.certificate(), "no route", self.start + now)
    }

    fn state(&self) -> Option<Stapling> {
        self.schedule.staples().get(&self.certificate()).cloned()
    }
}

#[test]
fn a8_22_a_certificate_is_asked_about_at_once_and_again_at_half_life() {
    let mut world = World::new();
    assert_eq!(world.schedule.wake(), Some(world.start));
    assert!(world.is_due(NOW) && !world.is_due(NOW), "asked once");
    let (certificate, staple) = (world.certificate(), world.answer(NOW, Some(DAY), NOW));
    assert!(world.schedule.answered(certificate, staple.clone(), world.start));
    assert_eq!(world.schedule.wake(), Some(world.start + DAY / 2));
    assert!(!world.is_due(DAY / 2 - SECOND) && world.is_due(DAY / 2));
    let again = world
        .schedule
        .answered(certificate, staple, world.start + DAY / 2);
    assert!(!again, "the same answer is no change");
}

#[test]
fn a8_22_a_stored_answer_beyond_its_half_life_does_not_make_us_ask_without_end() {
    let mut world = World::new();
    assert!(world.is_due(NOW));
    let now = 23 * HOUR;
    world.answered(NOW, Some(DAY), now);
    let next = world
        .schedule
        .wake()
        .unwrap()
        .duration_since(world.start)
        .unwrap();
    assert!(next >= now + 29 * MINUTE && next <= now + 30 * MINUTE, "{next:?}");
    // Nearly at its end.
    let now = DAY - 20 * SECOND;
    world.answered(NOW, Some(DAY), now);
    assert!(!world.is_due(now + MINUTE - SECOND) && world.is_due(now + MINUTE));
}

#[test]
fn a8_22_failures_are_asked_about_again_after_about_an_hour() {
    let mut world = World::new();
    let mut now = NOW;
    for _ in 0..20 {
        assert!(world.is_due(now));
        world.failed(now);
        let next = world
            .schedule
            .wake()
            .unwrap()
            .duration_since(world.start)
            .unwrap();
        let wait = next - now;
        assert!(wait >= 54 * MINUTE && wait <= 66 * MINUTE, "{wait:?}");
        now = next;
    }
    assert_eq!(jittered(HOUR, 0), 54 * MINUTE);
    assert_eq!(jittered(HOUR, 200), 66 * MINUTE);
    assert_eq!(jittered(HOUR, u64::MAX % 201), jittered(HOUR, u64::MAX));
}

#[test]
fn a8_22_a_failure_keeps_the_last_answer_until_it_expires_and_no_longer() {
    let mut world = World::new();
    assert!(world.is_due(NOW));
    world.answered(NOW, Some(HOUR), NOW);
    assert!(world.failed(HOUR / 2) && !world.failed(HOUR / 2), "told once");
    let state = world.state().unwrap();
    assert!(state.staple.is_some() && state.fault.as_deref() == Some("no route"));
    assert!(
        world.is_due(HOUR * 3 / 4),
        "there is another chance before the end"
    );

    let end = HOUR - Pace::default().margin;
    assert!(!world.schedule.expire(world.start + end - SECOND));
    assert!(world.schedule.expire(world.start + end));
    let state = world.state().unwrap();
    assert!(state.staple.is_none() && state.fault.is_some());
    assert!(!world.schedule.expire(world.start + end), "told once");

    assert!(world.answered(HOUR, Some(DAY), HOUR));
    let state = world.state().unwrap();
    assert!(state.staple.is_some() && state.fault.is_none());
}

#[test]
fn a8_22_an_answer_without_an_end_is_good_for_a_day_and_asked_for_hourly() {
    let mut world = World::new();
    assert!(world.is_due(NOW));
    world.answered(NOW, None, NOW);
    assert!(!world.is_due(HOUR - SECOND) && world.is_due(HOUR));
    assert!(!world.schedule.expire(world.start + DAY - SECOND));
    assert!(world.schedule.expire(world.start + DAY));
}

#[test]
fn a8_22_a_lost_question_is_asked_again_and_a_late_answer_finds_nobody() {
    let mut world = World::new();
    assert!(world.is_due(NOW) && !world.is_due(HOUR - SECOND) && world.is_due(HOUR));
    world.schedule.serve(&[], world.start + HOUR);
    assert_eq!(world.schedule.wake(), None);
    assert!(!world.answered(NOW, Some(DAY), HOUR) && !world.failed(HOUR));
    assert_eq!(world.state(), None);
}

#[test]
fn a8_22_a_clock_that_is_set_back_does_not_keep_us_from_asking() {
    let mut world = World::new();
    assert!(world.is_due(NOW));
    world.failed(NOW);
    let (little, much) = (world.start - 30 * MINUTE, world.start - 2 * DAY);
    assert!(world.schedule.due(little, 8).is_empty());
    assert_eq!(world.schedule.due(much, 8).len(), 1);
}

#[test]
fn a8_22_what_is_still_served_keeps_its_answer() {
    let mut world = World::new();
    assert!(world.is_due(NOW));
    world.answered(NOW, Some(DAY), NOW);
    let identity = world.identity();
    assert!(
        !world
            .schedule
            .serve(&[Arc::clone(&identity), identity], world.start + HOUR)
    );
    assert!(world.state().unwrap().staple.is_some());
    assert!(!world.is_due(HOUR));
}

#[test]
fn a8_22_who_cannot_be_asked_about_is_told_of_where_that_matters() {
    let without = World::of(Leaf::server("a.test"));
    assert_eq!((without.state(), without.schedule.wake()), (None, None));
    let strict = World::of(Leaf::server("a.test").must_staple());
    assert!(
        strict
            .state()
            .unwrap()
            .fault
            .unwrap()
            .contains("no OCSP responder")
    );
    assert_eq!(strict.schedule.wake(), None);
}

#[test]
fn i5_no_more_are_asked_at_once_than_there_is_room_for() {
    let world = World::new();
    let identities: Vec<_> = (0..5)
        .map(|n| {
            let issued = world
                .authority
                .issue(Leaf::server(&format!("{n}.test")).ocsp("http://ocsp.example.com/"));
            let identity = Identity::from_pem(issued.chain_pem.as_bytes(), issued.key_pem.as_bytes());
            Arc::new(identity.unwrap())
        })
        .collect();
    let mut schedule = Schedule::new(Pace::default());
    schedule.serve(&identities, world.start);
    assert_eq!(schedule.due(world.start, 3).len(), 3);
    assert_eq!(schedule.due(world.start, 3).len(), 2);
    assert_eq!(schedule.due(world.start, 3).len(), 0);
}

const NOW: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
