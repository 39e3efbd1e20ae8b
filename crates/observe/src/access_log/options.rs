//! What an access log says, and of which requests (Traefik's `accessLog`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::fields::Fields;
use crate::record::Record;

/// How a line looks (Traefik's `accessLog.format`). Default: `common`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Traefik's CLF with router, server URL and milliseconds.
    #[default]
    Common,
    /// Plain CLF (combined).
    GenericClf,
    Json,
}

/// What is written of a field, a header or a query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Keep,
    /// Nothing; in the CLF formats `-`.
    Drop,
    /// The name, and `REDACTED` for the value.
    Redact,
}

/// Cheap to copy: one per worker.
#[derive(Debug, Clone)]
pub struct Options {
    pub format: Format,
    /// `fields.defaultMode` and `fields.names`. Default: all are kept.
    pub fields: Fields,
    /// `fields.headers`. Default: all are dropped, `Referer` and `User-Agent` of the CLF formats included.
    pub headers: Headers,
    /// `fields.queryParameters.defaultMode`: of the query in `RequestPath`. Default: kept.
    pub query: Mode,
    /// `filters`. Default: every request is told.
    pub filters: Filters,
    /// `bufferingSize`: lines that a worker gathers before it hands them over. Default 0: as many as fit
    /// into a batch. Whatever it says, no line waits for more than a moment.
    pub buffering: u32,
    /// `addInternals`: requests to `api@internal` and the like. Default false.
    pub internals: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::default(),
            fields: Fields::default(),
            headers: Headers::all(Mode::Drop),
            query: Mode::Keep,
            filters: Filters::default(),
            buffering: 0,
            internals: false,
        }
    }
}

/// What is written of each header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    default: Mode,
    names: Arc<HashMap<HeaderName, Mode>>,
}

impl Headers {
    pub fn all(default: Mode) -> Self {
        Self::new(default, [])
    }

    pub fn new(default: Mode, names: impl IntoIterator<Item = (HeaderName, Mode)>) -> Self {
        Self {
            default,
            names: Arc::new(names.into_iter().collect()),
        }
    }

    pub(super) fn mode(&self, name: &HeaderName) -> Mode {
        if self.names.is_empty() {
            return self.default;
        }
        self.names.get(name).copied().unwrap_or(self.default)
    }

    /// Whether any header can be written.
    pub(super) fn any(&self) -> bool {
        self.default != Mode::Drop || self.names.values().any(|mode| *mode != Mode::Drop)
    }
}

/// Which requests are told: with no filter all, else those that any filter takes.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// Ranges of statuses, both ends included.
    pub status_codes: Vec<(u16, u16)>,
    /// Requests that were sent to a server more than once.
    pub retry_attempts: bool,
    /// Requests that took longer; zero: no filter.
    pub min_duration: Duration,
}

impl Filters {
    pub(super) fn take(&self, record: &Record<'_>) -> bool {
        let Self {
            status_codes,
            retry_attempts,
            min_duration,
        } = self;
        if status_codes.is_empty() && !retry_attempts && min_duration.is_zero() {
            return true;
        }
        let mut ranges = status_codes.iter();
        ranges.any(|(first, last)| (*first..=*last).contains(&record.status))
            || (*retry_attempts && record.retries > 0)
            || (!min_duration.is_zero() && record.duration > *min_duration)
    }
}

impl Options {
    /// The request's target, with what may be said of its query.
    pub(super) fn path<'r>(&self, target: &'r str) -> Cow<'r, str> {
        let Some((path, query)) = target.split_once('?').filter(|_| self.query != Mode::Keep) else {
            return Cow::Borrowed(target);
        };
        if self.query == Mode::Drop {
            return Cow::Borrowed(path);
        }
        let redacted = query.split('&').map(|parameter| match parameter.split_once('=') {
            Some((name, _)) => format!("{name}=REDACTED"),
            None => parameter.to_owned(),
        });
        Cow::Owned(format!("{path}?{}", redacted.collect::<Vec<_>>().join("&")))
    }
}
