//! What the proxy answers itself: `api@internal`, `dashboard@internal`, `ping@internal`, `prometheus@internal`.
//! A view over the configuration in force; it decides nothing and changes nothing.
//!
//! ```text
//!  control --Published--> watch channel --> Catalogue (once per configuration) --> an endpoint --> JSON
//! ```
//! Answers that have to be put together are made on a thread of their own: a worker only passes them on.

mod asking;
mod bridges;
mod catalogue;
mod certificates;
mod dump;
mod endpoint;
mod faults;
mod last_faults;
mod listing;
mod overview;
mod preflight;
mod published;
pub(crate) mod rehearse;
pub(crate) mod reply;
pub(crate) mod revoked;
mod rotations;
mod shadow;
#[cfg(test)]
mod tests;
pub(crate) mod trace;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, Method, Response, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use viaduct_config::Install;
use viaduct_proxy::Internal;
use viaduct_proxy::internal::{Answering, Asked};
use viaduct_snapshot::InternalService;

use crate::dashboard;
use crate::last_faults::LastFaults;
use crate::preflight::Preflight;
use crate::settings::api::Settings;
use crate::telemetry::Metrics;
pub(crate) use bridges::{client_auth, versions};
pub(crate) use overview::date;
pub(crate) use published::{Board, Published};

/// Answers for every internal service.
pub(crate) struct Api {
    view: Arc<View>,
    /// Answers being put together at once.
    places: Arc<Semaphore>,
    /// Traces at once: they wait for servers, so they have places of their own.
    traces: Arc<Semaphore>,
    /// One rehearsal at once.
    rehearsals: Arc<Semaphore>,
}

/// All that an endpoint can look at.
pub(crate) struct View {
    settings: Settings,
    install: Install,
    published: watch::Receiver<Option<Arc<Published>>>,
    last_faults: Arc<LastFaults>,
    started: SystemTime,
    /// Known only once there is a configuration.
    preflight: OnceLock<Preflight>,
    process: OnceLock<Process>,
    /// What the process counts; known only once there are workers.
    metrics: OnceLock<Arc<Metrics>>,
}

/// What else there is of the process.
struct Process {
    /// The control plane's.
    runtime: Handle,
    /// Where each entry point really listens.
    addresses: Vec<(Arc<str>, SocketAddr)>,
}

impl View {
    fn published(&self) -> Option<Arc<Published>> {
        self.published.borrow().clone()
    }

    /// Where an entry point really listens.
    fn address_of(&self, entry_point: &str) -> Option<SocketAddr> {
        let addresses = &self.process.get()?.addresses;
        let (_, address) = addresses.iter().find(|(name, _)| **name == *entry_point)?;
        Some(*address)
    }
}

impl Api {
    /// With the board on which the control plane publishes each configuration. `None`: no internal service is
    /// switched on, and nothing is kept for one.
    pub(crate) fn new(install: &Install) -> Option<(Self, Board)> {
        let settings = Settings::new(install)?;
        let (board, published) = watch::channel(None);
        let api = Self {
            view: Arc::new(View {
                settings,
                install: install.clone(),
                published,
                last_faults: Arc::default(),
                started: SystemTime::now(),
                preflight: OnceLock::new(),
                process: OnceLock::new(),
                metrics: OnceLock::new(),
            }),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            traces: Arc::new(Semaphore::new(AT_ONCE)),
            rehearsals: Arc::new(Semaphore::new(1)),
        };
        Some((api, board))
    }

    /// What it counts is known only once the workers are.
    #[must_use]
    pub(crate) fn with_metrics(self, metrics: Arc<Metrics>) -> Self {
        self.view.metrics.get_or_init(|| metrics);
        self
    }

    /// Who tries servers; it is started behind the API.
    #[must_use]
    pub(crate) fn with_preflight(self, preflight: Preflight) -> Self {
        self.view.preflight.get_or_init(|| preflight);
        self
    }

    /// Called on the control plane; `addresses`: where each entry point really listens.
    #[must_use]
    pub(crate) fn with_process(self, addresses: Vec<(Arc<str>, SocketAddr)>) -> Self {
        self.view.process.get_or_init(|| Process {
            runtime: Handle::current(),
            addresses,
        });
        self
    }

    /// Follows a request on the control plane: a worker has other requests to wait for.
    fn trace(&self, asked: Asked) -> Answering {
        let (view, traces) = (Arc::clone(&self.view), Arc::clone(&self.traces));
        let Some(process) = self.view.process.get() else {
            return now(reply::not_found());
        };
        let control = process.runtime.clone();
        Box::pin(async move {
            let Ok(place) = traces.try_acquire_owned() else {
                return reply::message(StatusCode::SERVICE_UNAVAILABLE, "too many traces at once");
            };
            // Who leaves ends it.
            let mut followed = JoinSet::new();
            followed.spawn_on(
                async move {
                    let _place = place;
                    trace::answer(view, asked).await
                },
                &control,
            );
            match followed.join_next().await {
                Some(Ok(answer)) => answer,
                Some(Err(_)) | None => {
                    reply::message(StatusCode::INTERNAL_SERVER_ERROR, "the trace could not be made")
                }
            }
        })
    }

