//! The flow, in the order in which the article tells it: an ingress, an nginx sidecar with a private
//! certificate, a first approach that cannot work, the solution, and what keeps it working.

use serde_json::json;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::h2load::Load;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, echo, ok};
use viaduct_testkit::pki::{Ca, Issued, Leaf};
use viaduct_testkit::tls::Dial;
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BACKEND, FRONT_SECRET, HOST, Pki, RULE, TRANSPORT, secure_route, up};
use crate::traffic::Traffic;

/// "The main routing resource is a CRD that resembles the following snippet."
const ROUTE_AS_PUBLISHED: &str = "
apiVersion: traefik.containo.us/v1alpha1
kind: IngressRoute
metadata:
  name: web-ingressroute
  namespace: web
spec:
  entryPoints:
  - websecure
  routes:
  - kind: Rule
    match: Host(`web.example.com`)
    services:
    - name: backend-svc
      namespace: web
      port: 443
      scheme: https
      passHostHeader: true
    secretName: web-ingressroute-tls
";

/// "First, most resources out there might guide you to explore setting the TLS options of the route."
const INITIAL_APPROACH: &str = "
apiVersion: traefik.containo.us/v1alpha1
kind: IngressRoute
metadata:
  name: web-ingressroute
  namespace: web
spec:
  entryPoints:
  - websecure
  routes:
  - kind: Rule
    match: Host(`web.example.com`)
    services:
    - name: backend-svc
      namespace: web
      port: 443
      scheme: https
      passHostHeader: true
  tls:
    secretName: web-ingressroute-tls
    options:
      name: backend-tls-opts
      namespace: web
---
apiVersion: traefik.containo.us/v1alpha1
kind: TLSOption
metadata:
  name: backend-tls-opts
  namespace: web
spec:
  clientAuth:
    clientAuthType: RequireAndVerifyClientCert
    secretNames:
    - backend-tls
  minVersion: VersionTLS12
";

/// "`ServersTransport` was what is needed", and appended to the route.
const SOLUTION: &str = "
apiVersion: traefik.containo.us/v1alpha1
kind: IngressRoute
metadata:
  name: web-ingressroute
  namespace: web
spec:
  entryPoints:
  - websecure
  routes:
  - kind: Rule
    match: Host(`web.example.com`)
    services:
    - name: backend-svc
      namespace: web
      port: 443
      scheme: https
      passHostHeader: true
      serversTransport: web-transport
  tls:
    secretName: web-ingressroute-tls
---
kind: ServersTransport
metadata:
  name: web-transport
  namespace: web
spec:
  certificatesSecrets:
  - backend-tls
  rootCAsSecrets:
  - backend-tls
  serverName: web.example.com
";

/// The pod: an application in plain HTTP, nginx in front of it. The Secret of its certificate is
/// `backend-tls`.
struct Pod {
    nginx: Nginx,
    application: Origin,
}

impl Pod {
    fn with(identity: &Issued) -> Self {
        let application = Origin::http(echo);
        Self {
            nginx: Nginx::flow(identity, application.address()),
            application,
        }
    }

    /// Secrets (1) and (2), the Service and its endpoint.
    fn cluster(&self, pki: &Pki, backend_tls: &Issued, ca: &str) -> String {
        pki.base(self.nginx.port())
            .secret(
                "backend-tls",
                &[
                    ("tls.crt", &backend_tls.chain_pem),
                    ("tls.key", &backend_tls.key_pem),
                    ("ca.crt", ca),
                ],
            )
            .yaml()
    }
}

/// A self-signed server certificate; `openssl req -x509` makes one with CA:TRUE, many issuers CA:FALSE.
fn self_signed(is_ca: bool) -> Issued {
    Leaf::server(HOST).is_ca(is_ca).self_signed()
}

fn serve(cluster: &str, routing: &str) -> Viaduct {
    up().file("cluster.yaml", cluster)
        .file("routing.yaml", routing)
        .start()
}

#[test]
fn s1_s2_the_published_route_is_served_and_its_misplaced_secret_name_is_pointed_out() {
    let pki = Pki::new();
    let pod = Pod::with(&pki.backend);
    let viaduct = serve(
        &pod.cluster(&pki, &pki.backend, pki.backend_ca.pem()),
        ROUTE_AS_PUBLISHED,
    );

    let log = viaduct.wait_log("secretName");
    assert!(log.contains("tls.secretName"), "the right place is named: {log}");

    // Nothing names a certificate in the right place, so the generated default answers; and nothing
    // tells how to trust the backend.
    let answer = Curl::secure(viaduct.websecure(), pki.edge_ca.pem())
        .args(&["--insecure"])
        .get(HOST, "/published");
    assert_eq!(answer.status, 502, "{answer:?}");
    let entry = viaduct.wait_access("/published");
    assert_eq!(entry.fault(), "unknown_ca", "{entry:?}");
    assert!(
        entry.text("RouterName").starts_with("web-web-ingressroute-")
            && entry.text("RouterName").ends_with("@kubernetescrd"),
        "{entry:?}"
    );
}

