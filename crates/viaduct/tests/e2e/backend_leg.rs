//! The backend leg: every reason for a failed bridge against a server that causes it, and what the
//! client, the access log and the log say of it (features C1, C2).

mod answers;
mod certificates;
mod goaway;
pub(crate) mod handshakes;
pub(crate) mod network;
mod transports;

pub(crate) use handshakes::demanding;

use serde_json::{Value, json};
use viaduct_testkit::access_log::Entry;
use viaduct_testkit::curl::Answer;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::viaduct::Viaduct;

use crate::fixture::{HOST, Pki, TRANSPORT, secure_route, up, with};

/// A bridge that cannot be built, and what has to be said of it.
struct Failure<'a> {
    /// The stable code.
    fault: &'a str,
    status: u16,
    /// Words of the log line: what was wanted, what was got, the edit that mends it.
    log: &'a [&'a str],
}

impl Failure<'_> {
    /// Makes one request through `manifests` and checks every place that speaks of its failure.
    #[track_caller]
    fn check(&self, pki: &Pki, manifests: &Manifests) -> (Viaduct, Answer, Entry) {
        let viaduct = up().file("bridge.yaml", manifests.yaml()).start();
        let path = format!("/{}", self.fault);
        let answer = pki.curl(&viaduct).get(HOST, &path);
        assert_eq!(answer.status, self.status, "{answer:?}\n{}", viaduct.log());
        assert!(
            !answer.body.contains(self.fault),
            "the client is not told why: {answer:?}"
        );
        let entry = viaduct.wait_access(&path);
        assert_eq!(
            (entry.fault(), entry.status()),
            (self.fault, u64::from(self.status)),
            "{entry:?}"
        );
        assert!(!entry.text("FaultDetail").is_empty(), "{entry:?}");
        let line = viaduct.wait_log(self.fault);
        for word in self.log {
            assert!(line.contains(word), "`{word}` is missing in: {line}");
        }
        (viaduct, answer, entry)
    }
}

/// A bridge to `port` by TLS; `transport` is the ServersTransport's whole spec, with the backend CA's
/// Secret at hand as `backend-ca`.
pub(crate) fn bridge(pki: &Pki, port: u16, transport: Value) -> Manifests {
    pki.base(port)
        .secret("backend-ca", &[("ca.crt", pki.backend_ca.pem())])
        .transport(TRANSPORT, transport)
        .route(secure_route("https").transport(TRANSPORT))
}

/// A transport that trusts the backend CA for [`HOST`].
pub(crate) fn trusting(more: Value) -> Value {
    with(
        json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
        more,
    )
}
