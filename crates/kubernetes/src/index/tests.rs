use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use viaduct_config::finding::Code;
use viaduct_config::{Finding, Severity};

use super::{Index, Lookup, SecretView};
use crate::api::{
    ConfigMap, IngressRoute, Kind, Name, Namespace, Revoked, Secret, ServersTransport, Service, TlsOption,
};

fn index() -> Index {
    Index::new(|_| Ok(()))
}

fn applied(text: &str) -> Index {
    let mut index = index();
    index.apply("a.yaml", text);
    index
}

fn findings(index: &Index) -> Vec<Finding> {
    let mut all: Vec<_> = index.findings().cloned().collect();
    all.extend(index.view().duplicates);
    all
}

/// Code and place of the only finding.
fn only(index: &Index) -> (Code, String, String) {
    let findings = findings(index);
    let [finding] = findings.as_slice() else {
        panic!("not one finding: {findings:#?}");
    };
    let place = finding
        .location
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    (finding.code, place, finding.message.clone())
}

fn secret(index: &Index, namespace: &str, name: &str, key: &str) -> Option<Vec<u8>> {
    match index.view().get::<Secret>(&Name::new(namespace, name)) {
        Lookup::Good(secret) => secret.data.get(key).map(<[u8]>::to_vec),
        Lookup::Broken(_) | Lookup::Missing => None,
    }
}

fn minimum_version(index: &Index, name: &str) -> Option<String> {
    match index.view().get::<TlsOption>(&Name::new("web", name)) {
        Lookup::Good(option) => Some(option.min_version.clone()),
        Lookup::Broken(_) | Lookup::Missing => None,
    }
}

fn option(name: &str, version: &str) -> String {
    format!(
        "apiVersion: traefik.io/v1alpha1
kind: TLSOption
metadata: {{name: {name}, namespace: web}}
spec: {{minVersion: {version}}}
---
"
    )
}

#[test]
fn a13_8_a_file_that_does_not_parse_keeps_its_objects() {
    let mut index = applied(&option("strict", "VersionTLS13"));
    index.apply("a.yaml", "kind: TLSOption\n  name: [");
    assert_eq!(minimum_version(&index, "strict").as_deref(), Some("VersionTLS13"));
    let (code, place, message) = only(&index);
    assert_eq!(code, Code::LastGoodKept);
    assert!(place.starts_with("a.yaml:2:"), "{place}");
    assert!(
        message.ends_with("; the file's objects are kept as they were"),
        "{message}"
    );

    index.apply("a.yaml", &option("strict", "VersionTLS12"));
    assert_eq!(minimum_version(&index, "strict").as_deref(), Some("VersionTLS12"));
    assert_eq!(findings(&index), []);
}

#[test]
fn a13_8_a_file_that_never_parsed_says_so_and_nothing_else() {
    let mut index = applied(&option("strict", "VersionTLS13"));
    index.apply("b.yaml", "a: [");
    assert_eq!(only(&index).0, Code::UnreadableDocument);
    assert_eq!(minimum_version(&index, "strict").as_deref(), Some("VersionTLS13"));
}

#[test]
fn a13_8_an_object_of_the_wrong_shape_keeps_its_last_good_state() {
    let mut index = applied(&(option("one", "VersionTLS12") + &option("two", "VersionTLS12")));
    index.apply("a.yaml", &(option("one", "[1]") + &option("two", "VersionTLS13")));
    assert_eq!(minimum_version(&index, "one").as_deref(), Some("VersionTLS12"));
    assert_eq!(minimum_version(&index, "two").as_deref(), Some("VersionTLS13"));
    let (code, place, message) = only(&index);
    assert_eq!((code, &*place), (Code::LastGoodKept, "a.yaml:4:20"));
    assert!(message.starts_with("`spec.minVersion`: "), "{message}");
}

