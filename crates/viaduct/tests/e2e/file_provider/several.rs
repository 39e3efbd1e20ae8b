//! Several providers at once, and rules in both syntaxes.

use std::sync::{Arc, Mutex};

use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_equal;

use super::{Files, plain};

fn body(running: &Running, host: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let response = http1::once(running.address("web"), request);
    format!("{} {}", response.status, String::from_utf8_lossy(&response.body))
}

#[test]
pub(crate) fn a3_15_providers_refer_to_each_other_and_precedence_settles_ties() {
    let (one, two) = (Origin::http(|_| ok("one")), Origin::http(|_| ok("two")));
    let answer = Arc::new(Mutex::new(ok(&plain(
        "tie",
        "tie.test",
        &format!("http://{}", two.address()),
    ))));
    let given = Arc::clone(&answer);
    let configuration = Origin::http(move |_| given.lock().expect("a lock").clone());
    let files = Files::new();
    let own = plain("tie", "tie.test", &format!("http://{}", one.address()));
    let crossing =
        "    cross:\n      rule: Host(`cross.test`)\n      service: tie@http\n      entryPoints: [web]\n";
    files.dynamic(
        "a.yaml",
        &own.replace("  services:\n", &format!("{crossing}  services:\n")),
    );
    let endpoint = format!("--providers.http.endpoint=http://{}", configuration.address());
    let arguments = [&endpoint, "--providers.http.pollinterval=50ms"];
    let running = files.start(&arguments);
    wait_equal(&"200 two".to_owned(), || body(&running, "cross.test", "/"));
    assert_eq!(
        body(&running, "tie.test", "/"),
        "200 one",
        "the default precedence has file before http"
    );
    // The server goes away, and what it said stays.
    *answer.lock().expect("a lock") = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec();
    let mut running = running;
    running.child().wait_line("received non-ok response code: 500");
    assert_eq!(body(&running, "cross.test", "/"), "200 two");

    let running = files.start(&[arguments[0], arguments[1], "--providers.precedence=http,file"]);
    *answer.lock().expect("a lock") = ok(&plain("tie", "tie.test", &format!("http://{}", two.address())));
    wait_equal(&"200 two".to_owned(), || body(&running, "tie.test", "/"));
}

#[test]
pub(crate) fn a1_7_rules_of_v2_are_the_default_where_the_install_configuration_says_so() {
    let origin = Origin::http(|_| ok("ok"));
    let files = Files::new();
    let text = plain("r", "a.test", &format!("http://{}", origin.address())).replace(
        "Host(`a.test`)",
        "Host(`a.test`, `b.test`) && Path(`/{id:[0-9]+}`)",
    );
    files.dynamic("a.yaml", &text);
    let running = files.start(&["--core.defaultrulesyntax=v2"]);
    for host in ["a.test", "b.test"] {
        assert_eq!(body(&running, host, "/42"), "200 ok");
        assert!(body(&running, host, "/x").starts_with("404"));
    }
}
