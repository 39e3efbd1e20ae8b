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
mod shake;
mod text;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use viaduct_proxy::preview::{Preview, Refusal, status_of};
use viaduct_proxy::{ForwardedTrust, Hygiene};
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

/// The same as it goes over the API: in a body, as headers may hold credentials, and targets go into logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wording {
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// `Name: value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry_point: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) send: Option<bool>,
}

impl Question {
    pub(crate) fn of(wording: &Wording) -> Result<Self, String> {
        let mut question = Self::new(&wording.url)?;
        if let Some(method) = &wording.method {
            question.method(method)?;
        }
        for line in &wording.headers {
            question.header(line)?;
        }
        question.entry_point.clone_from(&wording.entry_point);
        question.server.clone_from(&wording.server);
        question.send = wording.send.unwrap_or(true);
        Ok(question)
    }

    fn new(url: &str) -> Result<Self, String> {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let scheme = uri.scheme().cloned();
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(format!(
                "`{}` names a user: give credentials as a header",
                uri.host().unwrap_or_default()
            ));
        }
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

    fn method(&mut self, method: &str) -> Result<(), String> {
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
    fn header(&mut self, line: &str) -> Result<(), String> {
        let wrong = || format!("`{line}` is no header: write `Name: value`");
        if self.headers.len() == MOST_HEADERS {
            return Err(format!("more than {MOST_HEADERS} headers are not taken"));
        }
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        if NO_BODY.contains(&name) {
            return Err(format!("`{name}` is not taken: a trace has no body to send"));
        }
        let value = value.trim().parse().map_err(|_| wrong())?;
        self.headers.push((name, value));
        Ok(())
    }

    /// What a client names in its ClientHello: no address, and nothing in plain text.
    fn server_name(&self) -> Option<String> {
        let host = self.url.host().filter(|_| self.is_secure())?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
        name.parse::<IpAddr>().is_err().then_some(name)
    }

    fn is_secure(&self) -> bool {
        self.url.scheme() == Some(&Scheme::HTTPS)
    }

    fn head(&self) -> http::Request<()> {
        let mut head = http::Request::new(());
        *head.method_mut() = self.method.clone();
        // Who names another host than the URL's asks for it over a connection for that one.
        let other_host = self.headers.iter().any(|(name, _)| *name == HOST);
        *head.uri_mut() = match self.url.path_and_query() {
            Some(path) if other_host => Uri::from(path.clone()),
            Some(_) | None => self.url.clone(),
        };
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
    /// Where it can be connected to from here; `None`: nobody listens.
    pub(crate) reach: Option<SocketAddr>,
    pub(crate) hygiene: Hygiene,
    /// Whom it believes what they say of others.
    pub(crate) forwarded: ForwardedTrust,
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
        Err(message) => return Ended::Unheard(Box::new(Fault::plain("no_entry_point", message))),
    };
    report.entry_point = Some(report::EntryPoint {
        name: chosen.entry_point.name.to_string(),
        address: chosen.address.clone(),
        why: chosen.why.clone(),
        remark: chosen.remark.clone(),
    });
    let mut preview = match request(&chosen, question) {
        Ok(preview) => preview,
        Err(refusal) => return refusal.into(),
    };
    let secure = question.is_secure();
    let server_name = question.server_name();
    if secure {
        let mut leg = client::leg(snapshot, chosen.entry_point, server_name.as_deref());
        if let Some(address) = chosen.reach {
            leg.handshake = Some(shake::hands(snapshot, address, server_name.as_deref()).await);
        }
        let refused = leg.refused.then(|| client::strict(server_name.as_deref()));
        report.client = Some(leg);
        if let Some(fault) = refused {
            return Ended::Unheard(Box::new(fault));
        }
        report.open = client::demand(chosen.entry_point, server_name.as_deref()).map(str::to_owned);
    }
    let sni = secure.then_some(server_name.as_deref());
    let router = match route::router(chosen.entry_point, &preview, sni, report) {
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
    cross(router, balancer, (server, snapshot), preview, question, report).await
}

fn request(chosen: &route::Chosen<'_>, question: &Question) -> Result<Preview, Refusal> {
    Preview::new(
        question.head(),
        &chosen.hygiene,
        question.client,
        chosen.forwarded,
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
        // Nobody knows what comes behind something that was left open.
        let step = match (preview.meet(middleware), report.open.clone()) {
            (Ok(step), _) => step,
            (Err(_), Some(open)) => return Err(Ended::NotSent(open)),
            (Err(refusal), None) => return Err(refusal.into()),
        };
        if let Some(ended) = report.met(middleware, step) {
            return Err(ended);
        }
    }
    Ok(service)
}

async fn cross(
    router: &Router,
    balancer: &LoadBalancer,
    (server, snapshot): (&Server, &Snapshot),
    preview: Preview,
    question: &Question,
    report: &mut Report,
) -> Ended {
    let undecided = report.open.clone();
    let outgoing = match (preview.outgoing(balancer, server), &undecided) {
        (Ok(outgoing), _) => outgoing,
        (Err(_), Some(open)) => return Ended::NotSent(open.clone()),
        (Err(refusal), None) => return refusal.into(),
    };
    let seen = server::reach(
        balancer,
        server,
        &snapshot.revocations,
        (question.send && undecided.is_none()).then_some(outgoing),
    )
    .await;
    report.backend = Some(report::BackendLeg::of(&balancer.transport, server, &seen));
    if let Some(fault) = &seen.fault {
        let told = Fault::of_leg(snapshot, fault, &balancer.transport, router);
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

/// About a body, or the wait for one.
const NO_BODY: [HeaderName; 3] = [CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING];
/// Sent with one request.
const MOST_HEADERS: usize = 32;
