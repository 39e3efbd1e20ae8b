//! The flow from a plain Ingress: what an IngressRoute names, annotations name.

pub(crate) mod cluster;
pub(crate) mod options;

use serde_json::{Value, json};
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::nginx::Nginx;
use viaduct_testkit::origin::{Origin, echo};
use viaduct_testkit::pki::Ca;
use viaduct_testkit::wait::wait_until;

use crate::fixture::{BACKEND, BINARY, FRONT_SECRET, HOST, Pki, TRANSPORT, secure_route, up};
use crate::traffic::Traffic;

const P: &str = "traefik.ingress.kubernetes.io";

/// An Ingress `web/NAME` for [`HOST`] and everything below a path.
fn ingress(name: &str, path: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": { "name": name, "namespace": "web", "annotations": annotations },
        "spec": {
            "tls": [{ "hosts": [HOST], "secretName": FRONT_SECRET }],
            "rules": [{ "host": HOST, "http": { "paths": [{
                "path": path,
                "pathType": "Prefix",
                "backend": { "service": { "name": BACKEND, "port": { "number": 443 } } },
            }] } }],
        },
    })
}

fn secure() -> Value {
    json!({ (format!("{P}/router.entrypoints")): "websecure", (format!("{P}/router.tls")): "true" })
}

/// [`Pki::base`], with the annotation `service.serverstransport` on the Service.
fn base(pki: &Pki, port: u16, transport: &str) -> Manifests {
    let text = pki.base(port).yaml();
    let mut manifests = Manifests::new();
    for document in text.split("---\n").filter(|document| !document.trim().is_empty()) {
        let mut object: Value = serde_json::from_str(document).expect("JSON");
        if object["kind"] == "Service" {
            object["metadata"]["annotations"] =
                json!({ (format!("{P}/service.serverstransport")): transport });
        }
        manifests = manifests.object(object);
    }
    manifests
}

/// The transport that trusts `ca`, as `TRANSPORT` of namespace `web`.
fn trusting(ca: &Ca) -> Manifests {
    Manifests::new()
        .secret("backend-ca", &[("ca.crt", ca.pem())])
        .transport(
            TRANSPORT,
            json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
        )
}

const REFERENCE: &str = "web-web-transport@kubernetescrd";

#[test]
fn s11_an_ingress_and_a_service_annotation_give_the_bridge_of_the_ingress_route() {
    let pki = Pki::new();
    let application = Origin::http(echo);
    let nginx = Nginx::flow(&pki.backend, application.address());
    let by_route = up().file("bridge.yaml", pki.bridge(nginx.port()).yaml()).start();
    let by_ingress = up()
        .arg("--rotation-overlap=0")
        .file("base.yaml", base(&pki, nginx.port(), REFERENCE).yaml())
        .file("trust.yaml", trusting(&pki.backend_ca).yaml())
        .file(
            "ingress.yaml",
            Manifests::new().object(ingress("app", "/", secure())).yaml(),
        )
        .start();
    let facts = [&by_route, &by_ingress].map(|viaduct| {
        let answer = pki.curl(viaduct).get(HOST, "/flow");
        assert_eq!(answer.status, 200, "{}", viaduct.log());
        let entry = viaduct.wait_access("/flow");
        [
            "BackendTLSVerifiedBy",
            "BackendTLSPeerFingerprint",
            "BackendTLSVersion",
            "BackendTLSServerName",
            "TLSVersion",
        ]
        .map(|fact| entry.text(fact).to_owned())
    });
    assert_eq!(facts[0], facts[1]);
    assert!(!facts[0][0].is_empty(), "somebody vouched: {facts:?}");
    let entry = by_ingress.wait_access("/flow");
    assert_eq!(entry.text("RouterName"), "web-app-web-example-com@kubernetes");
    assert_eq!(entry.text("ServiceName"), "web-backend-svc-443@kubernetes");
    // A11.3: whose router, and what stands behind the server.
    for (viaduct, ingress) in [(&by_ingress, "app"), (&by_route, "web-ingressroute")] {
        let entry = viaduct.wait_access("/flow");
        let told = [
            "KubernetesIngressNamespace",
            "KubernetesIngressName",
            "KubernetesServiceNamespace",
            "KubernetesServiceName",
            "KubernetesServicePort",
        ]
        .map(|field| entry.text(field).to_owned());
        assert_eq!(told, ["web", ingress, "web", BACKEND, "443"]);
    }

    // And it is a bridge: another CA, and nobody is let through.
    by_ingress.replace("trust.yaml", &trusting(&Ca::new("Other CA")).yaml());
    wait_until("the other CA to be trusted", || {
        pki.curl(&by_ingress).get(HOST, "/other").status == 502
    });
    assert_eq!(pki.curl(&by_ingress).get(HOST, "/refused").status, 502);
    assert_eq!(by_ingress.wait_access("/refused").fault(), "unknown_ca");
    let log = by_ingress.wait_log("backend leg failed");
    assert!(log.contains("unknown_ca"), "{log}");
}

#[test]
fn s11_without_the_transport_nobody_vouches_for_the_backend() {
    let pki = Pki::new();
    let application = Origin::http(echo);
    let nginx = Nginx::flow(&pki.backend, application.address());
    let viaduct = up()
        .file("base.yaml", pki.base(nginx.port()).yaml())
        .file(
            "ingress.yaml",
            Manifests::new().object(ingress("app", "/", secure())).yaml(),
        )
        .start();
    assert_eq!(
        pki.curl(&viaduct).get(HOST, "/plain").status,
        502,
        "port 443 is https"
    );
    assert_eq!(viaduct.wait_access("/plain").fault(), "unknown_ca");
}

