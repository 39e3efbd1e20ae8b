//! One collection: listed, then watched, and listed again only when the watch cannot go on.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::Patience;
use super::backoff::{Backoff, jittered};
use super::connection::{ApiError, Connection, Payload};
use super::discovery::{Discovery, root};
use super::lines::Lines;
use super::paging::Paging;
use crate::api::{Kind, Name};
use crate::index::{Arrival, Collection, Needs};

/// What a follower has to say.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) collection: Arc<Collection>,
    pub(super) news: News,
}

#[derive(Debug)]
pub(super) enum News {
    /// The whole collection.
    Listed(Vec<Arrival>),
    Put(Box<Arrival>),
    Deleted(Box<Json>),
    Trouble(Trouble),
    /// The trouble is over.
    Recovered,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The cluster does not have the kind.
    Absent,
    /// It had the kind, and says now that it has not; which is certain when it says so again.
    Missing,
    /// It is certain, and what was known is kept all the same: others would be let in without it.
    Kept,
    /// Its task panicked, for the so-manieth time, and has been begun again.
    Restarted(u32),
    /// We may not list or watch it; what the API server says of that.
    Refused(String),
    Failing(ApiError),
}

pub(super) struct Follower {
    pub(super) collection: Arc<Collection>,
    pub(super) connection: Arc<Connection>,
    pub(super) discovery: Arc<Discovery>,
    /// `labelSelector`, for Traefik's own kinds. Empty: everything.
    pub(super) label_selector: String,
    pub(super) needs: watch::Receiver<Arc<Needs>>,
    pub(super) to: mpsc::Sender<Report>,
    pub(super) patience: Patience,
}

/// Nobody listens any more.
struct Closed;

enum Next {
    Find,
    List { path: String },
    Watch { path: String, version: String },
}

impl Follower {
    /// Follows the collection until nobody listens.
    pub(super) async fn run(self) {
        let mut course = Course {
            follower: &self,
            backoff: Backoff::default(),
            troubled: false,
            listed: None,
            doubted: false,
        };
        let mut next = Next::Find;
        loop {
            let went = match next {
                Next::Find => course.find().await,
                Next::List { path } => course.list(path).await,
                Next::Watch { path, version } => course.watch(path, version).await,
            };
            match went {
                Ok(then) => next = then,
                Err(Closed) => return,
            }
        }
    }

    /// The collection's path, if the cluster has it.
    pub(super) async fn path(&self) -> Result<Option<String>, ApiError> {
        let version = self.collection.api_version();
        let plural = self.discovery.plural(version, self.collection.kind).await?;
        Ok(plural.map(|plural| path(&self.collection, &plural, None)))
    }

    /// Everything in it, and the version that it was read at.
    pub(super) async fn list(&self, path: &str) -> Result<(Vec<Arrival>, String), ApiError> {
        match self.pages(path, Paging::of(self.collection.kind)).await {
            // The server has forgotten what the next page belongs to; the whole at once needs no memory.
            Err(error) if error.code() == Some(410) => {
                let whole = self.pages(path, Paging::whole()).await;
                match whole {
                    Err(ApiError::TooLarge(_)) => self.pages(path, Paging::of(self.collection.kind)).await,
                    read => read,
                }
            }
            read => read,
        }
    }

    async fn pages(&self, path: &str, mut paging: Paging) -> Result<(Vec<Arrival>, String), ApiError> {
        let (mut arrivals, mut token) = (Vec::new(), String::new());
        loop {
            let query = self.query(&[("limit", &paging.limit()), ("continue", &token)]);
            let page: Page = match self.connection.list(&format!("{path}?{query}")).await {
                Err(ApiError::TooLarge(_)) if paging.halve() => continue,
                read => read?,
            };
            paging.count(page.items.len())?;
            let read = page.items.into_iter().filter_map(|object| self.read(object));
            arrivals.extend(read);
            match page.metadata.next {
                Some(next) if !next.is_empty() => token = next,
                Some(_) | None => return Ok((arrivals, page.metadata.resource_version)),
            }
        }
    }

    fn read(&self, object: Json) -> Option<Arrival> {
        let kind = self.collection.kind;
        let needs = self.needs.borrow();
        let keep = |name: &Name| needs.contains(&(kind, name.clone()));
        Arrival::read(&self.collection, object, keep)
    }

    fn query(&self, more: &[(&str, &str)]) -> String {
        let labels = self.label_selector.as_str();
        let fields = if self.collection.kind == Kind::Secret {
            NO_RELEASES
        } else {
            ""
        };
        let selectors = [("labelSelector", labels), ("fieldSelector", fields)];
        let all = selectors
            .iter()
            .chain(more)
            .filter(|(_, value)| !value.is_empty());
        let all = all.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)));
        all.collect::<Vec<_>>().join("&")
    }
}

/// Where a follower is, and what went wrong on the way.
struct Course<'a> {
    follower: &'a Follower,
    backoff: Backoff,
    troubled: bool,
    /// The path that there is a list of.
    listed: Option<String>,
    /// Whether what was listed seems to be gone.
    doubted: bool,
}

