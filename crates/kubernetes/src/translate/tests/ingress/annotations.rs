//! A9.10, A9.11: every annotation, read and misread.

use viaduct_config::Severity;

use super::*;

const P: &str = "traefik.ingress.kubernetes.io";

#[test]
fn a9_10_every_router_annotation_reaches_the_router() {
    let options = object("TLSOption", "web", "strict", "{}");
    let annotations = format!(
        "{{{P}/router.entrypoints: 'web, websecure', {P}/router.middlewares: 'auth@file,compress@file', \
          {P}/router.priority: '42', {P}/router.tls: 'true', {P}/router.tls.certresolver: le, \
          {P}/router.tls.domains.0.main: example.org, {P}/router.tls.domains.0.sans: 'a.example.org, b.example.org', \
          {P}/router.tls.domains.1.main: example.com, {P}/router.tls.options: web-strict@kubernetescrd, \
          {P}/router.observability.accesslogs: 'false', {P}/router.observability.metrics: 'true', \
          {P}/router.observability.tracing: 'false', {P}/router.observability.traceverbosity: detailed}}"
    );
    let update = update(&[BACKEND, &options, &simple(&annotations)]);
    assert_clean(&update);
    let router = &update.dynamic.http.routers[ROUTER];
    assert_eq!(router.entry_points, ["web", "websecure"]);
    assert_eq!(router.middlewares, ["auth@file", "compress@file"]);
    assert_eq!(router.priority, Some(42));
    let tls = router.tls.as_ref().unwrap();
    assert_eq!(tls.cert_resolver, "le");
    assert_eq!(tls.options, "web-strict@kubernetescrd");
    let domains: Vec<_> = tls
        .domains
        .iter()
        .map(|domain| (domain.main.as_str(), domain.sans.join(" ")))
        .collect();
    assert_eq!(
        domains,
        [
            ("example.org", "a.example.org b.example.org".to_owned()),
            ("example.com", String::new())
        ]
    );
    let observability = router.observability.as_ref().unwrap();
    assert_eq!(observability.access_logs, Some(false));
    assert_eq!(observability.metrics, Some(true));
    assert_eq!(observability.tracing, Some(false));
    assert_eq!(observability.trace_verbosity, "detailed");
}

#[test]
fn a9_10_tls_is_on_where_any_of_its_annotations_is() {
    for (annotations, on) in [
        (format!("{{{P}/router.tls: 'true'}}"), true),
        (format!("{{{P}/router.tls: 'false'}}"), false),
        (format!("{{{P}/router.tls.certresolver: le}}"), true),
        (format!("{{{P}/router.tls.options: default}}"), true),
        ("{}".to_owned(), false),
    ] {
        let update = update(&[BACKEND, &simple(&annotations)]);
        assert_clean(&update);
        assert_eq!(
            update.dynamic.http.routers[ROUTER].tls.is_some(),
            on,
            "{annotations}"
        );
    }
}

#[test]
fn a9_10_the_path_matcher_and_the_rule_syntax_are_annotations() {
    let spec = one_path(
        "path: '/a/{id:[0-9]+}', pathType: ImplementationSpecific",
        PORT_443,
    );
    let annotations = format!("{{{P}/router.pathmatcher: Path, {P}/router.rulesyntax: v2}}");
    let update = update(&[BACKEND, &ingress(&annotations, &spec)]);
    assert_clean(&update);
    let router = update.dynamic.http.routers.values().next().unwrap();
    assert_eq!(router.rule, "Host(`a.test`) && PathRegexp(`^/a/(?:[0-9]+)$`)");
}

