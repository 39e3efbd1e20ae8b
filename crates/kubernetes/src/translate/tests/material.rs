use std::sync::Arc;

use viaduct_config::duration::GoDuration;
use viaduct_config::finding::Code;
use viaduct_config::{Element, RevokedWhat};

use super::{BACKEND, assert_clean, broken, codes, object, route, router, secret, transport, update};

fn servers_transport(spec: &str) -> String {
    object("ServersTransport", "web", "t", spec)
}

fn element() -> Element {
    Element::ServersTransport("web-t".to_owned())
}

fn config_map(data: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{namespace: web, name: map}}, data: {data}}}")
}

#[test]
fn a7_3_ca_keys_in_their_order() {
    for (data, expected) in [
        ("{tls.ca: ONE, ca.crt: TWO}", "ONE"),
        ("{ca.crt: TWO, tls.crt: LEAF, tls.key: K}", "TWO"),
        ("{whatever: ONLY}", "ONLY"),
    ] {
        let spec = servers_transport("{rootCAs: [{secret: ca}]}");
        let update = update(&[&spec, &secret("web", "ca", data)]);
        assert_clean(&update);
        assert_eq!(
            transport(&update, "web-t").root_cas.as_deref(),
            Some(&[expected.to_owned()][..]),
            "{data}"
        );
    }
}

#[test]
fn a7_3_config_maps_and_the_old_list() {
    let spec = servers_transport("{rootCAs: [{configMap: map}], rootCAsSecrets: [ca]}");
    let update = update(&[
        &spec,
        &secret("web", "ca", "{ca.crt: SECRET}"),
        &config_map("{ca.crt: MAP}"),
    ]);
    assert_clean(&update);
    assert_eq!(
        transport(&update, "web-t").root_cas.as_deref(),
        Some(&["MAP".to_owned(), "SECRET".to_owned()][..])
    );
}

#[test]
fn a7_3_the_secret_wins_over_the_config_map() {
    let spec = servers_transport("{rootCAs: [{secret: ca, configMap: map}]}");
    let update = update(&[&spec, &secret("web", "ca", "{ca.crt: SECRET}")]);
    assert_clean(&update);
    assert_eq!(
        transport(&update, "web-t").root_cas.as_deref(),
        Some(&["SECRET".to_owned()][..])
    );
}

#[test]
fn s6_a_servers_own_secret_as_its_root_is_taken_with_a_warning() {
    let spec = servers_transport("{rootCAsSecrets: [backend-tls]}");
    let update = update(&[
        &spec,
        &secret("web", "backend-tls", "{tls.crt: LEAF, tls.key: K}"),
    ]);
    assert_eq!(update.broken, []);
    assert_eq!(
        transport(&update, "web-t").root_cas.as_deref(),
        Some(&["LEAF".to_owned()][..])
    );
    assert_eq!(codes(&update.notes), [Code::MissingTrust]);
}

#[test]
fn a14_1_no_ca_is_never_the_systems_cas() {
    for (spec, data, code) in [
        ("{rootCAs: [{secret: gone}]}", "{}", Code::MissingReference),
        ("{rootCAsSecrets: [gone]}", "{}", Code::MissingReference),
        ("{rootCAs: [{configMap: gone}]}", "{}", Code::MissingReference),
        ("{rootCAs: [{secret: ca}]}", "{}", Code::MissingTrust),
        ("{rootCAs: [{secret: ca}]}", "{ca.crt: ''}", Code::MissingTrust),
        (
            "{rootCAs: [{secret: ca}]}",
            "{ca.crt: '', tls.crt: LEAF}",
            Code::MissingTrust,
        ),
        ("{rootCAs: [{secret: ca}]}", "{a: x, b: y}", Code::MissingTrust),
        ("{rootCAs: [{configMap: map}]}", "{}", Code::MissingTrust),
        ("{rootCAs: [{}]}", "{}", Code::MissingTrust),
        ("{rootCAs: []}", "{}", Code::MissingTrust),
        ("{rootCAsSecrets: []}", "{}", Code::MissingTrust),
    ] {
        let update = update(&[
            &servers_transport(spec),
            &secret("web", "ca", data),
            &config_map("{other: x}"),
        ]);
        assert_eq!(broken(&update, &element()).code, code, "{spec} {data}");
        assert!(
            transport(&update, "web-t").root_cas.is_some(),
            "{spec}: `None` would be the system's CAs"
        );
    }
    assert_eq!(
        transport(&update(&[&servers_transport("{}")]), "web-t").root_cas,
        None
    );
}

