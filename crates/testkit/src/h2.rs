//! HTTP/2 frame by frame: what a well-behaved library would refuse to send.

use std::io::ErrorKind;

use crate::tls::Stream;

/// Frame types (RFC 9113, section 6).
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags.
pub mod flag {
    pub const NONE: u8 = 0;
    pub const END_STREAM: u8 = 1;
    pub const ACK: u8 = 1;
    pub const END_HEADERS: u8 = 4;
}

/// A frame as sent or received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            flags,
            stream,
            payload: payload.into(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        let mut bytes = length.get(1..).unwrap_or_default().to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// A client connection.
pub struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: Stream> Connection<S> {
    /// Sends the preface and empty SETTINGS.
    pub fn open(stream: S) -> Self {
        Self::open_with(stream, &[])
    }

    /// Sends the preface and `settings`.
    pub fn open_with(stream: S, settings: &[(u16, u32)]) -> Self {
        let mut connection = Self {
            stream,
            buffer: Vec::new(),
        };
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes()))
            .collect();
        connection.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        connection.send(&Frame::new(kind::SETTINGS, flag::NONE, 0, payload));
        connection
    }

    /// Whether the peer still takes bytes.
    pub fn send(&mut self, frame: &Frame) -> bool {
        self.raw(&frame.bytes())
    }

    pub fn raw(&mut self, bytes: &[u8]) -> bool {
        self.stream
            .write_all(bytes)
            .and_then(|()| self.stream.flush())
            .is_ok()
    }

    /// HEADERS with END_HEADERS; `fields` are written as literals without indexing.
    pub fn headers(&mut self, stream: u32, end_stream: bool, fields: &[(&str, &str)]) -> bool {
        let flags = flag::END_HEADERS | if end_stream { flag::END_STREAM } else { flag::NONE };
        self.send(&Frame::new(kind::HEADERS, flags, stream, block(fields)))
    }

    /// `GET path` on `stream`.
    pub fn get(&mut self, stream: u32, host: &str, path: &str) -> bool {
        self.headers(stream, true, &request("GET", host, path))
    }

    /// The next frame; `None` when the peer has closed or says nothing until the socket's time-out.
    pub fn frame(&mut self) -> Option<Frame> {
        let head = self.exactly(9)?;
        let [a, b, c, kind, flags, s1, s2, s3, s4] = <[u8; 9]>::try_from(head).ok()?;
        let length = u32::from_be_bytes([0, a, b, c]);
        let stream = u32::from_be_bytes([s1, s2, s3, s4]) & 0x7fff_ffff;
        let payload = self.exactly(usize::try_from(length).ok()?)?;
        Some(Frame {
            kind,
            flags,
            stream,
            payload,
        })
    }

    /// Reads on (acknowledging SETTINGS and PING) until `pick` makes something of a frame; `None` when
    /// the connection ends first.
    pub fn find<T>(&mut self, mut pick: impl FnMut(&Frame) -> Option<T>) -> Option<T> {
        loop {
            let frame = self.frame()?;
            let acknowledged = frame.flags & flag::ACK != 0;
            if matches!(frame.kind, kind::SETTINGS | kind::PING) && !acknowledged {
                let payload = if frame.kind == kind::PING {
                    frame.payload.clone()
                } else {
                    Vec::new()
                };
                self.send(&Frame::new(frame.kind, flag::ACK, 0, payload));
            }
            if let Some(found) = pick(&frame) {
                return Some(found);
            }
        }
    }

    /// The status of the answer on `stream`; `Err` with the frame that ended it otherwise, or `None`
    /// when the connection closed without a word.
    pub fn status(&mut self, stream: u32) -> Result<u16, Option<Frame>> {
        self.find(|frame| match frame.kind {
            kind::HEADERS if frame.stream == stream => Some(Ok(status(&frame.payload))),
            kind::RST_STREAM if frame.stream == stream => Some(Err(Some(frame.clone()))),
            kind::GOAWAY if error_code(frame) != 0 => Some(Err(Some(frame.clone()))),
            _ => None,
        })
        .unwrap_or(Err(None))
    }

    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = [0; 16 * 1024];
        while self.buffer.len() < length {
            match self.stream.read(&mut bytes) {
                Ok(count) if count > 0 => self.buffer.extend(bytes.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return None,
            }
        }
        let rest = self.buffer.split_off(length);
        Some(std::mem::replace(&mut self.buffer, rest))
    }
}