#[test]
fn a9_10_a_router_annotation_that_cannot_be_read_closes_the_routers() {
    for (annotation, code, hint) in [
        (
            "router.middleware: auth@file",
            Code::UnknownField,
            Some("router.middlewares`?"),
        ),
        (
            "router.tls.option: strict@file",
            Code::UnknownField,
            Some("router.tls.options`?"),
        ),
        (
            "router.tls.domains.x.main: a",
            Code::UnknownField,
            Some("router.tls.domains.0.main`?"),
        ),
        (
            "router.observability.metric: 'true'",
            Code::UnknownField,
            Some("router.observability.metrics`?"),
        ),
        ("router.priority: high", Code::InvalidObject, None),
        ("router.tls: 'yes'", Code::InvalidObject, None),
        ("router.rulesyntax: v1", Code::InvalidObject, None),
        ("router.observability.metrics: on", Code::InvalidObject, None),
        ("router.middlewares: auth", Code::MissingReference, None),
        (
            "router.tls.options: strict@kubernetes",
            Code::MissingReference,
            None,
        ),
    ] {
        let update = update(&[BACKEND, &simple(&format!("{{{P}/{annotation}}}"))]);
        let finding = broken(&update, &Element::Router(ROUTER.to_owned()));
        assert_eq!(finding.code, code, "{annotation}");
        let (name, _) = annotation.split_once(": ").unwrap();
        let field = format!("metadata.annotations[{P}/{name}]");
        assert_eq!(finding.field.as_deref(), Some(field.as_str()));
        assert!(finding.location.is_some(), "{annotation}");
        if let Some(hint) = hint {
            let told = finding.hint.as_deref().unwrap_or_default();
            assert!(told.ends_with(hint), "{annotation}: {told}");
        }
    }
    let both = format!("{{{P}/router.tls: 'false', {P}/router.tls.certresolver: le}}");
    let update = update(&[BACKEND, &simple(&both)]);
    let finding = broken(&update, &Element::Router(ROUTER.to_owned()));
    assert_eq!(finding.code, Code::InvalidObject);
}

#[test]
fn an_unknown_path_matcher_closes_the_path() {
    let spec = one_path("path: /x, pathType: ImplementationSpecific", PORT_443);
    let annotations = format!("{{{P}/router.pathmatcher: 'Path`) || Host(`b.test'}}");
    let update = update(&[BACKEND, &ingress(&annotations, &spec)]);
    let finding = &update.broken[0].1;
    assert_eq!(finding.code, Code::InvalidRule);
    assert_eq!(
        update.dynamic.http.routers.values().next().unwrap().rule,
        "Host(`a.test`)"
    );
}

#[test]
fn a9_11_every_service_annotation_reaches_the_service() {
    let transport = object("ServersTransport", "web", "t", "{serverName: a.test}");
    let annotations = format!(
        "{{{P}/service.nativelb: 'true', {P}/service.serversscheme: h2c, \
          {P}/service.serverstransport: web-t@kubernetescrd, {P}/service.passhostheader: 'false', \
          {P}/service.sticky.cookie: 'true', {P}/service.sticky.cookie.name: c, \
          {P}/service.sticky.cookie.secure: 'true', {P}/service.sticky.cookie.samesite: none, \
          {P}/service.sticky.cookie.httponly: 'true', {P}/service.sticky.cookie.maxage: '42', \
          {P}/service.sticky.cookie.path: /p, {P}/service.sticky.cookie.domain: d.test}}"
    );
    let update = update(&[&annotated(&annotations), &transport, &simple("{}")]);
    assert_clean(&update);
    let balancer = balancer(&update, "web-backend-443");
    assert_eq!(servers(&update, "web-backend-443"), ["h2c://10.0.0.7:443"]);
    assert_eq!(balancer.servers_transport, "web-t@kubernetescrd");
    assert_eq!(balancer.pass_host_header, Some(false));
    let cookie = balancer.sticky.as_ref().unwrap().cookie.as_ref().unwrap();
    assert_eq!(
        (cookie.name.as_str(), cookie.secure, cookie.http_only),
        ("c", true, true)
    );
    assert_eq!((cookie.same_site.as_str(), cookie.max_age), ("none", 42));
    assert_eq!(
        (cookie.path.as_deref(), cookie.domain.as_str()),
        (Some("/p"), "d.test")
    );
}

#[test]
fn a9_11_the_native_annotation_counts_before_the_default() {
    let policy = IngressPolicy {
        common: Policy {
            native_lb_by_default: true,
            ..Policy::default()
        },
        ..IngressPolicy::default()
    };
    let backend = annotated(&format!("{{{P}/service.nativelb: 'false'}}"));
    let update = update_under(&policy, &[&backend, &simple("{}")]);
    assert_eq!(servers(&update, "web-backend-443"), ["https://10.1.0.1:8443"]);
}

