//! Traefik's reference configuration goes in; every object and field of it has to come out (A12.2).

use std::path::Path;

use serde_json::Value;
use viaduct_config::Dynamic;
use viaduct_config::document::{self, Document};

use super::World;

const EVERY_FIELD: &str = include_str!("../../../../config/tests/every_field.yaml");

/// The fixture, and Traefik's own samples where a checkout has them beside it.
fn samples() -> Vec<(String, Document)> {
    let yaml = |name: &str, text: &str| {
        let mut documents = document::parse(name, text).unwrap();
        (name.to_owned(), documents.remove(0))
    };
    let mut samples = vec![yaml("every_field.yaml", EVERY_FIELD)];
    let beside = |name: &str| {
        let ancestors = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let mut paths = ancestors.map(|ancestor| ancestor.join("shared/reference").join(name));
        paths.find_map(|path| std::fs::read_to_string(path).ok())
    };
    if let Some(text) = beside("traefik-file-provider.yaml") {
        samples.push(yaml("traefik-file-provider.yaml", &text));
    }
    if let Some(text) = beside("traefik-file-provider.toml") {
        let name = "traefik-file-provider.toml";
        samples.push((name.to_owned(), document::parse_toml(name, &text).unwrap()));
    }
    samples
}

/// Where `rawdata` shows a section of the file format.
const SECTIONS: [(&str, &str, &str); 12] = [
    ("http", "routers", "routers"),
    ("http", "services", "services"),
    ("http", "middlewares", "middlewares"),
    ("http", "serversTransports", "serversTransports"),
    ("tcp", "routers", "tcpRouters"),
    ("tcp", "services", "tcpServices"),
    ("tcp", "middlewares", "tcpMiddlewares"),
    ("tcp", "serversTransports", "tcpServersTransports"),
    ("udp", "routers", "udpRouters"),
    ("udp", "services", "udpServices"),
    ("tls", "options", "tlsOptions"),
    ("tls", "stores", "tlsStores"),
];

#[test]
fn a12_2_every_object_and_field_of_the_samples_is_shown() {
    for (name, document) in samples() {
        let read = document.root.read::<Dynamic>().unwrap();
        let written = serde_json::to_value(&read.value).unwrap();
        let world = World::new(&["--api"], read.value);
        let raw = world.get("/api/rawdata").json();
        let mut objects = 0;
        for (layer, kind, shown) in SECTIONS {
            let Some(section) = written[layer][kind].as_object() else {
                continue;
            };
            for (object, fields) in section {
                let place = format!("{name}: {shown}.{object}");
                contains(&raw[shown][format!("{object}@file")], fields, &place);
                objects += 1;
                if matches!(kind, "routers" | "services" | "middlewares") {
                    let single = world.get(&format!("/api/{layer}/{kind}/{object}@file")).json();
                    contains(&single, fields, &place);
                }
            }
        }
        for (index, fields) in written["tls"]["certificates"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let place = format!("{name}: tls.certificates[{index}]");
            contains(&raw["tlsCertificates"][format!("{index}@file")], fields, &place);
        }
        assert!(objects > 40, "{name}: {objects} objects");
    }
}

/// Whether `shown` has every field of `written`; what is redacted is there, and is not its value.
#[track_caller]
fn contains(shown: &Value, written: &Value, place: &str) {
    match (shown, written) {
        (Value::String(shown), _) if shown == "REDACTED" => {}
        (Value::Object(shown), Value::Object(written)) => {
            for (field, value) in written {
                let place = format!("{place}.{field}");
                let shown = shown.get(field).unwrap_or_else(|| panic!("{place} is not shown"));
                contains(shown, value, &place);
            }
        }
        (Value::Array(shown), Value::Array(written)) => {
            assert_eq!(shown.len(), written.len(), "{place}");
            for (index, (shown, written)) in shown.iter().zip(written).enumerate() {
                contains(shown, written, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(shown, written, "{place}"),
    }
}
