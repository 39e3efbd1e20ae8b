//! Watches: what changes from a revision on, event by event.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::failure::Failure;
use super::faults::{Order, Truncation};
use super::list::shown;
use super::query::Query;
use super::resource::Resource;
use super::selector::{Selector, fields_of};
use super::state::{Shared, State};
use super::store::{Change, Compacted, Key};

/// A watch that has begun.
#[derive(Debug)]
pub(crate) struct Watch {
    resource: Arc<Resource>,
    namespace: Option<String>,
    selector: Selector,
    /// Told up to here.
    told: u64,
    /// What is there already, if that is to be told first.
    initial: Vec<Arc<Value>>,
    /// A bookmark ends what was there already.
    marks_end: bool,
    bookmarks: bool,
    lasts: Duration,
    /// Its revision is forgotten.
    is_expired: bool,
    /// Nothing can follow.
    is_over: bool,
    seen: Seen,
}

impl Watch {
    pub(crate) fn begin(
        state: &State,
        resource: Arc<Resource>,
        namespace: Option<&str>,
        query: &Query,
    ) -> Result<Self, Failure> {
        let selector = Selector::parse(
            query.get("labelSelector"),
            query.get("fieldSelector"),
            fields_of(&resource.storage),
        )?;
        let current = state.store.revision();
        let start = start(query, current)?;
        let mut watch = Self {
            namespace: namespace.map(str::to_owned),
            selector,
            told: start.revision.unwrap_or(current),
            initial: Vec::new(),
            marks_end: start.marks_end,
            bookmarks: query.is_set("allowWatchBookmarks"),
            lasts: Duration::from_secs(
                query
                    .number("timeoutSeconds")?
                    .filter(|s| *s > 0)
                    .unwrap_or(LASTS),
            ),
            is_expired: start.revision.is_some_and(|from| from < state.store.oldest()),
            is_over: false,
            seen: Seen::new(state),
            resource,
        };
        if watch.is_expired && state.plan.expired_as_status {
            return Err(gone(watch.told, state));
        }
        if start.sends_initial {
            watch.initial = state
                .store
                .list(&watch.resource.storage)
                .filter(|(key, object)| watch.covers(key, Some(object)))
                .map(|(_, object)| Arc::clone(object))
                .collect();
        }
        Ok(watch)
    }

    fn covers(&self, key: &Key, object: Option<&Arc<Value>>) -> bool {
        self.namespace
            .as_ref()
            .is_none_or(|namespace| key.0 == *namespace)
            && object.is_some_and(|object| self.selector.matches(object))
    }

    /// Tells until the client goes away, the time is up, or the history is lost.
    pub(crate) async fn run(mut self, shared: Arc<Shared>, out: mpsc::Sender<io::Result<Bytes>>) {
        let mut changes = shared.changes();
        let deadline = Instant::now() + self.lasts;
        let mut next_bookmark = Instant::now() + BOOKMARK_EVERY;
        let mut batch = self.opening(&mut shared.look());
        loop {
            for line in batch {
                if self.send(&out, line).await.is_err() {
                    return;
                }
            }
            if self.is_over || self.seen.is_over(&shared.look()) || Instant::now() >= deadline {
                return;
            }
            let is_time = tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    false
                }
                () = tokio::time::sleep_until(next_bookmark.min(deadline)) => true,
                () = out.closed() => return,
            };
            if is_time {
                next_bookmark = Instant::now() + BOOKMARK_EVERY;
            }
            batch = self.next_batch(&mut shared.look(), is_time);
        }
    }

    /// An error when nothing can follow.
    async fn send(&self, out: &mpsc::Sender<io::Result<Bytes>>, line: Line) -> Result<(), Ended> {
        match line {
            Line::Whole(bytes) => out.send(Ok(bytes)).await.map_err(|_| Ended),
            Line::Half(half, how) => {
                out.send(Ok(half)).await.map_err(|_| Ended)?;
                if how == Truncation::Broken {
                    // Once all room is free again, the half is on its way: an error would overtake it.
                    out.reserve_many(out.max_capacity()).await.map_err(|_| Ended)?;
                    let error = io::Error::other("the event is cut off");
                    out.send(Err(error)).await.map_err(|_| Ended)?;
                }
                Err(Ended)
            }
        }
    }

    fn next_batch(&mut self, state: &mut State, is_time: bool) -> Vec<Line> {
        let mut batch = self.news(state);
        let resource = &self.resource;
        let kinds = &state.kinds;
        if kinds
            .find(&resource.group, &resource.version, &resource.plural)
            .is_none()
        {
            // Its definition is gone: the last that there is to tell.
            self.is_over = true;
        }
        if self.seen.wants_bookmark(state) || is_time {
            batch.extend(self.bookmark(state).map(Line::Whole));
        }
        batch
    }

    fn opening(&mut self, state: &mut State) -> Vec<Line> {
        if self.is_expired {
            self.is_over = true;
            return vec![Line::Whole(line("ERROR", &gone(self.told, state).status()))];
        }
        let mut lines: Vec<Line> = std::mem::take(&mut self.initial)
            .iter()
            .map(|object| Line::Whole(self.line("ADDED", object)))
            .collect();
        if self.marks_end {
            let mut mark = self.mark(self.told);
            mark["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
            lines.push(Line::Whole(line("BOOKMARK", &mark)));
        }
        // What has changed since its revision, or has been asked of it since it was granted.
        lines.extend(self.next_batch(state, false));
        lines
    }

    /// Events of everything that has changed since the last time.
    fn news(&mut self, state: &mut State) -> Vec<Line> {
        if state.plan.hold {
            return Vec::new();
        }
        let changes = match state.store.changes(&self.resource.storage, self.told) {
            Ok(changes) => changes,
            Err(Compacted) => {
                self.is_over = true;
                return vec![Line::Whole(line("ERROR", &gone(self.told, state).status()))];
            }
        };
        self.told = self.told.max(state.store.revision());
        let events: Vec<(Key, Bytes)> = changes
            .iter()
            .filter_map(|change| Some((change.key.clone(), self.event(change)?)))
            .collect();
        let mut lines: Vec<Line> = Vec::new();
        for (_, event) in ordered(events, state.plan.order) {
            if let Some(how) = (!state.plan.truncate.is_empty()).then(|| state.plan.truncate.remove(0)) {
                let half = event.slice(..event.len() / 2);
                lines.push(Line::Half(half, how));
                return lines;
            }
            if state.plan.duplicates {
                lines.push(Line::Whole(event.clone()));
            }
            lines.push(Line::Whole(event));
        }
        lines
    }

    /// What a change is to this watch: an object that comes into its view is `ADDED`.
    fn event(&self, change: &Change) -> Option<Bytes> {
        let was = self.covers(&change.key, change.before.as_ref());
        let is = self.covers(&change.key, change.after.as_ref());
        match (was, is) {
            (false, true) => change.after.as_ref().map(|object| self.line("ADDED", object)),
            (true, true) => change.after.as_ref().map(|object| self.line("MODIFIED", object)),
            (true, false) => change.before.as_ref().map(|object| {
                // The last state, at the revision of its end.
                let mut last = Value::clone(object);
                last["metadata"]["resourceVersion"] = json!(change.revision.to_string());
                self.line("DELETED", &last)
            }),
            (false, false) => None,
        }
    }

    fn bookmark(&self, state: &State) -> Option<Bytes> {
        let plan = &state.plan;
        (self.bookmarks && !plan.no_bookmarks && !plan.hold)
            .then(|| line("BOOKMARK", &self.mark(plan.stale_bookmarks.unwrap_or(self.told))))
    }

    fn mark(&self, revision: u64) -> Value {
        json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(),
            "metadata": { "resourceVersion": revision.to_string(), "creationTimestamp": null },
        })
    }

    fn line(&self, kind: &str, object: &Value) -> Bytes {
        line(kind, &shown(&self.resource, object))
    }
}

