//! `serversTransport`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::wait::wait_until;

use super::Seen;
use crate::backend_leg::network::full_listener;
use crate::entry_points::Edge;
use crate::install::serving;

pub(super) fn seen() -> Vec<Seen> {
    let of = |option: &str| format!("serversTransport.{option}");
    vec![
        seen!(serving::a7_11_the_static_transport_is_that_of_services_without_one_and_no_other =>
            of("rootCAs"),
            of("insecureSkipVerify"),
        ),
        seen!(serving::a7_11_time_outs_of_the_static_transport_hold => of("forwardingTimeouts.responseHeaderTimeout")),
        seen!(a7_11_a_server_that_does_not_take_the_connection_is_given_up => of("forwardingTimeouts.dialTimeout")),
        seen!(a7_11_an_idle_connection_to_a_server_is_closed => of("forwardingTimeouts.idleConnTimeout")),
        seen!(a7_11_no_connection_is_kept_where_none_may_be => of("maxIdleConnsPerHost")),
    ]
}

const APP: &str = "
http:
  routers:
    app: {rule: PathPrefix(`/`), service: app}
  services:
    app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}
";

fn edge(options: &str, origin: &Origin) -> Edge {
    Edge::serving(
        &format!(
            "entryPoints: {{web: {{address: '127.0.0.1:0'}}}}\nserversTransport: {{{options}}}\nviaduct: {{workers: 1}}"
        ),
        APP,
        origin,
    )
}

fn status(edge: &Edge) -> u16 {
    http1::once(edge.address("web"), "GET /asked HTTP/1.1\r\nHost: a\r\n\r\n").status
}

#[test]
fn a7_11_a_server_that_does_not_take_the_connection_is_given_up() {
    let (listener, _fillers) = full_listener();
    let address = listener.local_addr().expect("an address");
    let origin = Origin::http(|_| ok(""));
    let routes = APP.replace("{origin}", &address.to_string());
    let edge = Edge::serving(
        "entryPoints: {web: {address: '127.0.0.1:0'}}\n\
         serversTransport: {forwardingTimeouts: {dialTimeout: 200ms}}",
        &routes,
        &origin,
    );
    // The default is half a minute, which no test waits for.
    assert_eq!(status(&edge), 504);
    assert_eq!(edge.wait_access("/asked").fault(), "connect_timeout");
}

#[test]
fn a7_11_an_idle_connection_to_a_server_is_closed() {
    let closed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&closed);
    let origin = Origin::script(move |wire| {
        let mut buffer = [0; 4096];
        while wire.read(&mut buffer).is_ok_and(|read| read > 0) {
            if wire.write_all(&ok("backend")).is_err() {
                break;
            }
        }
        seen.store(true, Ordering::SeqCst);
    });
    let edge = edge("forwardingTimeouts: {idleConnTimeout: 100ms}", &origin);
    assert_eq!(status(&edge), 200);
    // The default is a minute and a half.
    wait_until("the connection to be closed", || closed.load(Ordering::SeqCst));
}

#[test]
fn a7_11_no_connection_is_kept_where_none_may_be() {
    for (limit, connections) in [(0, 1), (-1, 3)] {
        let origin = Origin::http(|_| ok("backend"));
        let edge = edge(&format!("maxIdleConnsPerHost: {limit}"), &origin);
        for _ in 0..3 {
            assert_eq!(status(&edge), 200);
        }
        assert_eq!(origin.connections(), connections, "{limit}");
    }
}