#[test]
fn c14_an_object_that_was_never_good_is_broken_alone() {
    let index = applied(&(option("one", "[1]") + &option("two", "VersionTLS13")));
    assert!(matches!(
        index.view().get::<TlsOption>(&Name::new("web", "one")),
        Lookup::Broken(_)
    ));
    assert_eq!(minimum_version(&index, "two").as_deref(), Some("VersionTLS13"));
    assert_eq!(only(&index).0, Code::InvalidObject);
}

#[test]
fn r6_an_empty_file_is_taken_for_one_that_is_being_written() {
    let mut index = applied(&option("strict", "VersionTLS13"));
    index.apply("a.yaml", " \n");
    assert_eq!(minimum_version(&index, "strict").as_deref(), Some("VersionTLS13"));
    assert_eq!(only(&index).0, Code::LastGoodKept);
    index.apply("a.yaml", "# nothing here any more\n");
    assert_eq!(minimum_version(&index, "strict"), None);
    assert_eq!(findings(&index), []);
}

#[test]
fn a_removed_file_takes_its_objects_with_it() {
    let mut index = applied(&option("strict", "VersionTLS13"));
    index.remove("a.yaml");
    assert!(index.is_empty());
}

#[test]
fn an_unreadable_file_keeps_its_objects() {
    let mut index = applied(&option("strict", "VersionTLS13"));
    index.unreadable("a.yaml", "the file cannot be read: permission denied");
    assert_eq!(minimum_version(&index, "strict").as_deref(), Some("VersionTLS13"));
    assert_eq!(only(&index).0, Code::LastGoodKept);
}

/// A Secret whose key has to be its certificate's.
fn pair(certificate: &str, key: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: cert, namespace: web}}, \
         stringData: {{tls.crt: {certificate}, tls.key: {key}}}}}"
    )
}

fn belongs_together(secret: &SecretView<'_>) -> Result<(), String> {
    if secret.get("tls.crt") == secret.get("tls.key") {
        Ok(())
    } else {
        Err(format!(
            "the key of {}/{} is another certificate's",
            secret.namespace, secret.name
        ))
    }
}

#[test]
fn a8_24_a_pair_changes_together_or_not_at_all() {
    let mut index = Index::new(belongs_together);
    index.apply("a.yaml", &pair("one", "one"));
    index.apply("a.yaml", &pair("two", "one"));
    assert_eq!(secret(&index, "web", "cert", "tls.crt").unwrap(), b"one");
    let (code, _, message) = only(&index);
    assert_eq!(code, Code::LastGoodKept);
    assert_eq!(
        message,
        "the key of web/cert is another certificate's; the object's last good state is kept"
    );
    index.apply("a.yaml", &pair("two", "two"));
    assert_eq!(secret(&index, "web", "cert", "tls.crt").unwrap(), b"two");
    assert_eq!(findings(&index), []);
}

#[test]
fn a8_24_at_first_sight_a_secret_is_taken_as_it_is() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let mut index = Index::new(move |secret| {
        counter.fetch_add(1, Ordering::Relaxed);
        belongs_together(secret)
    });
    index.apply("a.yaml", &pair("two", "one"));
    assert_eq!(secret(&index, "web", "cert", "tls.crt").unwrap(), b"two");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn the_first_of_two_equal_objects_counts_whatever_came_first() {
    let one = option("strict", "VersionTLS12");
    let two = option("strict", "VersionTLS13");
    for order in [["a.yaml", "b.yaml"], ["b.yaml", "a.yaml"]] {
        let mut index = index();
        for file in order {
            index.apply(file, if file == "a.yaml" { &one } else { &two });
        }
        assert_eq!(minimum_version(&index, "strict").as_deref(), Some("VersionTLS12"));
        let (code, place, _) = only(&index);
        assert_eq!((code, &*place), (Code::DuplicateObject, "b.yaml:1:1"));
    }
}

