//! OCSP stapling (A8.22): openssl asks for a status, an authority's `openssl ocsp` gave it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use viaduct_testkit::child::run;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::ocsp::{Answer, Responder, http};
use viaduct_testkit::openssl::{handshake, s_client};
use viaduct_testkit::origin::{Origin, Request, ok};
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_testkit::tls::Dial;
use viaduct_testkit::viaduct::{Running, Up, Viaduct};
use viaduct_testkit::wait::{PATIENCE, wait_until};

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, root, secure_route, up};

/// A root that clients trust, the authority below it, and its certificate for [`HOST`].
struct Authority {
    root: Ca,
    issuing: Ca,
    front: Issued,
}

impl Authority {
    fn new(leaf: impl FnOnce(Leaf) -> Leaf) -> Self {
        let root = Ca::new("Edge Root");
        let issuing = root.intermediate("Edge CA");
        let front = issuing.issue(leaf(Leaf::server(HOST).ocsp(NAMED)));
        Self { root, issuing, front }
    }

    fn manifests(&self) -> Manifests {
        Manifests::new()
            .tls_secret(FRONT_SECRET, &self.front)
            .backend(BACKEND, Origin::http(|_| ok("")).port())
            .route(secure_route("http"))
    }

    /// `viaduct up --ocsp`, with `responder` in the place of the one that certificates name.
    fn up(&self, responder: &Origin) -> Up {
        let instead = format!("{NAMED}=http://{}/ocsp?a=b", responder.address());
        up().file("r.yaml", self.manifests().yaml())
            .arg("--ocsp")
            .arg("--ocsp-responder-override")
            .arg(&instead)
    }

    fn serves(&self, viaduct: &Viaduct) {
        let curl = Curl::secure(viaduct.websecure(), self.root.pem());
        assert_eq!(curl.get(HOST, "/").status, 200, "{}", viaduct.log());
    }
}

/// Answers OCSP requests as `answer` makes them of the request's DER.
fn responder(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Origin {
    Origin::http(move |request: &Request| http(&answer(&request.body)))
}

/// What openssl prints of the handshake, the staple among it.
fn status(viaduct: &Viaduct, name: &str) -> String {
    handshake(viaduct.websecure(), &["-status", "-servername", name]).output
}

fn is_stapled(output: &str, status: &str) -> bool {
    output.contains("OCSP Response Status: successful") && output.contains(&format!("Cert Status: {status}"))
}

fn is_not_stapled(output: &str) -> bool {
    output.contains("OCSP response: no response sent")
}

#[track_caller]
fn wait_stapled(viaduct: &Viaduct, wanted: &str) {
    wait_until(&format!("a staple that says {wanted}"), || {
        is_stapled(&status(viaduct, HOST), wanted)
    });
}

#[test]
fn a8_22_the_answer_of_the_authority_is_stapled_and_no_handshake_asks_for_it() {
    let authority = Authority::new(|leaf| leaf);
    let openssl = Responder::new(&authority.issuing).good(&authority.front);
    let origin = responder(move |question| openssl.answer(question));
    let viaduct = authority.up(&origin).start();
    wait_stapled(&viaduct, "good");
    for version in ["-tls1_2", "-tls1_3"] {
        let output = handshake(viaduct.websecure(), &["-status", version, "-servername", HOST]).output;
        assert!(is_stapled(&output, "good"), "{version}: {output}");
    }
    authority.serves(&viaduct);

    let [request] = origin
        .requests()
        .try_into()
        .expect("one question, whatever the handshakes");
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/ocsp?a=b")
    );
    assert_eq!(request.header("content-type"), Some("application/ocsp-request"));
    assert_eq!(request.header("host"), Some(&*origin.address().to_string()));
}

#[test]
fn a8_22_the_responder_that_the_certificate_names_is_asked() {
    let authority = Authority::new(|leaf| leaf);
    let issuing = Arc::new(authority.issuing);
    let signer = Arc::clone(&issuing);
    let origin = responder(move |question| Answer::default().to(question, signer.own()));
    let front = issuing.issue(Leaf::server(HOST).ocsp(&format!("http://{}", origin.address())));
    let manifests = Manifests::new()
        .tls_secret(FRONT_SECRET, &front)
        .backend(BACKEND, Origin::http(|_| ok("")).port())
        .route(secure_route("http"));
    let off = up().file("r.yaml", manifests.yaml()).start();
    assert!(is_not_stapled(&status(&off, HOST)));
    let on = up().file("r.yaml", manifests.yaml()).arg("--ocsp").start();
    wait_stapled(&on, "good");
    assert_eq!(origin.requests().len(), 1, "only where it is switched on");
    assert_eq!(origin.requests()[0].target, "/");
}