/// The fields of an ordinary request.
pub fn request<'a>(method: &'a str, host: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [
        (":method", method),
        (":scheme", "https"),
        (":authority", host),
        (":path", path),
    ]
}

/// A header block of literals, never indexed, never Huffman-coded (RFC 7541, 6.2.3).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A length with a 7-bit prefix (RFC 7541, 5.1), no Huffman.
pub fn integer(out: &mut Vec<u8>, value: usize) {
    if value < 127 {
        out.push(u8::try_from(value).unwrap_or_default());
        return;
    }
    out.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).unwrap_or_default() | 128);
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap_or_default());
}

/// The error code of GOAWAY or RST_STREAM.
pub fn error_code(frame: &Frame) -> u32 {
    let at = if frame.kind == kind::GOAWAY { 4 } else { 0 };
    let bytes = frame
        .payload
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

/// `:status` comes first. Indexed, it is one byte; otherwise its three digits are a literal, plain or
/// in Huffman code, in which `0` to `2` take five bits and the other digits six (RFC 7541, appendix B).
fn status(block: &[u8]) -> u16 {
    let block = match block {
        // A change of the table size may stand in front.
        [first, rest @ ..] if first & 0xe0 == 0x20 => rest,
        other => other,
    };
    match block {
        [0x88, ..] => 200,
        [0x89, ..] => 204,
        [0x8a, ..] => 206,
        [0x8b, ..] => 304,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        [0x8e, ..] => 500,
        [_, 3, a, b, c, ..] => std::str::from_utf8(&[*a, *b, *c])
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or_default(),
        [_, length, rest @ ..] if length & 0x80 != 0 => {
            huffman_digits(rest.get(..usize::from(length & 0x7f)).unwrap_or_default())
        }
        _ => 0,
    }
}

fn huffman_digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let value = |from: usize, count: usize| {
        bits.get(from..from + count)
            .map(|bits| bits.iter().fold(0_u16, |value, bit| value << 1 | u16::from(*bit)))
    };
    let mut at = 0;
    let mut number = 0;
    for _ in 0..3 {
        let digit = match (value(at, 5), value(at, 6)) {
            (Some(short @ 0..=2), _) => {
                at += 5;
                short
            }
            (_, Some(long @ 25..=31)) => {
                at += 6;
                long - 25 + 3
            }
            _ => return 0,
        };
        number = number * 10 + digit;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::{integer, status};

    #[test]
    fn statuses_are_read_in_every_coding() {
        assert_eq!(status(&[0x88]), 200);
        // Literal with indexed name 8, three plain digits.
        assert_eq!(status(&[0x48, 3, b'5', b'0', b'2']), 502);
        // The same in Huffman code: 5 = 011011, 0 = 00000, 2 = 00010.
        assert_eq!(status(&[0x48, 0x82, 0b0110_1100, 0b0000_0010]), 502);
        // After a table size update; 4 = 011010, 2 = 00010, 1 = 00001.
        assert_eq!(status(&[0x20, 0x48, 0x82, 0b0110_1000, 0b0100_0001]), 421);
    }

    #[test]
    fn lengths_take_a_seven_bit_prefix() {
        let mut out = Vec::new();
        integer(&mut out, 126);
        integer(&mut out, 127);
        integer(&mut out, 1337);
        assert_eq!(out, [126, 127, 0, 127, 186, 9]);
    }
}
