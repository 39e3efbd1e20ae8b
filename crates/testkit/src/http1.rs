//! A raw HTTP/1 client: what is sent is exactly what the test wrote.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::tls::{Stream, dial_plain};

/// A connection on which bytes are written and answers read one by one.
pub struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
}

/// An answer as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Fields after a chunked body.
    pub trailers: Vec<(String, String)>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub fn trailer(&self, name: &str) -> Option<&str> {
        find(&self.trailers, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One plain request on a connection of its own, and its answer.
#[track_caller]
pub fn once(address: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    let mut connection = Connection::new(dial_plain(address));
    connection.send(request);
    connection.response().expect("an answer")
}

impl<S: Stream> Connection<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The peer may have closed already; what comes back tells.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .and_then(|()| self.stream.flush())
            .unwrap_or_default();
    }

    /// Sends `GET path` and reads the answer.
    #[track_caller]
    pub fn get(&mut self, host: &str, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        self.response().expect("an answer")
    }

    /// The next answer; `None` when the peer closed or reset instead. Interim (1xx) answers are
    /// answers too, but for `101`, which ends HTTP.
    #[track_caller]
    pub fn response(&mut self) -> Option<Response> {
        let head = self.until(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines.filter_map(field).collect();
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
            trailers: Vec::new(),
        };
        let bodiless = status < 200 || status == 204 || status == 304;
        if bodiless {
            return Some(response);
        }
        if response
            .header("transfer-encoding")
            .is_some_and(|coding| coding.contains("chunked"))
        {
            self.chunked(&mut response)?;
        } else if let Some(length) = response.header("content-length") {
            let length = length.parse().expect("a length");
            response.body = self.exactly(length)?;
        } else {
            response.body = self.rest();
        }
        Some(response)
    }

    /// The next answer that is not 1xx.
    #[track_caller]
    pub fn final_response(&mut self) -> Option<Response> {
        loop {
            let response = self.response()?;
            if response.status >= 200 {
                return Some(response);
            }
        }
    }

    /// Whether the peer closes (or resets) without sending anything more.
    pub fn closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more()
    }

    /// Everything until the peer closes.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.buffer)
    }

    /// Exactly so many bytes; `None` when the peer closes before.
    pub fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more() {
                return None;
            }
        }
        let rest = self.buffer.split_off(length);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    fn chunked(&mut self, response: &mut Response) -> Option<()> {
        loop {
            let line = String::from_utf8_lossy(&self.until(b"\r\n")?).into_owned();
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            if size == 0 {
                break;
            }
            response.body.extend(self.exactly(size)?);
            self.exactly(2)?;
        }
        loop {
            let line = String::from_utf8_lossy(&self.until(b"\r\n")?).into_owned();
            match field(line.trim_end()) {
                Some(trailer) => response.trailers.push(trailer),
                None => return Some(()),
            }
        }
    }

    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return self.exactly(at + end.len());
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Reads once; false at the end. Silence fails the test.
    fn more(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend(bytes.iter().take(count));
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "the peer is silent; so far: {}",
                    String::from_utf8_lossy(&self.buffer)
                )
            }
            Err(_) => false,
        }
    }
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_ascii_lowercase(), value.trim().to_owned()))
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.as_str())
}