#[test]
fn a14_1_one_missing_ca_of_several_breaks_the_transport() {
    let spec = servers_transport("{rootCAs: [{secret: ca}, {secret: gone}]}");
    let update = update(&[&spec, &secret("web", "ca", "{ca.crt: CA}")]);
    let finding = broken(&update, &element());
    assert_eq!(finding.field.as_deref(), Some("spec.rootCAs[1].secret"));
}

#[test]
fn a14_1_a_secret_of_another_namespace_is_missing() {
    let spec = servers_transport("{rootCAs: [{secret: ca}], certificatesSecrets: [pair]}");
    let update = update(&[
        &spec,
        &secret("other", "ca", "{ca.crt: CA}"),
        &secret("other", "pair", "{tls.crt: C, tls.key: K}"),
    ]);
    let codes: Vec<_> = update.broken.iter().map(|(_, finding)| finding.code).collect();
    assert_eq!(codes, [Code::MissingReference, Code::MissingReference]);
}

#[test]
fn a14_2_a_client_certificate_that_cannot_be_had_breaks_the_transport() {
    for (data, code) in [
        (None, Code::MissingReference),
        (Some("{tls.crt: C}"), Code::InvalidCertificate),
        (Some("{tls.key: K}"), Code::InvalidCertificate),
        (Some("{tls.crt: '', tls.key: K}"), Code::InvalidCertificate),
    ] {
        let pair = data.map_or_else(String::new, |data| secret("web", "pair", data));
        let update = update(&[&servers_transport("{certificatesSecrets: [pair]}"), &pair]);
        assert_eq!(broken(&update, &element()).code, code, "{data:?}");
    }
}

#[test]
fn a7_4_client_certificates_are_carried() {
    let update = update(&[
        &servers_transport("{certificatesSecrets: [pair]}"),
        &secret("web", "pair", "{tls.crt: C, tls.key: K}"),
    ]);
    assert_clean(&update);
    assert_eq!(&*transport(&update, "web-t").certificates[0].cert_file, "C");
}

#[test]
fn c5_the_backends_own_key_as_client_certificate_is_said() {
    let spec = servers_transport("{rootCAs: [{secret: both}], certificatesSecrets: [both]}");
    let update = update(&[
        &spec,
        &secret("web", "both", "{tls.crt: C, tls.key: K, ca.crt: CA}"),
    ]);
    assert_eq!(update.broken, []);
    assert_eq!(codes(&update.notes), [Code::MisplacedField]);
}

#[test]
fn s4_everything_of_a_servers_transport_is_carried() {
    let spec = "{serverName: x, insecureSkipVerify: true, cipherSuites: [A], minVersion: VersionTLS12, \
        maxVersion: VersionTLS13, maxIdleConnsPerHost: 7, disableHTTP2: true, peerCertURI: 'spiffe://a/b', \
        spiffe: {ids: [i], trustDomain: d}, forwardingTimeouts: {dialTimeout: 5, responseHeaderTimeout: 1m, \
        idleConnTimeout: '90', readIdleTimeout: 1s500ms, pingTimeout: 0}}";
    let update = update(&[&servers_transport(spec)]);
    assert_clean(&update);
    let written = transport(&update, "web-t");
    assert_eq!(written.server_name, "x");
    assert!(written.insecure_skip_verify && written.disable_http2);
    assert_eq!(written.cipher_suites, ["A"]);
    assert_eq!(
        (&*written.min_version, &*written.max_version),
        ("VersionTLS12", "VersionTLS13")
    );
    assert_eq!(written.max_idle_conns_per_host, Some(7));
    assert_eq!(written.peer_cert_uri, "spiffe://a/b");
    assert_eq!(written.spiffe.as_ref().unwrap().trust_domain, "d");
    let timeouts = written.forwarding_timeouts.as_ref().unwrap();
    assert_eq!(timeouts.dial_timeout, Some(GoDuration::from_secs(5)));
    assert_eq!(timeouts.response_header_timeout, Some(GoDuration::from_secs(60)));
    assert_eq!(timeouts.idle_conn_timeout, Some(GoDuration::from_secs(90)));
    assert_eq!(
        timeouts.read_idle_timeout,
        Some(GoDuration::from_nanos(1_500_000_000))
    );
    assert_eq!(timeouts.ping_timeout, Some(GoDuration::from_secs(0)));
}

