//! Where the YAML of a suggestion belongs.

use viaduct_config::{Element, Location, ObjectRef};
use viaduct_tls::Fault;

use super::place::{self, Place};
use super::{Edit, service};
use crate::{Router, Snapshot, Transport};

/// One object or entry that a suggestion is merged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Such as `ServersTransport web/web-transport`.
    pub into: String,
    /// Where that is written; `None`: nobody knows, or it is not there yet.
    pub at: Option<Location>,
    /// It is not there, and is to be made.
    pub new: bool,
}

/// For each part of [`suggestion`](super::suggestion) in its order; empty where there is none.
pub fn merges(snapshot: &Snapshot, fault: &Fault, transport: &Transport, router: &Router) -> Vec<Merge> {
    match Edit::mending(fault, transport) {
        Some(Edit::Transport(_)) => {
            let place = Place::of(transport, router);
            if !place.is_default() {
                return vec![of_transport(snapshot, transport)];
            }
            let (new, provider) = (place::NEW_NAME, provider(router));
            let into = match &router.origin {
                Some(object) => format!("ServersTransport {}/{new}", object.namespace),
                None => entry("serversTransports", new, provider),
            };
            let made = Merge {
                into,
                at: None,
                new: true,
            };
            std::iter::once(made)
                .chain(of_services(snapshot, router, transport))
                .collect()
        }
        Some(Edit::Scheme(_)) => of_services(snapshot, router, transport),
        Some(Edit::Elsewhere(_)) | None => Vec::new(),
    }
}

fn of_transport(snapshot: &Snapshot, transport: &Transport) -> Merge {
    if let Some(object) = &transport.origin {
        return of_object(snapshot, object);
    }
    let (name, provider) = transport.name.rsplit_once('@').unwrap_or((&transport.name, ""));
    Merge {
        into: entry("serversTransports", name, provider),
        at: written(snapshot, provider, &Element::ServersTransport(name.to_owned())),
        new: false,
    }
}

fn of_services(snapshot: &Snapshot, router: &Router, transport: &Transport) -> Vec<Merge> {
    match &router.origin {
        Some(object) if &*object.kind == service::INGRESS => vec![Merge {
            into: format!("the Service that {object} names"),
            at: None,
            new: false,
        }],
        Some(object) => vec![of_object(snapshot, object)],
        None => {
            let provider = provider(router);
            let names = service::names(router, transport).into_iter();
            names
                .map(|name| Merge {
                    into: entry("services", name, provider),
                    at: written(snapshot, provider, &Element::Service(name.to_owned())),
                    new: false,
                })
                .collect()
        }
    }
}

fn of_object(snapshot: &Snapshot, object: &ObjectRef) -> Merge {
    let updates = snapshot.book.sources.values().map(|source| &source.update);
    let mut origins = updates.flat_map(|update| update.origins.values());
    let origin = origins.find(|origin| origin.object.as_ref() == Some(object));
    Merge {
        into: object.to_string(),
        at: origin.and_then(|origin| origin.location.clone()),
        new: false,
    }
}

/// Of the file format.
fn entry(section: &str, name: &str, provider: &str) -> String {
    format!("`http.{section}.{name}` of provider `{provider}`")
}

fn written(snapshot: &Snapshot, provider: &str, element: &Element) -> Option<Location> {
    let mut updates = snapshot.book.sources.values().map(|source| &source.update);
    let update = updates.find(|update| update.provider.as_str() == provider)?;
    update.origins.get(element)?.location.clone()
}

fn provider(router: &Router) -> &str {
    let name = &*router.written_name;
    name.rsplit_once('@').map_or("", |(_, provider)| provider)
}