#[test]
fn a9_1_old_and_missing_api_versions_are_read_with_a_warning() {
    for (version, expected) in [
        ("apiVersion: traefik.io/v1alpha1", None),
        (
            "apiVersion: traefik.containo.us/v1alpha1",
            Some(Severity::Warning),
        ),
        ("metadata: {name: x}", Some(Severity::Warning)),
    ] {
        let rest = if version.starts_with("metadata") {
            ""
        } else {
            "metadata: {name: x}"
        };
        let index = applied(&format!("{version}\nkind: TLSOption\n{rest}\nspec: {{}}"));
        assert!(
            index.view().has::<TlsOption>(&Name::new("default", "x")),
            "{version}"
        );
        let found = findings(&index);
        assert_eq!(
            found.first().map(|finding| (finding.severity, finding.code)),
            expected.map(|severity| (severity, Code::ApiVersion)),
            "{version}"
        );
    }
}

#[test]
fn a9_1_other_versions_of_our_kinds_are_refused() {
    for text in [
        "{apiVersion: traefik.io/v2, kind: TLSOption, metadata: {name: x}, spec: {}}",
        "{apiVersion: discovery.k8s.io/v1beta1, kind: EndpointSlice, metadata: {name: x}, addressType: IPv4}",
        "{kind: Secret, metadata: {name: x}}",
    ] {
        let index = applied(text);
        assert!(index.is_empty(), "{text}");
        assert_eq!(only(&index).0, Code::ApiVersion, "{text}");
    }
}

#[test]
fn other_kinds_are_left_alone() {
    let index = applied(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}
---
{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: x}}
---
{image: {tag: latest}}
---
{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: x}, spec: {}}",
    );
    assert_eq!((index.ignored(), index.len()), (3, 1));
    assert_eq!(findings(&index), []);
}

#[test]
fn lists_are_looked_into() {
    let index = applied(
        "apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {a: b}}
---
apiVersion: v1
kind: SecretList
items:
- {metadata: {name: two}, stringData: {a: b}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRouteList
items:
- {metadata: {name: three}, spec: {routes: []}}",
    );
    let view = index.view();
    assert!(view.has::<ConfigMap>(&Name::new("default", "one")));
    assert!(view.has::<Secret>(&Name::new("default", "two")));
    assert!(view.has::<IngressRoute>(&Name::new("default", "three")));
    assert_eq!(findings(&index), []);
}

#[test]
fn lists_within_lists_end_somewhere() {
    let mut text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}".to_owned();
    for _ in 0..20 {
        text = format!("{{apiVersion: v1, kind: List, items: [{text}]}}");
    }
    assert!(applied(&text).is_empty());
}

#[test]
fn string_data_goes_over_data() {
    let index = applied(
        "{apiVersion: v1, kind: Secret, metadata: {name: x}, \
          data: {a: b2xk, b: b2xk}, stringData: {a: new}}",
    );
    assert_eq!(secret(&index, "default", "x", "a").unwrap(), b"new");
    assert_eq!(secret(&index, "default", "x", "b").unwrap(), b"old");
}

#[test]
fn base64_is_read_as_kubernetes_reads_it() {
    let index = applied(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata:\n  a: |\n    b2\n    xk\n  b: \"\"",
    );
    assert_eq!(secret(&index, "default", "x", "a").unwrap(), b"old");
    assert_eq!(secret(&index, "default", "x", "b").unwrap(), b"");
}

#[test]
fn r24_an_error_about_a_secret_does_not_quote_it() {
    for (text, place) in [
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata:\n  tls.key: SECRET!",
            "a.yaml:5:12",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: SECRET",
            "a.yaml:4:7",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  tls.key: 5318008",
            "a.yaml:5:12",
        ),
    ] {
        let index = applied(text);
        let found = findings(&index);
        let shown = format!("{found:?}");
        assert!(!shown.contains("SECRET") && !shown.contains("5318008"), "{shown}");
        let (code, at, _) = only(&index);
        assert_eq!((code, &*at), (Code::InvalidObject, place));
    }
    let good = applied("{apiVersion: v1, kind: Secret, metadata: {name: x}, stringData: {k: SECRET}}");
    let Lookup::Good(secret) = good.view().get::<Secret>(&Name::new("default", "x")) else {
        panic!("not read");
    };
    assert!(!format!("{secret:?}").contains("SECRET"));
}

