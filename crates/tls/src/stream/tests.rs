use std::io::{self, IoSlice};
use std::sync::Arc;

use proptest::prelude::*;
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::handshake::{accept_with, connect_with};
use super::*;
use peer::*;

mod peer;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Our server end, and a client made of rustls's own buffered connection.
async fn accepted(version: Version, pipe: usize, fragment: usize) -> (TlsStream<DuplexStream>, Peer) {
    let (ours, theirs) = duplex(pipe);
    let mut peer = Peer::client(client_config(version), theirs, fragment);
    let (accepted, shaken) = tokio::join!(accept_with(ours, &[], server_config(version)), peer.handshake());
    shaken.unwrap();
    (accepted.map_err(|error| error.to_string()).unwrap().0, peer)
}

async fn connected(version: Version, pipe: usize, fragment: usize) -> (TlsStream<DuplexStream>, Peer) {
    let (ours, theirs) = duplex(pipe);
    let mut peer = Peer::server(server_config(version), theirs, fragment);
    let ours = async {
        let mut record = None;
        let mut stream = connect_with(ours, client_config(version), name(), &mut record)
            .await
            .unwrap();
        // Brings the last flight out.
        stream.write_all(b"!").await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    let theirs = async {
        peer.handshake().await.unwrap();
        assert_eq!(peer.read_exact(1).await.unwrap(), b"!");
        peer
    };
    tokio::join!(ours, theirs)
}

fn assert_owns_no_buffers<IO>(stream: &TlsStream<IO>) {
    assert_eq!(stream.unparsed.capacity(), 0);
    assert!(stream.pending.is_empty());
    assert!(stream.out.is_empty());
    assert_eq!(stream.out.unsent().len(), 0);
}

async fn echo(stream: &mut TlsStream<DuplexStream>, peer: &mut Peer, text: &[u8]) {
    let ours = async {
        let mut read = vec![0; text.len()];
        stream.read_exact(&mut read).await.unwrap();
        stream.write_all(&read).await.unwrap();
        stream.flush().await.unwrap();
    };
    let theirs = async {
        peer.write_all(text).await.unwrap();
        assert_eq!(peer.read_exact(text.len()).await.unwrap(), text);
    };
    tokio::join!(ours, theirs);
}

#[test]
fn both_sides_and_versions_survive_any_fragmentation() {
    for version in [TLS12, TLS13] {
        for (pipe, fragment) in [(16, 1), (17, 7), (1 << 16, 1), (1 << 20, 1 << 16)] {
            block_on(async {
                let (mut stream, mut peer) = accepted(version, pipe, fragment).await;
                echo(&mut stream, &mut peer, b"hello from the client").await;
                assert_owns_no_buffers(&stream);
                // The server's tickets have to fit while nobody reads.
                let (mut stream, mut peer) = connected(version, pipe.max(1 << 12), fragment).await;
                echo(&mut stream, &mut peer, b"hello from the server").await;
                assert_owns_no_buffers(&stream);
            });
        }
    }
}

#[test]
fn ten_mebibytes_go_both_ways_at_once() {
    const SIZE: usize = 10 << 20;
    const STEP: usize = 1 << 16;
    let pattern: Vec<u8> = (0..SIZE).map(|index| (index * 31 % 251) as u8).collect();
    for (pipe, fragment) in [(1 << 16, 1 << 16), (5000, 1777)] {
        block_on(async {
            let (stream, mut peer) = accepted(TLS13, pipe, fragment).await;
            let (mut reader, mut writer) = tokio::io::split(stream);
            let send = async {
                writer.write_all(&pattern).await.unwrap();
                writer.flush().await.unwrap();
            };
            let receive = async {
                let mut read = vec![0; SIZE];
                reader.read_exact(&mut read).await.unwrap();
                assert!(read == pattern);
            };
            let other = async {
                for step in pattern.chunks(STEP) {
                    peer.write_all(step).await.unwrap();
                    assert!(peer.read_exact(step.len()).await.unwrap() == step);
                }
            };
            tokio::join!(send, receive, other);
            assert_owns_no_buffers(&reader.unsplit(writer));
        });
    }
}

#[test]
fn close_notify_ends_and_anything_else_is_an_error() {
    block_on(async {
        let (mut stream, mut peer) = accepted(TLS13, 1 << 16, 1 << 16).await;
        peer.write_all(b"last words").await.unwrap();
        peer.close().await.unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"last words");
        // The other direction is still open.
        stream.write_all(b"answer").await.unwrap();
        assert_eq!(peer.read_exact(6).await.unwrap(), b"answer");

        let (mut stream, mut peer) = accepted(TLS13, 1 << 16, 1 << 16).await;
        peer.write_all(b"cut").await.unwrap();
        drop(peer);
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn shutdown_sends_close_notify_once() {
    block_on(async {
        let (mut stream, mut peer) = accepted(TLS13, 1 << 16, 1 << 16).await;
        stream.write_all(b"bye").await.unwrap();
        stream.shutdown().await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(peer.read_exact(3).await.unwrap(), b"bye");
        assert_eq!(peer.read(&mut [0; 8]).await.unwrap(), 0, "a clean end");
        assert!(stream.write_all(b"more").await.is_err());
    });
}

#[test]
fn c47_key_updates_are_answered() {
    block_on(async {
        for fragment in [1, 1 << 16] {
            let (mut stream, mut peer) = accepted(TLS13, 1 << 16, fragment).await;
            for round in 0..3 {
                peer.tls.refresh_traffic_keys().unwrap();
                echo(&mut stream, &mut peer, format!("after update {round}").as_bytes()).await;
            }
        }
    });
}

#[test]
fn tickets_come_and_resume() {
    for version in [TLS12, TLS13] {
        block_on(async {
            let (server, client) = (server_config(version), client_config(version));
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let (ours, theirs) = duplex(1 << 16);
                let mut record = None;
                let (accepted, connected) = tokio::join!(
                    async {
                        let (mut stream, sni) = accept_with(ours, &[], Arc::clone(&server)).await.unwrap();
                        assert_eq!(sni.as_deref(), Some("web.example.com"));
                        stream.write_all(b"x").await.unwrap();
                        assert_eq!(stream.read_u8().await.unwrap(), b'y');
                        stream
                    },
                    async {
                        let mut stream = connect_with(theirs, Arc::clone(&client), name(), &mut record)
                            .await
                            .unwrap();
                        // A server on TLS 1.3 waits for our last flight, which waits for a write.
                        stream.write_all(b"y").await.unwrap();
                        assert_eq!(stream.read_u8().await.unwrap(), b'x');
                        stream
                    }
                );
                assert_eq!(
                    accepted.session.state().handshake_kind(),
                    Some(kind),
                    "{version:?}"
                );
                assert_eq!(
                    connected.session.state().handshake_kind(),
                    Some(kind),
                    "{version:?}"
                );
                assert_owns_no_buffers(&accepted);
                assert_owns_no_buffers(&connected);
            }
        });
    }
}

/// A client without TCP_NODELAY holds its request back until its Finished has been acknowledged.
#[test]
fn tickets_do_not_wait_for_a_request_that_is_still_to_come() {
    block_on(async {
        let (ours, theirs) = duplex(1 << 20);
        let ours = Counted {
            io: ours,
            writes: Vec::new(),
        };
        let mut peer = Peer::client(client_config(TLS13), theirs, 1 << 16);
        let (accepted, _) = tokio::join!(accept_with(ours, &[], server_config(TLS13)), peer.handshake());
        let (stream, _) = accepted.unwrap();
        assert_eq!(
            stream.get_ref().writes.len(),
            2,
            "ServerHello to Finished, then tickets"
        );
        assert_owns_no_buffers(&stream);
    });
}

#[test]
fn flights_are_one_write_and_tickets_ride_with_the_answer() {
    block_on(async {
        let (ours, theirs) = duplex(1 << 20);
        let ours = Counted {
            io: ours,
            writes: Vec::new(),
        };
        let mut peer = Peer::client(client_config(TLS13), theirs, 1 << 16);
        // rustls keeps it until it may go, with the client's Finished.
        io::Write::write_all(&mut peer.tls.writer(), b"request").unwrap();
        let (accepted, _) = tokio::join!(accept_with(ours, &[], server_config(TLS13)), peer.handshake());
        let (mut stream, _) = accepted.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.get_ref().writes.len(), 1, "ServerHello to Finished");

        let answer = [
            IoSlice::new(b"HTTP/1.1 200 OK\r\n\r\n"),
            IoSlice::new(&[b'b'; 1024]),
        ];
        let taken = stream.write_vectored(&answer).await.unwrap();
        assert_eq!(taken, 19 + 1024);
        assert_eq!(stream.get_ref().writes.len(), 2, "tickets and answer");
        assert_eq!(stream.write_vectored(&answer).await.unwrap(), taken);
        assert_eq!(
            records(&stream.get_ref().writes[2]),
            [19 + 1024 + 17],
            "head and body in one record"
        );
        peer.read_exact(2 * taken).await.unwrap();

        let large = [
            IoSlice::new(b"head"),
            IoSlice::new(&[b'b'; 200_000]),
            IoSlice::new(b"tail"),
        ];
        let taken = stream.write_vectored(&large).await.unwrap();
        assert_eq!(taken, BURST);
        assert_eq!(
            records(&stream.get_ref().writes[3]),
            [4 + 17, RECORD + 17, RECORD + 17, RECORD + 17, RECORD - 4 + 17]
        );
    });
}

#[test]
fn garbage_is_answered_with_an_alert() {
    block_on(async {
        let (ours, mut theirs) = duplex(1 << 16);
        let request = b"GET / HTTP/1.1\r\nHost: web.example.com\r\n\r\n";
        theirs.write_all(request).await.unwrap();
        let Err(error) = accept_with(ours, &[], server_config(TLS13)).await else {
            panic!("accepted plain text")
        };
        assert!(
            matches!(error, AcceptError::Tls(rustls::Error::InvalidMessage(_))),
            "{error:?}"
        );
        let mut alert = Vec::new();
        theirs.read_to_end(&mut alert).await.unwrap();
        assert_eq!(alert, [21, 3, 3, 0, 2, 2, 50], "fatal decode_error");
    });
}

#[test]
fn a_damaged_record_is_answered_with_an_alert_and_stays_an_error() {
    block_on(async {
        let (mut stream, mut peer) = accepted(TLS13, 1 << 16, 1 << 16).await;
        peer.write_raw(&[23, 3, 3, 0, 20]).await.unwrap();
        peer.write_raw(&[0; 20]).await.unwrap();
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let inner = error.downcast::<rustls::Error>().unwrap();
        assert_eq!(inner, rustls::Error::DecryptError);
        assert!(stream.write_all(b"more").await.is_err());
        assert!(
            peer.read(&mut [0; 8])
                .await
                .unwrap_err()
                .to_string()
                .contains("BadRecordMac")
        );
    });
}

#[test]
fn bytes_read_before_are_the_prefix() {
    block_on(async {
        let (mut ours, theirs) = duplex(1 << 16);
        let mut peer = Peer::client(client_config(TLS13), theirs, 1 << 16);
        let (accepted, shaken) = tokio::join!(
            async {
                let mut prefix = vec![0; 1 << 16];
                let count = ours.read(&mut prefix).await.unwrap();
                accept_with(ours, &prefix[..count], server_config(TLS13)).await
            },
            peer.handshake()
        );
        shaken.unwrap();
        echo(&mut accepted.unwrap().0, &mut peer, b"hello").await;
    });
}

#[test]
fn cve_2026_32305_a_hello_in_pieces_reads_as_a_whole_one() {
    let mut client = rustls::ClientConnection::new(client_config(TLS13), name()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let whole = HelloReader::new().push(&hello).unwrap();
    assert_eq!(whole.unwrap().server_name.as_deref(), Some("web.example.com"));

    // One byte per record and per segment.
    let mut reader = HelloReader::new();
    let mut seen = None;
    for byte in &hello[5..] {
        for segment in [22, 3, 1, 0, 1, *byte] {
            assert_eq!(seen, None);
            seen = reader.push(&[segment]).unwrap();
        }
    }
    assert_eq!(seen.unwrap().server_name.as_deref(), Some("web.example.com"));
}

#[test]
fn a_hello_that_never_ends_is_bounded() {
    let mut reader = HelloReader::new();
    let mut record = vec![22, 3, 1, 0x40, 0];
    record.resize(5 + RECORD, 0);
    record[5..9].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
    let outcome = (0..64).find_map(|_| reader.push(&record).err());
    assert!(outcome.is_some());

    block_on(async {
        let (ours, mut theirs) = duplex(1 << 20);
        let flood = async { while theirs.write_all(&record).await.is_ok() {} };
        let (accepted, ()) = tokio::join!(accept_with(ours, &[], server_config(TLS13)), flood);
        assert!(matches!(accepted.err(), Some(AcceptError::Tls(_))));
    });
}

#[test]
fn readable_waits_without_consuming() {
    block_on(async {
        let (mut stream, mut peer) = accepted(TLS13, 1 << 16, 1 << 16).await;
        peer.write_all(b"request").await.unwrap();
        assert!(std::future::poll_fn(|cx| stream.poll_readable(cx)).await.unwrap());
        let mut read = [0; 7];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"request");
        stream.write_all(b"tickets go too").await.unwrap();
        assert_owns_no_buffers(&stream);
        peer.close().await.unwrap();
        assert!(!std::future::poll_fn(|cx| stream.poll_readable(cx)).await.unwrap());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_cut_of_writes_and_reads_carries_the_same_bytes(
        writes in prop::collection::vec(prop::collection::vec(0usize..40_000, 1..4), 1..8),
        pipe in 1usize << 12..40_000,
        fragment in 1usize..40_000,
        step in 1usize..40_000,
    ) {
        let total = writes.iter().flatten().sum::<usize>();
        let bytes: Vec<u8> = (0..total).map(|index| (index % 251) as u8).collect();
        block_on(async {
            let (stream, mut peer) = connected(TLS13, pipe, fragment).await;
            let (mut reader, mut writer) = tokio::io::split(stream);
            let send = async {
                let mut rest = bytes.as_slice();
                for write in &writes {
                    let mut slices = Vec::new();
                    for length in write {
                        let (slice, behind) = rest.split_at(*length);
                        slices.push(IoSlice::new(slice));
                        rest = behind;
                    }
                    let mut slices = slices.as_mut_slice();
                    IoSlice::advance_slices(&mut slices, 0);
                    while !slices.is_empty() {
                        let taken = writer.write_vectored(slices).await.unwrap();
                        IoSlice::advance_slices(&mut slices, taken);
                    }
                }
                writer.flush().await.unwrap();
            };
            let other = async {
                let back = peer.read_exact(total).await.unwrap();
                assert!(back == bytes);
                peer.write_all(&back).await.unwrap();
            };
            let receive = async {
                let mut back = Vec::new();
                let mut buffer = vec![0; step];
                while back.len() < total {
                    let count = reader.read(&mut buffer).await.unwrap();
                    back.extend_from_slice(&buffer[..count]);
                }
                assert!(back == bytes);
            };
            tokio::join!(send, other, receive);
        });
    }
}