#[test]
fn s3_everything_of_a_tls_option_is_carried() {
    let spec = "{minVersion: VersionTLS12, maxVersion: VersionTLS13, cipherSuites: [A], curvePreferences: [P256], \
        clientAuth: {secretNames: [ca], clientAuthType: VerifyClientCertIfGiven}, sniStrict: true, \
        alpnProtocols: [h2], disableSessionTickets: true, preferServerCipherSuites: true}";
    let update = update(&[
        &object("TLSOption", "web", "o", spec),
        &secret("web", "ca", "{tls.ca: CA}"),
    ]);
    assert_clean(&update);
    let options = &update.dynamic.tls.options["web-o"];
    assert_eq!(
        (&*options.min_version, &*options.max_version),
        ("VersionTLS12", "VersionTLS13")
    );
    assert_eq!(
        (&*options.cipher_suites[0], &*options.curve_preferences[0]),
        ("A", "P256")
    );
    let auth = options.client_auth.as_ref().unwrap();
    assert_eq!(
        (&*auth.ca_files[0], &*auth.client_auth_type),
        ("CA", "VerifyClientCertIfGiven")
    );
    assert!(options.sni_strict && options.disable_session_tickets);
    assert_eq!(options.alpn_protocols.as_deref(), Some(&["h2".to_owned()][..]));
    assert_eq!(options.prefer_server_cipher_suites, Some(true));
}

#[test]
fn a8_4_client_cas_that_cannot_be_had_break_the_options() {
    for (data, code) in [
        (None, Code::MissingReference),
        (Some("{only: CA}"), Code::MissingTrust),
        (Some("{tls.crt: C, tls.key: K}"), Code::MissingTrust),
        (Some("{tls.ca: ''}"), Code::MissingTrust),
    ] {
        let ca = data.map_or_else(String::new, |data| secret("web", "ca", data));
        let option = object("TLSOption", "web", "o", "{clientAuth: {secretNames: [ca]}}");
        let update = update(&[&option, &ca]);
        let finding = broken(&update, &Element::TlsOptions("web-o".to_owned()));
        assert_eq!(finding.code, code, "{data:?}");
    }
}

#[test]
fn a8_10_options_named_default_are_the_default() {
    let update = update(&[&object("TLSOption", "web", "default", "{sniStrict: true}")]);
    assert_clean(&update);
    assert!(update.dynamic.tls.options["default"].sni_strict);
}

#[test]
fn a8_10_several_default_options_are_none_and_never_open_what_one_guards() {
    let other = object("TLSOption", "other", "default", "{}");
    let harmless = update(&[
        &object("TLSOption", "web", "default", "{sniStrict: true}"),
        &other,
    ]);
    assert!(harmless.dynamic.tls.options.is_empty());
    assert_eq!(harmless.broken, []);
    assert_eq!(codes(&harmless.notes), [Code::DuplicateObject]);

    let guard = "{clientAuth: {clientAuthType: RequireAnyClientCert}}";
    let guarded = update(&[&object("TLSOption", "web", "default", guard), &other]);
    let finding = broken(&guarded, &Element::TlsOptions("default".to_owned()));
    assert_eq!(finding.code, Code::DuplicateObject);
}

