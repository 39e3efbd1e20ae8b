use std::sync::{Arc, Mutex};

use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::tls;

use super::*;

fn settings(endpoint: String) -> HttpSettings {
    HttpSettings {
        endpoint,
        poll_interval: Duration::from_millis(50),
        poll_timeout: Duration::from_secs(5),
        headers: BTreeMap::new(),
        tls: HttpTls::default(),
        max_response_body_size: None,
    }
}

fn router(name: &str) -> String {
    format!("{{\"http\":{{\"routers\":{{\"{name}\":{{\"rule\":\"Host(`{name}`)\",\"service\":\"s\"}}}}}}}}")
}

fn routers(update: &Update) -> Vec<&str> {
    update.dynamic.http.routers.keys().map(String::as_str).collect()
}

async fn next(updates: &mut mpsc::Receiver<Update>) -> Update {
    tokio::time::timeout(Duration::from_secs(8), updates.recv())
        .await
        .expect("an update in time")
        .expect("a provider that goes on")
}

/// A server that answers what stands in the cell.
fn origin(answer: &Arc<Mutex<Vec<u8>>>) -> Origin {
    let answer = Arc::clone(answer);
    Origin::http(move |_| answer.lock().unwrap().clone())
}

fn cell(answer: Vec<u8>) -> Arc<Mutex<Vec<u8>>> {
    Arc::new(Mutex::new(answer))
}

#[tokio::test]
async fn a10_11_what_a_server_says_is_followed() {
    let answer = cell(ok(&router("a")));
    let origin = origin(&answer);
    let mut settings = settings(format!("http://me:p%40ss@{}/conf?v=1", origin.address()));
    settings.headers.insert("X-Token".to_owned(), Secret::new("t"));
    let mut updates = HttpProvider::new(settings).unwrap().follow();
    let first = next(&mut updates).await;
    assert_eq!((routers(&first), first.provider.as_str()), (vec!["a"], "http"));
    let request = origin.wait_request("/conf?v=1");
    assert_eq!(request.method, "GET");
    assert_eq!(request.header("x-token"), Some("t"));
    assert_eq!(request.header("authorization"), Some("Basic bWU6cEBzcw=="));
    assert_eq!(
        request.header("host"),
        Some(origin.address().to_string().as_str())
    );

    *answer.lock().unwrap() = ok("http:\n  routers:\n    b: { rule: Host(`b`), service: s }\n");
    assert_eq!(routers(&next(&mut updates).await), ["b"], "YAML too");
}

#[tokio::test]
async fn a10_11_the_last_good_configuration_is_kept() {
    let answer = cell(ok(&router("a")));
    let origin = origin(&answer);
    let mut updates = HttpProvider::new(settings(format!("http://{}", origin.address())))
        .unwrap()
        .follow();
    assert_eq!(routers(&next(&mut updates).await), ["a"]);
    let faults: [(&[u8], &str); 2] = [
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            "received non-ok response code: 500",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
            "302 (to `/x`, which is not followed)",
        ),
    ];
    for (bytes, message) in faults {
        *answer.lock().unwrap() = bytes.to_vec();
        let update = loop {
            let update = next(&mut updates).await;
            if update.notes.iter().any(|note| note.message.contains(message)) {
                break update;
            }
        };
        assert_eq!(routers(&update), ["a"], "{message}");
    }
    *answer.lock().unwrap() = ok("{\"http\":{\"routers\":{\"a\":{\"rul\":1}}}}");
    let update = loop {
        let update = next(&mut updates).await;
        if update.notes.iter().any(|note| note.code == Code::UnknownField) {
            break update;
        }
    };
    assert_eq!(routers(&update), ["a"]);
    *answer.lock().unwrap() = ok(&router("b"));
    let update = next(&mut updates).await;
    assert_eq!((routers(&update), update.notes.len()), (vec!["b"], 0));
}