impl Course<'_> {
    async fn find(&mut self) -> Result<Next, Closed> {
        match self.follower.path().await {
            Ok(Some(path)) => {
                self.doubted = false;
                Ok(Next::List { path })
            }
            Ok(None) => self.absent().await,
            Err(error) => {
                self.failed(error).await?;
                Ok(Next::Find)
            }
        }
    }

    /// A server that is restarted or has lost an aggregated API may deny a kind for a while. What was listed is given up
    /// when discovery has denied it twice, some seconds apart, and its list with 404 in between.
    async fn absent(&mut self) -> Result<Next, Closed> {
        let doubted = std::mem::replace(&mut self.doubted, true);
        let (trouble, next) = match self.listed.take() {
            Some(path) if !doubted => {
                self.listed = Some(path.clone());
                (Trouble::Missing, Next::List { path })
            }
            Some(_) | None => (Trouble::Absent, Next::Find),
        };
        self.tell(News::Trouble(trouble)).await?;
        self.troubled = true;
        self.pause(jittered(LATER)).await?;
        Ok(next)
    }

    async fn list(&mut self, path: String) -> Result<Next, Closed> {
        match self.follower.list(&path).await {
            Ok((arrivals, version)) => {
                self.tell(News::Listed(arrivals)).await?;
                self.listed = Some(path.clone());
                self.doubted = false;
                self.recovered().await?;
                Ok(Next::Watch { path, version })
            }
            Err(error) => {
                let gone = error.code() == Some(404);
                self.failed(error).await?;
                Ok(if gone { Next::Find } else { Next::List { path } })
            }
        }
    }

    async fn watch(&mut self, path: String, mut version: String) -> Result<Next, Closed> {
        let began = Instant::now();
        let ended = self.events(&path, &mut version).await?;
        if began.elapsed() >= LONG_ENOUGH {
            self.backoff.reset();
        }
        let Err(error) = ended else {
            // The server ends every watch some time; one that it ends at once is no reason to hurry.
            if began.elapsed() < LONG_ENOUGH {
                let wait = self.backoff.next();
                self.pause(wait).await?;
            }
            return Ok(Next::Watch { path, version });
        };
        tracing::debug!(collection = %told(&self.follower.collection), %error, "the watch ended");
        let next = match error.code() {
            // What happened since is not known any more.
            Some(410) => {
                let wait = self.backoff.next();
                self.pause(wait).await?;
                return Ok(Next::List { path });
            }
            Some(404) => Next::Find,
            // The version is from a future that the server has not seen: it was restored, or is another one.
            Some(500..=599) if is_from_another_time(&error) => Next::List { path },
            // It answers, and cannot go on from here.
            Some(400 | 500..=599) if self.backoff.failures() >= SO_MANY => Next::List { path },
            None if self.backoff.failures() >= SO_MANY && is_unreadable(&error) => Next::List { path },
            Some(_) | None => Next::Watch { path, version },
        };
        self.failed(error).await?;
        Ok(next)
    }

    /// Watches until the stream ends, one way or another. `version`: what has been seen of the collection.
    async fn events(&mut self, path: &str, version: &mut String) -> Result<Result<(), ApiError>, Closed> {
        let patience = self.follower.patience;
        // Whole seconds, and not none: that would leave it to the server.
        let seconds = Duration::from_secs(jittered(patience.0).as_secs().max(1));
        let query = self.follower.query(&[
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &seconds.as_secs().to_string()),
            ("resourceVersion", version),
        ]);
        let connection = &self.follower.connection;
        let path = format!("{path}?{query}");
        let opened = timeout(
            patience.opening(),
            connection.send(Method::GET, &path, Payload::Nothing),
        );
        let mut lines = match opened.await.unwrap_or(Err(ApiError::Late)) {
            Ok(response) => Lines::new(response.into_body()),
            Err(error) => return Ok(Err(error)),
        };
        self.recovered().await?;
        loop {
            let line = tokio::select! {
                line = lines.next(seconds + patience.margin()) => line,
                () = self.follower.to.closed() => return Err(Closed),
            };
            let line = match line {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            match event(&line) {
                Ok(event) => self.take(event, version).await?,
                Err(error) => return Ok(Err(error)),
            }
            self.backoff.reset();
        }
    }

    async fn take(&self, event: Event, version: &mut String) -> Result<(), Closed> {
        let Event { kind, object } = event;
        let seen = object
            .pointer("/metadata/resourceVersion")
            .and_then(Json::as_str)
            .map(str::to_owned);
        match kind {
            EventKind::Changed => {
                if let Some(arrival) = self.follower.read(object) {
                    self.tell(News::Put(Box::new(arrival))).await?;
                }
            }
            EventKind::Deleted => self.tell(News::Deleted(Box::new(object))).await?,
            EventKind::Bookmark => {}
        }
        if let Some(seen) = seen.filter(|seen| !is_older(seen, version)) {
            *version = seen;
        }
        Ok(())
    }

    /// Waits after a failure, and tells of one that lasts.
    async fn failed(&mut self, error: ApiError) -> Result<(), Closed> {
        let refused = error.code() == Some(403);
        let wait = if refused {
            jittered(LATER)
        } else {
            self.backoff.after(&error)
        };
        if refused || self.listed.is_none() || self.backoff.failures() >= SO_MANY {
            let trouble = match &error {
                ApiError::Status { message, .. } if refused => Trouble::Refused(message.clone()),
                _ => Trouble::Failing(error),
            };
            self.tell(News::Trouble(trouble)).await?;
            self.troubled = true;
        }
        self.pause(wait).await
    }

    async fn recovered(&mut self) -> Result<(), Closed> {
        if std::mem::take(&mut self.troubled) {
            self.tell(News::Recovered).await?;
        }
        Ok(())
    }

    async fn tell(&self, news: News) -> Result<(), Closed> {
        let collection = Arc::clone(&self.follower.collection);
        let report = Report { collection, news };
        self.follower.to.send(report).await.map_err(|_| Closed)
    }

    async fn pause(&self, wait: Duration) -> Result<(), Closed> {
        tokio::select! {
            () = sleep(wait) => Ok(()),
            () = self.follower.to.closed() => Err(Closed),
        }
    }
}

