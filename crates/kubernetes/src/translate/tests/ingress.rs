//! Ingresses in, updates out.

mod annotations;
mod classes;
mod isolation;
mod order;

use viaduct_config::dynamic::http::LoadBalancer;
use viaduct_config::finding::Code;
use viaduct_config::rule::Rule;
use viaduct_config::{Element, Update};

use super::{BACKEND, broken, codes, object, secret};
use crate::index::Index;
use crate::policy::{IngressPolicy, Policy};
use crate::translate::translate_ingresses;

fn update_under(policy: &IngressPolicy, documents: &[&str]) -> Update {
    let mut index = Index::new(|_| Ok(()));
    index.apply("test.yaml", &documents.join("\n---\n"));
    translate_ingresses(&index, policy).0
}

fn update(documents: &[&str]) -> Update {
    update_under(&IngressPolicy::directory(), documents)
}

/// An Ingress `web/app` of no class.
fn ingress(annotations: &str, spec: &str) -> String {
    named("web", "app", annotations, spec)
}

fn named(namespace: &str, name: &str, annotations: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: Ingress, \
          metadata: {{namespace: {namespace}, name: {name}, annotations: {annotations}}}, spec: {spec}}}"
    )
}

/// One rule for `a.test` with one path.
fn one_path(path: &str, backend: &str) -> String {
    format!("{{rules: [{{host: a.test, http: {{paths: [{{{path}, backend: {backend}}}]}}}}]}}")
}

const PREFIX: &str = "path: /, pathType: Prefix";
const PORT_443: &str = "{service: {name: backend, port: {number: 443}}}";

/// The Ingress of most tests.
fn simple(annotations: &str) -> String {
    ingress(annotations, &one_path(PREFIX, PORT_443))
}

/// [`BACKEND`] with annotations of Traefik's on the Service.
fn annotated(annotations: &str) -> String {
    BACKEND.replace(
        "metadata: {name: backend, namespace: web}",
        &format!("metadata: {{name: backend, namespace: web, annotations: {annotations}}}"),
    )
}

fn balancer<'a>(update: &'a Update, service: &str) -> &'a LoadBalancer {
    let service = update.dynamic.http.services.get(service);
    let service = service.unwrap_or_else(|| panic!("{:#?}", update.dynamic.http));
    service.load_balancer.as_ref().unwrap()
}

fn servers<'a>(update: &'a Update, service: &str) -> Vec<&'a str> {
    let servers = balancer(update, service).servers.iter();
    servers.map(|server| server.url.as_str()).collect()
}

fn router_names(update: &Update) -> Vec<&str> {
    update.dynamic.http.routers.keys().map(String::as_str).collect()
}

fn assert_clean(update: &Update) {
    assert_eq!(update.broken, []);
    assert_eq!(update.notes, []);
}

const ROUTER: &str = "web-app-a-test";

#[test]
fn a9_10_an_ingress_becomes_a_router_and_a_service_named_as_traefik_names_them() {
    let update = update(&[
        BACKEND,
        &ingress("{}", &one_path("path: /bar, pathType: Prefix", PORT_443)),
    ]);
    assert_clean(&update);
    assert_eq!(update.provider.as_str(), "kubernetes");
    let router = &update.dynamic.http.routers["web-app-a-test-bar"];
    assert_eq!(router.rule, "Host(`a.test`) && PathPrefix(`/bar`)");
    assert_eq!(router.service, "web-backend-443");
    assert_eq!(
        (router.priority, &router.tls, router.rule_syntax.as_str()),
        (None, &None, "")
    );
    assert_eq!(servers(&update, "web-backend-443"), ["https://10.1.0.1:8443"]);
    assert_eq!(balancer(&update, "web-backend-443").pass_host_header, Some(true));
}

#[test]
fn a9_10_ports_go_by_number_and_by_name() {
    for (port, service, url) in [
        ("{number: 443}", "web-backend-443", "https://10.1.0.1:8443"),
        ("{name: app}", "web-backend-app", "https://10.1.0.1:8443"),
        ("{number: 80}", "web-backend-80", "http://10.1.0.1:8080"),
        ("{name: plain}", "web-backend-plain", "http://10.1.0.1:8080"),
    ] {
        let backend = format!("{{service: {{name: backend, port: {port}}}}}");
        let update = update(&[BACKEND, &ingress("{}", &one_path(PREFIX, &backend))]);
        assert_clean(&update);
        assert_eq!(update.dynamic.http.routers[ROUTER].service, service);
        assert_eq!(servers(&update, service), [url]);
    }
}