#[tokio::test]
async fn a10_11_an_answer_is_bounded() {
    let answer = cell(ok(&router(&"a".repeat(1000))));
    let origin = origin(&answer);
    let small = HttpSettings {
        max_response_body_size: Some(100),
        ..settings(format!("http://{}", origin.address()))
    };
    let mut updates = HttpProvider::new(small).unwrap().follow();
    let update = next(&mut updates).await;
    assert!(
        update.notes[0].message.contains("larger than 100 bytes"),
        "{:?}",
        update.notes
    );
    assert!(update.dynamic.http.is_empty());
}

#[tokio::test]
async fn a10_11_a_silent_server_is_given_up_in_time() {
    let origin = Origin::script(|wire| {
        let mut byte = [0; 1];
        while wire.read(&mut byte).is_ok_and(|read| read > 0) {}
    });
    let hasty = HttpSettings {
        poll_timeout: Duration::from_millis(100),
        ..settings(format!("http://{}", origin.address()))
    };
    let mut updates = HttpProvider::new(hasty).unwrap().follow();
    let update = next(&mut updates).await;
    assert!(
        update.notes[0].message.contains("no whole answer within 100ms"),
        "{:?}",
        update.notes
    );
}

#[tokio::test]
async fn a10_11_a_server_is_verified_and_shown_a_certificate() {
    let (ca, clients) = (Ca::new("Configuration CA"), Ca::new("Client CA"));
    let server = ca.issue(Leaf::server("localhost").ip("127.0.0.1"));
    let client = clients.issue(Leaf::client("viaduct"));
    let origin = Origin::https(tls::server(&server, &[], Some(&clients)), |_| ok(&router("a")));
    let with = |tls: HttpTls| HttpSettings {
        tls,
        ..settings(format!("https://127.0.0.1:{}", origin.port()))
    };
    let files = tempfile::tempdir().unwrap();
    let pair = client.write_to(files.path(), "client");
    let good = HttpTls {
        ca: ca.pem().to_owned(),
        cert: pair.cert.display().to_string(),
        key: Secret::new(pair.key.display().to_string()),
        insecure_skip_verify: false,
    };
    let first = next(&mut HttpProvider::new(with(good.clone())).unwrap().follow()).await;
    assert_eq!(routers(&first), ["a"], "{:?}", first.notes);

    let stranger = HttpTls {
        ca: clients.pem().to_owned(),
        ..good
    };
    let first = next(&mut HttpProvider::new(with(stranger)).unwrap().follow()).await;
    assert!(first.notes[0].message.contains("TLS: "), "{:?}", first.notes);
    assert!(first.dynamic.http.is_empty());
}

#[test]
fn a10_11_settings_that_cannot_be_used_are_refused() {
    let refused = |change: fn(&mut HttpSettings)| {
        let mut settings = settings("http://localhost".to_owned());
        change(&mut settings);
        HttpProvider::new(settings).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|s| s.endpoint.clear()),
        "`endpoint`: non-empty endpoint is required"
    );
    assert_eq!(
        refused(|s| s.endpoint = "localhost:80".to_owned()),
        "`endpoint`: the URL has to begin with `http://` or `https://`"
    );
    assert_eq!(
        refused(|s| s.poll_interval = Duration::ZERO),
        "`pollInterval` has to be greater than 0"
    );
    assert_eq!(
        refused(|s| s.poll_timeout = Duration::ZERO),
        "`pollTimeout` has to be greater than 0"
    );
    let header = |s: &mut HttpSettings| {
        s.headers.insert("X-A".to_owned(), Secret::new("a\nb"));
    };
    assert_eq!(refused(header), "`headers`: `X-A` cannot be sent");
    assert!(refused(|s| s.tls.ca = "/nowhere/ca.pem".to_owned()).starts_with("`tls.ca`: "));
    assert_eq!(
        refused(|s| s.tls.cert = "x".to_owned()),
        "`tls.key`: is missing beside `cert`"
    );
}

#[test]
fn a10_11_pauses_grow_and_are_left_to_chance_by_half() {
    assert_eq!(pause(1, 0), Duration::from_millis(250));
    assert_eq!(pause(1, 1000), Duration::from_millis(500));
    assert_eq!(pause(3, 1000), Duration::from_secs(2));
    assert_eq!(pause(u32::MAX, 1000), Duration::from_secs(30));
    assert_eq!(pause(40, 0), Duration::from_secs(15));
}
