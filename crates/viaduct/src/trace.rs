//! `viaduct trace URL`: both legs of one request, hop by hop (C10).
//!
//! ```text
//!  Question --ask--> Report   client leg, routers, middlewares, service   (read off the snapshot)
//!                             backend leg, answer                         (a connection of its own, now)
//! ```
//! The same for a running process, which asks itself when its API is asked, and for a directory of manifests.

mod client;
mod report;
mod route;
mod server;
mod text;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use viaduct_proxy::Hygiene;
use viaduct_proxy::preview::{Preview, Refusal, status_of};
use viaduct_snapshot::{LoadBalancer, Router, RouterState, Server, Snapshot};

pub(crate) use report::Report;
pub(crate) use text::text;

use report::{Ended, Fault};

/// Which request is traced.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Absolute, `http` or `https`.
    pub(crate) url: Uri,
    /// GET, HEAD or OPTIONS: what only reads.
    pub(crate) method: Method,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// `None`: the one with the URL's port, else one that has a router for the request.
    pub(crate) entry_point: Option<String>,
    /// URL of the server to go to; `None`: the first that takes new requests.
    pub(crate) server: Option<String>,
    /// Whether the backend is sent the request, or only connected to.
    pub(crate) send: bool,
    /// Who asks, for rules and `X-Forwarded-For`.
    pub(crate) client: SocketAddr,
}

impl Question {
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let scheme = uri.scheme().cloned();
        if scheme != Some(Scheme::HTTP) && scheme != Some(Scheme::HTTPS) || uri.host().is_none() {
            return Err(format!(
                "`{url}` is no URL of a request: it begins with `https://HOST` or `http://HOST`"
            ));
        }
        Ok(Self {
            url: uri,
            method: Method::GET,
            headers: Vec::new(),
            entry_point: None,
            server: None,
            send: true,
            client: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        })
    }

    pub(crate) fn method(&mut self, method: &str) -> Result<(), String> {
        match Method::from_bytes(method.to_ascii_uppercase().as_bytes()) {
            Ok(method @ (Method::GET | Method::HEAD | Method::OPTIONS)) => {
                self.method = method;
                Ok(())
            }
            _ => Err(format!(
                "`{method}` is not traced: a trace only reads, with GET, HEAD or OPTIONS"
            )),
        }
    }

    /// `Name: value`.
    pub(crate) fn header(&mut self, line: &str) -> Result<(), String> {
        let wrong = || format!("`{line}` is no header: write `Name: value`");
        if self.headers.len() == MOST_HEADERS {
            return Err(format!("more than {MOST_HEADERS} headers are not taken"));
        }
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name = name.trim().parse().map_err(|_| wrong())?;
        let value = value.trim().parse().map_err(|_| wrong())?;
        self.headers.push((name, value));
        Ok(())
    }

    fn is_secure(&self) -> bool {
        self.url.scheme() == Some(&Scheme::HTTPS)
    }

    fn head(&self) -> http::Request<()> {
        let mut head = http::Request::new(());
        *head.method_mut() = self.method.clone();
        *head.uri_mut() = self.url.clone();
        for (name, value) in &self.headers {
            head.headers_mut().append(name, value.clone());
        }
        head
    }
}

/// Where a process listens, and what an entry point makes of requests before it routes them.
pub(crate) struct Listening {
    pub(crate) name: String,
    /// As configured, such as `:8443`.
    pub(crate) address: String,
    pub(crate) hygiene: Hygiene,
}

/// Follows the request. Every step has a deadline; needs a tokio runtime with time and I/O, away from workers.
pub(crate) async fn ask(snapshot: Arc<Snapshot>, listening: &[Listening], question: &Question) -> Report {
    let started = Instant::now();
    let mut report = Report::of(question);
    let ended = follow(&snapshot, listening, question, &mut report).await;
    report.end(ended, started.elapsed());
    report
}

async fn follow(
    snapshot: &Snapshot,
    listening: &[Listening],
    question: &Question,
    report: &mut Report,
) -> Ended {
    let chosen = match route::entry_point(snapshot, listening, question) {
        Ok(chosen) => chosen,
        Err(message) => return Ended::NoWay(message),
    };
    report.entry_point = Some(report::EntryPoint {
        name: chosen.entry_point.name.to_string(),
        address: chosen.address.clone(),
        why: chosen.why.clone(),
    });
    let mut preview = match request(&chosen, question) {
        Ok(preview) => preview,
        Err(refusal) => return refusal.into(),
    };
    let secure = question.is_secure();
    if secure {
        report.client = Some(client::leg(
            snapshot,
            chosen.entry_point,
            preview.for_rules().host,
        ));
    }
    let router = match route::router(chosen.entry_point, &preview, secure, report) {
        Ok(router) => router,
        Err(ended) => return ended,
    };
    let balancer = match through(router, &mut preview, report) {
        Ok(arrived) => arrived,
        Err(ended) => return ended,
    };
    let (balancer, server) = match server::choose(balancer, question, report) {
        Ok(found) => found,
        Err(ended) => return ended,
    };
    cross(router, balancer, server, preview, question, report).await
}

fn request(chosen: &route::Chosen<'_>, question: &Question) -> Result<Preview, Refusal> {
    Preview::new(
        question.head(),
        &chosen.hygiene,
        question.client,
        question.is_secure(),
    )
}

/// Through the router's middlewares to its service.
fn through<'s>(
    router: &'s Router,
    preview: &mut Preview,
    report: &mut Report,
) -> Result<&'s viaduct_snapshot::Service, Ended> {
    let service = match &router.state {
        RouterState::Ready(service) => service,
        RouterState::OutOfService { status, finding } => {
            return Err(Ended::Failed {
                status: *status,
                fault: Box::new(Fault::of_finding(finding)),
            });
        }
    };
    for middleware in &router.middlewares {
        let step = preview.meet(middleware)?;
        if let Some(ended) = report.met(middleware, step) {
            return Err(ended);
        }
    }
    Ok(service)
}

async fn cross(
    router: &Router,
    balancer: &LoadBalancer,
    server: &Server,
    preview: Preview,
    question: &Question,
    report: &mut Report,
) -> Ended {
    let undecided = report.undecided();
    let outgoing = match preview.outgoing(balancer, server) {
        Ok(outgoing) => outgoing,
        Err(refusal) => return refusal.into(),
    };
    let seen = server::reach(
        balancer,
        server,
        (question.send && undecided.is_none()).then_some(outgoing),
    )
    .await;
    report.backend = Some(report::BackendLeg::of(&balancer.transport, server, &seen));
    if let Some(fault) = &seen.fault {
        let told = Fault::of_leg(fault, &balancer.transport, router);
        return Ended::failed(status_of(fault), told);
    }
    match (seen.answer, undecided) {
        (Some(answer), _) => Ended::Answered(report::Answer::of(&answer)),
        (None, Some(why)) => Ended::NotSent(why),
        (None, None) => Ended::NotSent("only the connection was asked for".to_owned()),
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::failed(refusal.status, Fault::plain(refusal.code, refusal.text))
    }
}

/// The status of an answer in words, such as `502 Bad Gateway`.
fn worded(status: StatusCode) -> String {
    status.to_string()
}

/// Sent with one request.
const MOST_HEADERS: usize = 32;
