//! The stapler as the control plane sees it, with responders over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use viaduct_testkit::ocsp::{Answer, http};
use viaduct_testkit::origin::Origin;
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_tls::ocsp::Stapling as State;
use viaduct_tls::{Fingerprint, Identity};

use super::ask::{AskError, ask};
use super::responder::BadResponder;
use super::schedule::Pace;
use super::{Responder, Settings, Stapling};

struct World {
    authority: Ca,
    leaf: Issued,
}

impl World {
    fn new() -> Self {
        let authority = Ca::new("Root").intermediate("Issuing CA");
        let leaf = authority.issue(Leaf::server("web.example.com").ocsp(NAMED).ocsp(ALSO_NAMED));
        Self { authority, leaf }
    }

    fn identity(&self) -> Arc<Identity> {
        let (chain, key) = (self.leaf.chain_pem.as_bytes(), self.leaf.key_pem.as_bytes());
        Arc::new(Identity::from_pem(chain, key).unwrap())
    }

    /// A running stapler that serves the leaf and asks `origins` in the places of those that it names.
    fn stapling(&self, origins: [&Origin; 2], pace: Pace) -> Stapling {
        let settings = Settings {
            responder_overrides: [NAMED, ALSO_NAMED]
                .into_iter()
                .zip(origins)
                .map(|(url, origin)| (url.to_owned(), url_of(origin)))
                .collect(),
        };
        let stapling = Stapling::with_pace(settings, pace);
        stapling.certificates.send_replace(vec![self.identity()]);
        stapling
    }

    /// How it stands with the leaf when that is next told.
    async fn next(&self, stapling: &mut Stapling) -> State {
        stapling.changed().await;
        let staples = Arc::clone(&stapling.staples.borrow_and_update());
        staples[&Fingerprint::of(&self.leaf.der)].clone()
    }
}

fn url_of(origin: &Origin) -> Responder {
    format!("http://{}/", origin.address()).parse().unwrap()
}

fn unavailable() -> Vec<u8> {
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_vec()
}

/// Of the default, with everything that a test would have to wait for.
fn quick() -> Pace {
    Pace {
        retry: Duration::from_millis(20),
        least: Duration::from_millis(20),
        margin: Duration::ZERO,
        ..Pace::default()
    }
}

#[tokio::test]
async fn a8_22_a_failed_question_is_asked_again() {
    let world = World::new();
    let asked = AtomicUsize::new(0);
    let signer = world.authority.own().clone();
    let (release, held) = std::sync::mpsc::sync_channel::<()>(1);
    let held = std::sync::Mutex::new(held);
    let origin = Origin::http(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        // Both URLs of the leaf lead here.
        0..2 => unavailable(),
        _ => {
            held.lock().unwrap().recv().unwrap_or_default();
            http(&Answer::default().to(&request.body, &signer))
        }
    });
    let mut stapling = world.stapling([&origin, &origin], quick());
    let failed = world.next(&mut stapling).await;
    assert!(failed.staple.is_none());
    assert!(failed.fault.unwrap().contains("status 500"));
    drop(release);
    let answered = world.next(&mut stapling).await;
    assert!(answered.staple.is_some() && answered.fault.is_none());
}

#[tokio::test]
async fn a8_22_the_second_responder_is_asked_when_the_first_gives_no_good_answer() {
    let world = World::new();
    let stranger = Ca::new("Other CA").own().clone();
    let signer = world.authority.own().clone();
    let bad = Origin::http(move |request| http(&Answer::default().to(&request.body, &stranger)));
    let good = Origin::http(move |request| http(&Answer::default().to(&request.body, &signer)));
    let mut stapling = world.stapling([&bad, &good], Pace::default());
    assert!(world.next(&mut stapling).await.staple.is_some());
    assert_eq!((bad.requests().len(), good.requests().len()), (1, 1));
}

#[tokio::test]
async fn a8_22_an_answer_that_ends_is_dropped_when_there_is_no_other() {
    let world = World::new();
    let asked = AtomicUsize::new(0);
    let signer = world.authority.own().clone();
    let origin = Origin::http(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => {
            let now = SystemTime::now();
            let soon =
                Answer::default().valid(now - Duration::from_secs(60), Some(now + Duration::from_secs(4)));
            http(&soon.to(&request.body, &signer))
        }
        _ => unavailable(),
    });
    let mut stapling = world.stapling([&origin, &origin], quick());
    let mut state = world.next(&mut stapling).await;
    let end = state.staple.clone().unwrap().next_update().unwrap();
    while state.staple.is_some() {
        state = world.next(&mut stapling).await;
    }
    assert!(SystemTime::now() >= end);
    assert!(state.fault.is_some());
    assert!(origin.requests().len() > 1, "it was asked again before the end");
}

#[tokio::test]
async fn i5_answers_are_bounded_and_nothing_is_followed() {
    let other = Origin::http(|_| unavailable());
    let elsewhere = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        other.address()
    );
    let redirects = Origin::http(move |_| elsewhere.clone().into_bytes());
    let endless = Origin::script(|wire| {
        // An answer before the question would be another fault.
        assert!(wire.read(&mut [0]).is_ok());
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        let mut sent = wire.write_all(head);
        while sent.is_ok() {
            sent = wire.write_all(chunk.as_bytes());
        }
    });
    let headers = Origin::script(|wire| {
        assert!(wire.read(&mut [0]).is_ok());
        let mut sent = wire.write_all(b"HTTP/1.1 200 OK\r\n");
        while sent.is_ok() {
            sent = wire.write_all(b"X: y\r\n");
        }
    });
    let silent = Origin::script(|_| {});
    let question = || hyper::body::Bytes::from_static(b"?");
    let error = async |origin: &Origin| ask(&url_of(origin), question()).await.unwrap_err();
    assert!(matches!(error(&redirects).await, AskError::Status(status) if status == 302));
    assert!(matches!(error(&endless).await, AskError::Body));
    assert!(matches!(error(&headers).await, AskError::Http(_)));
    assert!(matches!(error(&silent).await, AskError::Http(_)));
    assert_eq!(other.connections(), 0);
}

#[test]
fn a8_22_only_plain_http_urls_name_responders() {
    let parse = |text: &str| text.parse::<Responder>();
    let full = parse("http://ocsp.example.com:8080/a/b?c=d").unwrap();
    assert_eq!(
        (full.host(), full.port(), full.path()),
        ("ocsp.example.com", 8080, "/a/b?c=d")
    );
    assert_eq!(full.authority(), "ocsp.example.com:8080");
    let short = parse("http://[::1]").unwrap();
    assert_eq!((short.host(), short.port(), short.path()), ("::1", 80, "/"));
    for (text, wanted) in [
        ("https://ocsp.example.com/", BadResponder::NotHttp),
        ("file:///etc/passwd", BadResponder::NoUrl),
        ("ldap://ocsp.example.com/", BadResponder::NotHttp),
        ("/ocsp", BadResponder::NotHttp),
        ("http://user:word@ocsp.example.com/", BadResponder::NoUrl),
        ("http:///ocsp", BadResponder::NoUrl),
        ("", BadResponder::NoUrl),
    ] {
        assert_eq!(parse(text), Err(wanted), "{text}");
    }
}

const NAMED: &str = "http://ocsp.invalid/";
const ALSO_NAMED: &str = "http://ocsp2.invalid/";