enum Line {
    Whole(Bytes),
    /// An event that is cut off; nothing follows.
    Half(Bytes, Truncation),
}

/// The stream is over.
struct Ended;

/// What the watch has seen of the counters that tests move.
#[derive(Debug)]
struct Seen {
    bookmarks: u64,
    ended: u64,
}

impl Seen {
    fn new(state: &State) -> Self {
        Self {
            bookmarks: state.plan.bookmarks,
            ended: state.plan.ended_watches,
        }
    }

    fn wants_bookmark(&mut self, state: &State) -> bool {
        std::mem::replace(&mut self.bookmarks, state.plan.bookmarks) != state.plan.bookmarks
    }

    fn is_over(&self, state: &State) -> bool {
        self.ended != state.plan.ended_watches
    }
}

/// Where a watch begins.
struct Start {
    /// `None`: now.
    revision: Option<u64>,
    sends_initial: bool,
    marks_end: bool,
}

fn start(query: &Query, current: u64) -> Result<Start, Failure> {
    let revision = match query.get("resourceVersion") {
        "" | "0" => None,
        text => Some(text.parse::<u64>().map_err(|_| {
            Failure::BadRequest(format!("resourceVersion: Invalid value: {text:?}: not a number"))
        })?),
    };
    let matching = query.get("resourceVersionMatch");
    let refuse = |why: &str| {
        Err(Failure::BadRequest(format!(
            "ListOptions.meta.k8s.io is invalid: {why}"
        )))
    };
    match query.get("sendInitialEvents") {
        "" if !matching.is_empty() => {
            refuse("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        }
        "" => Ok(Start {
            revision,
            // Without a revision, or with 0, a watch begins with everything there is.
            sends_initial: revision.is_none(),
            marks_end: false,
        }),
        _ if matching != "NotOlderThan" => {
            refuse("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
        }
        "true" => match revision {
            Some(wanted) if wanted > current => Err(Failure::TooLarge { wanted, current }),
            _ => Ok(Start {
                revision: None,
                sends_initial: true,
                marks_end: query.is_set("allowWatchBookmarks"),
            }),
        },
        _ => Ok(Start {
            revision,
            sends_initial: false,
            marks_end: false,
        }),
    }
}

fn gone(from: u64, state: &State) -> Failure {
    Failure::Expired {
        why: format!("too old resource version: {from} ({})", state.store.oldest()),
        continue_token: None,
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    let mut text = json!({ "type": kind, "object": object }).to_string();
    text.push('\n');
    text.into()
}

fn ordered(mut events: Vec<(Key, Bytes)>, order: Order) -> Vec<(Key, Bytes)> {
    match order {
        Order::AsTheyHappened => events,
        Order::Backwards => {
            events.reverse();
            events
        }
        Order::SwappedBetweenObjects => {
            let mut of_object: BTreeMap<Key, Vec<Bytes>> = BTreeMap::new();
            for (key, event) in events {
                of_object.entry(key).or_default().push(event);
            }
            of_object
                .into_iter()
                .rev()
                .flat_map(|(key, events)| events.into_iter().map(move |event| (key.clone(), event)))
                .collect()
        }
    }
}

/// Of a watch that names no end of its own, in seconds.
const LASTS: u64 = 30 * 60;
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
