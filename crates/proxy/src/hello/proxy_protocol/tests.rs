use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::testing::{Origin, Proxy, run, service};

fn believing(text: &[&str]) -> ProxyProtocol {
    ProxyProtocol {
        insecure: false,
        trusted_ips: text.iter().map(|network| network.parse().unwrap()).collect(),
    }
}

async fn proxy(origin: &Origin, rules: ProxyProtocol) -> Proxy {
    let dynamic = service([&*origin.url], json!({}));
    Proxy::configured(dynamic, |entry_point| {
        entry_point.proxy_protocol = Some(rules);
        entry_point.timeouts.handshake = Duration::from_millis(300);
    })
    .await
}

/// A header of version 2: command and version, family and protocol, addresses and further fields.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend_from_slice(&[command, family]);
    bytes.extend_from_slice(&u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

const V4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0x30, 0x39, 1, 187];

fn v6() -> Vec<u8> {
    let mut addresses = Vec::new();
    addresses.extend_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
    addresses.extend_from_slice(&"::ffff:10.0.0.1".parse::<std::net::Ipv6Addr>().unwrap().octets());
    addresses.extend_from_slice(&[0x30, 0x39, 1, 187]);
    addresses
}

/// The client's address as the backend hears of it, for a connection that begins so.
async fn heard(proxy: &Proxy, origin: &Origin, header: &[u8], pieces: usize) -> String {
    let mut client = proxy.client().await;
    client.stream.set_nodelay(true).unwrap();
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for piece in bytes.chunks(pieces) {
        client.stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut server = origin.accept().await;
    let head = server.head().await;
    server
        .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .await;
    let (answer, _) = client.response().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let line = head.lines().find_map(|line| line.strip_prefix("x-real-ip: "));
    line.unwrap_or_else(|| panic!("{head}")).to_owned()
}

#[test]
fn a2_14_a_trusted_peer_names_the_client() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = proxy(&origin, believing(&["127.0.0.0/8"])).await;
        let mapped = b"PROXY TCP6 ::ffff:203.0.113.7 ::1 12345 443\r\n";
        let with_fields = [&V4[..], &[0xEE, 0, 2, 1, 2]].concat();
        for (header, client) in [
            (
                b"PROXY TCP4 203.0.113.7 10.0.0.1 12345 443\r\n".to_vec(),
                "203.0.113.7",
            ),
            (
                b"PROXY TCP6 2001:db8::7 ::1 12345 443\r\n".to_vec(),
                "2001:db8::7",
            ),
            (mapped.to_vec(), "203.0.113.7"),
            (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
            (
                b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".to_vec(),
                "127.0.0.1",
            ),
            (v2(0x21, 0x11, &V4), "203.0.113.7"),
            (v2(0x21, 0x11, &with_fields), "203.0.113.7"),
            (v2(0x21, 0x21, &v6()), "2001:db8::7"),
            (v2(0x20, 0x00, &[]), "127.0.0.1"),
            (v2(0x20, 0x11, &V4), "127.0.0.1"),
            (v2(0x21, 0x00, &[]), "127.0.0.1"),
            (Vec::new(), "127.0.0.1"),
        ] {
            for pieces in [1, 1024] {
                let heard = heard(&proxy, &origin, &header, pieces).await;
                assert_eq!(heard, client, "{}", String::from_utf8_lossy(&header));
            }
        }
    });
}

#[test]
fn c69_others_are_read_and_not_believed() {
    run(async {
        let origin = Origin::listen().await;
        let strict = proxy(&origin, believing(&["192.0.2.0/24"])).await;
        let header = b"PROXY TCP4 203.0.113.7 10.0.0.1 12345 443\r\n";
        assert_eq!(heard(&strict, &origin, header, 1024).await, "127.0.0.1");
        assert_eq!(
            heard(&strict, &origin, &v2(0x21, 0x11, &V4), 1024).await,
            "127.0.0.1"
        );
        let insecure = ProxyProtocol {
            insecure: true,
            trusted_ips: Vec::new(),
        };
        let open = proxy(&origin, insecure).await;
        assert_eq!(heard(&open, &origin, header, 1024).await, "203.0.113.7");
    });
}

#[test]
fn c69_malformed_headers_end_the_connection() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = proxy(&origin, believing(&["127.0.0.1/32"])).await;
        let overrun = [&V4[..], &[0x01, 0xFF, 0xFF, 1]].concat();
        for header in [
            b"PROXY TCP4 2001:db8::7 ::1 12345 443\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.1 12345 99999\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.1 12345 443\n\n".to_vec(),
            b"PROXY TCP5 203.0.113.7 10.0.0.1 12345 443\r\n".to_vec(),
            b"PROXY UDP4 203.0.113.7 10.0.0.1 12345 443\r\n".to_vec(),
            [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(),
            v2(0x31, 0x11, &V4),
            v2(0x22, 0x11, &V4),
            v2(0x21, 0x11, &V4[..4]),
            v2(0x21, 0x21, &V4),
            v2(0x21, 0x12, &V4),
            v2(0x21, 0x11, &overrun),
            v2(0x21, 0x11, &[0; 20_000]),
        ] {
            let mut client = proxy.client().await;
            // It may be closed while it is written to.
            let _sent = client.stream.write_all(&header).await;
            let _sent = client
                .stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .await;
            assert_eq!(client.rest().await, "", "{}", String::from_utf8_lossy(&header));
        }
    });
}

#[test]
fn c69_a_header_without_an_end_ends_at_the_deadline() {
    run(async {
        let origin = Origin::listen().await;
        let proxy = proxy(&origin, believing(&["127.0.0.1/32"])).await;
        for begun in [
            &b""[..],
            b"P",
            b"PROXY TCP4 203.0.113.7",
            b"\r\n\r\n\0\r\nQUI",
            &v2(0x21, 0x11, &V4)[..20],
        ] {
            let mut client = proxy.client().await;
            client.stream.write_all(begun).await.unwrap();
            let since = Instant::now();
            assert_eq!(client.rest().await, "");
            assert!(since.elapsed() >= Duration::from_millis(250), "{begun:?}");
        }
    });
}

#[test]
fn requests_that_begin_like_a_header_are_requests() {
    for text in [
        "PUT / HTTP/1.1",
        "PRI * HTTP/2.0\r\n",
        "PROXYING / HTTP/1.1",
        "GET ",
        "\r\nGET ",
        "\r\n\r\nGET ",
    ] {
        assert_eq!(look(text.as_bytes()).unwrap(), Look::Other, "{text}");
    }
    for text in ["", "P", "PROXY", "\r\n", "\r\n\r\n\0"] {
        assert_eq!(look(text.as_bytes()).unwrap(), Look::More, "{text}");
    }
}
