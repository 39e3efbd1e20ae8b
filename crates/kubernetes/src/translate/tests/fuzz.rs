//! C63: every field of every object replaced by values of the wrong sort.

use serde_json::{Value as Json, json};
use viaduct_config::Update;
use viaduct_config::document::{self, Node, Value};
use viaduct_config::finding::Code;

use crate::index::Index;
use crate::policy::{IngressPolicy, Policy};
use crate::translate::{translate, translate_ingresses};

const EVERYTHING: &str = include_str!("../../../tests/golden/a9-everything.in.yaml");
const MIDDLEWARES: &str = include_str!("../../../tests/golden/a4-every-middleware.in.yaml");
const INGRESS: &str = include_str!("../../../tests/golden/s11-ingress.in.yaml");
const SERVICES_AND_STREAMS: &str = include_str!("../../../tests/golden/a9-services-and-streams.in.yaml");

fn wrong_values() -> Vec<Json> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1.5e300),
        json!(""),
        json!("\u{0}\u{202e}`) || Host(`*"),
        json!([]),
        json!({}),
        json!([null, [[]], {"": {}}]),
    ]
}

#[test]
fn c63_a_wrong_field_harms_its_own_object_only_and_never_panics() {
    mutate(EVERYTHING, &crd, 2000);
}

#[test]
fn c63_a_wrong_field_of_a_middleware_harms_its_own_object_only_and_never_panics() {
    mutate(MIDDLEWARES, &crd, 2000);
}

#[test]
fn c63_a_wrong_field_of_a_service_or_stream_harms_its_own_object_only_and_never_panics() {
    mutate(SERVICES_AND_STREAMS, &crd, 2000);
}

#[test]
fn c63_a_wrong_field_of_an_ingress_harms_its_own_object_only_and_never_panics() {
    let policy = IngressPolicy {
        common: Policy::directory(),
        ..IngressPolicy::directory()
    };
    mutate(INGRESS, &|index| translate_ingresses(index, &policy).0, 300);
}

fn crd(index: &Index) -> Update {
    translate(index, &Policy::directory())
}

/// Tries every wrong value in every place of every document, which are at least so many.
fn mutate(documents: &str, translate: &dyn Fn(&Index) -> Update, least: usize) {
    let documents: Vec<Json> = document::parse("everything.yaml", documents)
        .unwrap()
        .iter()
        .map(|document| to_json(&document.root))
        .collect();
    let mut index = Index::new(|_| Ok(()));
    for (number, document) in documents.iter().enumerate() {
        index.apply(&file(number), &document.to_string());
    }
    let good = translate(&index);
    assert_eq!(good.broken, []);

    let mut tried = 0;
    for (number, document) in documents.iter().enumerate() {
        for pointer in pointers(document) {
            for wrong in wrong_values() {
                let mut bad = document.clone();
                *bad.pointer_mut(&pointer).unwrap() = wrong;
                let what = format!("{} of {number}: {bad}", pointer);
                // As a change of a good object, then at first sight.
                index.apply(&file(number), &bad.to_string());
                check(&index, translate, &good, number, &what);
                index.remove(&file(number));
                index.apply(&file(number), &bad.to_string());
                check(&index, translate, &good, number, &what);
                index.apply(&file(number), &document.to_string());
                tried += 1;
            }
        }
    }
    assert!(tried > least, "only {tried} mutations");
    assert_eq!(translate(&index).dynamic, good.dynamic, "not restored");
}

/// Nothing but the object in file `number` has a fault of its own.
fn check(index: &Index, translate: &dyn Fn(&Index) -> Update, good: &Update, number: usize, what: &str) {
    let mut kept = false;
    for finding in index.findings() {
        let place = finding.location.as_ref().unwrap();
        assert_eq!(*place.file, file(number), "{what}");
        kept |= finding.code == Code::LastGoodKept;
    }
    let update = translate(index);
    if kept {
        assert_eq!(update.dynamic, good.dynamic, "last good state: {what}");
    }
}

fn file(number: usize) -> String {
    format!("{number:02}.yaml")
}

/// Every place in a document, the root left out.
fn pointers(document: &Json) -> Vec<String> {
    fn walk(prefix: &str, value: &Json, found: &mut Vec<String>) {
        let children: Vec<(String, &Json)> = match value {
            Json::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
                .collect(),
            Json::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (index.to_string(), item))
                .collect(),
            _ => Vec::new(),
        };
        for (key, child) in children {
            let pointer = format!("{prefix}/{key}");
            walk(&pointer, child, found);
            found.push(pointer);
        }
    }
    let mut found = Vec::new();
    walk("", document, &mut found);
    found
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::String(value) => json!(value),
        Value::Sequence(items) => items.iter().map(to_json).collect(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| (key.text.clone(), to_json(value)))
            .collect(),
    }
}
