//! A rehearsal: every live server under a trust that is to be, without changing anything (C26).

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use viaduct_proxy::probe::{Seen, Target};
use viaduct_snapshot::{PoolId, Router, RouterState, Snapshot};
use viaduct_tls::{Backend, CertificateFacts, Trust, TrustBundle};

use super::endpoints::{Endpoint, endpoints};
use super::round::{Attempt, round};
use crate::api::date;

/// What was tried, and what came of it: what `/api/rehearse` answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rehearsal {
    /// The trust to be.
    pub(crate) cas: Vec<Ca>,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Of those that failed: who passes today.
    pub(crate) would_break: usize,
    /// Who had no turn in the time or the number there is.
    pub(crate) untried: usize,
    pub(crate) servers: Vec<Rehearsed>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ca {
    pub(crate) label: String,
    pub(crate) fingerprint: String,
    pub(crate) not_after: String,
}

/// One server of one service.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rehearsed {
    pub(crate) service: String,
    pub(crate) url: String,
    pub(crate) transport: String,
    /// Under the trust to be: `passed`, `failed` or `untried`.
    pub(crate) result: Outcome,
    /// Under the trust of today; only where the other one failed.
    pub(crate) today: Option<Outcome>,
    pub(crate) reason: Option<String>,
    pub(crate) wanted: Option<String>,
    pub(crate) got: Option<String>,
    /// Who issued the certificate that the server presents.
    pub(crate) issuer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Untried,
}

impl Rehearsal {
    /// Whether nobody would fail, and everybody was tried.
    pub(crate) fn is_good(&self) -> bool {
        self.failed == 0 && self.untried == 0
    }
}

/// The trust that a PEM text stands for. It may hold certificates only: a private key in it is a slip, and nothing that
/// is to be sent on.
pub(crate) fn trust(pem: &[u8]) -> Result<TrustBundle, String> {
    if pem.len() > MOST_PEM {
        return Err(format!("it is larger than {MOST_PEM} bytes"));
    }
    let mut lines = pem.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    if lines.any(|line| line.starts_with(b"-----BEGIN ") && line != b"-----BEGIN CERTIFICATE-----") {
        return Err(
            "it holds something else than certificates: only `CERTIFICATE` blocks are taken".to_owned(),
        );
    }
    TrustBundle::from_pem([pem]).map_err(|error| error.to_string())
}

/// Tries every server of `snapshot`, or of the services called `service`, with `bundle` as its only trust.
///
/// # Errors
/// There is no such server; says why, as far as routers are out of service.
pub(crate) async fn rehearse(
    snapshot: &Snapshot,
    bundle: TrustBundle,
    service: Option<&str>,
) -> Result<Rehearsal, String> {
    let mut servers = endpoints(snapshot);
    servers
        .retain(|endpoint| service.is_none_or(|name| is_called(&endpoint.service, &endpoint.router, name)));
    if servers.is_empty() {
        return Err(nobody(snapshot, service));
    }
    let cas = bundle.roots().take(MOST_CAS).map(ca).collect();
    let trust = Backend(Trust::Bundle(bundle.into()));
    let mut once = HashSet::new();
    let different = servers.iter().filter(|endpoint| once.insert(endpoint.pool()));
    let different: Vec<&Endpoint> = different.take(MOST).collect();
    let new = different.iter().filter_map(|endpoint| {
        let target = endpoint.target().trusting(trust.clone()).ok()?;
        Some(attempt(endpoint, target))
    });
    let new = round(new.collect(), LONGEST_ROUND).await;
    let failed: HashSet<_> = new
        .iter()
        .filter(|(_, seen)| seen.fault.is_some())
        .map(|(pool, _)| *pool)
        .collect();
    let again = different
        .iter()
        .filter(|endpoint| failed.contains(&endpoint.pool()));
    let again = again.map(|endpoint| attempt(endpoint, endpoint.target()));
    let today = round(again.collect(), LONGEST_ROUND).await;
    let of = |seen: &[(_, Seen)], endpoint: &Endpoint| {
        let pool = endpoint.pool();
        seen.iter().position(|(other, _)| *other == pool)
    };
    let rows = servers.iter().map(|endpoint| {
        let seen = of(&new, endpoint)
            .and_then(|at| new.get(at))
            .map(|(_, seen)| seen);
        let before = of(&today, endpoint)
            .and_then(|at| today.get(at))
            .map(|(_, seen)| seen);
        row(endpoint, seen, before)
    });
    Ok(summed(cas, rows.collect()))
}