#[test]
fn s3_the_initial_approach_guards_clients_and_leaves_the_backend_untrusted() {
    let pki = Pki::new();
    let pod = Pod::with(&pki.backend);
    let viaduct = serve(
        &pod.cluster(&pki, &pki.backend, pki.backend_ca.pem()),
        INITIAL_APPROACH,
    );

    // It acts on the client leg: without a certificate of that CA nobody gets in.
    let stranger = pki.curl(&viaduct).get(HOST, "/stranger");
    assert_ne!(stranger.exit, 0, "{stranger:?}");

    // And only there: the backend is no more trusted than before.
    let client = pki.backend_ca.issue(Leaf::client("a client"));
    let answer = pki.curl(&viaduct).identity(&client).get(HOST, "/initial");
    assert_eq!(answer.status, 502, "{answer:?}");
    let entry = viaduct.wait_access("/initial");
    assert_eq!((entry.status(), entry.fault()), (502, "unknown_ca"), "{entry:?}");
    assert_eq!(
        entry.number("OriginStatus"),
        None,
        "no backend answered: {entry:?}"
    );
    assert!(
        pod.application.requests().is_empty(),
        "nothing was forwarded over an unverified bridge"
    );

    // The log says where the mend belongs.
    let log = viaduct.wait_log("unknown_ca");
    assert!(log.contains("ServersTransport"), "{log}");
    assert!(
        viaduct.log().contains("Backend CA"),
        "what the backend presented is named:\n{}",
        viaduct.log()
    );
}

#[test]
fn s4_the_solution_works_as_published() {
    let pki = Pki::new();
    let backend_tls = self_signed(true);
    let pod = Pod::with(&backend_tls);
    let viaduct = serve(&pod.cluster(&pki, &backend_tls, &backend_tls.cert_pem), SOLUTION);

    let answer = pki.curl(&viaduct).get(HOST, "/solved?really=yes");
    assert_eq!(answer.status, 200, "{answer:?}\n{}", viaduct.log());
    assert!(
        answer.body.starts_with("GET /solved?really=yes\n"),
        "{}",
        answer.body
    );

    // What the application is told, through both proxies.
    let request = pod.application.wait_request("/solved?really=yes");
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1, 127.0.0.1"));
    assert_eq!(
        request.header("host"),
        Some(format!("{HOST}:{}", viaduct.websecure().port()).as_str())
    );

    // What the access log can prove.
    let entry = viaduct.wait_access("/solved?really=yes");
    assert_eq!(entry.status(), 200, "{entry:?}");
    assert_eq!(entry.text("BackendTLSServerName"), HOST);
    assert_eq!(
        entry.text("BackendTLSVerifiedBy").len(),
        64,
        "a SHA-256 fingerprint: {entry:?}"
    );
    assert_eq!(
        entry.text("BackendTLSVerifiedBy"),
        entry.text("BackendTLSPeerFingerprint"),
        "self-signed"
    );
    assert!(
        matches!(entry.text("BackendTLSVersion"), "1.2" | "1.3"),
        "{entry:?}"
    );
    assert!(entry.text("BackendTLSPeerSANs").contains(HOST), "{entry:?}");
    assert_eq!(
        entry.text("ServiceURL"),
        format!("https://127.0.0.1:{}", pod.nginx.port())
    );
}

#[test]
fn s4_a_missing_api_version_is_assumed_and_said() {
    let pki = Pki::new();
    let backend_tls = self_signed(false);
    let pod = Pod::with(&backend_tls);
    let viaduct = serve(&pod.cluster(&pki, &backend_tls, &backend_tls.cert_pem), SOLUTION);
    let log = viaduct.wait_log("ServersTransport web/web-transport");
    assert!(
        log.contains("apiVersion") && log.contains("traefik.io/v1alpha1"),
        "{log}"
    );
}

