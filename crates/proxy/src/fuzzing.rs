//! What must hold of a request head, of a PROXY header and of HTTP/3's frames, whatever bytes they are made of.
//!
//! Not part of the product: compiled for tests, and for the fuzz targets of `fuzz/` (`--cfg fuzzing`).

#![allow(
    clippy::unwrap_used,
    reason = "a check that fails panics: that is the finding"
)]

use std::net::{Ipv4Addr, SocketAddr};

use http::header::{CONNECTION, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderName, HeaderValue};

use crate::config::Hygiene;
use crate::headers::{self, OWNED, Peer};
use crate::hello;
use crate::request;
use crate::wire::h3::frames::{self, Frames};

/// A request head: method, target and header lines, one a line (`name:value`). What is accepted is normal, stays
/// as it is when it is read again (I1), and carries nothing that only the proxy or the hop before it may say (I3).
pub fn request_head(data: &[u8]) {
    let Some(mut parts) = head(data) else {
        return;
    };
    let hygiene = Hygiene::default();
    let Ok((host, _)) = request::normalize_head(&mut parts, &hygiene) else {
        return;
    };
    let again = request::normalize_head(&mut parts.clone(), &hygiene);
    let (host_again, _) = again.expect("a normal head is accepted");
    assert_eq!(host, host_again);
    if parts.uri.path() != "*" {
        let segments = parts.uri.path().split('/');
        assert!(
            !segments.into_iter().any(|segment| matches!(segment, "." | "..")),
            "{}",
            parts.uri
        );
        assert!(parts.uri.path().starts_with('/') && !parts.uri.path().contains("//"));
    }
    assert!(
        !host
            .as_str()
            .contains(|byte: char| byte.is_ascii_uppercase() || byte.is_control())
    );

    let peer = Peer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), None);
    headers::remove_foreign(&mut parts, &peer);
    for name in parts.headers.keys() {
        let spelt = name.as_str().replace(['_', '.'], "-");
        assert!(!OWNED.contains(&spelt.as_bytes()), "{name}");
        assert!(![CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name), "{name}");
    }
    assert!(parts.headers.get_all(TE).iter().all(|value| value == "trailers"));
}

fn head(data: &[u8]) -> Option<Parts> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut request = http::Request::builder().method(lines.next()?).uri(lines.next()?);
    for line in lines.take(64) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value.get(1..)?).ok()?;
        request = request.header(name, value);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

/// The first bytes of a connection: a header is found whole within them or not at all, and bytes that come later
/// change nothing about one that was found.
pub fn proxy_header(data: &[u8]) {
    let Some(length) = hello::proxy_header_length(data) else {
        return;
    };
    assert!(length <= data.len());
    let alone = data.get(..length).unwrap();
    assert_eq!(hello::proxy_header_length(alone), Some(length));
    let followed = [alone, b"GET / HTTP/1.1\r\n\r\n"].concat();
    assert_eq!(hello::proxy_header_length(&followed), Some(length));
}

/// Bytes of an HTTP/3 stream, behind one that says which kind it is and how they are cut: what comes out of them is the
/// same however they come, and little of them is kept.
pub fn http3_frames(data: &[u8]) {
    let Some((&how, bytes)) = data.split_first() else {
        return;
    };
    let frames = || match how & 1 {
        0 => Frames::of_request(FRAME),
        _ => Frames::of_unidirectional(FRAME),
    };
    let whole = frames::cut(frames(), bytes, bytes.len().max(1));
    let pieces = frames::cut(frames(), bytes, usize::from(how >> 1) + 1);
    let (Ok((whole, end)), Ok((pieces, same))) = (&whole, &pieces) else {
        assert!(whole.is_err() && pieces.is_err());
        return;
    };
    assert_eq!(whole.concat(), pieces.concat());
    assert_eq!(end.may_end(), same.may_end());
    assert_eq!(end.gathered(), same.gathered());
    assert!(end.gathered() <= FRAME + 16);
}

/// A frame other than DATA.
const FRAME: usize = 100;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    fn on_seeds(target: &str, check: impl Fn(&[u8])) {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/seeds")
            .join(target);
        let mut count = 0;
        for entry in std::fs::read_dir(seeds).expect("the seeds are part of the repository") {
            let seed = std::fs::read(entry.unwrap().path()).unwrap();
            (0..=seed.len()).for_each(|end| check(seed.get(..end).unwrap()));
            count += 1;
        }
        assert!(count > 0);
    }

    #[test]
    fn r2_seeds_of_request_head() {
        on_seeds("request_head", super::request_head);
    }

    #[test]
    fn r2_seeds_of_proxy_header() {
        on_seeds("proxy_header", super::proxy_header);
    }

    #[test]
    fn r2_seeds_of_http3_frames() {
        on_seeds("http3_frames", super::http3_frames);
    }

    /// Pieces of targets and names, so that random heads get past the first line.
    fn heads() -> impl Strategy<Value = String> {
        let target = prop::sample::select(vec![
            "/", "a", "%2e", "%2E", "..", ".", "//", "\\", "%2f", "%5C", ";", "?", "#", "%", "%00", "*",
            "http://", "h", ":80", "@", "[::1]", "é", "%c3%a9",
        ]);
        let header = prop::sample::select(vec![
            "host:a",
            "host:A.b:80",
            "host:[::1]:1",
            "connection:x-forwarded-for, te",
            "connection:close",
            "te:trailers",
            "te:gzip",
            "x-forwarded-for:1",
            "x_forwarded_proto:https",
            "x.real.ip:2",
            "transfer-encoding:chunked",
            "upgrade:websocket",
            "keep-alive:1",
            "expect:100-continue",
        ]);
        (
            prop::collection::vec(target, 0..8),
            prop::collection::vec(header, 0..6),
        )
            .prop_map(|(target, headers)| {
                let mut head = format!("GET\n{}", target.concat());
                headers.iter().for_each(|header| {
                    head.push('\n');
                    head.push_str(header);
                });
                head
            })
    }

    proptest! {
        #[test]
        fn i1_i3_random_heads(head in heads()) {
            super::request_head(head.as_bytes());
        }

        #[test]
        fn c69_random_proxy_headers(tail in prop::collection::vec(any::<u8>(), 0..64), version in 0..3) {
            let signature: &[u8] = match version {
                0 => b"",
                1 => b"PROXY TCP4 ",
                _ => b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
            };
            super::proxy_header(&[signature, &tail].concat());
        }

        #[test]
        fn c30_random_http3_frames(
            how in any::<u8>(),
            bytes in prop::collection::vec(prop_oneof![0_u8..5, any::<u8>()], 0..600),
        ) {
            super::http3_frames(&[&[how], &*bytes].concat());
        }
    }
}
