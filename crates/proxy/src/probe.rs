//! Opens a connection to a server as a request would, and tells all that was seen on the way: for
//! `viaduct trace`, pre-flight and rehearsals.
//!
//! ```text
//!  Target { server, transport, perhaps another trust } --probe--> Seen { names, sockets, TLS, perhaps a Fault }
//!                                                     --ask----> the same, and the head of an answer
//! ```
//! The steps are the pools' own ([`upstream::dial`](crate::upstream::dial)); no pool, balancer or counter knows of
//! it. The futures are `Send` and need tokio with time and I/O: they are for the control plane, not for workers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::Instant;
use viaduct_snapshot::{Revocations, Scheme, Server, Transport};
use viaduct_tls::backend_leg::{ClientAuthRecord, Offer, Verification};
use viaduct_tls::reason::ExpectedName;
use viaduct_tls::verify::Verified;
use viaduct_tls::{
    Backend, BackendHandshake, BackendPolicy, BackendTls, CertificateFacts, EndpointTls, Fault, Fingerprint,
    Reason, TlsStream, Trust,
};

use crate::upstream::bridge::Assurance;
use crate::upstream::link::{Link, Route};
use crate::upstream::{dial, fault};

mod answer;
mod parting;

pub use answer::Answer;

/// Whom to connect to, and how.
#[derive(Debug, Clone)]
pub struct Target {
    pub scheme: Scheme,
    /// DNS name or address, without brackets.
    pub host: Arc<str>,
    pub port: u16,
    /// Time-outs. One that it lets wait for ever waits [`LONGEST`](Self::LONGEST) here.
    pub transport: Arc<Transport>,
    /// The transport's own, or one [with another trust](Self::trusting).
    pub tls: Arc<BackendTls>,
    /// What a request would offer; `Http1` for one that changes its protocol.
    pub offer: Offer,
    /// What no connection may rest on: of the snapshot in force.
    pub revocations: Arc<Revocations>,
}

impl Target {
    /// For a step that the transport sets no limit.
    pub const LONGEST: Duration = Duration::from_secs(30);

    /// As requests to `server` are sent under these revocations.
    pub fn of(server: &Server, transport: &Arc<Transport>, revocations: &Arc<Revocations>) -> Self {
        Self {
            scheme: server.scheme,
            host: Arc::clone(&server.host),
            port: server.port,
            transport: Arc::clone(transport),
            tls: Arc::clone(&transport.tls),
            offer: if server.scheme == Scheme::Https && transport.disable_http2 {
                Offer::Http1
            } else {
                Offer::H2OrHttp1
            },
            revocations: Arc::clone(revocations),
        }
    }

    /// The same server under another trust, fully verified whatever the transport says. Name, client certificates
    /// and versions stay. An error where these no longer make a policy.
    pub fn trusting(&self, trust: Backend<Trust>) -> Result<Self, Fault> {
        let policy = BackendPolicy {
            verification: Verification::Full(trust),
            ..self.tls.policy().clone()
        };
        Ok(Self {
            tls: Arc::new(BackendTls::new(policy).map_err(|error| unusable(&error))?),
            ..self.clone()
        })
    }

    /// `host:port`.
    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// All that was seen on the way. What comes behind a failure is absent.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// `None`: the host is an address, or the resolver did not answer.
    pub resolved: Option<Resolved>,
    /// In the order in which they were tried; the last one may be the one that answered.
    pub attempts: Vec<Attempt>,
    /// The two ends of the socket.
    pub ends: Option<Ends>,
    /// `None`: no TLS was begun, as the scheme has none or no socket was opened.
    pub tls: Option<TlsSeen>,
    /// Of the request, if one was sent.
    pub answer: Option<Answer>,
    /// Why it went no further; `None`: all went well.
    pub fault: Option<Fault>,
    /// From the beginning to the end.
    pub took: Duration,
}

impl Seen {
    /// The chain that the server presented, leaf first; empty where it came to none. A resumed or failed handshake
    /// may have none to tell.
    pub fn presented(&self) -> &[CertificateFacts] {
        match (&self.tls, &self.fault) {
            (Some(tls), _) if !tls.chain.is_empty() => &tls.chain,
            (_, Some(fault)) => &fault.presented,
            (_, None) => &[],
        }
    }

