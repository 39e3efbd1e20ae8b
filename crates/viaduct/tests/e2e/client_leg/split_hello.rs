//! CVE-2026-32305: a ClientHello in many records and segments gets the same options as a whole one.

use serde_json::json;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::manifest::Route;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_testkit::tls::{Dial, Split};

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, up};

#[test]
fn cve_2026_32305_a_split_client_hello_gets_the_options_of_its_host() {
    let pki = Pki::new();
    let (origin, client_ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let manifests = pki
        .base(origin.port())
        .secret("client-ca", &[("ca.crt", client_ca.pem())])
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        )
        .route(
            Route::secure("guarded", RULE, BACKEND, "http")
                .certificate(FRONT_SECRET)
                .options("mutual"),
        )
        .route(Route::secure("open", "Host(`open.example.com`)", BACKEND, "http"));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    let client = client_ca.issue(Leaf::client("someone"));
    let status = |identity: Option<&Issued>, split: Split| {
        let dial = Dial::new(viaduct.websecure(), &pki.edge_ca).split(split);
        let dial = match identity {
            Some(identity) => dial.identity(identity),
            None => dial,
        };
        let mut connection = Connection::new(dial.connect(HOST).ok()?);
        connection.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        connection.response().map(|response| response.status)
    };
    for split in [
        Split {
            record: usize::MAX,
            segment: usize::MAX,
        },
        Split {
            record: usize::MAX,
            segment: 1,
        },
        Split {
            record: 700,
            segment: usize::MAX,
        },
        Split {
            record: 50,
            segment: 3,
        },
        Split {
            record: 1,
            segment: usize::MAX,
        },
        Split {
            record: 1,
            segment: 1,
        },
    ] {
        assert_eq!(status(None, split), None, "{split:?} without a certificate");
        assert_eq!(status(Some(&client), split), Some(200), "{split:?} with one");
    }
    assert_eq!(origin.requests().len(), 6);
}
