//! Several files -> one configuration. Of elements with one name the first wins, in the order of the files'
//! names, as in Traefik; the others are told.

use viaduct_config::dynamic::Elements;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Location, Map, Origin};

use crate::reading::Read;

/// Adds `more` to `all`.
pub(crate) fn merge(all: &mut Read, more: Read) {
    let Read {
        dynamic,
        mut origins,
        notes,
    } = more;
    all.notes.extend(notes);
    let (http, tcp, udp, tls) = (dynamic.http, dynamic.tcp, dynamic.udp, dynamic.tls);
    let into = &mut all.dynamic;
    let mut merging = Merging {
        known: &mut all.origins,
        new: &mut origins,
        notes: &mut all.notes,
    };
    merging.named(&mut into.http.routers, http.routers, Element::Router);
    merging.named(&mut into.http.services, http.services, Element::Service);
    merging.named(&mut into.http.middlewares, http.middlewares, Element::Middleware);
    merging.named(
        &mut into.http.servers_transports,
        http.servers_transports,
        Element::ServersTransport,
    );
    merging.named(&mut into.tls.options, tls.options, Element::TlsOptions);
    merging.named(&mut into.tls.stores, tls.stores, Element::TlsStore);
    for (index, certificate) in tls.certificates.into_inner().into_iter().enumerate() {
        if !into.tls.certificates.contains(&certificate) {
            merging.certificate(index, into.tls.certificates.len());
            into.tls.certificates.push(certificate);
        }
    }
    merging.named(&mut into.tcp.routers, tcp.routers, Element::TcpRouter);
    merging.named(&mut into.tcp.services, tcp.services, Element::TcpService);
    merging.named(&mut into.tcp.middlewares, tcp.middlewares, Element::TcpMiddleware);
    merging.named(
        &mut into.tcp.servers_transports,
        tcp.servers_transports,
        Element::TcpServersTransport,
    );
    merging.named(&mut into.udp.routers, udp.routers, Element::UdpRouter);
    merging.named(&mut into.udp.services, udp.services, Element::UdpService);
}

type Origins = Map<Element, Origin>;

struct Merging<'a> {
    known: &'a mut Origins,
    new: &'a mut Origins,
    notes: &'a mut Vec<Finding>,
}

impl Merging<'_> {
    fn named<T: Clone>(&mut self, into: &mut Elements<T>, from: Elements<T>, element: fn(String) -> Element) {
        for (name, value) in from {
            let element = element(name.clone());
            let origin = self.new.remove(&element);
            if into.contains_key(&name) {
                let first = self
                    .known
                    .get(&element)
                    .and_then(|origin| origin.location.clone());
                let here = origin.and_then(|origin| origin.location);
                let finding = duplicate(&element.to_string(), first, here);
                self.notes.push(finding.element(element));
                continue;
            }
            if let Some(origin) = origin {
                self.known.insert(element, origin);
            }
            into.insert(name, value);
        }
    }

    fn certificate(&mut self, from: usize, to: usize) {
        if let Some(origin) = self.new.remove(&Element::Certificate(from)) {
            self.known.insert(Element::Certificate(to), origin);
        }
    }
}

fn duplicate(what: &str, first: Option<Location>, here: Option<Location>) -> Finding {
    let message = match first {
        Some(first) => format!("the {what} is configured already, at {first}: this one is left out"),
        None => format!("the {what} is configured already in another file: this one is left out"),
    };
    Finding::error(Code::DuplicateObject, message).at(here)
}
