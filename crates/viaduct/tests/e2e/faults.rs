//! Faults of the backend leg: the same value wherever one is told (C1, C2, R25), and edits that mend them.

mod exposed;
mod mended;
mod mended_by_file;
mod mended_elsewhere;
mod rate;
pub(crate) mod shown;

use std::net::SocketAddr;

use serde_json::Value;
use viaduct_proxy::status_of;
use viaduct_testkit::http1;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::pki::Issued;
use viaduct_testkit::suggestion;
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::{wait_for, wait_until};
use viaduct_tls::Reason;

use crate::fixture::{HOST, Pki, up};

/// A bridge that cannot be built, what is told of it, and what the manifests were.
struct Broken {
    viaduct: Viaduct,
    manifests: Manifests,
    /// As the API tells it.
    told: Value,
}

/// Makes one request through `manifests`, and checks that the failure is told as `reason`, with words of what was wanted,
/// of what was got and the whole of what mends it.
#[track_caller]
fn provoke(pki: &Pki, manifests: Manifests, reason: Reason, words: [&str; 3]) -> Broken {
    let viaduct = up().api().file("b.yaml", manifests.yaml()).start();
    provoked(pki, viaduct, manifests, reason, words)
}

/// As [`provoke`], where a server says what is wrong in an answer of its own, with 400.
#[track_caller]
fn provoke_complaint(pki: &Pki, manifests: Manifests, reason: Reason, words: [&str; 3]) -> Broken {
    let viaduct = up().api().file("b.yaml", manifests.yaml()).start();
    provoked_with(400, pki, viaduct, manifests, reason, words)
}

#[track_caller]
fn provoked(pki: &Pki, viaduct: Viaduct, manifests: Manifests, reason: Reason, words: [&str; 3]) -> Broken {
    let status = status_of(reason).as_u16();
    provoked_with(status, pki, viaduct, manifests, reason, words)
}

#[track_caller]
fn provoked_with(
    status: u16,
    pki: &Pki,
    viaduct: Viaduct,
    manifests: Manifests,
    reason: Reason,
    [wanted, got, fix]: [&str; 3],
) -> Broken {
    let path = format!("/{reason}");
    let answer = pki.curl(&viaduct).get(HOST, &path);
    if reason != Reason::BodyBroken {
        assert_eq!(answer.status, status, "{answer:?}\n{}", viaduct.log());
    }
    let entry = viaduct.wait_access(&path);
    assert_eq!(entry.fault(), reason.code(), "{entry:?}");
    let told = wait_fault(viaduct.address("traefik"), reason.code());
    assert!(text(&told, "wanted").contains(wanted), "`{wanted}` in {told:#}");
    assert!(text(&told, "got").contains(got), "`{got}` in {told:#}");
    assert_eq!(text(&told, "fix"), fix);
    // The same everywhere.
    let detail = format!(
        "{reason}: wanted {}, got {}",
        text(&told, "wanted"),
        text(&told, "got")
    );
    assert_eq!(entry.text("FaultDetail"), detail);
    assert_eq!(entry.text("FaultFix"), fix);
    let line = viaduct.wait_log(&format!("reason=\"{reason}\""));
    assert!(line.contains("ERROR") && line.contains(fix), "{line}");
    Broken {
        viaduct,
        manifests,
        told,
    }
}

impl Broken {
    /// The edit that is proposed.
    #[track_caller]
    fn suggestion(&self) -> &str {
        let suggestion = text(&self.told, "suggestion");
        assert!(!suggestion.is_empty(), "nothing is proposed: {:#}", self.told);
        suggestion
    }

    /// Applies the edit as it was printed, with Secrets that it names and that are not there.
    #[track_caller]
    fn edited(&self, secrets: &[Secret<'_>]) -> Manifests {
        let suggestion = self.suggestion();
        let edited = suggestion::to_objects(self.manifests.objects(), suggestion);
        let mut manifests = Manifests::of(edited);
        for secret in secrets {
            let name = secret.name();
            assert!(suggestion.contains(name), "{name} in {suggestion}");
            manifests = match secret {
                Secret::Ca(_, pem) => manifests.secret(name, &[("ca.crt", pem)]),
                Secret::Pair(_, pair) => manifests.tls_secret(name, pair),
            };
        }
        manifests
    }

    /// The same, and then the same request succeeds.
    #[track_caller]
    fn mend(&self, secrets: &[Secret<'_>], pki: &Pki) {
        self.mend_by(&self.edited(secrets), pki);
    }

    /// The same request succeeds with these manifests.
    #[track_caller]
    fn mend_by(&self, manifests: &Manifests, pki: &Pki) {
        self.viaduct.apply("b.yaml", &manifests.yaml());
        self.succeeds(pki);
    }

    /// The same request succeeds.
    #[track_caller]
    fn succeeds(&self, pki: &Pki) {
        let path = format!("/{}", text(&self.told, "code"));
        wait_until(
            &format!("the mend to be enough; the log:\n{}", self.viaduct.log()),
            || pki.curl(&self.viaduct).get(HOST, &path).status == 200,
        );
    }
}

/// One that an edit names.
enum Secret<'a> {
    Ca(&'a str, &'a str),
    Pair(&'a str, &'a Issued),
}

impl Secret<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Ca(name, _) | Self::Pair(name, _) => name,
        }
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// `/api/faults`.
#[track_caller]
fn faults(api: SocketAddr) -> Vec<Value> {
    let answer = http1::once(
        api,
        "GET /api/faults HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n",
    );
    serde_json::from_str(&answer.text()).expect("a list")
}

/// When it is told by the API.
#[track_caller]
fn wait_fault(api: SocketAddr, code: &str) -> Value {
    wait_for(&format!("the fault {code} in the API"), || {
        faults(api).into_iter().find(|fault| fault["code"] == code)
    })
}
