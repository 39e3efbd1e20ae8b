//! Where a service's traffic goes: endpoints, cluster IPs and external names -> servers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use viaduct_config::Finding;
use viaduct_config::dynamic::http::Server;
use viaduct_config::finding::Code;

use super::Context;
use crate::api::core::{EndpointAddress, EndpointGroup, ServicePort};
use crate::api::{Endpoints, Name, Node};
use crate::index::{Lookup, Subject};
use crate::policy::Refusal;

/// How servers are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    H2c,
}

impl Scheme {
    /// `http`, `https` or `h2c`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https, Self::H2c]
            .into_iter()
            .find(|scheme| scheme.as_str() == text)
    }

    /// Where none is written: https for port 443 and for ports whose name begins so (A9.4).
    pub(super) fn of_port(port: &ServicePort) -> Self {
        if port.number == 443 || port.name.starts_with("https") {
            Self::Https
        } else {
            Self::Http
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::H2c => "h2c",
        }
    }
}

/// A host to connect to. Addresses sort before names, so that the order of servers depends on nothing
/// but the servers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

impl Host {
    /// `None` for a text that is neither an address nor a host name. What a resolver would take for an
    /// address is one, however it is written: `169.254.169.254.`, `0xa9fea9fe`, `2852039166` (C62).
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        let rootless = text.strip_suffix('.').unwrap_or(text);
        if ends_in_number(rootless) {
            return numeric_address(rootless).map(|address| Self::Address(IpAddr::V4(address)));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let plausible = !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed);
        plausible.then(|| Self::Name(text.to_owned()))
    }

    fn refused(&self, cx: &Context<'_>, port: u16) -> Option<Refusal> {
        match self {
            Self::Address(address) => cx.policy.refuses_address(*address, port),
            Self::Name(name) => cx.policy.refuses_host(name, port),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// As the URL standard has it: no host name ends so, but resolvers read such texts as addresses.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// An IPv4 address in any of the forms of `inet_aton`: one to four parts, decimal, octal (`0..`) or
/// hexadecimal (`0x..`), the last one filling what is left.
fn numeric_address(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(part).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|part| *part > 255) {
        return None;
    }
    let filled = leading
        .iter()
        .fold(0_u64, |sum, part| sum * 256 + u64::from(*part));
    let rest = 8 * (4 - leading.len());
    let whole = u64::from(*last)
        .checked_shr(u32::try_from(rest).ok()?)
        .filter(|over| *over == 0)
        .map(|_| (filled << rest) + u64::from(*last))?;
    u32::try_from(whole).ok().map(Ipv4Addr::from)
}

fn part(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, 16),
        [b'0', _, ..] => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    match digits {
        // Resolvers take a bare `0x` for zero.
        "" if radix == 16 => Some(0),
        _ if digits.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(digits, radix).ok(),
        _ => None,
    }
}

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    host: Host,
    port: u16,
    /// Terminating, but still serving.
    pub(super) fenced: bool,
}

impl Destination {
    /// If it may be used.
    pub(super) fn new(cx: &Context<'_>, host: Host, port: u16) -> Result<Self, Refused> {
        match host.refused(cx, port) {
            Some(refusal) => Err(Refused {
                target: format!("{host}:{port}"),
                refusal,
            }),
            None => Ok(Self {
                host,
                port,
                fenced: false,
            }),
        }
    }

    pub(super) fn server(&self, scheme: Scheme) -> Server {
        Server {
            url: self.url(scheme),
            fenced: self.fenced,
            ..Server::default()
        }
    }
}

impl Destination {
    /// `https://10.0.0.1:443`. Nearly every server has an IPv4 address, and there are many: those are written
    /// without the formatting machinery.
    fn url(&self, scheme: Scheme) -> String {
        let mut digits = itoa::Buffer::new();
        let mut url = String::with_capacity("https://255.255.255.255:65535".len());
        url.push_str(scheme.as_str());
        url.push_str("://");
        match &self.host {
            Host::Address(IpAddr::V4(address)) => {
                for (index, octet) in address.octets().into_iter().enumerate() {
                    url.push_str(if index > 0 { "." } else { "" });
                    url.push_str(digits.format(octet));
                }
            }
            host @ (Host::Address(IpAddr::V6(_)) | Host::Name(_)) => url.push_str(&host.to_string()),
        }
        url.push(':');
        url.push_str(digits.format(self.port));
        url
    }
}

/// `host:port`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What carries the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// A target that policy refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{target}` {}", refusal.why())]
pub(super) struct Refused {
    target: String,
    refusal: Refusal,
}

impl Refused {
    pub(super) fn finding(&self, subject: Subject<'_>, field: &str) -> Finding {
        subject.error(Code::ForbiddenReference, field, self.to_string())
    }
}

/// Where a service that has endpoints is reached, and what is wrong with some of them.
pub(super) struct Found {
    pub(super) destinations: Vec<Destination>,
    /// About endpoints that are left out.
    pub(super) notes: Vec<Finding>,
    /// Why there is no destination, if there is none.
    pub(super) nobody: Option<Finding>,
}

