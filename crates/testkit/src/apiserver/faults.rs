//! What can go wrong between a client and a cluster, made to happen.

use std::sync::Arc;
use std::time::Duration;

use super::Control;
use super::state::Shared;

/// Switches for faults; each method says how to end it again. From [`ApiServer::faults`](super::ApiServer::faults).
pub struct Faults<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) control: &'a Control,
}

/// What is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) slow_lists: Duration,
    pub(crate) no_bookmarks: bool,
    pub(crate) stale_bookmarks: Option<u64>,
    pub(crate) duplicates: bool,
    pub(crate) order: Order,
    pub(crate) hold: bool,
    /// Counts requests for bookmarks.
    pub(crate) bookmarks: u64,
    pub(crate) truncate: Vec<Truncation>,
    /// Counts requests to end every watch.
    pub(crate) ended_watches: u64,
    pub(crate) expired_as_status: bool,
    pub(crate) replies: Vec<Planned>,
}

/// The order in which a watch tells of changes that it has not told of yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    AsTheyHappened,
    /// Changes of different objects are swapped; each object's own stay in order.
    SwappedBetweenObjects,
    /// Backwards, so that an object's older state comes after its newer one.
    Backwards,
}

/// How a watch's event is cut off in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// The body ends properly behind half of the event.
    CleanEnd,
    /// The connection breaks behind half of the event.
    Broken,
}

/// What to answer in place of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A `Status` object: 500.
    InternalError,
    /// A `Status` object: 401.
    Unauthorized,
    /// A `Status` object: 403.
    Forbidden,
    /// A `Status` object: 410.
    Expired,
    /// A `Status` object: 429 with `Retry-After` in seconds.
    TooManyRequests { retry_after: u64 },
    /// What a load balancer in between says: a status and an HTML page.
    Html(u16),
    /// Any status with any body as JSON.
    Raw(u16, String),
    /// The connection is reset before a byte of an answer.
    Reset,
}

#[derive(Debug, Clone)]
pub(crate) struct Planned {
    matching: Matching,
    /// `None`: until told otherwise.
    left: Option<usize>,
    reply: Reply,
}

/// Which requests a reply is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matching {
    /// As [`Request::verb`](super::Request::verb); any if empty.
    pub verb: String,
    /// As [`Request::resource`](super::Request::resource); any if empty.
    pub resource: String,
}

impl Matching {
    /// Every request, discovery included.
    pub fn everything() -> Self {
        Self::default()
    }

    /// One verb of one kind, such as `list` of `secrets`; an empty word stands for all of them.
    pub fn of(verb: &str, resource: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            resource: resource.to_owned(),
        }
    }

    fn fits(&self, verb: &str, resource: &str) -> bool {
        (self.verb.is_empty() || self.verb == verb) && (self.resource.is_empty() || self.resource == resource)
    }
}

impl Plan {
    /// The reply that is due for a request, and one less of it.
    pub(crate) fn reply(&mut self, verb: &str, resource: &str) -> Option<Reply> {
        let due = self
            .replies
            .iter_mut()
            .find(|planned| planned.left != Some(0) && planned.matching.fits(verb, resource))?;
        if let Some(left) = &mut due.left {
            *left -= 1;
        }
        Some(due.reply.clone())
    }
}

impl Faults<'_> {
    /// Answers the next `times` requests of a sort with `reply`.
    pub fn reply_next(&self, times: usize, matching: Matching, reply: Reply) {
        self.plan(|plan| {
            plan.replies.push(Planned {
                matching,
                left: Some(times),
                reply,
            });
        });
    }

    /// Answers all requests of a sort with `reply`, until [`Faults::clear_replies`].
    pub fn reply_always(&self, matching: Matching, reply: Reply) {
        self.plan(|plan| {
            plan.replies.push(Planned {
                matching,
                left: None,
                reply,
            });
        });
    }

    /// Planned replies that have not been given yet, those without a count included.
    pub fn replies_left(&self) -> usize {
        let shared = self.shared.look();
        shared
            .plan
            .replies
            .iter()
            .map(|planned| planned.left.unwrap_or(1))
            .sum()
    }

    pub fn clear_replies(&self) {
        self.plan(|plan| plan.replies.clear());
    }

    /// Resets every open connection (RST, no shutdown of TLS).
    pub fn reset_connections(&self) {
        self.shared.reset_connections();
    }

    /// Does so again and again, `None`: no longer.
    pub fn reset_every(&self, period: Option<Duration>) {
        self.control.reset_every(self.shared, period);
    }

    /// Every list waits so long before it is answered; zero ends it.
    pub fn slow_lists(&self, delay: Duration) {
        self.plan(|plan| plan.slow_lists = delay);
    }

    /// Sends no bookmarks, other than the one at the end of a streamed list.
    pub fn drop_bookmarks(&self, drop: bool) {
        self.plan(|plan| plan.no_bookmarks = drop);
    }

    /// Bookmarks carry this revision, however old; `None`: the current one.
    pub fn stale_bookmarks(&self, revision: Option<u64>) {
        self.plan(|plan| plan.stale_bookmarks = revision);
    }

    /// Every watch that allows bookmarks gets one now.
    pub fn bookmark_now(&self) {
        self.plan(|plan| plan.bookmarks += 1);
    }

    /// Sends every event twice.
    pub fn duplicate_events(&self, duplicate: bool) {
        self.plan(|plan| plan.duplicates = duplicate);
    }

    /// The order of events that are due at the same time: see [`Faults::hold_events`].
    pub fn order(&self, order: Order) {
        self.plan(|plan| plan.order = order);
    }

    /// Watches say nothing while it holds, and everything at once when it is let go.
    pub fn hold_events(&self, hold: bool) {
        self.plan(|plan| plan.hold = hold);
    }

    /// Cuts off the next event of any watch; may be called again for more of them.
    pub fn truncate_next_event(&self, how: Truncation) {
        self.plan(|plan| plan.truncate.push(how));
    }

    /// Events that are still to be cut off.
    pub fn truncations_left(&self) -> usize {
        self.shared.look().plan.truncate.len()
    }

    /// Ends every watch properly, as a server does that has had enough of a client.
    pub fn end_watches(&self) {
        self.plan(|plan| plan.ended_watches += 1);
    }

    /// Forgets the history: whoever lists or watches from a revision before now gets 410.
    pub fn forget_history(&self) {
        self.shared.change(|state| state.store.compact());
    }

    /// How many changes are remembered; the default is 100,000.
    pub fn history(&self, changes: usize) {
        self.shared.change(|state| state.store.set_limit(changes));
    }

    /// A watch from a forgotten revision gets status 410 instead of an event of type `ERROR`.
    pub fn expired_as_status(&self, status: bool) {
        self.plan(|plan| plan.expired_as_status = status);
    }

    /// Closes the port and resets every connection.
    pub fn stop(&self) {
        self.control.stop(self.shared);
    }

    /// Opens the same port again.
    pub fn start_again(&self) {
        self.control.start(self.shared);
    }

    fn plan(&self, change: impl FnOnce(&mut Plan)) {
        self.shared.change(|state| change(&mut state.plan));
    }
}
