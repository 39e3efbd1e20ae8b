//! The dynamic configuration, read as a file provider reads it and written again.

use std::collections::BTreeSet;
use std::path::Path;

use viaduct_config::document::{self, Read};
use viaduct_config::dynamic::Dynamic;
use viaduct_config::render::{Format, Secrets, render};

const EVERY_FIELD: &str = include_str!("every_field.yaml");

fn read(file: &str, text: &str) -> Read<Dynamic> {
    let documents = document::parse(file, text).unwrap_or_else(|error| panic!("{error}"));
    let [document] = documents.as_slice() else {
        panic!("{file}: one document expected, {} found", documents.len());
    };
    document.root.read().unwrap_or_else(|error| panic!("{error}"))
}

/// The fixture, and Traefik's own reference where a checkout has it beside it.
fn files() -> Vec<(String, String)> {
    let mut files = vec![("every_field.yaml".to_owned(), EVERY_FIELD.to_owned())];
    let reference = "shared/reference/traefik-file-provider.yaml";
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|ancestor| ancestor.join(reference))
        .find_map(|path| std::fs::read_to_string(path).ok());
    files.extend(beside.map(|text| (reference.to_owned(), text)));
    files
}

#[test]
fn a10_1_every_field_is_known() {
    for (file, text) in files() {
        assert_eq!(read(&file, &text).unknown, [], "{file}");
    }
}

#[test]
fn a10_1_what_is_rendered_reads_back_as_the_same() {
    for (file, text) in files() {
        let dynamic = read(&file, &text).value;
        for format in [Format::Yaml, Format::Json] {
            let rendered = render(&dynamic, format, Secrets::Shown);
            let again = read("rendered", &rendered);
            assert_eq!(again.unknown, [], "{file}");
            assert_eq!(again.value, dynamic, "{file}");
            assert_eq!(render(&again.value, format, Secrets::Shown), rendered, "{file}");
        }
    }
}

/// Nothing that was written is lost on the way.
#[test]
fn a10_1_every_field_is_rendered() {
    fn paths(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    paths(value, &format!("{path}.{name}"), found);
                }
            }
            serde_json::Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    paths(value, &format!("{path}[{index}]"), found);
                }
            }
            _ => {}
        }
        found.insert(path.to_owned());
    }
    for (file, text) in files() {
        let written = document::parse(&file, &text).expect("valid YAML").remove(0).root;
        let written: serde_json::Value = written.read().expect("any value").value;
        let rendered = render(&read(&file, &text).value, Format::Json, Secrets::Shown);
        let rendered: serde_json::Value = serde_json::from_str(&rendered).expect("valid JSON");
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        paths(&written, "", &mut before);
        paths(&rendered, "", &mut after);
        let lost: Vec<_> = before.difference(&after).collect();
        assert!(lost.is_empty(), "{file}: {lost:?}");
    }
}

#[test]
fn a4_every_middleware_has_the_kind_that_was_written() {
    let document = document::parse("f", EVERY_FIELD).expect("valid YAML").remove(0);
    let dynamic = read("f", EVERY_FIELD).value;
    let written = document.root.at("http.middlewares").expect("middlewares");
    for (name, middleware) in &dynamic.http.middlewares {
        let kind = middleware
            .kind_name()
            .unwrap_or_else(|| panic!("{name} has no kind"));
        assert!(
            written.get(name).and_then(|node| node.get(kind)).is_some(),
            "{name}: {kind}"
        );
    }
    let kinds: BTreeSet<_> = dynamic
        .http
        .middlewares
        .values()
        .filter_map(|one| one.kind_name())
        .collect();
    assert_eq!(kinds.len(), 26);
}

#[test]
fn a6_every_service_has_the_kind_that_was_written() {
    let dynamic = read("f", EVERY_FIELD).value;
    let kinds: BTreeSet<_> = dynamic
        .http
        .services
        .values()
        .filter_map(|one| one.kind_name())
        .collect();
    let all = [
        "failover",
        "highestRandomWeight",
        "loadBalancer",
        "mirroring",
        "weighted",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
}

#[test]
fn a10_3_kinds_that_are_missing_repeated_or_unknown() {
    let text = "http:\n  middlewares:\n    none: {}\n    two: {addPrefix: {prefix: /a}, compress: {}}\n\
                \x20   odd: {adPrefix: {prefix: /a}}\n  services:\n    two: {weighted: {}, failover: {}}\n";
    let read = read("f.yaml", text);
    let kind = |name: &str| {
        read.value
            .http
            .middlewares
            .get(name)
            .and_then(|one| one.kind_name())
    };
    assert_eq!((kind("none"), kind("two"), kind("odd")), (None, None, None));
    let two = read.value.http.services.get("two").expect("the service");
    assert_eq!(two.kinds().collect::<Vec<_>>(), ["weighted", "failover"]);
    assert_eq!(two.kind_name(), None);
    assert_eq!(read.unknown.len(), 1);
    assert_eq!(
        read.unknown.first().map(|(path, _)| path.as_str()),
        Some("http.middlewares.odd.adPrefix")
    );
    assert_eq!(read.meant(0), Some("addPrefix"));
}

#[test]
fn a10_3_unknown_fields_of_certificates_are_seen() {
    let text = "tls:\n  certificates:\n  - certFile: a\n    keyFile: b\n    certfile: c\n";
    let unknown = read("f.yaml", text).unknown;
    assert_eq!(
        unknown.first().map(|(path, _)| path.as_str()),
        Some("tls.certificates[0].certfile")
    );
}
