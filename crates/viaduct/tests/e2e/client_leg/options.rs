//! Every option of TLSOption, and hosts that differ in them (A8.1 to A8.10, A3.8, A8.23).

use serde_json::{Value, json};
use viaduct_testkit::h2;
use viaduct_testkit::http1::Connection;
use viaduct_testkit::manifest::Route;
use viaduct_testkit::openssl::{handshake, s_client};
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, KeyKind, Leaf};
use viaduct_testkit::tls::Dial;
use viaduct_testkit::viaduct::Viaduct;

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, up};

/// One host, with a TLSOption of these fields.
fn with_options(pki: &Pki, origin: &Origin, spec: Value) -> Viaduct {
    let route = Route::secure("web", RULE, BACKEND, "http")
        .certificate(FRONT_SECRET)
        .options("strict");
    up().file(
        "r.yaml",
        pki.base(origin.port())
            .tls_option("strict", spec)
            .route(route)
            .yaml(),
    )
    .start()
}

/// Whether a handshake with these options is completed; the output for messages.
fn accepted(viaduct: &Viaduct, arguments: &[&str]) -> (bool, String) {
    let mut all = vec!["-servername", HOST];
    all.extend(arguments);
    let output = handshake(viaduct.websecure(), &all).output;
    let completed = !output.contains("Cipher is (NONE)") && output.contains("Cipher is ");
    (completed, output)
}

#[track_caller]
fn assert_accepts(viaduct: &Viaduct, arguments: &[&str], wanted: bool) {
    let (got, output) = accepted(viaduct, arguments);
    assert_eq!(got, wanted, "{arguments:?}:\n{output}");
}

#[test]
fn a8_1_minimum_and_maximum_version() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    for (spec, tls12, tls13) in [
        (json!({}), true, true),
        (json!({ "minVersion": "VersionTLS13" }), false, true),
        (json!({ "maxVersion": "VersionTLS12" }), true, false),
        (
            json!({ "minVersion": "VersionTLS12", "maxVersion": "VersionTLS12" }),
            true,
            false,
        ),
    ] {
        let viaduct = with_options(&pki, &origin, spec);
        assert_accepts(&viaduct, &["-tls1_2"], tls12);
        assert_accepts(&viaduct, &["-tls1_3"], tls13);
        assert_accepts(&viaduct, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], false);
    }
}

#[test]
fn a8_1_versions_that_are_not_offered_take_the_router_out_and_say_so() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = with_options(&pki, &origin, json!({ "maxVersion": "VersionTLS11" }));
    viaduct.wait_log("VersionTLS11");
    assert!(
        viaduct.log().contains("TLSOption web/strict"),
        "{}",
        viaduct.log()
    );
    assert_ne!(pki.curl(&viaduct).get(HOST, "/").status, 200);
    assert!(origin.requests().is_empty());
}

#[test]
fn a8_2_cipher_suites() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let spec = json!({ "cipherSuites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"] });
    let viaduct = with_options(&pki, &origin, spec);
    assert_accepts(
        &viaduct,
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
        true,
    );
    assert_accepts(
        &viaduct,
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        false,
    );
    assert_accepts(&viaduct, &["-tls1_3"], true);
}

#[test]
fn a8_2_an_unknown_cipher_suite_is_an_error_not_the_default_set() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = with_options(&pki, &origin, json!({ "cipherSuites": ["TLS_NO_SUCH_SUITE"] }));
    viaduct.wait_log("TLS_NO_SUCH_SUITE");
    assert_ne!(pki.curl(&viaduct).get(HOST, "/").status, 200);
    assert!(origin.requests().is_empty());
}

#[test]
fn a8_3_curve_preferences() {
    // In TLS 1.2 a client's groups bind the certificate's curve too, so the certificate has none.
    let rsa = Pki::with_front_key(KeyKind::Rsa2048);
    let origin = Origin::http(|_| ok(""));
    for spelling in ["P384", "CurveP384"] {
        let viaduct = with_options(&rsa, &origin, json!({ "curvePreferences": [spelling] }));
        for version in ["-tls1_2", "-tls1_3"] {
            assert_accepts(&viaduct, &[version, "-groups", "P-384"], true);
            assert_accepts(&viaduct, &[version, "-groups", "P-256:X25519"], false);
        }
    }
}