#[test]
fn a8_10_a_route_may_name_the_default_options() {
    let spec = "{routes: [{match: Host(`a`), services: [{name: backend, port: 443}]}], \
                 tls: {options: {name: default}}}";
    let update = update(&[BACKEND, &object("IngressRoute", "web", "route", spec)]);
    assert_clean(&update);
    assert_eq!(router(&update).tls.as_ref().unwrap().options, "default");
}

#[test]
fn cve_2022_46153_options_that_do_not_exist_take_the_router_out() {
    let spec = "{routes: [{match: Host(`a`), services: [{name: backend, port: 443}]}], \
                 tls: {options: {name: gone}}}";
    let update = update(&[BACKEND, &object("IngressRoute", "web", "route", spec)]);
    let finding = broken(&update, &super::router_element(&update));
    assert_eq!(finding.code, Code::MissingReference);
    assert_eq!(finding.message, "TLSOption `web/gone` does not exist");
}

#[test]
fn a8_13_the_default_store() {
    let spec = "{defaultCertificate: {secretName: d}, certificates: [{secretName: c}, {secretName: gone}], \
                 defaultGeneratedCert: {resolver: r, domain: {main: m}}}";
    let update = update(&[
        &object("TLSStore", "web", "default", spec),
        &secret("web", "d", "{tls.crt: D, tls.key: K}"),
        &secret("web", "c", "{tls.crt: C, tls.key: K}"),
    ]);
    let store = &update.dynamic.tls.stores["default"];
    assert_eq!(&*store.default_certificate.as_ref().unwrap().cert_file, "D");
    assert_eq!(store.default_generated_cert.as_ref().unwrap().resolver, "r");
    let [certificate] = update.dynamic.tls.certificates.as_slice() else {
        panic!("{:#?}", update.dynamic.tls.certificates);
    };
    assert_eq!(
        (&*certificate.pair.cert_file, &*certificate.stores[0]),
        ("C", "default")
    );
    assert_eq!(update.broken, []);
    assert_eq!(codes(&update.notes), [Code::MissingReference]);
}

#[test]
fn a8_13_other_stores_have_no_effect() {
    let other = update(&[&object(
        "TLSStore",
        "web",
        "mine",
        "{defaultCertificate: {secretName: d}}",
    )]);
    assert!(other.dynamic.tls.stores.is_empty());
    assert_eq!(codes(&other.notes), [Code::Unsupported]);
    let twice = update(&[
        &object("TLSStore", "a", "default", "{}"),
        &object("TLSStore", "b", "default", "{}"),
    ]);
    assert!(twice.dynamic.tls.stores.is_empty());
    assert_eq!(codes(&twice.notes), [Code::DuplicateObject]);
}

#[test]
fn a8_13_a_default_certificate_that_cannot_be_had_breaks_the_store() {
    let update = update(&[&object(
        "TLSStore",
        "web",
        "default",
        "{defaultCertificate: {secretName: gone}}",
    )]);
    let finding = broken(&update, &Element::TlsStore("default".to_owned()));
    assert_eq!(finding.code, Code::MissingReference);
}

#[test]
fn c14_a_bad_secret_touches_its_own_users_only() {
    let good = route("[{name: backend, port: 443, serversTransport: good}]");
    let bad = good
        .replace("name: route", "name: bad")
        .replace("serversTransport: good", "serversTransport: bad");
    let documents = [
        BACKEND,
        &good,
        &bad,
        &object("ServersTransport", "web", "good", "{rootCAs: [{secret: ca}]}"),
        &object("ServersTransport", "web", "bad", "{rootCAs: [{secret: broken}]}"),
        &secret("web", "ca", "{ca.crt: CA}"),
        "{apiVersion: v1, kind: Secret, metadata: {namespace: web, name: broken}, data: {ca.crt: '%'}}",
    ];
    let update = update(&documents);
    let elements: Vec<_> = update.broken.iter().map(|(element, _)| element.clone()).collect();
    assert_eq!(elements, [Element::ServersTransport("web-bad".to_owned())]);
    assert!(update.broken[0].1.message.contains("`data.ca.crt` is not base64"));
    assert_eq!(update.dynamic.http.routers.len(), 2);
}