#[test]
fn s5_without_trust_the_request_fails_and_nothing_reaches_the_application() {
    let pki = Pki::new();
    let pod = Pod::with(&pki.backend);
    let routing = Manifests::new().route(secure_route("https")).yaml();
    let viaduct = serve(&pod.cluster(&pki, &pki.backend, pki.backend_ca.pem()), &routing);
    for attempt in ["/first", "/second"] {
        let answer = pki.curl(&viaduct).get(HOST, attempt);
        assert_eq!(
            (answer.status, answer.body.trim()),
            (502, "Bad Gateway"),
            "{answer:?}"
        );
        assert_eq!(viaduct.wait_access(attempt).fault(), "unknown_ca");
    }
    assert!(pod.application.requests().is_empty());
    let log = viaduct.wait_log("unknown_ca");
    assert!(
        log.contains("ERROR") || log.contains("WARN"),
        "said at the default level: {log}"
    );
}

#[test]
fn s6_a_self_signed_leaf_is_its_own_root_with_ca_true_and_with_ca_false() {
    for is_ca in [true, false] {
        let pki = Pki::new();
        let backend_tls = self_signed(is_ca);
        let pod = Pod::with(&backend_tls);
        let viaduct = serve(&pod.cluster(&pki, &backend_tls, &backend_tls.cert_pem), SOLUTION);
        let answer = pki.curl(&viaduct).get(HOST, "/");
        assert_eq!(answer.status, 200, "CA:{is_ca}: {answer:?}\n{}", viaduct.log());
    }
}

#[test]
fn s6_another_self_signed_leaf_of_the_same_name_is_refused() {
    let pki = Pki::new();
    let (trusted, impostor) = (self_signed(true), self_signed(true));
    let pod = Pod::with(&impostor);
    let viaduct = serve(&pod.cluster(&pki, &trusted, &trusted.cert_pem), SOLUTION);
    assert_eq!(pki.curl(&viaduct).get(HOST, "/impostor").status, 502);
    assert_eq!(viaduct.wait_access("/impostor").fault(), "unknown_ca");
}

#[test]
fn s7_the_name_is_the_san_and_an_ip_san_will_do_without_a_server_name() {
    let pki = Pki::new();
    let by_address = pki
        .backend_ca
        .issue(Leaf::server("other.example.com").ip("127.0.0.1"));
    let pod = Pod::with(&by_address);
    let nameless = |transport: Option<&str>| {
        let route = secure_route("https").transport(TRANSPORT);
        let mut spec = json!({ "rootCAs": [{ "secret": "backend-tls" }] });
        if let Some(name) = transport {
            spec["serverName"] = json!(name);
        }
        Manifests::new().route(route).transport(TRANSPORT, spec).yaml()
    };
    let cluster = pod.cluster(&pki, &by_address, pki.backend_ca.pem());
    let viaduct = serve(&cluster, &nameless(None));
    assert_eq!(
        pki.curl(&viaduct).get(HOST, "/by-address").status,
        200,
        "{}",
        viaduct.log()
    );
    let entry = viaduct.wait_access("/by-address");
    assert_eq!(
        entry.text("BackendTLSServerName"),
        "",
        "no server name is sent for an address: {entry:?}"
    );

    viaduct.replace("routing.yaml", &nameless(Some("other.example.com")));
    wait_until("the server name to be used", || {
        assert_eq!(pki.curl(&viaduct).get(HOST, "/by-name").status, 200);
        viaduct
            .access_log()
            .last()
            .is_some_and(|e| e.text("BackendTLSServerName") == "other.example.com")
    });

    viaduct.replace("routing.yaml", &nameless(Some(HOST)));
    wait_until("the wrong name to be refused", || {
        pki.curl(&viaduct).get(HOST, "/").status == 502
    });
    assert_eq!(pki.curl(&viaduct).get(HOST, "/wrong-name").status, 502);
    assert_eq!(viaduct.wait_access("/wrong-name").fault(), "name_mismatch");
}

#[test]
fn s8_rotation_of_the_front_secret_under_load_loses_nothing() {
    let pki = Pki::new();
    let backend = Origin::https(pki.server(&["http/1.1"]), |_| ok("hello"));
    let viaduct = up()
        .file("bridge.yaml", pki.bridge(backend.port()).yaml())
        .start();
    let traffic = Traffic::start(&viaduct, &pki);
    for _ in 0..5 {
        traffic.pass(20);
        let next = pki.edge_ca.issue(Leaf::server(HOST));
        viaduct.replace("bridge.yaml", &rotated_front(&pki, &next, backend.port()));
        wait_until("new connections to see the new certificate", || {
            let stream = Dial::new(viaduct.websecure(), &pki.edge_ca).open(HOST);
            stream.conn.peer_certificates().and_then(<[_]>::first) == Some(&next.der)
        });
    }
    traffic.pass(20);
    traffic.finish();
}

