//! The frames of one stream, cut out of its bytes before h3 sees them.
//!
//! h3 (0.0.8) gathers a frame other than DATA without a bound, as slices that each keep the datagram they came in
//! alive; takes a stream that ends inside DATA for one that ended; and takes DATA of no bytes for the end of the
//! body. So what it is given here is: every frame but DATA in one piece and below a limit, DATA as it comes, none of
//! it empty, and no end but behind a frame.

use bytes::{Buf, Bytes, BytesMut};

/// Where in its frames a stream is.
#[derive(Debug)]
pub(crate) struct Frames {
    at: At,
    /// Bytes of a frame other than DATA.
    limit: usize,
}

#[derive(Debug)]
enum At {
    /// A unidirectional stream begins with its type.
    StreamType(Head),
    /// Type and length of the next frame.
    Head(Head),
    Data {
        left: u64,
    },
    /// A frame that is handed on when it is whole.
    Gathering {
        bytes: BytesMut,
        whole: usize,
    },
    /// No frames: another kind of stream.
    Other,
}

/// What is known of one or two variable-length integers (RFC 9000, 16).
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; 16],
    length: usize,
}

/// The frame is larger than anybody needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Frames {
    /// Of a request stream.
    pub(crate) fn of_request(limit: usize) -> Self {
        Self {
            at: At::Head(Head::default()),
            limit,
        }
    }

    /// Of a stream that the client alone writes on.
    pub(crate) fn of_unidirectional(limit: usize) -> Self {
        Self {
            at: At::StreamType(Head::default()),
            limit,
        }
    }

    /// Takes from the front of `input` what can be handed on; `None`: all of it was taken, and more is needed.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, TooLarge> {
        while !input.is_empty() {
            match &mut self.at {
                At::Other => return Ok(Some(std::mem::take(input))),
                At::Data { left } => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let piece = input.split_to(input.len().min(most));
                    *left -= piece.len() as u64;
                    if *left == 0 {
                        self.at = At::Head(Head::default());
                    }
                    return Ok(Some(piece));
                }
                At::Gathering { bytes, whole } => {
                    let missing = whole.saturating_sub(bytes.len());
                    bytes.extend_from_slice(&input.split_to(input.len().min(missing)));
                    if bytes.len() == *whole {
                        let frame = std::mem::take(bytes).freeze();
                        self.at = At::Head(Head::default());
                        return Ok(Some(frame));
                    }
                }
                At::StreamType(head) => {
                    head.push(input.get_u8());
                    if let Some((kind, _)) = head.first() {
                        let told = head.copy();
                        self.at = if kind == CONTROL_STREAM {
                            At::Head(Head::default())
                        } else {
                            At::Other
                        };
                        return Ok(Some(told));
                    }
                }
                At::Head(head) => {
                    head.push(input.get_u8());
                    if let Some(told) = self.begin()? {
                        return Ok(Some(told));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Begins the frame whose head may now be whole.
    fn begin(&mut self) -> Result<Option<Bytes>, TooLarge> {
        let At::Head(head) = &mut self.at else {
            return Ok(None);
        };
        let Some((kind, used)) = head.first() else {
            return Ok(None);
        };
        if kind == WEBTRANSPORT_STREAM {
            // It has no length. h3 ends the connection over it.
            let told = head.copy();
            self.at = At::Other;
            return Ok(Some(told));
        }
        let Some((length, _)) = head.behind(used) else {
            return Ok(None);
        };
        let told = head.copy();
        if kind == DATA {
            if length == 0 {
                *head = Head::default();
                return Ok(None);
            }
            self.at = At::Data { left: length };
            return Ok(Some(told));
        }
        let length = usize::try_from(length).map_err(|_| TooLarge)?;
        if length > self.limit {
            return Err(TooLarge);
        }
        if length == 0 {
            *head = Head::default();
            return Ok(Some(told));
        }
        self.at = At::Gathering {
            whole: told.len() + length,
            bytes: told.into(),
        };
        Ok(None)
    }

    /// Bytes that wait here for the rest of their frame.
    pub(crate) fn gathered(&self) -> usize {
        match &self.at {
            At::Gathering { bytes, .. } => bytes.len(),
            At::StreamType(_) | At::Head(_) | At::Data { .. } | At::Other => 0,
        }
    }

    /// Whether the stream may end here.
    pub(crate) fn may_end(&self) -> bool {
        match &self.at {
            At::Head(head) => head.length == 0,
            At::StreamType(_) | At::Other => true,
            At::Data { .. } | At::Gathering { .. } => false,
        }
    }
}

impl Head {
    fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.length) {
            *free = byte;
            self.length += 1;
        }
    }

    fn known(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn first(&self) -> Option<(u64, usize)> {
        integer(self.known())
    }

    fn behind(&self, used: usize) -> Option<(u64, usize)> {
        integer(self.known().get(used..)?)
    }

    fn copy(&self) -> Bytes {
        Bytes::copy_from_slice(self.known())
    }
}

/// All that comes out when `input` comes in pieces of `size` bytes.
#[cfg(any(test, fuzzing))]
pub(crate) fn cut(mut frames: Frames, input: &[u8], size: usize) -> Result<(Vec<Bytes>, Frames), TooLarge> {
    let mut out = Vec::new();
    for piece in input.chunks(size) {
        let mut piece = Bytes::copy_from_slice(piece);
        while let Some(told) = frames.next(&mut piece)? {
            out.push(told);
        }
    }
    Ok((out, frames))
}

/// A variable-length integer at the front, and its length.
fn integer(bytes: &[u8]) -> Option<(u64, usize)> {
    let (&first, _) = bytes.split_first()?;
    let length = 1_usize << (first >> 6);
    let (first, rest) = bytes.get(..length)?.split_first()?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, &byte| {
        value << 8 | u64::from(byte)
    });
    Some((value, length))
}

/// RFC 9114, 7.2.1.
const DATA: u64 = 0x0;
/// draft-ietf-webtrans-http3.
const WEBTRANSPORT_STREAM: u64 = 0x41;
/// RFC 9114, 6.2.1.
const CONTROL_STREAM: u64 = 0x0;

#[cfg(test)]
mod tests;
