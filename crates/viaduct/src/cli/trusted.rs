//! `[ENTRYPOINT=]CIDR,...`.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// One `--trusted-ips`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedIps {
    /// `None`: every entry point.
    pub(crate) entry_point: Option<String>,
    pub(crate) nets: Vec<IpNet>,
}

impl FromStr for TrustedIps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (entry_point, list) = match text.split_once('=') {
            Some((name, list)) => (Some(name.to_owned()), list),
            None => (None, text),
        };
        let nets = list
            .split(',')
            .map(|part| net(part.trim()))
            .collect::<Result<_, _>>()?;
        Ok(Self { entry_point, nets })
    }
}

fn net(text: &str) -> Result<IpNet, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(ip));
    }
    text.parse()
        .map_err(|_| format!("`{text}` is neither an address nor a CIDR range"))
}