#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    #[serde(default)]
    items: Vec<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Debug)]
struct Event {
    kind: EventKind,
    object: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventKind {
    Changed,
    Deleted,
    Bookmark,
}

/// One line of a watch. An `ERROR` is an error.
fn event(line: &BytesMut) -> Result<Event, ApiError> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "type")]
        kind: String,
        object: Json,
    }
    let malformed = |what: String| ApiError::Malformed(what);
    let Wire { kind, object } =
        serde_json::from_slice(line).map_err(|error| malformed(format!("an event of a watch: {error}")))?;
    let kind = match kind.as_str() {
        "ADDED" | "MODIFIED" => EventKind::Changed,
        "DELETED" => EventKind::Deleted,
        "BOOKMARK" => EventKind::Bookmark,
        "ERROR" => return Err(status(&object)),
        _ => return Err(malformed("an event of an unknown type".to_owned())),
    };
    Ok(Event { kind, object })
}

fn status(object: &Json) -> ApiError {
    let code = object.get("code").and_then(Json::as_u64);
    let message = object.get("message").and_then(Json::as_str).unwrap_or_default();
    let seconds = object
        .pointer("/details/retryAfterSeconds")
        .and_then(Json::as_u64);
    ApiError::Status {
        code: code.and_then(|code| u16::try_from(code).ok()).unwrap_or(500),
        message: message.to_owned(),
        retry_after: seconds.map(|seconds| Duration::from_secs(seconds.min(60))),
    }
}

fn is_from_another_time(error: &ApiError) -> bool {
    matches!(error, ApiError::Status { message, .. } if message.contains("Too large resource version"))
}

fn is_unreadable(error: &ApiError) -> bool {
    matches!(error, ApiError::Malformed(_) | ApiError::TooLarge(_))
}

/// Versions are opaque, but for their order where both are numbers.
fn is_older(version: &str, than: &str) -> bool {
    match (version.parse::<u128>(), than.parse::<u128>()) {
        (Ok(version), Ok(than)) => version < than,
        _ => false,
    }
}

/// The path of a collection, or of one object of it.
pub(crate) fn path(collection: &Collection, plural: &str, object: Option<&Name>) -> String {
    let mut path = root(collection.api_version());
    let namespace = match object {
        Some(object) => Some(&object.namespace),
        None => collection.namespace.as_ref(),
    };
    if let Some(namespace) = namespace {
        path = format!("{path}/namespaces/{}", utf8_percent_encode(namespace, QUERY));
    }
    path = format!("{path}/{plural}");
    match object {
        Some(object) => format!("{path}/{}", utf8_percent_encode(&object.name, QUERY)),
        None => path,
    }
}

/// The collection, for people: `ingressroutes.traefik.io in namespace web`.
pub(super) fn told(collection: &Collection) -> String {
    let group = collection
        .api_version()
        .split_once('/')
        .map_or("", |(group, _)| group);
    let dot = if group.is_empty() { "" } else { "." };
    let plural = collection.kind.plural();
    match &collection.namespace {
        Some(namespace) => format!("{plural}{dot}{group} in namespace `{namespace}`"),
        None => format!("{plural}{dot}{group}"),
    }
}

const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Helm keeps every release of every chart in Secrets, which are large and never TLS material.
const NO_RELEASES: &str = "type!=helm.sh/release.v1";
/// A watch that lasted this long was a good one.
const LONG_ENOUGH: Duration = Duration::from_millis(250);
/// When to look again for what is not there, or not for us.
const LATER: Duration = Duration::from_secs(10);
/// After how many failures in a row something is told.
const SO_MANY: u32 = 4;