#[test]
fn a8_22_without_a_responder_the_certificate_is_served_as_it_is_and_told_of() {
    let authority = Authority::new(|leaf| leaf);
    let origin = Origin::http(|_| b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec());
    let viaduct = authority.up(&origin).start();
    let line = viaduct.wait_log("there is no new OCSP answer");
    assert!(
        line.contains("status 503") && line.contains("served without one"),
        "{line}"
    );
    assert!(line.contains(FRONT_SECRET), "the Secret is named: {line}");
    assert!(is_not_stapled(&status(&viaduct, HOST)));
    authority.serves(&viaduct);
}

#[test]
fn a8_22_a_revoked_certificate_is_stapled_so_and_told_loudly() {
    let authority = Authority::new(|leaf| leaf);
    let openssl = Responder::new(&authority.issuing).revoked(&authority.front);
    let origin = responder(move |question| openssl.answer(question));
    let viaduct = authority.up(&origin).start();
    let line = viaduct.wait_log("was revoked by its authority");
    assert!(line.contains("ERROR") && line.contains(FRONT_SECRET), "{line}");
    wait_stapled(&viaduct, "revoked");
}

/// Serves a certificate of `authority`, to whose question `answer` is the answer, which must not be stapled;
/// gives the line that says why.
#[track_caller]
fn refused(authority: &Authority, answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> String {
    let origin = responder(answer);
    let viaduct = authority.up(&origin).start();
    let line = viaduct.wait_log("there is no new OCSP answer");
    assert!(is_not_stapled(&status(&viaduct, HOST)), "{line}");
    authority.serves(&viaduct);
    line
}

#[test]
fn a8_22_what_another_key_signed_is_refused() {
    let authority = Authority::new(|leaf| leaf);
    // Of the same name under the same root, but not who issued the certificate.
    let impostor = authority.root.intermediate("Edge CA").own().clone();
    let line = refused(&authority, move |question| {
        Answer::default().to(question, &impostor)
    });
    assert!(line.contains("signed neither by the issuer"), "{line}");
}

#[test]
fn a8_22_an_expired_answer_is_refused() {
    let authority = Authority::new(|leaf| leaf);
    let signer = authority.issuing.own().clone();
    let now = SystemTime::now();
    let answer = Answer::default().valid(now - 2 * HOUR, Some(now - HOUR));
    let line = refused(&authority, move |question| answer.to(question, &signer));
    assert!(line.contains("the answer has expired"), "{line}");
}

#[test]
fn a8_22_what_openssl_does_not_know_is_not_stapled() {
    let authority = Authority::new(|leaf| leaf);
    let openssl = Responder::new(&authority.issuing);
    let line = refused(&authority, move |question| openssl.answer(question));
    assert!(line.contains("does not know the certificate"), "{line}");
}

#[test]
fn a8_22_sni_strict_is_as_strict_with_staples() {
    let authority = Authority::new(|leaf| leaf);
    let openssl = Responder::new(&authority.issuing).good(&authority.front);
    let origin = responder(move |question| openssl.answer(question));
    let manifests = authority
        .manifests()
        .tls_option("default", json!({ "sniStrict": true }));
    let viaduct = authority.up(&origin).file("r.yaml", manifests.yaml()).start();
    wait_stapled(&viaduct, "good");
    let refused = status(&viaduct, "other.example.com");
    assert!(refused.contains("unrecognized name"), "{refused}");
    authority.serves(&viaduct);
}

#[test]
fn a8_22_a_certificate_that_demands_a_staple_is_told_of_when_stapling_is_off() {
    let authority = Authority::new(Leaf::must_staple);
    let viaduct = up().file("r.yaml", authority.manifests().yaml()).start();
    let line = viaduct.wait_log("must-staple");
    assert!(line.contains("--ocsp") && line.contains(FRONT_SECRET), "{line}");
    authority.serves(&viaduct);
}

#[test]
fn a8_22_a_certificate_that_comes_later_is_stapled_and_connections_stay() {
    let authority = Authority::new(|leaf| leaf);
    let later = authority
        .issuing
        .issue(Leaf::server("later.example.com").ocsp(NAMED));
    let openssl = Responder::new(&authority.issuing)
        .good(&authority.front)
        .good(&later);
    let origin = responder(move |question| openssl.answer(question));
    let viaduct = authority.up(&origin).start();
    let dial = Dial::new(viaduct.websecure(), &authority.root);
    let mut connection = Connection::new(dial.open(HOST));
    assert_eq!(connection.get(HOST, "/before").status, 200);
    wait_stapled(&viaduct, "good");
    let route = Route::secure("later", "Host(`later.example.com`)", BACKEND, "http").certificate("later");
    viaduct.replace(
        "later.yaml",
        &Manifests::new().tls_secret("later", &later).route(route).yaml(),
    );
    wait_until("the new certificate to be stapled", || {
        is_stapled(&status(&viaduct, "later.example.com"), "good")
    });
    assert_eq!(
        connection.get(HOST, "/after").status,
        200,
        "on the same connection"
    );
    assert_eq!(origin.requests().len(), 2, "one question for each certificate");
}

#[test]
fn a8_22_tickets_from_before_an_answer_are_good_after_it() {
    let authority = Authority::new(|leaf| leaf);
    let signer = authority.issuing.own().clone();
    let (release, held) = std::sync::mpsc::sync_channel::<()>(1);
    let held = std::sync::Mutex::new(held);
    let origin = responder(move |question| {
        let held = held.lock().expect("one question");
        held.recv_timeout(PATIENCE).expect("the test's word");
        Answer::default().to(question, &signer)
    });
    let viaduct = authority.up(&origin).start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let session = directory.path().join("session").display().to_string();
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let ask = |more: [&str; 2]| {
        let arguments = [["-status", "-servername"], [HOST, "-tls1_3"], more].concat();
        s_client(viaduct.websecure(), &arguments, &request).output
    };
    let first = ask(["-sess_out", &session]);
    assert!(is_not_stapled(&first), "{first}");
    release.send(()).expect("the responder");
    wait_stapled(&viaduct, "good");
    let resumed = ask(["-sess_in", &session]);
    assert!(resumed.contains("Reused, "), "{resumed}");
}

#[test]
fn a8_22_an_install_option_with_a_responder_that_cannot_be_asked_ends_the_start() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let start = |responder: &str| {
        run(
            root(directory.path())
                .arg("--entryPoints.web.address=127.0.0.1:0")
                .arg(format!(
                    "--ocsp.responderOverrides.http://ocsp.example.com/A={responder}"
                )),
            b"",
        )
    };
    let finished = start("https://ocsp.internal/");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    for told in [
        "`ocsp.responderOverrides.http://ocsp.example.com/A` is `https://ocsp.internal/`",
        "cause: only `http://` responders are asked",
        "hint: name a responder as `http://host:port/path`",
    ] {
        assert!(finished.output.contains(told), "{}", finished.output);
    }
}

