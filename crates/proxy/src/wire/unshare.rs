//! Header values that do not keep the buffer they were read into alive.

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue};

/// Copies all values into one block of their own.
///
/// An HTTP/1 message's values are slices of the connection's read buffer. HTTP/2's HPACK encoder remembers
/// values for as long as its connection lives, so each one remembered would keep a whole read buffer.
pub(crate) fn unshare(headers: &mut HeaderMap) {
    let length = headers.values().map(HeaderValue::len).sum();
    let mut block = BytesMut::with_capacity(length);
    for value in headers.values_mut() {
        block.extend_from_slice(value.as_bytes());
        // It was a header value before, so it is one now.
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(block.split().freeze()) {
            copy.set_sensitive(value.is_sensitive());
            *value = copy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn c25_header_values_let_go_of_the_read_buffer() {
        let buffer = Bytes::from(b"text/plain secret".to_vec());
        let mut headers = HeaderMap::new();
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        headers.append("content-type", value(0..10));
        let mut secret = value(11..17);
        secret.set_sensitive(true);
        headers.append("x-token", secret);
        let before = headers.clone();
        assert!(!buffer.is_unique());
        unshare(&mut headers);
        assert_eq!(headers, before);
        assert!(headers["x-token"].is_sensitive());
        drop(before);
        assert!(buffer.is_unique());
    }
}
