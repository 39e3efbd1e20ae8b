//! Which address counts as the client's, and what depends on it.

use std::net::IpAddr;

use http::{HeaderName, StatusCode};
use ipnet::{IpNet, Ipv6Net};

/// `ipAllowList`.
#[derive(Debug)]
pub struct IpAllowList {
    /// Never empty.
    pub networks: Vec<IpNet>,
    pub choice: AddressChoice,
    /// Default 403.
    pub reject: StatusCode,
}

/// `ipStrategy`: which address of a request counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressChoice {
    /// The connection's, or the one that the PROXY protocol names.
    Connection { ipv6_prefix: Option<u8> },
    /// The nth of `X-Forwarded-For`, from the right, counted from 1.
    Depth { depth: usize, ipv6_prefix: Option<u8> },
    /// The rightmost of `X-Forwarded-For` that is in none of these.
    Excluding(Vec<IpNet>),
}

impl AddressChoice {
    /// Cuts an IPv6 address to the configured prefix length.
    pub fn shorten(&self, ip: IpAddr) -> IpAddr {
        let (Self::Connection { ipv6_prefix } | Self::Depth { ipv6_prefix, .. }) = self else {
            return ip;
        };
        match (ip, ipv6_prefix) {
            (IpAddr::V6(ip), Some(prefix)) => {
                Ipv6Net::new(ip, *prefix).map_or(IpAddr::V6(ip), |net| net.network().into())
            }
            _ => ip,
        }
    }
}

/// `sourceCriterion`: what makes requests count together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceCriterion {
    Address(AddressChoice),
    Header(HeaderName),
    Host,
}

/// `inFlightReq`.
#[derive(Debug)]
pub struct InFlightReq {
    /// Requests of one source at once; 0 lets none in.
    pub amount: u64,
    /// Default the host.
    pub criterion: SourceCriterion,
}

/// An address or a network, as `trustedIPs` and `sourceRange` write it. IPv4 in IPv6 is IPv4.
pub fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    Some(match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => IpNet::new(v4.into(), v6.prefix_len() - 96).unwrap_or(network),
            None => network,
        },
        IpNet::V4(_) | IpNet::V6(_) => network,
    })
}
