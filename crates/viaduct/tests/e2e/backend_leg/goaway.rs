//! Servers that close HTTP/2 connections in the middle of traffic, as nginx does behind `keepalive_requests`.

use viaduct_testkit::h2load::Load;
use viaduct_testkit::nginx::Nginx;

use crate::fixture::{HOST, Pki, secure_route, up};

#[test]
fn e27_r7_a_server_that_goes_away_all_the_time_loses_no_request() {
    let pki = Pki::new();
    let settings = "keepalive_requests 50; location / { return 200 nginx; }";
    let secure = Nginx::server_h2(&pki.backend, settings);
    let plain = Nginx::plain(&format!("listen {{port}} http2; {settings}"));
    for (name, manifests) in [
        ("h2", pki.bridge(secure.port())),
        ("h2c", pki.base(plain.port()).route(secure_route("h2c"))),
    ] {
        let viaduct = up().arg("--workers=1").file("b.yaml", manifests.yaml()).start();
        for method in ["GET", "POST"] {
            let method = format!(":method: {method}");
            let arguments = ["-n", "1000", "-c", "8", "-m", "25", "-H", &method];
            let tally = Load::start(viaduct.websecure(), HOST, "/", &arguments).finish();
            assert_eq!(
                (tally.started, tally.ok),
                (1000, 1000),
                "{name}, {method}: {tally:?}\n{}",
                viaduct.log()
            );
        }
    }
}
