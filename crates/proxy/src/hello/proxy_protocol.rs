//! The PROXY protocol, versions 1 and 2: a load balancer says whose connection it passes on (A2.14).
//!
//! A connection may begin without a header; one that begins like a header and is none ends.

use std::io;
use std::net::{IpAddr, SocketAddr};

use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::config::ProxyProtocol;

impl ProxyProtocol {
    /// Whether what this peer says of its connection counts.
    pub(super) fn believes(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.insecure || self.trusted_ips.iter().any(|network| network.contains(&peer))
    }
}

/// Why a connection cannot be taken further.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("the PROXY header is malformed")]
    Malformed,
    #[error("the PROXY header is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the connection ended in its PROXY header: {0}")]
    Io(#[from] io::Error),
}

/// Reads the header, if there is one, and leaves in `first` what came behind it. `None`: there is no header, or it
/// names nobody (a health check of the load balancer itself). The caller sets the deadline.
pub(super) async fn read(
    socket: &mut TcpStream,
    first: &mut Vec<u8>,
) -> Result<Option<SocketAddr>, HeaderError> {
    loop {
        match look(first)? {
            Look::Other => return Ok(None),
            Look::Header { client, length } => {
                first.drain(..length);
                return Ok(client);
            }
            Look::More if first.len() >= LONGEST => return Err(HeaderError::TooLong),
            Look::More => {
                if socket.read_buf(first).await? == 0 {
                    return if first.is_empty() {
                        Ok(None)
                    } else {
                        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
                    };
                }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Not a PROXY header.
    Other,
    /// It may become one.
    More,
    Header {
        client: Option<SocketAddr>,
        length: usize,
    },
}

/// How long the header is with which `bytes` begin, if it is whole and right.
#[cfg(any(test, fuzzing))]
pub(crate) fn header_length(bytes: &[u8]) -> Option<usize> {
    match look(bytes) {
        Ok(Look::Header { length, .. }) => Some(length),
        Ok(Look::Other | Look::More) | Err(_) => None,
    }
}

fn look(bytes: &[u8]) -> Result<Look, HeaderError> {
    let begun = |signature: &[u8]| bytes.starts_with(signature);
    if !begun(SIGNATURE_1) && !begun(SIGNATURE_2) {
        let may_become = |signature: &[u8]| signature.starts_with(bytes);
        return Ok(if may_become(SIGNATURE_1) || may_become(SIGNATURE_2) {
            Look::More
        } else {
            Look::Other
        });
    }
    match ProxyHeader::parse(bytes, ParseConfig::default()) {
        Err(Error::BufferTooShort) => Ok(Look::More),
        Err(_) => Err(HeaderError::Malformed),
        Ok((header, length)) => {
            let Some(address) = header.proxied_address() else {
                // What stands in place of an address is to be skipped unseen (specification, 2.2).
                return Ok(Look::Header { client: None, length });
            };
            // Nobody passes datagrams on over a connection.
            if address.protocol != Protocol::Stream || header.tlvs().any(|field| field.is_err()) {
                return Err(HeaderError::Malformed);
            }
            let client = SocketAddr::new(address.source.ip().to_canonical(), address.source.port());
            Ok(Look::Header {
                client: Some(client),
                length,
            })
        }
    }
}

const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2 allows 64 KiB of further fields; nobody sends more than a few hundred bytes.
const LONGEST: usize = 8 * 1024;

#[cfg(test)]
mod tests;