#[test]
fn i2_every_router_asks_for_the_certificate_that_its_object_names() {
    let asking = |name: &str| {
        let spec = format!(
            "{{routes: [{{match: Host(`{name}`), services: [{{name: backend, port: 443}}]}}, \
               {{match: Host(`{name}.more`), services: [{{name: backend, port: 443}}]}}], tls: {{secretName: pair}}}}"
        );
        object("IngressRoute", "web", name, &spec)
    };
    let store = object(
        "TLSStore",
        "web",
        "default",
        "{certificates: [{secretName: pair}]}",
    );
    let pair = secret("web", "pair", "{tls.crt: C, tls.key: K}");
    for more in [vec![], vec![store.as_str()]] {
        let (one, two) = (asking("one"), asking("two"));
        let documents = [&[BACKEND, &one, &two, &pair], more.as_slice()].concat();
        let update = update(&documents);
        assert_clean(&update);
        assert_eq!(update.dynamic.tls.certificates.len(), 1);
        assert_eq!(update.dynamic.http.routers.len(), 4);
        for name in update.dynamic.http.routers.keys() {
            let router = Element::Router(name.clone());
            assert_eq!(update.own_certificates.get(&router), Some(&0), "{router}");
        }
    }
}

/// A quarter of a megabyte of annotation and a megabyte of list must not become gigabytes of PEM.
#[test]
fn i5_what_is_named_again_and_again_is_read_once() {
    let annotated = secret("web", "ca", "{ca.crt: PEM}").replacen(
        "name: ca}",
        "name: ca, annotations: {viaduct.io/revoked: 'all,all, all'}}",
        1,
    );
    let pair = secret("web", "pair", "{tls.crt: CERT, tls.key: KEY}");
    let spec =
        "{rootCAs: [{secret: ca}, {secret: ca}], rootCAsSecrets: [ca], certificatesSecrets: [pair, pair]}";
    let options = "{clientAuth: {secretNames: [ca, ca]}}";
    let update = update(&[
        &annotated,
        &pair,
        &object("ServersTransport", "web", "t", spec),
        &object("TLSOption", "web", "o", options),
    ]);
    let written = transport(&update, "web-t");
    assert_eq!(written.root_cas.as_ref().map(Vec::len), Some(1));
    assert_eq!(written.certificates.len(), 1);
    let materials = &update.materials[&Element::ServersTransport("web-t".into())];
    assert_eq!((materials.cas.len(), materials.revoked.len()), (1, 1));
    let auth = update.dynamic.tls.options["web-o"].client_auth.as_ref();
    assert_eq!(auth.map(|auth| auth.ca_files.len()), Some(1));
}

/// Connections may be open yet that rest on it.
#[test]
fn c9_what_a_secret_without_a_ca_revokes_counts_too() {
    let annotated = secret("web", "ca", "{ca.crt: ''}").replacen(
        "name: ca}",
        "name: ca, annotations: {viaduct.io/revoked: 'one all'}}",
        1,
    );
    let update = update(&[
        &annotated,
        &object("ServersTransport", "web", "t", "{rootCAs: [{secret: ca}]}"),
        &object("ServersTransport", "web", "u", "{rootCAsSecrets: [ca]}"),
    ]);
    let lists = ["web-t", "web-u"].map(|name| {
        let materials = &update.materials[&Element::ServersTransport(name.into())];
        let [revoked] = materials.revoked.as_slice() else {
            panic!("{:?}", materials.revoked);
        };
        match &revoked.what {
            RevokedWhat::Listed(list) => Arc::clone(list),
            RevokedWhat::AllOf(pem) => panic!("{pem}"),
        }
    });
    assert_eq!(&*lists[0], ["one".to_owned()]);
    assert!(Arc::ptr_eq(&lists[0], &lists[1]), "a list for each transport");
}