#[test]
pub(crate) fn a8_22_traefiks_install_options_staple_what_the_file_provider_names() {
    let issuing = Ca::new("Edge Root").intermediate("Edge CA");
    let front = issuing.issue(Leaf::server(HOST).ocsp("http://ocsp.invalid/Named"));
    let openssl = Responder::new(&issuing).good(&front);
    let origin = responder(move |question| openssl.answer(question));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let files = front.write_to(directory.path(), "front");
    let dynamic = json!({
        "http": { "routers": { "web": {
            "rule": format!("Host(`{HOST}`)"), "service": "app", "entryPoints": ["websecure"], "tls": {},
        } }, "services": { "app": { "loadBalancer": { "servers": [{ "url": "http://127.0.0.1:1" }] } } } },
        "tls": { "certificates": [{ "certFile": files.cert, "keyFile": files.key }] },
    });
    let install = json!({
        "entryPoints": { "websecure": { "address": "127.0.0.1:0" } },
        "providers": { "file": { "filename": "dynamic.yml" } },
        "ocsp": { "responderOverrides": {
            "http://ocsp.invalid/Named": format!("http://{}/instead", origin.address()),
        } },
    });
    for (name, contents) in [("dynamic.yml", dynamic), ("traefik.yml", install)] {
        std::fs::write(directory.path().join(name), contents.to_string()).expect("a file");
    }
    let running = Running::until_ready(&mut root(directory.path()));
    wait_until("the answer to be stapled", || {
        let address = running.address("websecure");
        is_stapled(
            &handshake(address, &["-status", "-servername", HOST]).output,
            "good",
        )
    });
    assert_eq!(origin.requests()[0].target, "/instead");
}

/// The responder that certificates name. Nobody is there.
const NAMED: &str = "http://ocsp.invalid/a=b";

const HOUR: Duration = Duration::from_secs(3600);
