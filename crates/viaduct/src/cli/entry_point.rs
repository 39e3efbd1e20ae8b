//! `NAME=ADDR[,tls][,http3]`, and addresses as Traefik and Go write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

/// One `--entrypoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryPoint {
    pub(crate) name: String,
    pub(crate) listen: Listen,
    /// Routers of this entry point have TLS on by default.
    pub(crate) tls: bool,
    /// HTTP/3 as well, on UDP at the same address.
    pub(crate) http3: bool,
}

impl EntryPoint {
    /// What is served when no entry point is given.
    pub(crate) fn defaults() -> Vec<Self> {
        let on = |name: &str, port, tls| Self {
            name: name.to_owned(),
            listen: Listen {
                host: String::new(),
                port,
            },
            tls,
            http3: false,
        };
        vec![on("web", 8000, false), on(ALWAYS_TLS, 8443, true)]
    }
}

impl FromStr for EntryPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text
            .split_once('=')
            .ok_or("expected NAME=ADDR, such as websecure=:8443")?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(format!(
                "`{name}` is not a name: letters, digits, `-`, `_` and `.` only"
            ));
        }
        let mut options = address.split(',');
        let address = options.next().unwrap_or_default();
        let (mut tls, mut http3) = (name == ALWAYS_TLS, false);
        for option in options {
            match option {
                "tls" => tls = true,
                "http3" => http3 = true,
                _ => return Err(format!("unknown option `{option}`; there are `tls` and `http3`")),
            }
        }
        Ok(Self {
            name: name.to_owned(),
            listen: address.parse()?,
            tls,
            http3,
        })
    }
}

/// An address to listen on, before names are looked up. An empty host means every address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    host: String,
    port: u16,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = match text.rsplit_once('/') {
            None => text,
            Some((address, protocol)) if protocol.eq_ignore_ascii_case("tcp") => address,
            Some((_, protocol)) => {
                return Err(format!(
                    "`/{protocol}` is not served; HTTP entry points are `/tcp`"
                ));
            }
        };
        let (host, port) = address
            .rsplit_once(':')
            .ok_or_else(|| format!("`{address}` has no port; write `:{address}` if it is one"))?;
        let port = port
            .parse()
            .map_err(|_| format!("`{port}` is not a port (0 to 65535)"))?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .ok_or_else(|| format!("`{host}` misses its `]`"))?,
            None if host.contains(':') => {
                return Err(format!("an IPv6 address needs brackets: [{host}]:{port}"));
            }
            None => host,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// The socket address to bind. Every address means `[::]`, which takes IPv4 as well, unless this
/// machine has no IPv6.
pub(crate) fn resolve(listen: &Listen) -> std::io::Result<SocketAddr> {
    if listen.host.is_empty() {
        return Ok(SocketAddr::new(every_address(), listen.port));
    }
    if let Ok(ip) = listen.host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, listen.port));
    }
    (listen.host.as_str(), listen.port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| std::io::Error::other("the name has no address"))
}

fn every_address() -> IpAddr {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// The entry point that everybody's manifests take for the one with TLS.
const ALWAYS_TLS: &str = "websecure";

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}