    /// Tries servers under another trust, on pre-flight's thread. Who leaves ends it.
    fn rehearse(&self, asked: Asked) -> Answering {
        let (view, rehearsals) = (Arc::clone(&self.view), Arc::clone(&self.rehearsals));
        Box::pin(async move {
            let Some(preflight) = view.preflight.get().cloned() else {
                return reply::not_found();
            };
            let Ok(place) = rehearsals.try_acquire_owned() else {
                return reply::message(StatusCode::SERVICE_UNAVAILABLE, "a rehearsal is under way");
            };
            let mut rehearsing = JoinSet::new();
            rehearsing.spawn_on(
                async move {
                    let _place = place;
                    rehearse::answer(view, asked).await
                },
                preflight.runtime(),
            );
            match rehearsing.join_next().await {
                Some(Ok(answer)) => answer,
                Some(Err(_)) | None => reply::message(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the rehearsal could not be made",
                ),
            }
        })
    }

    /// What it shows of the backend leg's failures, for whoever fills it.
    pub(crate) fn last_faults(&self) -> &Arc<LastFaults> {
        &self.view.last_faults
    }

    /// Puts an answer together away from the worker. So many at a time; who waits too long is told to come back.
    fn elsewhere(&self, make: impl FnOnce() -> Response<Bytes> + Send + 'static) -> Answering {
        let places = Arc::clone(&self.places);
        Box::pin(async move {
            let Ok(Ok(place)) = tokio::time::timeout(PATIENCE, places.acquire_owned()).await else {
                return reply::message(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once");
            };
            let made = tokio::task::spawn_blocking(move || {
                let _place = place;
                make()
            });
            made.await.unwrap_or_else(|error| {
                tracing::error!(%error, "an answer of the API failed");
                reply::message(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made")
            })
        })
    }

    fn api(&self, asked: Asked) -> Answering {
        let base = &self.view.settings.base_path;
        let Some(path) = asked.uri.path().strip_prefix(base.as_str()) else {
            return now(reply::not_found());
        };
        if path != "/api" && !path.starts_with("/api/") {
            let on = self.view.settings.dashboard;
            return now(if on {
                dashboard::answer(base, &asked)
            } else {
                reply::not_found()
            });
        }
        if connects(path) {
            if !asking::is_ours(&self.view, &asked.headers) {
                return now(asking::refusal());
            }
            return match path {
                "/api/trace" => self.trace(asked),
                _ => self.rehearse(asked),
            };
        }
        let view = Arc::clone(&self.view);
        self.elsewhere(move || endpoint::answer(&view, &asked))
    }

    /// The path below the API's, where it makes connections.
    fn connecting<'a>(&self, asked: &'a Asked) -> Option<&'a str> {
        let base = self.view.settings.base_path.as_str();
        let path = asked.uri.path().strip_prefix(base)?;
        (asked.service == InternalService::Api && connects(path)).then_some(path)
    }

    /// As in Traefik: `OK`, and another status once the process has been told to end.
    fn ping(&self, terminating: bool) -> Response<Bytes> {
        let status = if terminating {
            self.view.settings.terminating_status
        } else {
            StatusCode::OK
        };
        let text = status.canonical_reason().unwrap_or_default();
        reply::text(status, text)
    }
}

impl Internal for Api {
    /// Nothing of who is refused whatever the body says.
    fn most_body(&self, asked: &Asked) -> usize {
        let header = self.connecting(asked).and_then(mark_of);
        let is_heard = asked.method == Method::POST
            && header.is_some_and(|header| asked.headers.contains_key(header))
            && asking::is_ours(&self.view, &asked.headers);
        if is_heard { MOST_BODY } else { 0 }
    }

    fn answer(&self, asked: Asked) -> Answering {
        let head = asked.method == Method::HEAD;
        let connecting = self.connecting(&asked).is_some();
        let readable = head || asked.method == Method::GET;
        let answer = match asked.service {
            InternalService::Ping => now(self.ping(asked.terminating)),
            // The proxy answers for it.
            InternalService::Noop => now(reply::not_found()),
            // Two paths make connections, and are asked with a body.
            _ if connecting && asked.method != Method::POST => now(reply::method_not_allowed("POST")),
            // Nothing else does anything, so nothing can be made to by a page elsewhere.
            _ if !readable && !connecting => now(reply::method_not_allowed("GET, HEAD")),
            InternalService::Api => self.api(asked),
            InternalService::Dashboard => now(dashboard::answer(&self.view.settings.base_path, &asked)),
            InternalService::Prometheus => match self.view.metrics.get() {
                Some(metrics) => {
                    let metrics = Arc::clone(metrics);
                    self.elsewhere(move || metrics.prometheus().map_or_else(reply::not_found, reply::metrics))
                }
                None => now(reply::not_found()),
            },
        };
        if !head {
            return answer;
        }
        Box::pin(async move { reply::without_body(answer.await) })
    }
}

fn now(response: Response<Bytes>) -> Answering {
    Box::pin(std::future::ready(response))
}

/// Whether a path below the API's makes connections.
fn connects(path: &str) -> bool {
    mark_of(path).is_some()
}

/// The header that a path which makes connections has to be asked with.
fn mark_of(path: &str) -> Option<HeaderName> {
    match path {
        "/api/rehearse" => Some(rehearse::HEADER),
        "/api/trace" => Some(trace::HEADER),
        _ => None,
    }
}

/// What is said of a request, or the CAs of a rehearsal.
const MOST_BODY: usize = 64 * 1024;
/// Answers put together at once.
const AT_ONCE: usize = 4;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