/// Why there is no server to be tried.
fn nobody(snapshot: &Snapshot, service: Option<&str>) -> String {
    let mut why = match service {
        Some(name) => format!("no route leads to a server of `{name}` that speaks TLS"),
        None => "no route leads to a server that speaks TLS".to_owned(),
    };
    let mut out: Vec<_> = snapshot
        .routers
        .values()
        .filter(|router| service.is_none_or(|name| is_called(&router.service_name, router, name)))
        .filter_map(|router| match &router.state {
            RouterState::OutOfService { finding, .. } => Some((&router.name, &finding.message)),
            RouterState::Ready(_) => None,
        })
        .collect();
    out.sort();
    let more = out.len().saturating_sub(MOST_TOLD);
    for (router, reason) in out.into_iter().take(MOST_TOLD) {
        why = format!("{why}; router `{router}` is out of service: {reason}");
    }
    match more {
        0 => why,
        more => format!("{why}; and {more} routers more are"),
    }
}

fn attempt(endpoint: &Endpoint, target: Target) -> Attempt<PoolId> {
    Attempt {
        key: endpoint.pool(),
        tenant: endpoint.tenant(),
        target,
    }
}

/// `name@provider`, with or without its provider; or the name of the Kubernetes object of a route to it.
fn is_called(service: &str, router: &Router, name: &str) -> bool {
    let bare = service.rsplit_once('@').map_or(service, |(bare, _)| bare);
    let object = router.origin.as_ref();
    service == name || bare == name || object.is_some_and(|object| &*object.name == name)
}

fn row(endpoint: &Endpoint, seen: Option<&Seen>, today: Option<&Seen>) -> Rehearsed {
    let outcome = |seen: &Seen| match &seen.fault {
        Some(_) => Outcome::Failed,
        None => Outcome::Passed,
    };
    let fault = seen.and_then(|seen| seen.fault.as_ref());
    Rehearsed {
        service: endpoint.service.to_string(),
        url: endpoint.server.url.to_string(),
        transport: endpoint.transport.name.to_string(),
        result: seen.map_or(Outcome::Untried, outcome),
        today: today.map(outcome),
        reason: fault.map(|fault| fault.reason.code().to_owned()),
        wanted: fault.map(|fault| fault.wanted.clone()),
        got: fault.map(|fault| fault.got.clone()),
        issuer: seen.and_then(|seen| Some(seen.presented().first()?.issuer.clone())),
    }
}

fn summed(cas: Vec<Ca>, servers: Vec<Rehearsed>) -> Rehearsal {
    let count = |is: &dyn Fn(&Rehearsed) -> bool| servers.iter().filter(|row| is(row)).count();
    Rehearsal {
        cas,
        passed: count(&|row| row.result == Outcome::Passed),
        failed: count(&|row| row.result == Outcome::Failed),
        would_break: count(&|row| row.result == Outcome::Failed && row.today == Some(Outcome::Passed)),
        untried: count(&|row| row.result == Outcome::Untried),
        servers,
    }
}

fn ca(facts: &CertificateFacts) -> Ca {
    Ca {
        label: facts.label(),
        fingerprint: facts.fingerprint.to_string(),
        not_after: date(facts.not_after.max(SystemTime::UNIX_EPOCH)),
    }
}

/// A bundle of some dozen CAs.
pub(crate) const MOST_PEM: usize = 64 * 1024;
const MOST_CAS: usize = 64;
/// Routers that are out of service, in one message.
const MOST_TOLD: usize = 3;
/// Different servers of one rehearsal.
const MOST: usize = 1024;
const LONGEST_ROUND: Duration = Duration::from_secs(60);
