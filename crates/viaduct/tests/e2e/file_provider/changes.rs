//! What changes while requests go on.

use std::os::unix::fs::symlink;

use viaduct_testkit::curl::Curl;
use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::{wait_equal, wait_until};

use super::{Files, plain};
use crate::fixture::HOST;

fn status(running: &Running, host: &str) -> u16 {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    http1::once(running.address("web"), request).status
}

#[test]
pub(crate) fn a10_1_files_come_change_and_go() {
    let origin = Origin::http(|_| ok(""));
    let url = format!("http://{}", origin.address());
    let files = Files::new();
    files.dynamic("a.yaml", &plain("a", "a.test", &url));
    let running = files.start(&[]);
    assert_eq!(
        status(&running, "a.test"),
        200,
        "served from the first request on"
    );

    let toml = format!(
        "[http.routers.b]\nrule = \"Host(`b.test`)\"\nservice = \"a\"\nentryPoints = [\"web\"]\n# to {url}\n"
    );
    files.dynamic("b.toml", &toml);
    wait_equal(&200, || status(&running, "b.test"));
    files.dynamic("b.toml", &toml.replace("b.test", "b2.test"));
    wait_equal(&200, || status(&running, "b2.test"));
    assert_eq!(status(&running, "b.test"), 404);
    std::fs::remove_file(files.path().join("dynamic/b.toml")).expect("a file");
    wait_equal(&404, || status(&running, "b2.test"));

    // As Kubernetes mounts a ConfigMap.
    let below = files.path().join("dynamic");
    for (version, host) in [("..one", "c1.test"), ("..two", "c2.test")] {
        std::fs::create_dir(below.join(version)).expect("a directory");
        std::fs::write(below.join(version).join("c.yaml"), plain("c", host, &url)).expect("a file");
    }
    symlink("..one", below.join("..data")).expect("a link");
    symlink("..data/c.yaml", below.join("c.yaml")).expect("a link");
    wait_equal(&200, || status(&running, "c1.test"));
    symlink("..two", below.join("..tmp")).expect("a link");
    std::fs::rename(below.join("..tmp"), below.join("..data")).expect("the swap");
    wait_equal(&200, || status(&running, "c2.test"));
    assert_eq!(status(&running, "c1.test"), 404);
}

#[test]
fn c24_a_renewed_certificate_is_taken_up_without_a_failed_handshake() {
    let origin = Origin::http(|_| ok(""));
    let ca = Ca::new("Edge CA");
    let files = Files::new();
    let (old, new) = (ca.issue(Leaf::server(HOST)), ca.issue(Leaf::server(HOST)));
    let pair = old.write_to(files.path(), "front");
    files.dynamic(
        "flow.yaml",
        &format!(
            "http:\n  routers:\n    r: {{ rule: Host(`{HOST}`), service: s, entryPoints: [websecure], tls: {{}} }}\n\
             \x20 services:\n    s: {{ loadBalancer: {{ servers: [{{ url: 'http://{}' }}] }} }}\n\
             tls:\n  certificates:\n  - {{ certFile: front.crt, keyFile: front.key }}\n",
            origin.address()
        ),
    );
    let mut running = files.start(&[]);
    let curl = Curl::secure(running.address("websecure"), ca.pem());
    let works = || {
        let answer = curl.get(HOST, "/");
        assert_eq!((answer.exit, answer.status), (0, 200), "{}", answer.error);
    };
    works();
    // The certificate first: with the old key it cannot be used, and the old pair stays.
    std::fs::write(&pair.cert, &new.chain_pem).expect("a file");
    running
        .child()
        .wait_line("the private key does not belong to the certificate");
    works();
    std::fs::write(&pair.key, &new.key_pem).expect("a file");
    running.child().wait_line("resolved: ");
    works();
    let served = viaduct_testkit::tls::Dial::new(running.address("websecure"), &ca).open(HOST);
    let leaf = served
        .conn
        .peer_certificates()
        .and_then(|chain| chain.first().cloned());
    assert_eq!(leaf.map(|leaf| leaf.to_vec()), Some(new.der.to_vec()));
}

#[test]
fn a10_3_a_broken_file_keeps_what_is_served_and_says_where_it_is_broken() {
    let origin = Origin::http(|_| ok(""));
    let url = format!("http://{}", origin.address());
    let files = Files::new();
    files.dynamic("a.yaml", &plain("a", "a.test", &url));
    let mut running = files.start(&[]);
    files.dynamic("a.yaml", &plain("a", "b.test", &url).replace("rule:", "rul:"));
    let line = running.child().wait_line("field not found: rul");
    assert!(line.contains("a.yaml:4:7"), "{line}");
    assert!(line.contains("did you mean `rule`?"), "{line}");
    assert_eq!(status(&running, "a.test"), 200);
    files.dynamic("a.yaml", &plain("a", "c.test", &url));
    wait_until("the mended file", || status(&running, "c.test") == 200);
    running.child().wait_line("resolved: field not found: rul");
}
