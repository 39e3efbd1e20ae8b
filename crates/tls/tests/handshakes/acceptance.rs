//! Which server certificates the backend leg accepts: Go's rules (A7.18, C46), one row each, by a handshake.

use std::path::Path;

use viaduct_testkit::pki::{Authority, Ca, Issued, KeyKind, Leaf, Usage, Validity, to_pem};
use viaduct_tls::{BackendPolicy, Reason};

use crate::memory::{connect, endpoint, plain_server, trusting_pems};

/// What a server presents and who is trusted.
struct Setup {
    server: Issued,
    roots: Vec<String>,
    host: &'static str,
    peer_uri: Option<&'static str>,
}

impl Setup {
    fn new(server: Issued, roots: &[&str]) -> Self {
        let roots = roots.iter().map(|&pem| pem.to_owned()).collect();
        Self {
            server,
            roots,
            host: "web.example.com",
            peer_uri: None,
        }
    }

    fn host(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    fn peer_uri(mut self, uri: &'static str) -> Self {
        self.peer_uri = Some(uri);
        self
    }

    fn outcome(&self) -> Result<(), Reason> {
        let roots: Vec<&str> = self.roots.iter().map(String::as_str).collect();
        let policy = BackendPolicy {
            peer_uri: self.peer_uri.map(str::to_owned),
            ..trusting_pems(&roots)
        };
        connect(&endpoint(policy, self.host), &plain_server(&self.server))
            .map(drop)
            .map_err(|fault| fault.reason)
    }
}

type Row = (&'static str, Setup, Result<(), Reason>);

fn check(rows: Vec<Row>) {
    if let Some(dir) = std::env::var_os("ACCEPTANCE_ROWS") {
        rows.iter().for_each(|row| write_for_go(row, Path::new(&dir)));
    }
    let wrong: Vec<String> = rows
        .iter()
        .map(|(name, setup, expected)| (name, setup.outcome(), expected))
        .filter(|(_, outcome, expected)| outcome != *expected)
        .map(|(name, outcome, expected)| format!("{name}: {outcome:?} instead of {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// For `go/main.go`. Rows with a URI are left out: Go's verifier knows no such demand.
fn write_for_go((name, setup, expected): &Row, dir: &Path) {
    if setup.peer_uri.is_some() {
        return;
    }
    let dir = dir.join(name);
    std::fs::create_dir_all(&dir).expect("a directory for the row");
    let expected = format!("{expected:?}");
    let roots = setup.roots.concat();
    let files = [
        ("roots", roots.as_str()),
        ("chain", &setup.server.chain_pem),
        ("host", setup.host),
        ("expected", &expected),
    ];
    for (file, text) in files {
        std::fs::write(dir.join(file), text).expect("a file of the row");
    }
}

fn web() -> Leaf {
    Leaf::server("web.example.com")
}

/// Under a fresh root that is trusted.
fn under_root(leaf: Leaf) -> Setup {
    let ca = Ca::new("root");
    Setup::new(ca.issue(leaf), &[ca.pem()])
}

#[test]
fn c46_a7_18_chains() {
    let (ca, other) = (Ca::new("root"), Ca::new("other"));
    let namesake = Ca::new("root");
    let middle = ca.intermediate("middle");
    let mut without_middle = middle.issue(web());
    without_middle.chain_pem.clone_from(&without_middle.cert_pem);
    let mut crossed = ca.issue(web());
    crossed
        .chain_pem
        .push_str(&to_pem(&ca.cross_signed_by("root", &other)));
    let mut with_junk = ca.issue(web());
    with_junk.chain_pem.push_str(other.pem());
    check(vec![
        ("by a root", Setup::new(ca.issue(web()), &[ca.pem()]), Ok(())),
        (
            "by an intermediate that is sent",
            Setup::new(middle.issue(web()), &[ca.pem()]),
            Ok(()),
        ),
        (
            "by an intermediate that is trusted",
            Setup::new(without_middle.clone(), &[middle.pem()]),
            Ok(()),
        ),
        (
            "by an intermediate that is not sent",
            Setup::new(without_middle, &[ca.pem()]),
            Err(Reason::UnknownCa),
        ),
        (
            "by a cross-signed CA",
            Setup::new(crossed, &[other.pem()]),
            Ok(()),
        ),
        (
            "with an unrelated certificate sent along",
            Setup::new(with_junk, &[ca.pem()]),
            Ok(()),
        ),
        (
            "by one of many roots",
            Setup::new(ca.issue(web()), &[other.pem(), ca.pem(), namesake.pem()]),
            Ok(()),
        ),
        (
            "by another CA",
            Setup::new(ca.issue(web()), &[other.pem()]),
            Err(Reason::UnknownCa),
        ),
        (
            "by a CA of the same name",
            Setup::new(ca.issue(web()), &[namesake.pem()]),
            Err(Reason::UnknownCa),
        ),
    ]);
}

#[test]
fn c46_a7_18_e59_self_signed_and_pinned_leaves() {
    let own = |leaf: Leaf| {
        let leaf = leaf.self_signed();
        let pem = leaf.cert_pem.clone();
        Setup::new(leaf, &[&pem])
    };
    let ca = Ca::new("root");
    let pinned = ca.issue(web());
    let pinned_pem = pinned.cert_pem.clone();
    // A leaf's key signs a certificate for another name: being trusted as itself must not make it a CA.
    let impostor = Authority::new("web.example.com").not_a_ca().root();
    let stranger = web().self_signed();
    check(vec![
        ("a7_18_self_signed_leaf_as_root_ca_false", own(web()), Ok(())),
        (
            "a7_18_self_signed_leaf_as_root_ca_true",
            own(web().is_ca(true)),
            Ok(()),
        ),
        (
            "a leaf of a CA as root",
            Setup::new(pinned, &[&pinned_pem]),
            Ok(()),
        ),
        (
            "self-signed, not trusted",
            Setup::new(web().self_signed(), &[ca.pem()]),
            Err(Reason::UnknownCa),
        ),
        (
            "self-signed, a namesake trusted",
            Setup::new(web().self_signed(), &[&stranger.cert_pem]),
            Err(Reason::UnknownCa),
        ),
        (
            "self-signed, expired",
            own(web().valid(Validity::expired())),
            Err(Reason::Expired),
        ),
        (
            "self-signed CA:TRUE, expired",
            own(web().is_ca(true).valid(Validity::expired())),
            Err(Reason::Expired),
        ),
        (
            "self-signed, another name",
            own(Leaf::server("other.example.com")),
            Err(Reason::NameMismatch),
        ),
        (
            "self-signed CA:TRUE, for clients only",
            own(web().is_ca(true).usage(Usage::Client)),
            Err(Reason::WrongUsage),
        ),
        (
            "signed by a trusted leaf",
            Setup::new(impostor.issue(web()), &[impostor.pem()]),
            Err(Reason::UnknownCa),
        ),
        // Stricter than Go, and said so in the module.
        (
            "CA:TRUE under a CA",
            under_root(web().is_ca(true)),
            Err(Reason::BadCertificate),
        ),
    ]);
}

#[test]
fn c46_a7_18_names() {
    let mismatch = Err(Reason::NameMismatch);
    let bare = || Leaf::bare(Usage::Server);
    check(vec![
        (
            "the host in another case",
            under_root(web()).host("WEB.example.COM"),
            Ok(()),
        ),
        (
            "the host with a trailing dot",
            under_root(web()).host("web.example.com."),
            Ok(()),
        ),
        (
            "one of several names",
            under_root(bare().dns("a.test").dns("web.example.com")),
            Ok(()),
        ),
        ("a wildcard", under_root(bare().dns("*.example.com")), Ok(())),
        (
            "a wildcard of a single label",
            under_root(bare().dns("*.internal")).host("web.internal"),
            Ok(()),
        ),
        (
            "a wildcard for two labels",
            under_root(bare().dns("*.com")),
            mismatch,
        ),
        (
            "a wildcard for no label",
            under_root(bare().dns("*.web.example.com")),
            mismatch,
        ),
        (
            "a wildcard inside a label",
            under_root(bare().dns("w*.example.com")),
            mismatch,
        ),
        (
            "a wildcard not at the left",
            under_root(bare().dns("web.*.com")),
            mismatch,
        ),
        (
            "another name",
            under_root(Leaf::server("other.example.com")),
            mismatch,
        ),
        (
            "a common name only",
            under_root(bare().common_name("web.example.com")),
            mismatch,
        ),
        (
            "a name with a NUL",
            under_root(bare().dns("web.example.com\0.evil.test")),
            mismatch,
        ),
        (
            "an international name",
            under_root(bare().dns("xn--bcher-kva.example")).host("xn--bcher-kva.example"),
            Ok(()),
        ),
        (
            "another international name",
            under_root(bare().dns("xn--bcher-kva.example")).host("bucher.example"),
            mismatch,
        ),
        (
            "a URI name only",
            under_root(bare().uri("https://web.example.com")),
            mismatch,
        ),
    ]);
}

#[test]
fn c46_a7_18_addresses() {
    let missing = Err(Reason::NoIpSan);
    let bare = || Leaf::bare(Usage::Server);
    check(vec![
        (
            "an IPv4 address",
            under_root(bare().ip("10.0.0.1")).host("10.0.0.1"),
            Ok(()),
        ),
        (
            "an IPv6 address",
            under_root(bare().ip("fd00::1")).host("[fd00::1]"),
            Ok(()),
        ),
        (
            "an IPv4-mapped address",
            under_root(bare().ip("10.0.0.1")).host("::ffff:10.0.0.1"),
            Ok(()),
        ),
        (
            "another address",
            under_root(bare().ip("10.0.0.2")).host("10.0.0.1"),
            missing,
        ),
        ("a DNS name only", under_root(web()).host("10.0.0.1"), missing),
        (
            "the address as a DNS name",
            under_root(bare().dns("10.0.0.1")).host("10.0.0.1"),
            missing,
        ),
        (
            "the address as a common name",
            under_root(bare().common_name("10.0.0.1")).host("10.0.0.1"),
            missing,
        ),
        (
            "an address where a name is wanted",
            under_root(bare().ip("10.0.0.1")),
            Err(Reason::NameMismatch),
        ),
    ]);
}

#[test]
fn c46_a7_18_dates() {
    let authority = |validity| Authority::new("root").valid(validity).root();
    let (expired, early) = (authority(Validity::expired()), authority(Validity::not_yet()));
    let root = Ca::new("root");
    let expired_middle = Authority::new("middle")
        .valid(Validity::expired())
        .signed_by(&root);
    check(vec![
        ("in date", under_root(web()), Ok(())),
        (
            "expired",
            under_root(web().valid(Validity::expired())),
            Err(Reason::Expired),
        ),
        (
            "not yet valid",
            under_root(web().valid(Validity::not_yet())),
            Err(Reason::NotYetValid),
        ),
        (
            "an expired root",
            Setup::new(expired.issue(web()), &[expired.pem()]),
            Err(Reason::Expired),
        ),
        (
            "a root not yet valid",
            Setup::new(early.issue(web()), &[early.pem()]),
            Err(Reason::NotYetValid),
        ),
        (
            "an expired intermediate",
            Setup::new(expired_middle.issue(web()), &[root.pem()]),
            Err(Reason::Expired),
        ),
    ]);
}

#[test]
fn c46_a7_18_usages() {
    let authority = |usage| Authority::new("root").usage(usage).root();
    let (client_root, server_root) = (authority(Usage::Client), authority(Usage::Server));
    let root = Ca::new("root");
    let client_middle = Authority::new("middle").usage(Usage::Client).signed_by(&root);
    check(vec![
        (
            "for servers and clients",
            under_root(web().usage(Usage::Both)),
            Ok(()),
        ),
        ("for anything", under_root(web().usage(Usage::Any)), Ok(())),
        ("without a usage", under_root(web().usage(Usage::Absent)), Ok(())),
        (
            "for clients only",
            under_root(web().usage(Usage::Client)),
            Err(Reason::WrongUsage),
        ),
        (
            "for code signing only",
            under_root(web().usage(Usage::Other)),
            Err(Reason::WrongUsage),
        ),
        (
            "a root for servers",
            Setup::new(server_root.issue(web()), &[server_root.pem()]),
            Ok(()),
        ),
        (
            "a root for clients only",
            Setup::new(client_root.issue(web()), &[client_root.pem()]),
            Err(Reason::WrongUsage),
        ),
        (
            "an intermediate for clients only",
            Setup::new(client_middle.issue(web()), &[root.pem()]),
            Err(Reason::WrongUsage),
        ),
    ]);
}

#[test]
fn c46_a7_18_constraints() {
    let constrained = |authority: Authority, leaf: Leaf| {
        let root = Ca::new("root");
        Setup::new(authority.signed_by(&root).issue(leaf), &[root.pem()])
    };
    let middle = || Authority::new("middle");
    let short = Authority::new("root").path_length(0).root();
    let narrow = Authority::new("root").permit_dns("test").root();
    let network = "10.0.0.0".parse().expect("an address");
    let address = Leaf::bare(Usage::Server).ip("192.168.0.1");
    let critical = Ca::new("root");
    check(vec![
        (
            "a permitted name",
            constrained(middle().permit_dns("example.com"), web()),
            Ok(()),
        ),
        (
            "a name not permitted",
            constrained(middle().permit_dns("test"), web()),
            Err(Reason::NameConstraint),
        ),
        (
            "an excluded name",
            constrained(middle().exclude_dns("example.com"), web()),
            Err(Reason::NameConstraint),
        ),
        (
            "an address not permitted",
            constrained(middle().permit_ip(network, 8), address).host("192.168.0.1"),
            Err(Reason::NameConstraint),
        ),
        (
            "a root that does not permit",
            Setup::new(narrow.issue(web()), &[narrow.pem()]),
            Err(Reason::NameConstraint),
        ),
        (
            "by an intermediate that is no CA",
            constrained(middle().not_a_ca(), web()),
            Err(Reason::BadCertificate),
        ),
        (
            "within a root's path length",
            Setup::new(short.issue(web()), &[short.pem()]),
            Ok(()),
        ),
        (
            "beyond a root's path length",
            Setup::new(short.intermediate("middle").issue(web()), &[short.pem()]),
            Err(Reason::BadCertificate),
        ),
        (
            "an unknown critical extension",
            Setup::new(critical.issue_with_critical_extension(web()), &[critical.pem()]),
            Err(Reason::BadCertificate),
        ),
    ]);
}

#[test]
fn c46_a7_18_keys_and_signatures() {
    let fixture = |leaf: &str, root: &str| {
        let key = include_str!("fixtures/weak-leaf.key");
        let server = Issued {
            cert_pem: leaf.to_owned(),
            chain_pem: leaf.to_owned(),
            key_pem: key.to_owned(),
            ..web().self_signed()
        };
        Setup::new(server, &[root])
    };
    let weak_root = include_str!("fixtures/weak-root.pem");
    let sha1 = fixture(include_str!("fixtures/sha1-leaf.pem"), weak_root);
    let version_1 = fixture(include_str!("fixtures/v1-leaf.pem"), weak_root);
    let under_version_1 = fixture(
        include_str!("fixtures/v1-root-leaf.pem"),
        include_str!("fixtures/v1-root.pem"),
    );
    let rsa1024 = fixture(
        include_str!("fixtures/rsa1024-leaf.pem"),
        include_str!("fixtures/rsa1024-root.pem"),
    );
    let kind = |kind| {
        let root = Authority::new("root").key(kind).root();
        Setup::new(root.issue(web().key(kind)), &[root.pem()])
    };
    check(vec![
        ("P-384", kind(KeyKind::P384), Ok(())),
        ("P-521", kind(KeyKind::P521), Ok(())),
        ("RSA of 2048 bits", kind(KeyKind::Rsa2048), Ok(())),
        ("Ed25519", kind(KeyKind::Ed25519), Ok(())),
        ("SHA-1", sha1, Err(Reason::BadCertificate)),
        ("by a root of X.509 version 1", under_version_1, Ok(())),
        ("X.509 version 1", version_1, Err(Reason::BadCertificate)),
        ("RSA of 1024 bits", rsa1024, Err(Reason::BadCertificate)),
    ]);
}

#[test]
fn a7_6_peer_uri() {
    let uri = "spiffe://example.com/ns/web/sa/default";
    let named = || web().uri("https://unrelated.test").uri(uri);
    let mismatch = Err(Reason::UriMismatch);
    check(vec![
        ("the URI", under_root(named()).peer_uri(uri), Ok(())),
        (
            "another URI",
            under_root(named()).peer_uri("spiffe://example.com/ns/web/sa/other"),
            mismatch,
        ),
        (
            "the URI under another host",
            under_root(named()).peer_uri("spiffe://evil.test/ns/web/sa/default"),
            mismatch,
        ),
        ("no URI", under_root(web()).peer_uri(uri), mismatch),
        (
            "the URI and another name",
            under_root(named()).peer_uri(uri).host("other.example.com"),
            Err(Reason::NameMismatch),
        ),
    ]);
}
