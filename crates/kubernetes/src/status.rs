//! The addresses of Ingresses: who asks an Ingress where it is reached learns it from its status.
//!
//! Only the leader among the replicas writes (R16), at most [`PER_SECOND`] times a second, and only what is not there
//! already. What was written is not written again for a while, so that neither a slow watch nor a quarrel with another
//! writer becomes a storm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::api::Name;
use crate::api::core::{Node, Service, ServiceTarget};
use crate::api::ingress::IngressAddress;
use crate::index::{Index, Lookup, View};
use crate::policy::IngressPolicy;
use crate::translate::served;
use crate::watch::connection::{ApiError, Connection, Payload};

#[cfg(test)]
mod tests;

/// `providers.kubernetesIngress.ingressEndpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `ip` and `hostname`, as written.
    Fixed(IngressAddress),
    /// `publishedService`: wherever clients reach this Service.
    Service(Name),
}

/// An Ingress whose status is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outdated {
    pub ingress: Name,
    pub addresses: Vec<IngressAddress>,
}

/// The Ingresses of ours whose status does not say `endpoint`. None while nobody knows where that is.
pub fn outdated(index: &Index, policy: &IngressPolicy, endpoint: &Endpoint) -> Vec<Outdated> {
    let view = index.view();
    let Some(addresses) = addresses(&view, endpoint) else {
        return Vec::new();
    };
    let set: BTreeSet<_> = addresses.iter().collect();
    served(&view, policy)
        .into_iter()
        .filter(|(_, ingress)| ingress.addresses.iter().collect::<BTreeSet<_>>() != set)
        .map(|(subject, _)| Outdated {
            ingress: subject.name.clone(),
            addresses: addresses.clone(),
        })
        .collect()
}

/// The Lease of the replica that writes the status of the Ingresses of a class, a label selector and namespaces; empty: of all
/// that are Viaduct's by default. Releases that serve others write others, and lead by themselves.
pub fn lease(class: &str, selector: &str, namespaces: &[String]) -> String {
    const LEASE: &str = "viaduct-ingress-status";
    if class.is_empty() && selector.is_empty() && namespaces.is_empty() {
        return LEASE.to_owned();
    }
    let digest = Sha256::digest(format!("{:?}", (class, selector, namespaces)));
    let digest: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("{LEASE}-{digest}")
}

/// `None`: not known, so what is written stays.
fn addresses(view: &View<'_>, endpoint: &Endpoint) -> Option<Vec<IngressAddress>> {
    let name = match endpoint {
        Endpoint::Fixed(address) => return Some(vec![address.clone()]),
        Endpoint::Service(name) => name,
    };
    let Lookup::Good(service) = view.get::<Service>(name) else {
        return None;
    };
    let of_ips = |ips: &[String]| ips.iter().map(|ip| by_ip(ip)).collect();
    let found: Vec<_> = match &service.target {
        ServiceTarget::ExternalName(host) => vec![IngressAddress {
            hostname: Some(host.clone()),
            ip: None,
        }],
        _ if !service.load_balancer.is_empty() => service.load_balancer.clone(),
        ServiceTarget::Cluster { node_port: true, .. } => {
            let nodes = view.all::<Node>().filter_map(|held| held.state.ok());
            nodes
                .flat_map(|node| node.external_addresses.iter().map(|ip| by_ip(ip)))
                .collect()
        }
        ServiceTarget::Cluster { .. } | ServiceTarget::Nothing => of_ips(&service.external_ips),
    };
    (!found.is_empty()).then_some(found)
}

fn by_ip(ip: &str) -> IngressAddress {
    IngressAddress {
        ip: Some(ip.to_owned()),
        hostname: None,
    }
}

/// Writes what is outdated while `leads` says that this replica is the leader. Ends with either sender.
pub async fn write(
    connection: Arc<Connection>,
    mut outdated: watch::Receiver<Vec<Outdated>>,
    mut leads: watch::Receiver<bool>,
) {
    let mut writer = Writer {
        connection,
        written: BTreeMap::new(),
        troubled: false,
    };
    loop {
        let now = outdated.borrow_and_update().clone();
        let again = if *leads.borrow_and_update() {
            writer.write_all(&now, &outdated, &leads).await
        } else {
            None
        };
        tokio::select! {
            changed = outdated.changed() => if changed.is_err() { return },
            changed = leads.changed() => if changed.is_err() { return },
            () = passed(again) => {}
        }
    }
}

