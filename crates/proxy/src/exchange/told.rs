//! Copies of a request's head for those who tell of it at its end: access log and traces.

use std::time::{Duration, Instant, SystemTime};

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Uri};
use viaduct_observe::Trace;

use crate::wire::Connection;

pub(super) struct Told {
    wall: SystemTime,
    uri: Uri,
    host: Option<HeaderValue>,
    /// `X-Forwarded-For` of a sender that is believed.
    forwarded_for: Option<HeaderValue>,
    asked: Option<Instant>,
    answered: Option<Instant>,
    /// Only where somebody writes headers: copying them is most of what telling costs.
    headers: Option<Headers>,
}

struct Headers {
    request: HeaderMap,
    origin: HeaderMap,
    response: HeaderMap,
}

impl Told {
    /// `None`: nobody is told of this request.
    pub(super) fn wanted<B>(
        connection: &Connection,
        trace: Option<&Trace>,
        request: &http::Request<B>,
    ) -> Option<Box<Self>> {
        let worker = &connection.worker;
        let sampled = trace.is_some_and(Trace::is_sampled);
        let counted = worker.counters.reads_headers();
        if worker.access_log.is_none() && !sampled && !counted {
            return None;
        }
        let logged = worker.access_log.as_ref();
        let whole = sampled || counted || logged.is_some_and(|log| log.borrow().wants_headers());
        let headers = request.headers();
        Some(Box::new(Self {
            wall: SystemTime::now(),
            uri: request.uri().clone(),
            host: headers.get(HOST).cloned(),
            forwarded_for: connection.peer.believed_chain(headers).cloned(),
            asked: None,
            answered: None,
            headers: whole.then(|| Headers {
                request: headers.clone(),
                origin: HeaderMap::new(),
                response: HeaderMap::new(),
            }),
        }))
    }

    pub(super) fn asked(&mut self) {
        self.asked = Some(Instant::now());
    }

    pub(super) fn answered(&mut self, headers: &HeaderMap) {
        self.answered = Some(Instant::now());
        if let Some(copies) = &mut self.headers {
            copies.origin.clone_from(headers);
        }
    }

    pub(super) fn responded(&mut self, headers: &HeaderMap) {
        if let Some(copies) = &mut self.headers {
            copies.response.clone_from(headers);
        }
    }

    pub(super) fn wall(&self) -> SystemTime {
        self.wall
    }

    pub(super) fn asked_after(&self, start: Instant) -> Option<Duration> {
        Some(self.asked?.duration_since(start))
    }

    pub(super) fn origin_duration(&self) -> Option<Duration> {
        Some(self.answered?.duration_since(self.asked?))
    }

    pub(super) fn forwarded_for(&self) -> Option<&str> {
        self.forwarded_for.as_ref()?.to_str().ok()
    }

    pub(super) fn request_headers(&self) -> Option<&HeaderMap> {
        Some(&self.headers.as_ref()?.request)
    }

    pub(super) fn origin_headers(&self) -> Option<&HeaderMap> {
        Some(&self.headers.as_ref()?.origin)
    }

    pub(super) fn response_headers(&self) -> Option<&HeaderMap> {
        Some(&self.headers.as_ref()?.response)
    }

    pub(super) fn target(&self) -> &str {
        self.uri.path_and_query().map_or("", |target| target.as_str())
    }

    pub(super) fn host(&self) -> &str {
        match self.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self
                .host
                .as_ref()
                .and_then(|host| host.to_str().ok())
                .unwrap_or_default(),
        }
    }
}