    /// Whether the server has proved who it is.
    pub fn is_verified(&self) -> bool {
        self.handshake().is_some_and(|done| done.verified.is_some())
    }

    /// Of a handshake that has come to its end.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.tls.as_ref()?.handshake.as_ref()
    }
}

#[derive(Debug, Clone)]
pub struct Resolved {
    /// As many of them as are tried: at most 16.
    pub addresses: Vec<SocketAddr>,
    pub took: Duration,
}

#[derive(Debug, Clone)]
pub struct Attempt {
    pub address: SocketAddr,
    pub took: Duration,
    /// `None`: it answered.
    pub fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy)]
pub struct Ends {
    pub local: SocketAddr,
    pub peer: SocketAddr,
}

#[derive(Debug, Clone)]
pub struct TlsSeen {
    /// Whom the server has to prove to be.
    pub expected: ExpectedName,
    /// The server name sent; `None` for an address.
    pub server_name: Option<String>,
    /// The application protocols offered, best first.
    pub offered: Vec<&'static str>,
    /// What the server asked for and what answered it; `None`: it did not ask, or it came to nothing before.
    pub client_auth: Option<ClientAuthRecord>,
    /// Leaf first; where the handshake failed see [`Seen::presented`].
    pub chain: Vec<CertificateFacts>,
    pub took: Duration,
    /// `None`: it failed.
    pub handshake: Option<Handshake>,
}

/// A handshake that ended well.
#[derive(Debug, Clone)]
pub struct Handshake {
    pub version: &'static str,
    pub cipher: &'static str,
    pub group: Option<&'static str>,
    /// `None`: the server chose none, and speaks HTTP/1.1.
    pub alpn: Option<String>,
    /// Never, as a probe has no session of before; here so that nobody has to know.
    pub resumed: bool,
    /// The proof; `None`: the policy does not ask for one (`insecureSkipVerify`).
    pub verified: Option<Verified>,
    /// The trusted certificate that the chain leads to.
    pub verified_by: Option<Fingerprint>,
    /// It is of a bundle that has been replaced, and is believed only until the overlap ends.
    pub by_previous: bool,
}

/// Connects, shakes hands and closes. A server that has asked for a client certificate is given up to two seconds to
/// say whether it takes what it got: in TLS 1.3 it says so behind the handshake only.
///
/// Cancel safe: dropping the future closes the connection.
pub async fn probe(target: &Target) -> Seen {
    Seen::gather(target, None).await
}

/// As [`probe`], and sends a request: method, path and query, and headers as given. `Host` is what it says, or the
/// server's own; over HTTP/2 it becomes `:authority`. The answer's body is not read.
pub async fn ask(target: &Target, request: Request<()>) -> Seen {
    Seen::gather(target, Some(request)).await
}

impl Seen {
    async fn gather(target: &Target, request: Option<Request<()>>) -> Self {
        let started = Instant::now();
        let mut seen = Self::default();
        // Boxed: the state of a handshake is large.
        let outcome = Box::pin(seen.go(target, request)).await;
        seen.fault = outcome.err();
        seen.took = started.elapsed();
        seen
    }

    async fn go(&mut self, target: &Target, request: Option<Request<()>>) -> Result<(), Fault> {
        let stream = self.connect(target).await?;
        let route = Route::of(&stream).map_err(|error| fault::of_connect(&error, &target.address()))?;
        self.ends = Some(Ends {
            local: route.local,
            peer: route.peer,
        });
        match target.scheme {
            Scheme::Https => self.secure(target, stream, route, request).await,
            Scheme::Http | Scheme::H2c => {
                let http2 = target.scheme == Scheme::H2c && target.offer == Offer::H2OrHttp1;
                match request {
                    Some(request) => {
                        let notes = Arc::default();
                        let link = Link::plain(route, &notes);
                        self.answered(answer::ask(target, stream, http2, (link, notes), request).await?)
                    }
                    None => Ok(()),
                }
            }
        }
    }

