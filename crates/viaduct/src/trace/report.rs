//! What a trace tells, as it goes over the API.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use viaduct_config::Finding;
use viaduct_proxy::preview::Step;
use viaduct_proxy::probe::{self, Seen};
use viaduct_snapshot::explain;
use viaduct_snapshot::{Middleware, MiddlewareKind, Router, Scheme, Server, Snapshot, Transport};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::trust::Trust;
use viaduct_tls::{CertificateFacts, Reason};

use super::{Question, worded};
use crate::api::date;

/// Hop by hop; what comes behind the end is absent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) entry_point: Option<EntryPoint>,
    /// `None`: plain HTTP.
    pub(crate) client: Option<ClientLeg>,
    pub(crate) routers: Routers,
    pub(crate) middlewares: Vec<Met>,
    pub(crate) service: Option<Service>,
    pub(crate) backend: Option<BackendLeg>,
    pub(crate) answer: Option<Answer>,
    /// Why the backend was not sent the request, where all else went well.
    pub(crate) not_sent: Option<String>,
    pub(crate) fault: Option<Fault>,
    /// What a client gets; `None`: that depends on the answer to a request that was not sent.
    pub(crate) status: Option<u16>,
    pub(crate) took_micros: u64,
    /// The first thing that was left open; nothing behind it is certain, and the backend is sent nothing.
    #[serde(skip)]
    pub(super) open: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EntryPoint {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    pub(crate) why: String,
    /// Where the URL leads elsewhere than to the process.
    pub(crate) remark: Option<String>,
}

/// As a client meets it that names the URL's host and can use every certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientLeg {
    pub(crate) server_name: Option<String>,
    pub(crate) versions: String,
    pub(crate) alpn: Vec<String>,
    pub(crate) client_auth: String,
    pub(crate) certificate: Certificate,
    pub(crate) why: String,
    /// The handshake is refused, since `sniStrict` is on and no certificate is for the name.
    pub(crate) refused: bool,
    /// What a handshake with the entry point came to, now; `None`: no process listens.
    pub(crate) handshake: Option<Shaken>,
}