/// Finds the endpoints of `service` at `port`. EndpointSlices count; the older Endpoints only where
/// there is no slice. No endpoint at all is an answer, too.
pub(super) fn destinations(
    cx: &Context<'_>,
    subject: Subject<'_>,
    field: &str,
    service: &Name,
    port: &ServicePort,
    protocol: Protocol,
) -> Found {
    let mut collected = Collected::default();
    let slices = cx.view.slices_of(service);
    for slice in slices.iter() {
        collected.take(cx, &slice.group, port, protocol);
    }
    if slices.is_empty()
        && let Lookup::Good(endpoints) = cx.view.get::<Endpoints>(service)
    {
        for group in &endpoints.groups {
            collected.take(cx, group, port, protocol);
        }
    }
    let notes = collected.notes(subject, field);
    let nobody = collected
        .found
        .is_empty()
        .then(|| collected.nobody(subject, field, service, port));
    Found {
        destinations: collected.into_destinations(),
        notes,
        nobody,
    }
}

/// The port of every node that leads to a service.
pub(super) fn nodes(
    cx: &Context<'_>,
    subject: Subject<'_>,
    field: &str,
    port: u16,
) -> (Vec<Destination>, Vec<Finding>) {
    let mut collected = Collected::default();
    for held in cx.view.all::<Node>() {
        for address in held.state.iter().flat_map(|node| &node.internal_addresses) {
            collected.address(cx, address, port, false);
        }
    }
    let notes = collected.notes(subject, field);
    (collected.into_destinations(), notes)
}

/// Endpoints as they are found.
#[derive(Default)]
struct Collected {
    /// Whether each is fenced in every place that lists it.
    found: BTreeMap<(Host, u16), bool>,
    refused: Vec<Refused>,
    invalid: Vec<String>,
    /// Names of ports that endpoints have and the service does not ask for.
    other_ports: Vec<String>,
}

impl Collected {
    fn take(&mut self, cx: &Context<'_>, group: &EndpointGroup, wanted: &ServicePort, protocol: Protocol) {
        let ports = match protocol {
            Protocol::Tcp => &group.ports,
            Protocol::Udp => &group.udp_ports,
        };
        let number = ports
            .iter()
            .find(|(name, _)| *name == wanted.name)
            .map(|(_, number)| *number);
        let Some(number) = number else {
            self.other_ports
                .extend(ports.iter().map(|(name, _)| name.to_string()));
            return;
        };
        let Some(port) = port_number(number) else {
            self.invalid.push(format!("port {number}"));
            return;
        };
        for endpoint in &group.endpoints {
            match &endpoint.address {
                EndpointAddress::Ip(address) => {
                    self.host(cx, Host::Address(*address), port, endpoint.fenced);
                }
                EndpointAddress::Text(text) => self.address(cx, text, port, endpoint.fenced),
            }
        }
    }

    fn address(&mut self, cx: &Context<'_>, address: &str, port: u16, fenced: bool) {
        match Host::parse(address) {
            Some(host) => self.host(cx, host, port, fenced),
            None => self.invalid.push(format!("address `{}`", address.escape_debug())),
        }
    }

    fn host(&mut self, cx: &Context<'_>, host: Host, port: u16, fenced: bool) {
        if let Err(refused) = Destination::new(cx, host.clone(), port) {
            self.refused.push(refused);
            return;
        }
        self.found
            .entry((host, port))
            .and_modify(|known| *known &= fenced)
            .or_insert(fenced);
    }

    fn into_destinations(self) -> Vec<Destination> {
        let found = self.found.into_iter();
        found
            .map(|((host, port), fenced)| Destination { host, port, fenced })
            .collect()
    }

    fn notes(&self, subject: Subject<'_>, field: &str) -> Vec<Finding> {
        let refused = self.refused.iter().map(|refused| refused.finding(subject, field));
        let invalid = self.invalid.iter().map(|what| {
            let message = format!("an endpoint of the service has an invalid {what}; it is left out");
            subject.error(Code::InvalidService, field, message)
        });
        refused.chain(invalid).collect()
    }

    fn nobody(&self, subject: Subject<'_>, field: &str, service: &Name, port: &ServicePort) -> Finding {
        let message = format!("Service `{service}` has no endpoints that are ready");
        let finding = subject.warning(Code::NoServers, field, message);
        if self.other_ports.is_empty() {
            return finding;
        }
        finding
            .wanted(format!("endpoints with a port {}", named(&port.name)))
            .got(
                self.other_ports
                    .iter()
                    .map(|name| named(name))
                    .collect::<Vec<_>>()
                    .join(", "),
            )
            .hint("the port of an EndpointSlice has the name of the Service's port")
    }
}

fn named(port: &str) -> String {
    if port.is_empty() {
        "without a name".to_owned()
    } else {
        format!("named `{port}`")
    }
}

/// A port one can connect to.
pub(super) fn port_number(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a6_1_a_url_is_scheme_host_and_port(address in any::<IpAddr>(), port in any::<u16>()) {
            let host = Host::Address(address);
            let destination = Destination { host, port, fenced: false };
            prop_assert_eq!(destination.server(Scheme::Https).url, format!("https://{destination}"));
        }
    }
}
