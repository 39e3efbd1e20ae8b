//! Scripted servers: what they answer, and every byte they were sent, is the test's.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::cluster::backend_ip;
use crate::tls::{SILENCE, Stream};
use crate::wait::wait_for;

/// A server on a free port of 127.0.0.1, one thread per connection, until the test ends.
pub struct Origin {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    connections: usize,
    /// Bytes that were no request, other than one that was cut off.
    garbage: Vec<Vec<u8>>,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// As sent.
    pub target: String,
    /// In order; names as sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection, from 0.
    pub connection: usize,
}

impl Request {
    /// The values of a header, in any case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The value of a header that is there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "`{name}` is there {} times: {all:?}", all.len());
        all.first().copied()
    }
}

/// A connection that a script serves.
pub type Wire<'a> = &'a mut dyn Stream;

impl Origin {
    /// A plain HTTP server: `answer` makes the bytes of each answer.
    pub fn http(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serve(None, move |origin, wire, connection| {
            origin.http_loop(wire, connection, &answer)
        })
    }

    /// The same over TLS.
    pub fn https(
        config: Arc<ServerConfig>,
        answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(config), move |origin, wire, connection| {
            origin.http_loop(wire, connection, &answer);
        })
    }

    /// A server that does with each connection what `script` says; the connection closes when it
    /// returns.
    pub fn script(script: impl Fn(Wire<'_>) + Send + Sync + 'static) -> Self {
        Self::serve(None, move |_, wire, _| script(wire))
    }

    /// The same over TLS, after the handshake.
    pub fn script_tls(config: Arc<ServerConfig>, script: impl Fn(Wire<'_>) + Send + Sync + 'static) -> Self {
        Self::serve(Some(config), move |_, wire, _| script(wire))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.with(|seen| seen.requests.clone())
    }

    /// Waits for a request to `target`.
    #[track_caller]
    pub fn wait_request(&self, target: &str) -> Request {
        wait_for(&format!("a request to {target} at the origin"), || {
            self.requests()
                .into_iter()
                .find(|request| request.target == target)
        })
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.with(|seen| seen.connections)
    }

    /// What arrived and was no request.
    pub fn garbage(&self) -> Vec<Vec<u8>> {
        self.with(|seen| seen.garbage.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn share(&self) -> Self {
        Self {
            address: self.address,
            seen: Arc::clone(&self.seen),
        }
    }

    fn serve(
        config: Option<Arc<ServerConfig>>,
        script: impl Fn(&Self, Wire<'_>, usize) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((backend_ip(), 0)).expect("a port for an origin");
        let port = listener.local_addr().expect("an address").port();
        let origin = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            seen: Arc::default(),
        };
        let shared = Arc::new((origin.share(), config, script));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let (origin, config, script) = &*shared;
                    origin.connection(socket, config.as_ref(), script);
                });
            }
        });
        origin
    }

    fn connection(
        &self,
        mut socket: TcpStream,
        config: Option<&Arc<ServerConfig>>,
        script: &impl Fn(&Self, Wire<'_>, usize),
    ) {
        let connection = self.with(|seen| {
            seen.connections += 1;
            seen.connections - 1
        });
        socket.set_read_timeout(Some(3 * SILENCE)).unwrap_or_default();
        socket.set_nodelay(true).unwrap_or_default();
        let Some(config) = config else {
            script(self, &mut socket, connection);
            return;
        };
        let Ok(tls) = ServerConnection::new(Arc::clone(config)) else {
            return;
        };
        let mut stream = StreamOwned::new(tls, socket);
        while stream.conn.is_handshaking() {
            if stream.conn.complete_io(&mut stream.sock).is_err() {
                return;
            }
        }
        script(self, &mut stream, connection);
        stream.conn.send_close_notify();
        stream.flush().unwrap_or_default();
    }

    fn http_loop(&self, wire: Wire<'_>, connection: usize, answer: &impl Fn(&Request) -> Vec<u8>) {
        let mut reader = Reader {
            wire,
            buffer: Vec::new(),
            ended: false,
        };
        loop {
            match reader.request(connection) {
                Ok(Some(request)) => {
                    let bytes = answer(&request);
                    self.with(|seen| seen.requests.push(request));
                    if reader
                        .wire
                        .write_all(&bytes)
                        .and_then(|()| reader.wire.flush())
                        .is_err()
                    {
                        return;
                    }
                }
                Ok(None) => return,
                Err(_) if reader.ended => return,
                Err(garbage) => return self.with(|seen| seen.garbage.push(garbage)),
            }
        }
    }
}

/// `200` with a length.
pub fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Answers with the request itself: `METHOD target`, then its headers in lower case, sorted.
pub fn echo(request: &Request) -> Vec<u8> {
    let mut lines: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()))
        .collect();
    lines.sort();
    ok(&format!(
        "{} {}\n{}\n",
        request.method,
        request.target,
        lines.join("\n")
    ))
}

/// Reads requests as the strictest server would: whatever is ambiguous is garbage.
struct Reader<'a> {
    wire: Wire<'a>,
    buffer: Vec<u8>,
    /// The peer has closed: what is missing was cut off, and a part is no request.
    ended: bool,
}

impl Reader<'_> {
    /// `Ok(None)` at a clean end; the bytes when they are not one clear request.
    fn request(&mut self, connection: usize) -> Result<Option<Request>, Vec<u8>> {
        let Some(head) = self.until(b"\r\n\r\n") else {
            return if self.buffer.is_empty() {
                Ok(None)
            } else {
                Err(std::mem::take(&mut self.buffer))
            };
        };
        let garbage = || head.clone();
        let text = std::str::from_utf8(&head).map_err(|_| garbage())?;
        let mut lines = text.strip_suffix("\r\n\r\n").unwrap_or(text).split("\r\n");
        let mut start = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1"), None) =
            (start.next(), start.next(), start.next(), start.next())
        else {
            return Err(garbage());
        };
        let headers = lines.map(field).collect::<Option<Vec<_>>>().ok_or_else(garbage)?;
        let mut request = Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body: Vec::new(),
            connection,
        };
        let codings = request.all("transfer-encoding").join(",");
        let lengths = request.all("content-length");
        request.body = match (codings.as_str(), lengths.as_slice()) {
            ("", []) => Vec::new(),
            ("", [length]) => self
                .exactly(length.parse().map_err(|_| garbage())?)
                .ok_or_else(garbage)?,
            ("chunked", []) => self.chunks().ok_or_else(garbage)?,
            _ => return Err(garbage()),
        };
        Ok(Some(request))
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.until(b"\r\n")?;
            let size = std::str::from_utf8(&line).ok()?.trim_end();
            let size = usize::from_str_radix(size, 16).ok()?;
            if size == 0 {
                break;
            }
            body.extend(self.exactly(size)?);
            self.exactly(2).filter(|end| end == b"\r\n")?;
        }
        while self.until(b"\r\n")? != b"\r\n" {}
        Some(body)
    }

    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return self.exactly(at + end.len());
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            self.more()?;
        }
        let rest = self.buffer.split_off(length);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 16 * 1024];
        match self.wire.read(&mut bytes) {
            Ok(count) if count > 0 => {
                self.buffer.extend(bytes.iter().take(count));
                Some(())
            }
            _ => {
                self.ended = true;
                None
            }
        }
    }
}

/// A header line of the strict grammar.
fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    let clean = !value.bytes().any(|byte| byte < b' ' && byte != b'\t');
    (token && clean).then(|| (name.to_owned(), value.trim().to_owned()))
}