#[test]
fn s8_h2_streams_in_flight_survive_a_rotation_of_everything() {
    let pki = Pki::new();
    let pod = Pod::with(&pki.backend);
    let viaduct = up()
        .file("bridge.yaml", pki.bridge(pod.nginx.port()).yaml())
        .start();
    let requests = ["-n", "6000", "-c", "8", "-m", "10"];
    let mut load = Load::start(viaduct.websecure(), HOST, "/h2load", &requests);
    for _ in 0..3 {
        wait_until("some load", || {
            viaduct.access_log().len() > 100 || !load.is_running()
        });
        let front = pki.edge_ca.issue(Leaf::server(HOST));
        viaduct.apply("bridge.yaml", &rotated_front(&pki, &front, pod.nginx.port()));
        pod.nginx.rotate(&pki.backend_ca.issue(Leaf::server(HOST)));
    }
    let tally = load.finish();
    assert!(
        tally.lossless() && tally.started == 6000,
        "{tally:?}\n{}",
        viaduct.log()
    );
}

fn rotated_front(pki: &Pki, front: &Issued, port: u16) -> String {
    Manifests::new()
        .tls_secret(FRONT_SECRET, front)
        .backend(BACKEND, port)
        .secret("backend-ca", &[("ca.crt", pki.backend_ca.pem())])
        .transport(
            TRANSPORT,
            json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
        )
        .route(secure_route("https").transport(TRANSPORT))
        .yaml()
}

#[test]
fn s8_rotation_of_the_backend_certificate_and_its_ca_under_load_loses_nothing() {
    let pki = Pki::new();
    let pod = Pod::with(&pki.backend);
    let routing = Manifests::new()
        .route(secure_route("https").transport(TRANSPORT))
        .transport(
            TRANSPORT,
            json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
        );
    let trust = |pems: &str| Manifests::new().secret("backend-ca", &[("ca.crt", pems)]).yaml();
    let viaduct = up()
        .file("cluster.yaml", pki.base(pod.nginx.port()).yaml())
        .file("routing.yaml", routing.yaml())
        .file("trust.yaml", trust(pki.backend_ca.pem()))
        .start();
    let traffic = Traffic::start(&viaduct, &pki);
    let mut old = pki.backend_ca.pem().to_owned();
    for round in 0..3 {
        let next_ca = Ca::new(&format!("Backend CA {round}"));
        let anchor = fingerprint_of_last(&viaduct);
        // Both are trusted, then the server changes, then the old one goes.
        viaduct.apply("trust.yaml", &trust(&format!("{old}{}", next_ca.pem())));
        traffic.pass(30);
        pod.nginx.rotate(&next_ca.issue(Leaf::server(HOST)));
        wait_until("requests over the new certificate", || {
            fingerprint_of_last(&viaduct) != anchor
        });
        viaduct.apply("trust.yaml", &trust(next_ca.pem()));
        traffic.pass(30);
        next_ca.pem().clone_into(&mut old);
    }
    traffic.finish();
}

/// Who vouched for the backend of the last finished request.
fn fingerprint_of_last(viaduct: &Viaduct) -> String {
    let log = viaduct.access_log();
    log.last()
        .map(|entry| entry.text("BackendTLSVerifiedBy").to_owned())
        .unwrap_or_default()
}

#[test]
fn s8_rotation_of_the_client_certificate_under_load_loses_nothing() {
    let pki = Pki::new();
    let client_ca = Ca::new("Client CA");
    let application = Origin::http(|_| ok("hello"));
    let subject = format!(
        "location / {{ proxy_pass http://{}; proxy_http_version 1.1; add_header X-Client $ssl_client_serial; }}",
        application.address()
    );
    let nginx = Nginx::mutual(&pki.backend, &client_ca, &subject);
    let pair = |identity: &Issued| Manifests::new().tls_secret("client-pair", identity).yaml();
    let bridge = pki.bridge_with(nginx.port(), json!({ "certificatesSecrets": ["client-pair"] }));
    let viaduct = up()
        .file("bridge.yaml", bridge.yaml())
        .file("client.yaml", pair(&client_ca.issue(Leaf::client("ingress 0"))))
        .start();
    let serial = || {
        pki.curl(&viaduct)
            .get(HOST, "/serial")
            .header("x-client")
            .map(str::to_owned)
    };
    let traffic = Traffic::start(&viaduct, &pki);
    for round in 1..4 {
        traffic.pass(20);
        let before = serial();
        viaduct.replace(
            "client.yaml",
            &pair(&client_ca.issue(Leaf::client(&format!("ingress {round}")))),
        );
        wait_until("the new client certificate to be used", || serial() != before);
    }
    traffic.pass(20);
    traffic.finish();
}

