//! A TLS client and server configuration that can be told every detail, over blocking sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

pub use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, ServerName};

use crate::pki::{Ca, Issued};

/// A blocking byte stream, plain or TLS.
pub trait Stream: Read + Write + Send {
    /// The socket beneath.
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

impl Stream for StreamOwned<rustls::ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

/// A plain connection with the tests' time-outs.
#[track_caller]
pub fn dial_plain(address: SocketAddr) -> TcpStream {
    let socket =
        TcpStream::connect(address).unwrap_or_else(|error| panic!("connecting to {address}: {error}"));
    socket.set_read_timeout(Some(SILENCE)).expect("a socket option");
    socket.set_write_timeout(Some(SILENCE)).expect("a socket option");
    socket.set_nodelay(true).expect("a socket option");
    socket
}

/// Makes the socket's end a reset: what is queued is thrown away and the peer gets RST on close.
pub fn reset(socket: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).expect("a socket option");
}

/// A TLS connection to be. Trusts only what it is told to.
pub struct Dial<'a> {
    address: SocketAddr,
    ca: &'a Ca,
    alpn: Vec<Vec<u8>>,
    identity: Option<&'a Issued>,
    split: Option<Split>,
}

/// How a ClientHello is cut: payload bytes per TLS record, bytes per TCP segment.
#[derive(Debug, Clone, Copy)]
pub struct Split {
    pub record: usize,
    pub segment: usize,
}

/// An established client connection.
pub type Client = StreamOwned<ClientConnection, TcpStream>;

impl<'a> Dial<'a> {
    pub fn new(address: SocketAddr, ca: &'a Ca) -> Self {
        Self {
            address,
            ca,
            alpn: vec![b"http/1.1".to_vec()],
            identity: None,
            split: None,
        }
    }

    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        self
    }

    pub fn identity(mut self, identity: &'a Issued) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Sends the ClientHello in pieces.
    pub fn split(mut self, split: Split) -> Self {
        self.split = Some(split);
        self
    }

    /// Handshakes; `name` is sent and verified.
    pub fn connect(self, name: &str) -> std::io::Result<Client> {
        let mut socket = dial_plain(self.address);
        let mut client = self.client(name);
        if let Some(split) = self.split {
            split.send(&mut client, &mut socket)?;
        }
        let mut stream = StreamOwned::new(client, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// As [`Dial::connect`], where failure fails the test.
    #[track_caller]
    pub fn open(self, name: &str) -> Client {
        self.connect(name)
            .unwrap_or_else(|error| panic!("TLS with {name}: {error}"))
    }

    fn client(&self, name: &str) -> ClientConnection {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots(self.ca));
        let mut config = match self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), key(identity))
                .expect("a client certificate"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.alpn);
        let name = ServerName::try_from(name.to_owned()).expect("a server name");
        ClientConnection::new(Arc::new(config), name).expect("a TLS client")
    }
}

impl Split {
    fn send(self, client: &mut ClientConnection, socket: &mut TcpStream) -> std::io::Result<()> {
        let mut hello = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut hello)?;
        }
        let (header, payload) = hello.split_at(5);
        let records: Vec<u8> = payload
            .chunks(self.record.min(payload.len()))
            .flat_map(|piece| {
                let length = u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes();
                [&header[..3], &length, piece].concat()
            })
            .collect();
        for segment in records.chunks(self.segment.min(records.len())) {
            socket.write_all(segment)?;
        }
        Ok(())
    }
}

/// A server's configuration; `client_ca`: client certificates are demanded.
pub fn server(identity: &Issued, alpn: &[&str], client_ca: Option<&Ca>) -> Arc<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("protocol versions");
    let builder = match client_ca {
        Some(ca) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)), provider)
                .build()
                .expect("a client verifier"),
        ),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(identity.chain.clone(), key(identity))
        .expect("a server certificate");
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn roots(ca: &Ca) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).expect("a CA");
    roots
}

fn key(identity: &Issued) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("a private key")
}

/// A peer that says nothing for so long has failed the test.
pub const SILENCE: Duration = Duration::from_secs(20);