#[test]
fn a8_3_a_post_quantum_group_is_used_by_default() {
    let pki = Pki::new();
    let viaduct = up()
        .file("r.yaml", pki.edge_only(Origin::http(|_| ok("")).port()).yaml())
        .start();
    let mut connection = pki.open(&viaduct);
    assert_eq!(connection.get(HOST, "/group").status, 200);
    assert_eq!(viaduct.wait_access("/group").text("TLSGroup"), "X25519MLKEM768");
}

#[test]
fn a8_6_sni_strict() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let route = Route::secure("web", RULE, BACKEND, "http").certificate(FRONT_SECRET);
    let manifests = pki
        .base(origin.port())
        .tls_option("default", json!({ "sniStrict": true }))
        .route(route);
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    assert_accepts(&viaduct, &[], true);
    for stranger in [&["-servername", "unknown.test"][..], &["-noservername"]] {
        let output = handshake(viaduct.websecure(), stranger).output;
        assert!(output.contains("unrecognized name"), "{stranger:?}:\n{output}");
    }
}

#[test]
fn a8_7_alpn_protocols() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let viaduct = with_options(&pki, &origin, json!({ "alpnProtocols": ["http/1.1"] }));
    let (_, output) = accepted(&viaduct, &["-alpn", "h2,http/1.1"]);
    assert!(output.contains("ALPN protocol: http/1.1"), "{output}");
    let (_, output) = accepted(&viaduct, &["-alpn", "h2"]);
    assert!(output.contains("no application protocol"), "{output}");

    let viaduct = with_options(&pki, &origin, json!({}));
    let (_, output) = accepted(&viaduct, &["-alpn", "http/1.1,h2"]);
    assert!(
        output.contains("ALPN protocol: h2"),
        "ours is the preference: {output}"
    );
    let (completed, output) = accepted(&viaduct, &[]);
    assert!(completed && output.contains("No ALPN negotiated"), "{output}");
}

#[test]
fn a8_8_session_tickets_can_be_turned_off() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    for (spec, resumes) in [
        (json!({}), true),
        (json!({ "disableSessionTickets": true }), false),
    ] {
        let viaduct = with_options(&pki, &origin, spec);
        assert_eq!(resumed(&viaduct, HOST, HOST, "-tls1_3"), resumes, "TLS 1.3");
        assert_eq!(resumed(&viaduct, HOST, HOST, "-tls1_2"), resumes, "TLS 1.2");
    }
}

/// Whether a session made for host `first` is resumed for host `second`.
fn resumed(viaduct: &Viaduct, first: &str, second: &str, version: &str) -> bool {
    let directory = tempfile();
    let session = directory.path().join("session");
    let session = session.display().to_string();
    let request = format!("GET / HTTP/1.1\r\nHost: {first}\r\nConnection: close\r\n\r\n");
    s_client(
        viaduct.websecure(),
        &["-servername", first, version, "-sess_out", &session],
        &request,
    );
    if !std::path::Path::new(&session).exists() {
        return false;
    }
    let request = format!("GET / HTTP/1.1\r\nHost: {second}\r\nConnection: close\r\n\r\n");
    let second = s_client(
        viaduct.websecure(),
        &["-servername", second, version, "-sess_in", &session],
        &request,
    );
    second.output.contains("Reused, ")
}

fn tempfile() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Two hosts with certificates: `open.example.com` without options, `mutual.example.com` with a client
/// CA; both go to `origin`.
fn two_hosts(pki: &Pki, origin: &Origin, client_ca: &Ca) -> Viaduct {
    let wildcard = pki.edge_ca.issue(Leaf::server("*.example.com"));
    let manifests = pki
        .base(origin.port())
        .tls_secret("wildcard", &wildcard)
        .secret("client-ca", &[("ca.crt", client_ca.pem())])
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        )
        .route(Route::secure("open", "Host(`open.example.com`)", BACKEND, "http").certificate("wildcard"))
        .route(Route::secure("twin", "Host(`twin.example.com`)", BACKEND, "http").certificate("wildcard"))
        .route(
            Route::secure("mutual", "Host(`mutual.example.com`)", BACKEND, "http")
                .certificate("wildcard")
                .options("mutual"),
        );
    up().file("r.yaml", manifests.yaml()).start()
}