#[test]
fn s9_nginx_over_http1_and_over_h2() {
    let pki = Pki::new();
    for (protocol, listen) in [("HTTP/1.1", ""), ("HTTP/2.0", "http2")] {
        let nginx = nginx_saying_protocol(&pki, listen);
        let viaduct = up().file("bridge.yaml", pki.bridge(nginx.port()).yaml()).start();
        let answer = pki.curl(&viaduct).get(HOST, "/");
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, protocol),
            "{}",
            viaduct.log()
        );
        assert_eq!(answer.http_version, "2", "the client leg is h2 either way");

        let without = pki.bridge_with(nginx.port(), json!({ "disableHTTP2": true }));
        viaduct.replace("bridge.yaml", &without.yaml());
        wait_until("disableHTTP2 to act", || {
            pki.curl(&viaduct).get(HOST, "/").body == "HTTP/1.1"
        });
    }
}

fn nginx_saying_protocol(pki: &Pki, listen: &str) -> Nginx {
    let answer = "location / { default_type text/plain; return 200 $server_protocol; }";
    match listen {
        "" => Nginx::server(&pki.backend, answer),
        _ => Nginx::server_h2(&pki.backend, answer),
    }
}

#[test]
fn s9_large_bodies_pass_both_ways_through_the_sidecar() {
    let pki = Pki::new();
    let application = Origin::http(|request| {
        let sum: u64 = request.body.iter().map(|&byte| u64::from(byte)).sum();
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\nX-Sum: {sum}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + 5_000_000, b'z');
        answer
    });
    let nginx = Nginx::flow(&pki.backend, application.address());
    let viaduct = up().file("bridge.yaml", pki.bridge(nginx.port()).yaml()).start();
    let body: Vec<u8> = (0..8_000_000_u32).map(|at| (at % 251) as u8).collect();
    let sum: u64 = body.iter().map(|&byte| u64::from(byte)).sum();
    for version in ["--http1.1", "--http2"] {
        let curl = pki.curl(&viaduct);
        let file = curl.file("upload", &body);
        let upload = format!("@{}", file.display());
        let answer = curl.request(
            HOST,
            "/upload",
            &[version, "--data-binary", &upload, "--header", "Expect:"],
        );
        assert_eq!(answer.status, 200, "{version}: {answer:.300?}");
        assert_eq!(
            answer.header("x-sum"),
            Some(sum.to_string().as_str()),
            "{version}"
        );
        assert_eq!(answer.body.len(), 5_000_000, "{version}");
    }
}

#[test]
fn s10_a_backend_that_demands_a_client_certificate_gets_the_one_in_certificates_secrets() {
    let pki = Pki::new();
    let client_ca = Ca::new("Client CA");
    let subject = "location / { default_type text/plain; return 200 $ssl_client_s_dn; }";
    let nginx = Nginx::mutual(&pki.backend, &client_ca, subject);
    let bridge = pki
        .bridge_with(nginx.port(), json!({ "certificatesSecrets": ["client-pair"] }))
        .tls_secret("client-pair", &client_ca.issue(Leaf::client("the ingress")));
    let viaduct = up().file("bridge.yaml", bridge.yaml()).start();
    let answer = pki.curl(&viaduct).get(HOST, "/mutual");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "CN=the ingress"),
        "{}",
        viaduct.log()
    );
    assert_eq!(
        viaduct.wait_access("/mutual").flag("BackendTLSClientCertificate"),
        Some(true)
    );
}

#[test]
fn s4_cve_2025_66491_insecure_skip_verify_turns_the_check_off_and_the_log_says_so() {
    let pki = Pki::new();
    let pod = Pod::with(&self_signed(true));
    let routing = Manifests::new()
        .route(
            Route::secure("web-ingressroute", RULE, BACKEND, "https")
                .certificate(FRONT_SECRET)
                .transport(TRANSPORT),
        )
        .transport(TRANSPORT, json!({ "insecureSkipVerify": true }));
    let viaduct = serve(&pki.base(pod.nginx.port()).yaml(), &routing.yaml());
    assert_eq!(
        pki.curl(&viaduct).get(HOST, "/skipped").status,
        200,
        "{}",
        viaduct.log()
    );
    let entry = viaduct.wait_access("/skipped");
    assert_eq!(
        entry.text("BackendTLSVerifiedBy"),
        "",
        "nobody vouched: {entry:?}"
    );
    assert!(
        !entry.text("BackendTLSPeerFingerprint").is_empty(),
        "yet the peer is known: {entry:?}"
    );
}
