//! A connection as bytes, plain or TLS.

use std::io::{self, Read as _, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpStream;

/// The socket is shared, so that a reset can be prepared while the connection is in use.
pub(crate) struct Stream {
    socket: Arc<TcpStream>,
    tls: Option<Box<ServerConnection>>,
    /// Plain text that has been read and not been taken.
    buffer: Vec<u8>,
}

impl Stream {
    pub(crate) fn plain(socket: Arc<TcpStream>) -> Self {
        Self {
            socket,
            tls: None,
            buffer: vec![0; BUFFER],
        }
    }

    /// Does the handshake.
    pub(crate) async fn accept(socket: Arc<TcpStream>, config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = Self {
            tls: Some(Box::new(connection)),
            ..Self::plain(socket)
        };
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// The protocol that was agreed on, and the client's certificate.
    pub(crate) fn agreed(&self) -> (Option<&[u8]>, Option<&[u8]>) {
        let Some(tls) = &self.tls else {
            return (None, None);
        };
        let certificate = tls.peer_certificates().and_then(|chain| chain.first());
        (tls.alpn_protocol(), certificate.map(AsRef::as_ref))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            ready!(self.poll_send(cx))?;
            if self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) && !ready!(self.poll_receive(cx))? {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.poll_send(cx)
    }

    /// Sends what TLS has ready.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(tls) = &mut self.tls else {
            return Poll::Ready(Ok(()));
        };
        while tls.wants_write() {
            match tls.write_tls(&mut &Socket(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_write_ready(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in what the peer has sent; false at its end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Some(tls) = &mut self.tls else {
            return Poll::Ready(Ok(false));
        };
        loop {
            match tls.read_tls(&mut &Socket(&self.socket)) {
                Ok(0) => return Poll::Ready(Ok(false)),
                Ok(_) => {
                    if let Err(error) = tls.process_new_packets() {
                        // The alert that says why; the peer may be gone.
                        tls.write_tls(&mut &Socket(&self.socket)).ok();
                        return Poll::Ready(Err(io::Error::other(error)));
                    }
                    return Poll::Ready(Ok(true));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_read_ready(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// The socket's reading and writing that do not wait.
struct Socket<'a>(&'a TcpStream);

impl io::Read for &Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl io::Write for &Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let room = cursor.remaining().min(this.buffer.len());
            let found = match &mut this.tls {
                Some(tls) => tls.reader().read(&mut this.buffer[..room]),
                None => (&Socket(&this.socket)).read(&mut this.buffer[..room]),
            };
            match found {
                Ok(count) => {
                    cursor.put_slice(&this.buffer[..count]);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            if this.tls.is_some() {
                ready!(this.poll_send(cx))?;
                if !ready!(this.poll_receive(cx))? {
                    return Poll::Ready(Ok(()));
                }
            } else {
                ready!(this.socket.poll_read_ready(cx))?;
            }
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.tls.is_some() {
            ready!(this.poll_send(cx))?;
        }
        if let Some(tls) = &mut this.tls {
            let count = tls.writer().write(bytes)?;
            return Poll::Ready(Ok(count));
        }
        loop {
            match this.socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.socket.poll_write_ready(cx))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(tls) = &mut this.tls {
            tls.send_close_notify();
        }
        ready!(this.poll_send(cx))?;
        // Its peer may have closed it already.
        rustix::net::shutdown(&*this.socket, rustix::net::Shutdown::Write).ok();
        Poll::Ready(Ok(()))
    }
}

const BUFFER: usize = 16 * 1024;
