//! Which client a request counts for, and `ipAllowList`.

use std::net::IpAddr;

use ipnet::IpNet;
use viaduct_snapshot::middleware::{AddressChoice, IpAllowList};

use crate::answer::ProxyError;
use crate::headers;
use crate::request::Request;
use crate::wire::Connection;

/// Lets the request pass, or refuses its client.
pub(super) fn admit(
    list: &IpAllowList,
    connection: &Connection,
    request: &Request,
) -> Result<(), ProxyError> {
    let client = address(&list.choice, connection, request);
    if client.is_some_and(|client| contains(&list.networks, client)) {
        return Ok(());
    }
    tracing::debug!(?client, "refused a client that is not in the list");
    Err(ProxyError::AddressRefused { status: list.reject })
}

/// The address that counts. `None`: there is none where it is looked for, or it is no address.
pub(super) fn address(choice: &AddressChoice, connection: &Connection, request: &Request) -> Option<IpAddr> {
    let chain = || headers::forwarded_chain(&request.parts.headers);
    let ip = match choice {
        AddressChoice::Connection { .. } => connection.client.ip().to_canonical(),
        AddressChoice::Depth { depth, .. } => parse(chain().nth(depth.checked_sub(1)?)?)?,
        AddressChoice::Excluding(networks) => {
            let excluded = |link: &&str| parse(link).is_some_and(|ip| contains(networks, ip));
            // What is no address is not excluded, and then stands for nobody.
            parse(
                chain()
                    .filter(|link| !link.is_empty())
                    .find(|link| !excluded(link))?,
            )?
        }
    };
    Some(choice.shorten(ip))
}

/// Without the zone of a link-local address, and IPv4 in IPv6 as IPv4: all spellings of an address are one
/// (GHSA-7jmw-8259-q9jx).
fn parse(text: &str) -> Option<IpAddr> {
    let plain = text.split_once('%').map_or(text, |(address, _zone)| address);
    let ip: IpAddr = plain.parse().ok()?;
    Some(ip.to_canonical())
}

fn contains(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}