#[test]
fn a9_10_backends_that_lead_nowhere_say_why() {
    for (backend, code, field) in [
        (
            "{service: {name: none, port: {number: 443}}}",
            Code::MissingReference,
            "service.name",
        ),
        (
            "{service: {name: backend, port: {number: 1}}}",
            Code::InvalidService,
            "service.port",
        ),
        (
            "{service: {name: backend, port: {name: none}}}",
            Code::InvalidService,
            "service.port",
        ),
        (
            "{resource: {kind: Bucket, name: b}}",
            Code::Unsupported,
            "resource",
        ),
        ("{}", Code::InvalidService, "service"),
    ] {
        let update = update(&[BACKEND, &ingress("{}", &one_path(PREFIX, backend))]);
        let service = update.dynamic.http.routers[ROUTER].service.clone();
        let finding = broken(&update, &Element::Service(service));
        assert_eq!(finding.code, code, "{backend}");
        let wanted = format!("spec.rules[0].http.paths[0].backend.{field}");
        assert_eq!(finding.field.as_deref(), Some(wanted.as_str()), "{backend}");
        assert_eq!(finding.object.as_ref().unwrap().to_string(), "Ingress web/app");
    }
}

#[test]
fn a9_10_services_follow_the_policy() {
    let external = "{apiVersion: v1, kind: Service, metadata: {namespace: web, name: backend}, \
                     spec: {type: ExternalName, externalName: other.test, ports: [{port: 443}]}}";
    let allowed = update(&[external, &simple("{}")]);
    assert_eq!(servers(&allowed, "web-backend-443"), ["https://other.test:443"]);
    let cluster = update_under(&IngressPolicy::default(), &[external, &simple("{}")]);
    let service = Element::Service("web-backend-443".to_owned());
    assert_eq!(broken(&cluster, &service).code, Code::ForbiddenReference);

    let empty = BACKEND.replace("endpoints: [{addresses: [10.1.0.1]}]", "endpoints: []");
    let cluster = update_under(&IngressPolicy::default(), &[&empty, &simple("{}")]);
    assert_eq!(broken(&cluster, &service).code, Code::NoServers);
    let allowed = update(&[&empty, &simple("{}")]);
    assert_eq!(servers(&allowed, "web-backend-443"), [""; 0]);

    let native = IngressPolicy {
        common: Policy {
            native_lb_by_default: true,
            ..Policy::default()
        },
        ..IngressPolicy::default()
    };
    let native = update_under(&native, &[BACKEND, &simple("{}")]);
    assert_eq!(servers(&native, "web-backend-443"), ["https://10.0.0.7:443"]);
}

#[test]
fn a9_10_the_default_backend_comes_last_and_there_is_one() {
    let spec = "{defaultBackend: {service: {name: backend, port: {number: 80}}}}";
    let of = |name| named("web", name, "{}", spec);
    let update = update(&[BACKEND, &of("b"), &of("a"), &simple("{}")]);
    let router = &update.dynamic.http.routers["default-router"];
    assert_eq!(
        (router.rule.as_str(), router.priority),
        ("PathPrefix(`/`)", Some(-2_147_483_648))
    );
    assert_eq!(router.service, "default-backend");
    assert_eq!(servers(&update, "default-backend"), ["http://10.1.0.1:8080"]);
    // By name, not by the order in which they came.
    assert_eq!(codes(&update.notes), [Code::DuplicateObject]);
    assert_eq!(
        update.notes[0].object.as_ref().unwrap().to_string(),
        "Ingress web/b"
    );
}

#[test]
fn a9_10_a_default_backend_beside_rules_is_told_to_have_no_effect() {
    let spec = format!(
        "{{defaultBackend: {PORT_443}, rules: [{{host: a.test, http: {{paths: [{{{PREFIX}, backend: {PORT_443}}}]}}}}, \
          {{host: b.test}}]}}"
    );
    let update = update(&[BACKEND, &ingress("{}", &spec)]);
    assert_eq!(router_names(&update), [ROUTER]);
    assert_eq!(codes(&update.notes), [Code::MisplacedField, Code::InvalidRule]);
}