#[test]
fn a9_11_an_annotation_and_the_transport_it_names_change_as_one() {
    let pki = Pki::new();
    let application = Origin::http(echo);
    let nginx = Nginx::flow(&pki.backend, application.address());
    let all = |transport: &str| {
        let named = format!("web-{transport}@kubernetescrd");
        base(&pki, nginx.port(), &named)
            .secret("backend-ca", &[("ca.crt", pki.backend_ca.pem())])
            .transport(
                transport,
                json!({ "serverName": HOST, "rootCAs": [{ "secret": "backend-ca" }] }),
            )
            .object(ingress("app", "/", secure()))
            .yaml()
    };
    let viaduct = up().file("all.yaml", all("one")).start();
    let traffic = Traffic::start(&viaduct, &pki);
    for transport in ["two", "three", "four"] {
        traffic.pass(20);
        viaduct.apply("all.yaml", &all(transport));
    }
    traffic.pass(20);
    // The transport and the service that names it come from two providers, and no request saw one without the other.
    traffic.finish();
}

#[test]
fn a9_10_ingresses_and_ingress_routes_stand_side_by_side() {
    let pki = Pki::new();
    let application = Origin::http(echo);
    let nginx = Nginx::flow(&pki.backend, application.address());
    let manifests = base(&pki, nginx.port(), REFERENCE)
        .object(ingress("app", "/ingress", secure()))
        .route(secure_route("https").transport(TRANSPORT));
    let viaduct = up()
        .file("all.yaml", manifests.yaml())
        .file("trust.yaml", trusting(&pki.backend_ca).yaml())
        .start();
    for (path, provider) in [("/ingress/x", "@kubernetes"), ("/other", "@kubernetescrd")] {
        assert_eq!(
            pki.curl(&viaduct).get(HOST, path).status,
            200,
            "{}",
            viaduct.log()
        );
        let entry = viaduct.wait_access(path);
        assert!(entry.text("RouterName").ends_with(provider), "{path}: {entry:?}");
    }
}

#[test]
fn a9_10_a_certificate_that_is_missing_closes_its_host_and_says_so() {
    let pki = Pki::new();
    let application = Origin::http(echo);
    let nginx = Nginx::flow(&pki.backend, application.address());
    let mut object = ingress("app", "/", secure());
    object["spec"]["tls"][0]["secretName"] = json!("web-ingressroute-tsl");
    let viaduct = up()
        .file("base.yaml", base(&pki, nginx.port(), REFERENCE).yaml())
        .file("trust.yaml", trusting(&pki.backend_ca).yaml())
        .file("ingress.yaml", Manifests::new().object(object).yaml())
        .start();
    let answer = pki.curl(&viaduct).args(&["--insecure"]).get(HOST, "/");
    assert_eq!(answer.status, 503, "{}", viaduct.log());
    let log = viaduct.wait_log("web-ingressroute-tsl");
    assert!(log.contains("did you mean `web-ingressroute-tls`?"), "{log}");
}

#[test]
fn cve_2026_29777_c60_a_hostile_ingress_takes_nothing_from_its_neighbour() {
    let pki = Pki::new();
    let application = Origin::http(echo);
    let nginx = Nginx::flow(&pki.backend, application.address());
    let hostile = "`) || Host(`web.example.com`) || PathPrefix(`/";
    let mut taker = ingress("taker", &format!("/{hostile}"), secure());
    taker["metadata"]["namespace"] = json!("tenant");
    taker["spec"]["rules"][0]["host"] = json!(format!("tenant.test{hostile}"));
    taker["spec"]["tls"] = json!([]);
    let manifests = base(&pki, nginx.port(), REFERENCE)
        .object(ingress("app", "/", secure()))
        .object(taker);
    let viaduct = up()
        .file("all.yaml", manifests.yaml())
        .file("trust.yaml", trusting(&pki.backend_ca).yaml())
        .start();
    assert_eq!(
        pki.curl(&viaduct).get(HOST, "/mine").status,
        200,
        "{}",
        viaduct.log()
    );
    let entry = viaduct.wait_access("/mine");
    assert_eq!(entry.text("RouterName"), "web-app-web-example-com@kubernetes");
}

#[test]
fn a9_10_render_shows_what_both_providers_say() {
    let pki = Pki::new();
    let directory = tempfile::tempdir().unwrap();
    let manifests = base(&pki, 8443, REFERENCE)
        .object(ingress("app", "/", secure()))
        .route(secure_route("https").transport(TRANSPORT));
    std::fs::write(directory.path().join("all.yaml"), manifests.yaml()).unwrap();
    std::fs::write(
        directory.path().join("trust.yaml"),
        trusting(&pki.backend_ca).yaml(),
    )
    .unwrap();
    let output = std::process::Command::new(BINARY)
        .args(["render", "--format", "json"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let router = &shown["http"]["routers"]["web-app-web-example-com@kubernetes"];
    assert_eq!(router["service"], "web-backend-svc-443@kubernetes");
    assert_eq!(router["rule"], "Host(`web.example.com`) && PathPrefix(`/`)");
    let service = &shown["http"]["services"]["web-backend-svc-443@kubernetes"];
    assert_eq!(service["loadBalancer"]["serversTransport"], REFERENCE);
    let transports = shown["http"]["serversTransports"].as_object().unwrap();
    assert!(transports.contains_key(REFERENCE), "{transports:?}");
}