#[test]
fn c61_names_are_names_and_not_paths() {
    for name in [
        "../etc/passwd",
        "a b",
        "a@b",
        "A",
        "\"\"",
        "5",
        "a/b",
        "\"a\\nb\"",
    ] {
        let index = applied(&format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}}}"
        ));
        assert!(index.is_empty(), "{name}");
        assert_eq!(only(&index).0, Code::InvalidObject, "{name}");
    }
    let long = "a".repeat(254);
    assert!(
        applied(&format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: {long}}}}}"
        ))
        .is_empty()
    );
}

#[test]
fn a_document_without_a_name_or_a_mapping_is_said() {
    for text in [
        "just text",
        "[1, 2]",
        "{apiVersion: v1, kind: Secret}",
        "{apiVersion: v1, kind: Secret, metadata: {}}",
        "{apiVersion: v1, kind: Secret, metadata: {namespace: null}}",
    ] {
        assert_eq!(only(&applied(text)).0, Code::InvalidObject, "{text}");
    }
}

#[test]
fn a_field_that_is_null_was_not_written() {
    let index = applied(
        "{apiVersion: v1, kind: Service, metadata: {name: x, namespace: null, creationTimestamp: null}, \
          spec: {ports: null}, status: null}",
    );
    assert!(index.view().has::<Service>(&Name::new("default", "x")));
    assert_eq!(findings(&index), []);
}

#[test]
fn c4_misplaced_fields_are_told_where_they_belong() {
    for (kind, spec, field, hint) in [
        (
            Kind::IngressRoute,
            "{routes: [{match: x, tls: {}}]}",
            "spec.routes[0].tls",
            "it belongs in `spec.tls`, for all routes of the object",
        ),
        (
            Kind::IngressRoute,
            "{secretName: x, routes: []}",
            "spec.secretName",
            "it belongs in `spec.tls.secretName`",
        ),
        (
            Kind::TlsOption,
            "{rootCAs: []}",
            "spec.rootCAs",
            "it belongs in a ServersTransport, which `spec.routes[].services[].serversTransport` names",
        ),
        (
            Kind::ServersTransport,
            "{rootCas: []}",
            "spec.rootCas",
            "it is spelt `rootCAs`",
        ),
    ] {
        let version = kind.api_version();
        let index = applied(&format!(
            "{{apiVersion: {version}, kind: {kind}, metadata: {{name: x}}, spec: {spec}}}"
        ));
        let found = findings(&index);
        let [finding] = found.as_slice() else {
            panic!("not one finding: {found:#?}");
        };
        assert_eq!(finding.field.as_deref(), Some(field));
        assert_eq!(finding.hint.as_deref(), Some(hint));
        assert_eq!(finding.severity, Severity::Warning);
    }
}

#[test]
fn c4_a_block_beside_spec_is_told_where_it_belongs() {
    let index = applied(
        "apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: x}
spec: {routes: []}
tls: {secretName: y}",
    );
    let found = findings(&index);
    assert_eq!(found[0].code, Code::MisplacedField);
    assert_eq!(found[0].hint.as_deref(), Some("it belongs in `spec.tls`"));
}

/// What the Secret `web/ca` revokes; `None`: it cannot be used.
fn revoked(index: &Index) -> Option<Vec<String>> {
    match index.view().get::<Secret>(&Name::new("web", "ca")) {
        Lookup::Good(secret) => Some(secret.revoked.listed.to_vec()),
        Lookup::Broken(_) | Lookup::Missing => None,
    }
}

fn ca(annotations: &str, data: &str) -> String {
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: ca, namespace: web, annotations: {{{annotations}}}}}
data: {data}
"
    )
}