    async fn connect(&mut self, target: &Target) -> Result<TcpStream, Fault> {
        let limit = target.transport.timeouts.dial.unwrap_or(Target::LONGEST);
        let Self {
            resolved, attempts, ..
        } = self;
        let resolving = async {
            let started = Instant::now();
            let addresses = dial::resolve(&target.host, target.port).await?;
            if !dial::is_address(&target.host) {
                *resolved = Some(Resolved {
                    addresses: addresses.clone(),
                    took: started.elapsed(),
                });
            }
            Ok(addresses)
        };
        let tell = |tried: dial::Tried| {
            attempts.push(Attempt {
                address: tried.address,
                took: tried.took,
                fault: tried.fault,
            });
        };
        dial::connect(&target.address(), Some(limit), resolving, tell).await
    }

    async fn secure(
        &mut self,
        target: &Target,
        stream: TcpStream,
        route: Route,
        request: Option<Request<()>>,
    ) -> Result<(), Fault> {
        let tls = target
            .tls
            .endpoint(&target.host, target.offer)
            .map_err(|error| unusable(&error))?;
        let noted = self.tls.insert(TlsSeen::before(&tls, target.offer));
        let limit = target.transport.timeouts.handshake;
        let started = Instant::now();
        let outcome = dial::handshake(stream, &tls, limit, &mut noted.client_auth).await;
        noted.took = started.elapsed();
        let (mut stream, handshake) = outcome?;
        // The rule of the pools: no proof where one is due is no connection.
        Assurance::of(target.tls.policy(), &handshake)?;
        noted.presented(&stream);
        if let Some(revoked) = target
            .revocations
            .find(&target.transport.name, &handshake.proof.path)
        {
            return Err(Link::fault_of_revoked(revoked));
        }
        noted.finished(&stream, &handshake);
        let Some(request) = request else {
            return parting::say_goodbye(&mut stream, &tls, handshake.client_auth.as_ref(), limit).await;
        };
        let notes = Arc::default();
        let link = Link::secure(route, &notes, target.tls.policy(), &tls, &handshake, noted.took)?;
        self.answered(answer::ask(target, stream, handshake.alpn_h2, (link, notes), request).await?)
    }

    fn answered(&mut self, (answer, complaint): (Answer, Option<Fault>)) -> Result<(), Fault> {
        self.answer = Some(answer);
        complaint.map_or(Ok(()), Err)
    }
}

impl TlsSeen {
    fn before(tls: &EndpointTls, offer: Offer) -> Self {
        let expected = tls.expected().clone();
        Self {
            server_name: match &expected {
                ExpectedName::Dns(name) => Some(name.clone()),
                ExpectedName::Ip(_) => None,
            },
            expected,
            offered: match offer {
                Offer::H2OrHttp1 => vec!["h2", "http/1.1"],
                Offer::Http1 => vec!["http/1.1"],
            },
            client_auth: None,
            chain: Vec::new(),
            took: Duration::ZERO,
            handshake: None,
        }
    }

    fn presented(&mut self, stream: &TlsStream<TcpStream>) {
        let readable = |der: &CertificateDer<'_>| CertificateFacts::from_der(der).ok();
        let chain = stream.peer_chain().iter().take(LONGEST_CHAIN);
        self.chain = chain.filter_map(readable).collect();
    }

    fn finished(&mut self, stream: &TlsStream<TcpStream>, handshake: &BackendHandshake) {
        self.handshake = Some(Handshake {
            version: handshake.version,
            cipher: handshake.cipher,
            group: handshake.group,
            alpn: stream
                .alpn()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: handshake.resumed,
            verified: handshake.proof.verified,
            verified_by: handshake.proof.verified_by,
            by_previous: handshake.proof.by_previous,
        });
    }
}

fn unusable(error: &viaduct_tls::names::NameError) -> Fault {
    fault::new(Reason::HandshakeFailed, "a usable TLS policy", error.to_string())
}

/// Told of one server.
const LONGEST_CHAIN: usize = 16;

#[cfg(test)]
mod tests;