#[test]
fn a9_10_certificates_of_spec_tls_go_to_the_store() {
    let spec = one_path(PREFIX, PORT_443).replace("{rules", "{tls: [{secretName: cert}], rules");
    let update = update(&[
        BACKEND,
        &secret("web", "cert", "{tls.crt: C, tls.key: K}"),
        &ingress("{}", &spec),
    ]);
    assert_clean(&update);
    let certificates = &update.dynamic.tls.certificates;
    assert_eq!(certificates.len(), 1);
    assert_eq!(&*certificates[0].pair.cert_file, "C");
    assert_eq!(
        update.dynamic.http.routers[ROUTER].tls, None,
        "as in Traefik, it turns nothing on"
    );
}

#[test]
fn c43_a_secret_that_cannot_be_used_closes_the_hosts_it_is_for() {
    let spec = |hosts: &str| {
        format!(
            "{{tls: [{{hosts: {hosts}, secretName: cert}}], rules: [\
              {{host: a.test, http: {{paths: [{{{PREFIX}, backend: {PORT_443}}}]}}}}, \
              {{host: x.b.test, http: {{paths: [{{{PREFIX}, backend: {PORT_443}}}]}}}}]}}"
        )
    };
    let (a, b) = ("web-app-a-test", "web-app-x-b-test");
    for (hosts, closed) in [
        ("[]", vec![a, b]),
        ("[a.test]", vec![a]),
        ("[A.TEST]", vec![a]),
        ("['*.b.test']", vec![b]),
        ("[b.test]", vec![]),
        ("[other.test]", vec![]),
    ] {
        for (material, code) in [
            ("{}", Code::InvalidCertificate),
            ("{tls.crt: C}", Code::InvalidCertificate),
            ("{tls.crt: '', tls.key: K}", Code::InvalidCertificate),
            ("", Code::MissingReference),
        ] {
            let mut documents = vec![BACKEND.to_owned(), ingress("{}", &spec(hosts))];
            if !material.is_empty() {
                documents.push(secret("web", "cert", material));
            }
            let documents: Vec<_> = documents.iter().map(String::as_str).collect();
            let update = update(&documents);
            let found: Vec<_> = update
                .broken
                .iter()
                .map(|(element, finding)| (element.clone(), finding.code))
                .collect();
            let wanted: Vec<_> = closed
                .iter()
                .map(|&name| (Element::Router(name.to_owned()), code))
                .collect();
            assert_eq!(found, wanted, "{hosts} {material}");
        }
    }
}

#[test]
fn c43_a_secret_that_holds_no_pair_closes_its_hosts_and_is_looked_at_once() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    let mut index = Index::new(move |_| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Err("`tls.crt` is no certificate".to_owned())
    });
    let spec = one_path(PREFIX, PORT_443).replace("{rules", "{tls: [{secretName: cert}], rules");
    let documents = [
        BACKEND,
        &secret("web", "cert", "{tls.crt: C, tls.key: K}"),
        &ingress("{}", &spec),
    ];
    index.apply("test.yaml", &documents.join("\n---\n"));
    for _ in 0..3 {
        let update = translate_ingresses(&index, &IngressPolicy::directory()).0;
        let finding = broken(&update, &Element::Router(ROUTER.to_owned()));
        assert_eq!(finding.code, Code::InvalidCertificate);
        assert_eq!(
            finding.message,
            "Secret `web/cert` cannot be used: `tls.crt` is no certificate"
        );
        assert!(update.dynamic.tls.certificates.is_empty());
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn a9_10_routers_of_one_name_in_an_object_are_told_apart_by_their_rules() {
    let paths = format!(
        "{{path: /x, pathType: Prefix, backend: {PORT_443}}}, {{path: /x, pathType: Exact, backend: {PORT_443}}}"
    );
    let spec = format!("{{rules: [{{host: a.test, http: {{paths: [{paths}]}}}}]}}");
    let update = update(&[BACKEND, &ingress("{}", &spec)]);
    assert_clean(&update);
    let names = router_names(&update);
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let hash = crate::translate::names::hash(&update.dynamic.http.routers[name].rule);
        assert_eq!(name, format!("web-app-a-test-x-{hash}"));
    }
}

#[test]
fn the_same_path_twice_in_an_object_is_told() {
    let paths = format!(
        "{{path: /x, pathType: Prefix, backend: {PORT_443}}}, \
         {{path: /x, pathType: Prefix, backend: {{service: {{name: backend, port: {{number: 80}}}}}}}}"
    );
    let spec = format!("{{rules: [{{host: a.test, http: {{paths: [{paths}]}}}}]}}");
    let update = update(&[BACKEND, &ingress("{}", &spec)]);
    assert_eq!(codes(&update.notes), [Code::DuplicateObject]);
    assert_eq!(
        update.dynamic.http.routers["web-app-a-test-x"].service,
        "web-backend-80"
    );
}