async fn passed(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

struct Writer {
    connection: Arc<Connection>,
    /// What was written lately, and when.
    written: BTreeMap<Outdated, Instant>,
    troubled: bool,
}

impl Writer {
    /// When to look again, if not everything could be written. Stops when there is something newer to write, or
    /// another leader.
    async fn write_all(
        &mut self,
        now: &[Outdated],
        news: &watch::Receiver<Vec<Outdated>>,
        leads: &watch::Receiver<bool>,
    ) -> Option<Instant> {
        self.written.retain(|_, at| at.elapsed() < REPEAT);
        let mut again = None;
        for one in now {
            if !*leads.borrow() || news.has_changed().unwrap_or(true) {
                return None;
            }
            if let Some(at) = self.written.get(one) {
                again.get_or_insert(*at + REPEAT);
                continue;
            }
            match put(&self.connection, one).await {
                Ok(()) => {
                    tracing::debug!(ingress = %one.ingress, "status written");
                    self.troubled = false;
                    self.written.insert(one.clone(), Instant::now());
                }
                // Gone: the watch tells.
                Err(error) if error.code() == Some(404) => {}
                // Changed in the meantime, which may come to the same status to be written.
                Err(error) if error.code() == Some(409) => {
                    let soon = Instant::now() + SOON;
                    again = Some(again.map_or(soon, |other: Instant| other.min(soon)));
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.troubled, true) {
                        tracing::warn!(ingress = %one.ingress, %error, "the status of Ingresses cannot be written");
                    }
                    let later = Instant::now() + AGAIN;
                    again = Some(again.map_or(later, |soon: Instant| soon.min(later)));
                    // One that is refused, by a webhook or a role of its namespace, does not hold up the others.
                    if !matches!(error.code(), Some(400..=428 | 430..=499)) || error.code() == Some(401) {
                        return again;
                    }
                }
            }
            sleep(Duration::from_millis(1000 / PER_SECOND)).await;
        }
        again
    }
}

/// Writes by `patch`; where that is not allowed by `update`, the one verb on `ingresses/status` that Traefik's role has.
async fn put(connection: &Connection, one: &Outdated) -> Result<(), ApiError> {
    let Outdated { ingress, addresses } = one;
    let path = format!(
        "/apis/networking.k8s.io/v1/namespaces/{}/ingresses/{}",
        ingress.namespace, ingress.name
    );
    let of_status = format!("{path}/status");
    let addresses: Vec<_> = addresses.iter().map(as_json).collect();
    let status = json!({ "loadBalancer": { "ingress": addresses } });
    let patch = Payload::MergePatch(json!({ "status": status }));
    let patched = connection.ask::<Json>(Method::PATCH, &of_status, patch).await;
    match patched {
        Err(error) if error.code() == Some(403) => {
            let mut object: Json = connection.get(&path).await?;
            if let Json::Object(fields) = &mut object {
                fields.insert("status".to_owned(), status);
            }
            let update = Payload::Json(object);
            connection.ask::<Json>(Method::PUT, &of_status, update).await?;
            Ok(())
        }
        patched => patched.map(|_| ()),
    }
}

fn as_json(address: &IngressAddress) -> Json {
    let fields = [("ip", &address.ip), ("hostname", &address.hostname)];
    let written = fields
        .into_iter()
        .filter_map(|(field, value)| Some((field.to_owned(), Json::String(value.clone()?))));
    Json::Object(written.collect())
}

/// So many statuses are written in a second at most.
const PER_SECOND: u64 = 5;
/// How long nothing is written twice.
const REPEAT: Duration = Duration::from_secs(10);
/// After somebody else wrote the object first.
const SOON: Duration = Duration::from_secs(1);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(30);