#[test]
fn a9_11_a_service_annotation_that_cannot_be_read_closes_the_service() {
    for (annotation, code) in [
        (
            "service.serversTransports: web-t@kubernetescrd",
            Code::UnknownField,
        ),
        ("service.serversscheme: ftp", Code::InvalidObject),
        ("service.nativelb: maybe", Code::InvalidObject),
        ("service.sticky.cookie.maxage: long", Code::InvalidObject),
        (
            "service.serverstransport: web-none@kubernetescrd",
            Code::MissingReference,
        ),
        ("service.serverstransport: t", Code::MissingReference),
    ] {
        let backend = annotated(&format!("{{{P}/{annotation}}}"));
        let update = update(&[&backend, &simple("{}")]);
        let finding = broken(&update, &Element::Service("web-backend-443".to_owned()));
        assert_eq!(finding.code, code, "{annotation}");
        assert_eq!(
            finding.object.as_ref().unwrap().to_string(),
            "Service web/backend"
        );
        assert!(finding.location.is_some());
    }
}

#[test]
fn annotations_in_the_wrong_place_are_told_where_they_belong() {
    let backend = annotated(&format!("{{{P}/router.tls: 'true'}}"));
    let annotations = format!("{{{P}/service.serverstransport: web-t@kubernetescrd}}");
    let update = update(&[&backend, &simple(&annotations)]);
    assert_eq!(update.broken, []);
    assert_eq!(codes(&update.notes), [Code::MisplacedField, Code::MisplacedField]);
}

#[test]
fn annotations_that_nobody_reads_are_told_with_the_nearest() {
    let annotations = format!("{{{P}/rule-type: PathPrefixStrip, {P}/entrypoints: web}}");
    let update = update(&[BACKEND, &simple(&annotations)]);
    assert_eq!(update.broken, []);
    assert_eq!(codes(&update.notes), [Code::UnknownField, Code::UnknownField]);
    let hints: Vec<_> = update
        .notes
        .iter()
        .filter_map(|note| note.hint.as_deref())
        .collect();
    assert_eq!(
        hints,
        ["did you mean `traefik.ingress.kubernetes.io/router.entrypoints`?"]
    );
}

#[test]
fn annotations_of_other_controllers_are_told_once() {
    let nginx = "{nginx.ingress.kubernetes.io/auth-type: basic, cert-manager.io/issuer: ca}";
    let of = |name| named("web", name, nginx, &one_path(PREFIX, PORT_443));
    let update = update(&[BACKEND, &of("a"), &of("b"), &of("c")]);
    let [note] = update.notes.as_slice() else {
        panic!("{:#?}", update.notes);
    };
    assert_eq!(
        (note.code, note.severity),
        (Code::UnknownField, Severity::Warning)
    );
    assert!(note.message.starts_with("3 Ingresses"), "{}", note.message);
    assert!(note.message.contains("nginx.ingress.kubernetes.io/auth-type"));
}

#[test]
fn an_annotation_that_is_not_a_text_is_refused_as_a_cluster_refuses_it() {
    let update = update(&[BACKEND, &simple(&format!("{{{P}/router.priority: 42}}"))]);
    assert_eq!(router_names(&update), [""; 0]);
    let note = &update.notes[0];
    assert_eq!(note.code, Code::InvalidObject);
    assert_eq!(
        note.field.as_deref(),
        Some("metadata.annotations[traefik.ingress.kubernetes.io/router.priority]")
    );
    assert!(note.hint.as_deref().unwrap().contains("double quotes"));
}

#[test]
fn a9_10_a_priority_of_ones_own_counts() {
    let spec = one_path("path: /x, pathType: Exact", PORT_443).replace("a.test", "'*.a.test'");
    let of = |annotations: &str| {
        let update = update(&[BACKEND, &ingress(annotations, &spec)]);
        update.dynamic.http.routers.values().next().unwrap().priority
    };
    assert_eq!(of(&format!("{{{P}/router.priority: '7'}}")), Some(7));
    assert_eq!(of(&format!("{{{P}/router.priority: '0'}}")), of("{}"));
}