/// Whoever revokes a certificate may well take it out of the object in the same edit, and break the object by it.
#[test]
fn c9_what_an_object_revokes_counts_though_its_last_good_state_is_kept() {
    let mut index = applied(&ca("viaduct.io/revoked: one", "{ca.crt: Q0E=}"));
    assert_eq!(revoked(&index), Some(vec!["one".to_owned()]));
    index.apply("a.yaml", &ca("viaduct.io/revoked: 'two,one'", "{ca.crt: '%'}"));
    assert_eq!(only(&index).0, Code::LastGoodKept);
    assert_eq!(secret(&index, "web", "ca", "ca.crt").as_deref(), Some(&b"CA"[..]));
    assert_eq!(revoked(&index), Some(vec!["one".to_owned(), "two".to_owned()]));
    // Nothing is taken back by an object that cannot be read.
    index.apply("a.yaml", &ca("", "{ca.crt: '%'}"));
    assert_eq!(revoked(&index), Some(vec!["one".to_owned(), "two".to_owned()]));
    // Nor by another annotation that is wrong.
    index.apply("a.yaml", &ca("viaduct.io/revoked: three, other: [1]", "7"));
    assert_eq!(revoked(&index).map(|all| all.len()), Some(3));
    index.apply("a.yaml", &ca("", "{ca.crt: Q0E=}"));
    assert_eq!(revoked(&index), Some(Vec::new()));

    let transport = |revoked: &str, idle: &str| {
        format!(
            "apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata: {{name: t, namespace: web, annotations: {{viaduct.io/revoked: {revoked}}}}}
spec: {{maxIdleConnsPerHost: {idle}}}
"
        )
    };
    let mut index = applied(&transport("''", "1"));
    index.apply("a.yaml", &transport("one", "many"));
    let name = Name::new("web", "t");
    let Lookup::Good(kept) = index.view().get::<ServersTransport>(&name) else {
        panic!("the last good state is gone");
    };
    assert_eq!(&*kept.revoked.listed, ["one".to_owned()]);
}

/// It might be anything: then the state of before is no better.
#[test]
fn c9_an_object_whose_list_cannot_be_read_is_not_kept() {
    let many: Vec<_> = (0..=Revoked::MAX).map(|n| format!("f{n}")).collect();
    let long = format!("'{}'", many.join(","));
    for unreadable in ["[one]", "{one: two}", "7", long.as_str()] {
        let mut index = applied(&ca("", "{ca.crt: Q0E=}"));
        index.apply(
            "a.yaml",
            &ca(&format!("viaduct.io/revoked: {unreadable}"), "{ca.crt: Q0E=}"),
        );
        assert_eq!(only(&index).0, Code::InvalidObject, "{unreadable}");
        assert_eq!(revoked(&index), None, "{unreadable}");
    }
    // Nor one that is broken edit after edit, with another list each time.
    let list = |tag: &str| {
        let items: Vec<_> = (0..200).map(|n| format!("{tag}{n}")).collect();
        format!("viaduct.io/revoked: '{}'", items.join(" "))
    };
    let mut index = applied(&ca(&list("a"), "{ca.crt: Q0E=}"));
    index.apply("a.yaml", &ca(&list("b"), "{ca.crt: '%'}"));
    assert_eq!(revoked(&index), None);
}

#[test]
fn b48_a_namespace_whose_demand_cannot_be_read_is_not_kept() {
    let namespace = |label: &str| {
        format!(
            "apiVersion: v1
kind: Namespace
metadata: {{name: web, labels: {{{label}}}}}
"
        )
    };
    let mut index = applied(&namespace(""));
    index.apply("a.yaml", &namespace("viaduct.io/require: [mtls]"));
    assert_eq!(only(&index).0, Code::InvalidObject);
    let found = index.view().get::<Namespace>(&Name::new("", "web"));
    assert!(matches!(found, Lookup::Broken(_)), "{found:?}");
}