/// A handshake of the process with its own entry point, as a client that offers HTTP/2 and HTTP/1.1 and verifies nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shaken {
    pub(crate) address: String,
    /// `None`: it failed.
    pub(crate) done: Option<Negotiated>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) fault: Option<String>,
    pub(crate) took_micros: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Negotiated {
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) group: Option<String>,
    pub(crate) alpn: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Certificate {
    pub(crate) label: String,
    pub(crate) issuer: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    pub(crate) fingerprint: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Routers {
    /// In the order in which they are tried.
    pub(crate) considered: Vec<Considered>,
    pub(crate) more: usize,
    pub(crate) other_hosts: usize,
    /// Why the first whose rule holds has the request.
    pub(crate) why: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Considered {
    pub(crate) name: String,
    pub(crate) rule: String,
    pub(crate) priority: i64,
    pub(crate) object: Option<String>,
    /// `chosen`, `outranked` or `unmet`.
    pub(crate) outcome: String,
    /// The conditions that do not hold.
    pub(crate) unmet: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Met {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) effect: String,
    /// Why it was left open whether the request goes on.
    pub(crate) undecided: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Of those below it, the one that the server is of.
    pub(crate) chosen: Option<String>,
    pub(crate) servers: Vec<ServerTold>,
    pub(crate) more: usize,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerTold {
    pub(crate) url: String,
    pub(crate) service: String,
    pub(crate) weight: u32,
    pub(crate) fenced: bool,
    pub(crate) chosen: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackendLeg {
    pub(crate) url: String,
    pub(crate) transport: String,
    pub(crate) object: Option<String>,
    pub(crate) resolved: Option<Resolved>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) local: Option<String>,
    pub(crate) peer: Option<String>,
    /// `None`: no TLS, or no socket.
    pub(crate) tls: Option<BackendTls>,
    /// Leaf first.
    pub(crate) presented: Vec<Certificate>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resolved {
    pub(crate) addresses: Vec<String>,
    pub(crate) took_micros: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    pub(crate) address: String,
    pub(crate) took_micros: u64,
    /// `None`: it answered.
    pub(crate) fault: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackendTls {
    pub(crate) server_name: Option<String>,
    /// The name that the certificate has to have.
    pub(crate) expected: String,
    pub(crate) offered: Vec<String>,
    /// What chains have to lead to; of a bundle its certificates.
    pub(crate) trust: String,
    pub(crate) roots: Vec<String>,
    pub(crate) client_certificate: String,
    /// `None`: the handshake failed.
    pub(crate) done: Option<Handshake>,
    pub(crate) took_micros: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handshake {
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) group: Option<String>,
    pub(crate) alpn: Option<String>,
    pub(crate) verified: bool,
    pub(crate) verified_by: Option<String>,
    /// By a CA that has been replaced and is trusted only until the overlap of the rotation ends.
    pub(crate) by_previous: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: String,
    pub(crate) took_micros: u64,
}

/// What is in the way, in the words of logs and API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) wanted: Option<String>,
    pub(crate) got: Option<String>,
    pub(crate) fix: Option<String>,
    /// The edit: a part of the objects or entries that `merge` names.
    pub(crate) yaml: Option<String>,
    pub(crate) merge: Vec<Merge>,
}

/// What a part of the edit belongs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Merge {
    pub(crate) into: String,
    /// `file:line:column`, where it is known.
    pub(crate) at: Option<String>,
    /// It is to be made.
    pub(crate) new: bool,
}

/// Where it ended.
pub(super) enum Ended {
    /// No HTTP answer comes of it: there is no such entry point, or no handshake.
    Unheard(Box<Fault>),
    /// The proxy says so: for what the request is, for what the configuration is, or for what the backend did.
    Failed {
        status: u16,
        fault: Box<Fault>,
    },
    /// By a middleware, or by this process.
    AnsweredHere(Option<http::StatusCode>),
    Answered(Answer),
    NotSent(String),
}

impl Ended {
    pub(super) fn failed(status: http::StatusCode, fault: Fault) -> Self {
        Self::Failed {
            status: status.as_u16(),
            fault: Box::new(fault),
        }
    }
}

impl Report {
    pub(super) fn of(question: &Question) -> Self {
        Self {
            method: question.method.to_string(),
            url: question.url.to_string(),
            entry_point: None,
            client: None,
            routers: Routers::default(),
            middlewares: Vec::new(),
            service: None,
            backend: None,
            answer: None,
            not_sent: None,
            fault: None,
            status: None,
            took_micros: 0,
            open: None,
        }
    }

    pub(super) fn end(&mut self, ended: Ended, took: Duration) {
        self.took_micros = micros(took);
        match ended {
            Ended::Unheard(fault) => self.fault = Some(*fault),
            Ended::Failed { status, fault } => {
                self.status = Some(status);
                self.fault = Some(*fault);
            }
            Ended::AnsweredHere(status) => self.status = status.map(|status| status.as_u16()),
            Ended::Answered(answer) => {
                self.status = Some(answer.status);
                self.answer = Some(answer);
            }
            Ended::NotSent(why) => self.not_sent = Some(why),
        }
    }

    /// Notes what a middleware did; where it ends there, how.
    pub(super) fn met(&mut self, middleware: &Middleware, step: Step) -> Option<Ended> {
        let open = self.open.clone();
        let mut undecided = None;
        let mut ended = None;
        let mut effect = match step {
            Step::Unchanged => "the request goes on as it is".to_owned(),
            Step::Headers => "its headers are set; the request goes on".to_owned(),
            Step::Path(path) => format!("the path is now {path}"),
            Step::Answers { status, location } => {
                ended = Some(Ended::AnsweredHere(Some(status)));
                match location {
                    Some(location) => format!("it answers {}, to {location}", worded(status)),
                    None => format!("it answers {}", worded(status)),
                }
            }
            Step::Undecided(why) => {
                undecided = Some(why.to_owned());
                let name = &middleware.name;
                self.open.get_or_insert_with(|| {
                    format!("middleware {name} decides on requests ({why}), and a trace does not go past it")
                });
                format!("left open: {why}")
            }
        };
        if let Some(open) = open {
            effect = format!("if the request gets here: {effect}");
            ended = ended.map(|_| Ended::NotSent(open));
        }
        self.middlewares.push(Met {
            name: middleware.name.to_string(),
            kind: kind(&middleware.kind).to_owned(),
            effect,
            undecided,
        });
        ended
    }
}

impl BackendLeg {
    pub(super) fn of(transport: &Transport, server: &Server, seen: &Seen) -> Self {
        Self {
            url: server.url.to_string(),
            transport: transport.name.to_string(),
            object: transport.origin.as_ref().map(ToString::to_string),
            resolved: seen.resolved.as_ref().map(|resolved| Resolved {
                addresses: resolved.addresses.iter().map(ToString::to_string).collect(),
                took_micros: micros(resolved.took),
            }),
            attempts: seen
                .attempts
                .iter()
                .map(|attempt| Attempt {
                    address: attempt.address.to_string(),
                    took_micros: micros(attempt.took),
                    fault: attempt.fault.as_ref().map(ToString::to_string),
                })
                .collect(),
            local: seen.ends.map(|ends| ends.local.to_string()),
            peer: seen.ends.map(|ends| ends.peer.to_string()),
            tls: match server.scheme {
                Scheme::Https => seen.tls.as_ref().map(|tls| BackendTls::of(transport, tls)),
                Scheme::Http | Scheme::H2c => None,
            },
            presented: seen
                .presented()
                .iter()
                .take(MOST_CERTIFICATES)
                .map(Certificate::of)
                .collect(),
        }
    }
}

impl BackendTls {
    fn of(transport: &Transport, tls: &probe::TlsSeen) -> Self {
        let policy = transport.tls.policy();
        let bundle = match &policy.verification {
            Verification::Full(trust) => match &trust.0 {
                Trust::Bundle(bundle) => Some(bundle),
                Trust::System => None,
            },
            Verification::DangerSkip => None,
        };
        let trust = match (&policy.verification, bundle) {
            (Verification::DangerSkip, _) => "nothing is verified (insecureSkipVerify)",
            (Verification::Full(_), Some(_)) => "rootCAs",
            (Verification::Full(_), None) => "the system's roots",
        };
        let roots = bundle.iter().flat_map(|bundle| bundle.roots());
        let client_certificate = match &tls.client_auth {
            None => "not asked for".to_owned(),
            Some(record) => match record.sent {
                Some(fingerprint) => format!("asked for; sent the one with SHA-256 {fingerprint}"),
                None if policy.identities.is_empty() => "asked for; there is none to send".to_owned(),
                None => "asked for; none of ours is acceptable".to_owned(),
            },
        };
        Self {
            server_name: tls.server_name.clone(),
            expected: tls.expected.to_string(),
            offered: tls.offered.iter().map(|name| (*name).to_owned()).collect(),
            trust: trust.to_owned(),
            roots: roots
                .take(MOST_CERTIFICATES)
                .map(CertificateFacts::label)
                .collect(),
            client_certificate,
            done: tls.handshake.as_ref().map(|done| Handshake {
                version: done.version.to_owned(),
                cipher: done.cipher.to_owned(),
                group: done.group.map(str::to_owned),
                alpn: done.alpn.clone(),
                verified: done.verified.is_some(),
                verified_by: done.verified_by.map(|fingerprint| fingerprint.to_string()),
                by_previous: done.by_previous,
            }),
            took_micros: micros(tls.took),
        }
    }
}

impl Certificate {
    pub(super) fn of(facts: &CertificateFacts) -> Self {
        let dns = facts.dns_names.iter().map(|name| name.escape_debug().to_string());
        let addresses = facts.ip_addresses.iter().map(ToString::to_string);
        let uris = facts.uris.iter().map(|uri| uri.escape_debug().to_string());
        Self {
            label: facts.label(),
            issuer: facts.issuer.clone(),
            names: dns.chain(addresses).chain(uris).take(MOST_NAMES).collect(),
            not_before: date(facts.not_before),
            not_after: date(facts.not_after),
            fingerprint: facts.fingerprint.to_string(),
        }
    }
}

impl Answer {
    pub(super) fn of(answer: &probe::Answer) -> Self {
        Self {
            status: answer.status.as_u16(),
            version: format!("{:?}", answer.version),
            took_micros: micros(answer.took),
        }
    }
}

impl Fault {
    pub(super) fn plain(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            wanted: None,
            got: None,
            fix: None,
            yaml: None,
            merge: Vec::new(),
        }
    }

    pub(super) fn of_finding(finding: &Finding) -> Self {
        Self {
            code: "out_of_service".to_owned(),
            message: finding.message.clone(),
            wanted: finding.wanted.clone(),
            got: finding.got.clone(),
            fix: finding.hint.clone(),
            yaml: None,
            merge: Vec::new(),
        }
    }

    pub(super) fn of_leg(
        snapshot: &Snapshot,
        fault: &viaduct_tls::Fault,
        transport: &Transport,
        router: &Router,
    ) -> Self {
        let merges = explain::merges(snapshot, fault, transport, router).into_iter();
        let reason: Reason = fault.reason;
        Self {
            code: reason.code().to_owned(),
            message: reason.meaning().to_owned(),
            wanted: Some(fault.wanted.clone()),
            got: Some(fault.got.clone()),
            fix: explain::hint(fault, transport, router),
            yaml: explain::suggestion(fault, transport, router),
            merge: merges
                .map(|merge| Merge {
                    into: merge.into,
                    at: merge.at.map(|at| at.to_string()),
                    new: merge.new,
                })
                .collect(),
        }
    }
}

/// As the configuration names it.
fn kind(kind: &MiddlewareKind) -> &'static str {
    match kind {
        MiddlewareKind::AddPrefix(_) => "addPrefix",
        MiddlewareKind::BasicAuth(_) => "basicAuth",
        MiddlewareKind::ContentType => "contentType",
        MiddlewareKind::EncodedCharacters(_) => "encodedCharacters",
        MiddlewareKind::Headers(_) => "headers",
        MiddlewareKind::InFlightReq(_) => "inFlightReq",
        MiddlewareKind::IpAllowList(_) => "ipAllowList",
        MiddlewareKind::PassTlsClientCert(_) => "passTLSClientCert",
        MiddlewareKind::RedirectRegex(_) => "redirectRegex",
        MiddlewareKind::RedirectScheme(_) => "redirectScheme",
        MiddlewareKind::ReplacePath(_) => "replacePath",
        MiddlewareKind::ReplacePathRegex(_) => "replacePathRegex",
        MiddlewareKind::StripPrefix(_) => "stripPrefix",
        MiddlewareKind::StripPrefixRegex(_) => "stripPrefixRegex",
    }
}

pub(super) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// Told of one chain or bundle.
const MOST_CERTIFICATES: usize = 16;
/// Told of one certificate.
const MOST_NAMES: usize = 32;
