//! A TLS client and server configuration that can be told every detail, over blocking sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
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

/// A TLS connection to be. Trusts only what it is told to.
pub struct Dial<'a> {
    address: SocketAddr,
    ca: &'a Ca,
    alpn: Vec<Vec<u8>>,
    identity: Option<&'a Issued>,
    sni: bool,
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
            sni: true,
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

    /// Sends no server name.
    pub fn without_sni(mut self) -> Self {
        self.sni = false;
        self
    }

    /// Handshakes; `name` is sent and verified.
    pub fn connect(self, name: &str) -> std::io::Result<Client> {
        let socket = dial_plain(self.address);
        let mut stream = StreamOwned::new(self.client(name), socket);
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

    /// The client half alone, for tests that carry its bytes themselves.
    pub fn client(&self, name: &str) -> ClientConnection {
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
        config.enable_sni = self.sni;
        let name = ServerName::try_from(name.to_owned()).expect("a server name");
        ClientConnection::new(Arc::new(config), name).expect("a TLS client")
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
