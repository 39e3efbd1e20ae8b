//! `http.redirections` (A2.5), and what ping says while the process ends (A2.12).

use std::net::TcpStream;
use std::time::Duration;

use viaduct_testkit::child::Signal;
use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::port::free_port;
use viaduct_testkit::wait::wait_until;

use super::Edge;

#[test]
pub(crate) fn a2_5_an_entry_point_sends_everybody_to_another_one() {
    let origin = Origin::http(|_| ok("backend"));
    let port = free_port();
    let edge = Edge::serving(
        &format!(
            "
entryPoints:
  web: {{address: '127.0.0.1:0', http: {{redirections: {{entryPoint: {{to: websecure}}}}}}}}
  temporary:
    address: '127.0.0.1:0'
    http: {{redirections: {{entryPoint: {{to: ':443', permanent: false}}}}}}
  low:
    address: '127.0.0.1:0'
    http: {{redirections: {{entryPoint: {{to: websecure, priority: 1}}}}}}
  websecure: {{address: '127.0.0.1:{port}', http: {{tls: {{}}}}}}
"
        ),
        "
http:
  routers:
    app: {rule: Host(`a.example`), entryPoints: [web, temporary, low], service: app}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
",
        &origin,
    );
    let ask = |entry_point: &str, method: &str| {
        let request = format!("{method} /p?q=1 HTTP/1.1\r\nHost: a.example:81\r\nContent-Length: 0\r\n\r\n");
        let answer = http1::once(edge.address(entry_point), request);
        (answer.status, answer.header("location").map(str::to_owned))
    };
    let secure = format!("https://a.example:{port}/p?q=1");
    assert_eq!(ask("web", "GET"), (301, Some(secure.clone())));
    assert_eq!(ask("web", "POST"), (308, Some(secure)));
    let own = "https://a.example/p?q=1".to_owned();
    assert_eq!(ask("temporary", "GET"), (302, Some(own.clone())));
    assert_eq!(ask("temporary", "PUT"), (307, Some(own)));
    // A router of the user with a higher priority comes first.
    assert_eq!(ask("low", "GET"), (200, None));
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a2_5_a_redirection_to_nowhere_is_refused_at_the_start() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let output = crate::fixture::root(work.path())
        .args(["--entryPoints.web.address=127.0.0.1:0"])
        .args(["--entryPoints.web.http.redirections.entryPoint.to=websecrue"])
        .output()
        .expect("running it");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("there is no entry point `websecrue`"), "{told}");
}

#[test]
fn a2_12_ping_says_that_the_process_ends_while_others_are_still_served() {
    let mut edge = Edge::start(
        "entryPoints: {web: {address: '127.0.0.1:0', \
         transport: {lifeCycle: {requestAcceptGraceTimeout: 2s}}}}\n\
         ping: {entryPoint: web, terminatingStatusCode: 429}",
    );
    let web = edge.address("web");
    let ping = || http1::once(web, "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n").status;
    assert_eq!(ping(), 200);
    edge.child().signal(Signal::TERM);
    wait_until("ping to say that the end has begun", || ping() == 429);
    assert!(edge.child().wait_exit(Duration::from_secs(15)).success());
    assert!(TcpStream::connect(web).is_err());
}
