//! What a connection leaves behind: nothing.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::{Account, ClientBody, Keeper, Open};
use crate::testing::run;
use crate::wire::h2::streams::Streams;

/// The body of an upload of which nothing has come yet; its connection lasts for as long as the second value.
async fn upload() -> (Incoming, impl Sized) {
    let (mut client, server) = tokio::io::duplex(1024);
    let (give, mut take) = mpsc::channel(1);
    let give = RefCell::new(Some(give));
    let service = service_fn(move |request: Request<Incoming>| {
        let give = give.take().unwrap();
        async move {
            give.send(request.into_body()).await.unwrap();
            std::future::pending::<Result<Response<Empty<&[u8]>>, hyper::Error>>().await
        }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    drop(tokio::task::spawn_local(serving));
    client
        .write_all(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
        .await
        .unwrap();
    (take.recv().await.unwrap(), client)
}

fn accounts() -> [Account; 2] {
    [
        Account::default(),
        Account::of_streams(&Rc::new(Streams::default())),
    ]
}

#[test]
fn c26_an_upload_that_is_left_over_ends_with_its_connection() {
    run(async {
        for account in accounts() {
            let (body, _client) = upload().await;
            let keeper = Keeper::of(account);
            let account = Rc::downgrade(&keeper);
            drop(ClientBody::new(body, Duration::ZERO, false, || {
                Open::start(&keeper)
            }));
            std::future::poll_fn(|cx| {
                keeper.poll_leftovers(cx);
                std::task::Poll::Ready(())
            })
            .await;
            assert!(!keeper.is_idle(), "the upload is waited for");
            drop(keeper);
            assert_eq!(account.strong_count(), 0);
        }
    });
}

#[test]
fn c26_an_upload_that_is_left_over_by_a_connection_that_has_ended_is_dropped() {
    run(async {
        for account in accounts() {
            let (body, _client) = upload().await;
            let keeper = Keeper::of(account);
            let account = Rc::downgrade(&keeper);
            let body = ClientBody::new(body, Duration::ZERO, false, || Open::start(&keeper));
            drop(keeper);
            assert_eq!(account.strong_count(), 1, "a backend's task holds the body");
            drop(body);
            assert_eq!(account.strong_count(), 0);
        }
    });
}