#[test]
fn cve_2026_29777_c60_no_value_of_an_ingress_becomes_syntax() {
    let hostile = "`) || Host(`b.test";
    let path = format!("path: '/{hostile}', pathType: Prefix");
    let spec = one_path(&path, PORT_443).replace("host: a.test", &format!("host: 'a.test{hostile}'"));
    let update = update(&[BACKEND, &ingress("{}", &spec)]);
    let routers: Vec<_> = update.dynamic.http.routers.values().collect();
    let [router] = routers.as_slice() else {
        panic!("{routers:#?}");
    };
    let rule = Rule::parse_http(&router.rule).unwrap();
    let hosts: Vec<_> = rule.hosts().into_iter().map(ToString::to_string).collect();
    assert_eq!(hosts, [format!("a.test{}", hostile.to_lowercase())]);
}

#[test]
fn a9_10_what_cannot_be_matched_is_closed_and_named() {
    for (path, field, rule) in [
        (
            "path: admin, pathType: Prefix",
            "path",
            "Host(`a.test`) && PathPrefix(`/admin`)",
        ),
        (
            "path: /x, pathType: exact",
            "pathType",
            "Host(`a.test`) && PathPrefix(`/x`)",
        ),
    ] {
        let update = update(&[BACKEND, &ingress("{}", &one_path(path, PORT_443))]);
        let (name, router) = update.dynamic.http.routers.iter().next().unwrap();
        assert_eq!(router.rule, rule);
        let finding = broken(&update, &Element::Router(name.clone()));
        assert_eq!(finding.code, Code::InvalidRule);
        let wanted = format!("spec.rules[0].http.paths[0].{field}");
        assert_eq!(finding.field.as_deref(), Some(wanted.as_str()));
    }
    let spec = one_path(PREFIX, PORT_443).replace("a.test", "'.'");
    let update = update(&[BACKEND, &ingress("{}", &spec)]);
    assert_eq!(router_names(&update), [""; 0]);
    assert_eq!(codes(&update.notes), [Code::InvalidRule]);
    assert_eq!(update.notes[0].field.as_deref(), Some("spec.rules[0].host"));
}

#[test]
fn a9_10_with_the_older_rule_syntax_as_default_the_rule_says_that_it_is_v3() {
    let policy = IngressPolicy {
        default_rule_syntax: viaduct_config::rule::Syntax::V2,
        ..IngressPolicy::directory()
    };
    let update = update_under(&policy, &[BACKEND, &simple("{}")]);
    assert_eq!(update.dynamic.http.routers[ROUTER].rule_syntax, "v3");
}

#[test]
fn findings_about_ingresses_are_told_by_their_own_provider() {
    let broken =
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: web, name: x}, spec: 5}";
    let other = object("TLSOption", "web", "x", "5");
    let mut index = Index::new(|_| Ok(()));
    index.apply("test.yaml", &[broken, &other].join("\n---\n"));
    let objects = |update: &Update| -> Vec<String> {
        let mut objects: Vec<_> = update
            .notes
            .iter()
            .chain(update.broken.iter().map(|(_, finding)| finding))
            .map(|finding| finding.object.as_ref().unwrap().to_string())
            .collect();
        objects.dedup();
        objects
    };
    let of_crds = crate::translate::translate(&index, &Policy::directory());
    assert_eq!(objects(&of_crds), ["TLSOption web/x"]);
    let beside = translate_ingresses(&index, &IngressPolicy::directory()).0;
    assert_eq!(objects(&beside), ["Ingress web/x"]);
    let alone = IngressPolicy {
        alone: true,
        ..IngressPolicy::directory()
    };
    let mut all = objects(&translate_ingresses(&index, &alone).0);
    all.sort();
    assert_eq!(all, ["Ingress web/x", "TLSOption web/x"]);
}

#[test]
fn a11_3_what_an_ingress_leads_to_is_known_by_name_and_port() {
    let update = update(&[BACKEND, &simple("{}")]);
    let element = Element::Service("web-backend-443".to_owned());
    let balanced = &update.balanced[&element];
    assert_eq!(
        (balanced.service.to_string(), &*balanced.port),
        ("Service web/backend".to_owned(), "443")
    );
    assert_eq!(update.balanced.len(), 1);
}