#[test]
fn c40_a_ticket_of_one_host_does_not_open_a_host_with_other_options() {
    let pki = Pki::new();
    let (origin, client_ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let viaduct = two_hosts(&pki, &origin, &client_ca);
    for version in ["-tls1_3", "-tls1_2"] {
        assert!(
            resumed(&viaduct, "open.example.com", "open.example.com", version),
            "{version}: control"
        );
        let before = origin.requests().len();
        assert!(
            !resumed(&viaduct, "open.example.com", "mutual.example.com", version),
            "{version}"
        );
        assert_eq!(
            origin.requests().len(),
            before + 1,
            "{version}: only the open host's request passed"
        );
    }
}

#[test]
fn a8_23_a_host_with_other_options_than_the_connection_is_misdirected() {
    let pki = Pki::new();
    let (origin, client_ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let viaduct = two_hosts(&pki, &origin, &client_ca);

    let mut connection =
        Connection::new(Dial::new(viaduct.websecure(), &pki.edge_ca).open("open.example.com"));
    assert_eq!(connection.get("mutual.example.com", "/fronted").status, 421);
    let mut connection =
        Connection::new(Dial::new(viaduct.websecure(), &pki.edge_ca).open("open.example.com"));
    assert_eq!(
        connection.get("twin.example.com", "/twin").status,
        200,
        "equal options: coalescing is fine"
    );

    let stream = Dial::new(viaduct.websecure(), &pki.edge_ca)
        .alpn(&["h2"])
        .open("open.example.com");
    let mut connection = h2::Connection::open(stream);
    connection.get(1, "mutual.example.com", "/fronted-h2");
    assert_eq!(connection.status(1), Ok(421));
    let targets: Vec<_> = origin
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(targets, ["/twin"], "the guarded host's backend saw nothing");
}

#[test]
fn cve_2026_48491_a_wildcard_host_behind_client_certificates_is_not_reached_by_another_name() {
    let pki = Pki::new();
    let (origin, client_ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let manifests = pki
        .base(origin.port())
        .tls_secret("b", &pki.edge_ca.issue(Leaf::server("public.b.com")))
        .secret("client-ca", &[("ca.crt", client_ca.pem())])
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        )
        .route(Route::secure("wild", "Host(`*.a.com`)", BACKEND, "http").options("mutual"))
        .route(Route::secure("public", "Host(`public.b.com`)", BACKEND, "http").certificate("b"));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    for host in ["x.a.com", "X.A.cOm", "x.a.com."] {
        let mut connection =
            Connection::new(Dial::new(viaduct.websecure(), &pki.edge_ca).open("public.b.com"));
        assert_eq!(connection.get(host, "/hidden").status, 421, "{host}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn cve_2022_23632_a_trailing_dot_does_not_change_the_options() {
    let pki = Pki::new();
    let (origin, client_ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let viaduct = two_hosts(&pki, &origin, &client_ca);

    let mut connection =
        Connection::new(Dial::new(viaduct.websecure(), &pki.edge_ca).open("open.example.com"));
    assert_eq!(connection.get("mutual.example.com.", "/dotted").status, 421);
    assert!(origin.requests().is_empty());

    // With the certificate the dotted form is the same host.
    let client = client_ca.issue(Leaf::client("someone"));
    let dial = Dial::new(viaduct.websecure(), &pki.edge_ca).identity(&client);
    let mut connection = Connection::new(dial.open("mutual.example.com"));
    assert_eq!(connection.get("mutual.example.com.", "/dotted").status, 200);

    // A dotted SNI is against RFC 6066; refused or taken for the host, never given other options.
    let dotted = s_client(
        viaduct.websecure(),
        &["-servername", "mutual.example.com."],
        "GET /dotted-sni HTTP/1.1\r\nHost: mutual.example.com\r\nConnection: close\r\n\r\n",
    );
    assert!(!dotted.output.contains("HTTP/1.1 200"), "{}", dotted.output);
}

#[test]
fn i2_conflicting_options_for_one_host_are_refused_and_never_fall_back_to_default() {
    let pki = Pki::new();
    let (origin, client_ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let route = |name: &str, rule: &str| Route::secure(name, rule, BACKEND, "http").certificate(FRONT_SECRET);
    let manifests = pki
        .base(origin.port())
        .secret("client-ca", &[("ca.crt", client_ca.pem())])
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        )
        .route(route("one", RULE).options("mutual"))
        .route(route("two", "Host(`web.example.com`) && PathPrefix(`/open`)"))
        .route(route("three", "Host(`other.example.com`)"));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    let log = viaduct.wait_log("web.example.com");
    assert!(viaduct.log().to_lowercase().contains("conflict"), "{log}");
    for path in ["/", "/open"] {
        assert_ne!(pki.curl(&viaduct).get(HOST, path).status, 200, "{path}");
    }
    assert!(origin.requests().is_empty());
    // Nobody else suffers.
    assert_eq!(
        pki.curl(&viaduct)
            .args(&["--insecure"])
            .get("other.example.com", "/other")
            .status,
        200
    );
}

#[test]
fn cve_2026_114656_a_negated_host_is_no_claim_on_that_host() {
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
        .route(Route::secure(
            "rest",
            "!Host(`web.example.com`) && PathPrefix(`/`)",
            BACKEND,
            "http",
        ));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    let client = client_ca.issue(Leaf::client("someone"));
    assert_ne!(
        pki.curl(&viaduct).get(HOST, "/").exit,
        0,
        "a client certificate is demanded"
    );
    assert_eq!(
        pki.curl(&viaduct).identity(&client).get(HOST, "/").status,
        200,
        "{}",
        viaduct.log()
    );
}

#[test]
fn cve_2026_85597_a_conflict_on_one_host_of_a_rule_leaves_the_other_host_its_options() {
    let pki = Pki::new();
    let (origin, client_ca) = (Origin::http(|_| ok("")), Ca::new("Client CA"));
    let manifests = pki
        .base(origin.port())
        .tls_secret("wildcard", &pki.edge_ca.issue(Leaf::server("*.example.com")))
        .secret("client-ca", &[("ca.crt", client_ca.pem())])
        .tls_option(
            "mutual",
            json!({ "clientAuth": { "secretNames": ["client-ca"] } }),
        )
        .route(
            Route::secure(
                "x",
                "Host(`a.example.com`) || Host(`b.example.com`)",
                BACKEND,
                "http",
            )
            .certificate("wildcard")
            .options("mutual"),
        )
        .route(Route::secure("y", "Host(`b.example.com`)", BACKEND, "http").certificate("wildcard"));
    let viaduct = up().file("r.yaml", manifests.yaml()).start();
    let strangers = pki.curl(&viaduct);
    assert_ne!(
        strangers.get("a.example.com", "/").status,
        200,
        "`a` still demands a certificate"
    );
    assert_ne!(strangers.get("b.example.com", "/").status, 200, "`b` is refused");
    assert!(origin.requests().is_empty());
}

#[test]
fn cve_2022_46153_options_that_do_not_exist_take_the_router_out() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let route = Route::secure("web", RULE, BACKEND, "http")
        .certificate(FRONT_SECRET)
        .options("nowhere");
    let viaduct = up()
        .file("r.yaml", pki.base(origin.port()).route(route).yaml())
        .start();
    viaduct.wait_log("nowhere");
    assert_ne!(pki.curl(&viaduct).get(HOST, "/").status, 200);
    assert!(origin.requests().is_empty());
}

#[test]
fn a8_10_options_named_default_apply_where_a_router_names_none() {
    let pki = Pki::new();
    let origin = Origin::http(|_| ok(""));
    let route = Route::secure("web", RULE, BACKEND, "http").certificate(FRONT_SECRET);
    let spec = json!({ "minVersion": "VersionTLS13" });
    let viaduct = up()
        .file(
            "r.yaml",
            pki.base(origin.port())
                .tls_option("default", spec)
                .route(route)
                .yaml(),
        )
        .start();
    assert_accepts(&viaduct, &["-tls1_2"], false);
    assert_accepts(&viaduct, &["-tls1_3"], true);
}
