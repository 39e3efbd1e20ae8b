//! The other end: rustls's buffered connection over an in-memory pipe, cut into fragments.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use viaduct_testkit::pki::{Ca, Issued, Leaf};

pub(super) type Version = &'static rustls::SupportedProtocolVersion;
pub(super) const TLS12: Version = &rustls::version::TLS12;
pub(super) const TLS13: Version = &rustls::version::TLS13;

fn pki() -> &'static (Ca, Issued) {
    static PKI: OnceLock<(Ca, Issued)> = OnceLock::new();
    PKI.get_or_init(|| {
        let ca = Ca::new("Stream CA");
        let leaf = ca.issue(Leaf::server("web.example.com"));
        (ca, leaf)
    })
}

#[derive(Debug)]
struct Resolver(Arc<CertifiedKey>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        crate::stream::witness::saw_server_name(hello.server_name());
        Some(Arc::clone(&self.0))
    }
}

pub(super) fn server_config(version: Version) -> Arc<ServerConfig> {
    let (_, leaf) = pki();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).unwrap();
    let key = CertifiedKey::from_der(leaf.chain.clone(), key, &provider).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver(Arc::new(key))));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

pub(super) fn client_config(version: Version) -> Arc<ClientConfig> {
    let (ca, _) = pki();
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

pub(super) fn name() -> ServerName<'static> {
    ServerName::try_from("web.example.com").unwrap()
}

pub(super) struct Peer {
    pub(super) tls: Connection,
    io: DuplexStream,
    fragment: usize,
    /// Decrypted and not yet read.
    plain: VecDeque<u8>,
    closed: bool,
}

impl Peer {
    pub(super) fn client(config: Arc<ClientConfig>, io: DuplexStream, fragment: usize) -> Self {
        let tls = ClientConnection::new(config, name()).unwrap().into();
        Self::new(tls, io, fragment)
    }

    pub(super) fn server(config: Arc<ServerConfig>, io: DuplexStream, fragment: usize) -> Self {
        let tls = ServerConnection::new(config).unwrap().into();
        Self::new(tls, io, fragment)
    }

    fn new(tls: Connection, io: DuplexStream, fragment: usize) -> Self {
        let (plain, closed) = (VecDeque::new(), false);
        Self {
            tls,
            io,
            fragment,
            plain,
            closed,
        }
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            let mut bytes = Vec::new();
            self.tls.write_tls(&mut bytes)?;
            for fragment in bytes.chunks(self.fragment) {
                self.io.write_all(fragment).await?;
            }
        }
        Ok(())
    }

    /// Takes one fragment from the pipe; false at its end.
    pub(super) async fn receive(&mut self) -> io::Result<bool> {
        self.flush().await?;
        let mut bytes = vec![0; self.fragment];
        let count = self.io.read(&mut bytes).await?;
        let mut rest = &bytes[..count];
        if rest.is_empty() {
            self.tls.read_tls(&mut rest)?;
        }
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest)?;
            if let Err(error) = self.tls.process_new_packets() {
                self.flush().await?;
                return Err(io::Error::other(error));
            }
            let mut plain = [0; 1 << 14];
            while let Ok(count) = self.tls.reader().read(&mut plain) {
                self.closed |= count == 0;
                if count == 0 {
                    break;
                }
                self.plain.extend(&plain[..count]);
            }
        }
        self.flush().await?;
        Ok(count > 0)
    }

    pub(super) async fn handshake(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            if !self.receive().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.flush().await
    }

    pub(super) async fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while filled < count {
            filled += self.read(&mut bytes[filled..]).await?;
        }
        Ok(bytes)
    }

    pub(super) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.plain.is_empty() && !self.closed {
            if !self.receive().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.plain.read(into)
    }

    pub(super) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.tls.writer().write(bytes)?;
            bytes = &bytes[taken..];
            self.flush().await?;
        }
        Ok(())
    }

    /// Bytes that are no TLS of ours.
    pub(super) async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await
    }

    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.flush().await?;
        self.io.shutdown().await
    }
}

/// Notes the size of every write.
pub(super) struct Counted<IO> {
    pub(super) io: IO,
    pub(super) writes: Vec<Vec<u8>>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = outcome {
            self.writes.push(buf[..count].to_vec());
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Lengths of the records in `bytes`.
pub(super) fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        bytes = &rest[length..];
    }
    lengths
}
