//! How the place in a trace is written into headers.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Trace;

/// A form of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagator {
    /// W3C Trace Context: `traceparent`; `tracestate` is passed on as it came.
    TraceContext,
    /// `b3`, one header.
    B3,
    /// `x-b3-traceid` and its fellows.
    B3Multi,
}

/// What a request says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    /// `None`: the decision is left to us.
    pub(super) sampled: Option<bool>,
}

impl Propagator {
    /// One of the names in `OTEL_PROPAGATORS`; `None`: unknown here. (`baggage` needs nobody: the header is
    /// passed on.)
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "tracecontext" => Some(Self::TraceContext),
            "b3" => Some(Self::B3),
            "b3multi" => Some(Self::B3Multi),
            _ => None,
        }
    }

    pub(super) fn extract(self, headers: &HeaderMap) -> Option<Parent> {
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
        match self {
            Self::TraceContext => traceparent(text(&TRACEPARENT)?),
            Self::B3 => b3(text(&B3)?),
            Self::B3Multi => {
                let flags = text(&B3_FLAGS) == Some("1");
                let sampled = text(&B3_SAMPLED).and_then(b3_sampled);
                Some(Parent {
                    trace_id: b3_trace_id(text(&B3_TRACE_ID)?)?,
                    span_id: identifier(text(&B3_SPAN_ID)?)?,
                    sampled: if flags { Some(true) } else { sampled },
                })
            }
        }
    }

    pub(super) fn inject(self, trace: &Trace, headers: &mut HeaderMap) {
        let mut text = [0; LONGEST];
        let (trace_id, span_id) = (&trace.trace_id, &trace.client);
        let sampled: &[u8] = match (self, trace.sampled) {
            (Self::TraceContext, true) => b"-01",
            (Self::TraceContext, false) => b"-00",
            (Self::B3, true) => b"-1",
            (Self::B3, false) => b"-0",
            (Self::B3Multi, true) => b"1",
            (Self::B3Multi, false) => b"0",
        };
        match self {
            Self::TraceContext => {
                let value = Hex(&mut text, 0).raw(b"00-").hex(trace_id).raw(b"-").hex(span_id);
                value.raw(sampled).set(&TRACEPARENT, headers);
            }
            Self::B3 => {
                let value = Hex(&mut text, 0).hex(trace_id).raw(b"-").hex(span_id);
                value.raw(sampled).set(&B3, headers);
            }
            Self::B3Multi => {
                Hex(&mut text, 0).hex(trace_id).set(&B3_TRACE_ID, headers);
                Hex(&mut text, 0).hex(span_id).set(&B3_SPAN_ID, headers);
                Hex(&mut text, 0).raw(sampled).set(&B3_SAMPLED, headers);
                headers.remove(&B3_PARENT);
            }
        }
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (W3C Trace Context, 3.2); later versions may go on behind a further `-`.
fn traceparent(text: &str) -> Option<Parent> {
    let mut parts = text.trim().split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = hex::<1>(version)?;
    let [flags] = hex::<1>(flags)?;
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    Some(Parent {
        trace_id: identifier(trace_id)?,
        span_id: identifier(span_id)?,
        sampled: Some(flags & 1 == 1),
    })
}

/// `<trace>-<span>[-<sampled>[-<parent>]]`.
fn b3(text: &str) -> Option<Parent> {
    let mut parts = text.trim().split('-');
    Some(Parent {
        trace_id: b3_trace_id(parts.next()?)?,
        span_id: identifier(parts.next()?)?,
        sampled: parts.next().and_then(b3_sampled),
    })
}

fn b3_sampled(text: &str) -> Option<bool> {
    match text {
        "1" | "d" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// 128 bits, or 64 with zeros before them.
fn b3_trace_id(text: &str) -> Option<[u8; 16]> {
    if text.len() == 16 {
        let low = u64::from_be_bytes(identifier(text)?);
        return Some(u128::from(low).to_be_bytes());
    }
    identifier(text)
}

/// Not all zeros.
fn identifier<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::<N>(text).filter(|id| id.iter().any(|byte| *byte != 0))
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

/// Lower case, as the specification demands.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// A header's value being written, without memory of its own.
struct Hex<'b>(&'b mut [u8; LONGEST], usize);

impl Hex<'_> {
    fn raw(mut self, bytes: &[u8]) -> Self {
        bytes.iter().for_each(|byte| self.push(*byte));
        self
    }

    fn hex(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            for nibble in [byte >> 4, byte & 0xf] {
                self.push(if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                });
            }
        }
        self
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.0.get_mut(self.1) {
            *place = byte;
            self.1 += 1;
        }
    }

    fn set(self, name: &HeaderName, headers: &mut HeaderMap) {
        if let Some(Ok(value)) = self.0.get(..self.1).map(HeaderValue::from_bytes) {
            headers.insert(name, value);
        }
    }
}

/// `traceparent` is.
const LONGEST: usize = 55;
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const B3: HeaderName = HeaderName::from_static("b3");
const B3_TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
const B3_SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
const B3_PARENT: HeaderName = HeaderName::from_static("x-b3-parentspanid");
const B3_SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const B3_FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");
