//! Custom kinds: those that a test registers, and those of stored `CustomResourceDefinition`s.

use std::sync::Arc;

use serde_json::{Value, json};

use super::model::Model;
use super::resource::{Kinds, Resource, qualified};
use super::schema::Schema;

/// A namespaced kind without a schema: every field is kept.
pub(crate) fn open(group: &str, version: &str, kind: &str, plural: &str) -> Resource {
    Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_ascii_lowercase(),
        short_names: Vec::new(),
        namespaced: true,
        status: false,
        generation: true,
        unconditional_update: false,
        storage: qualified(group, plural),
        model: Model::Custom(Arc::new(Schema::open())),
    }
}

/// Serves what a definition defines, in place of what was served for it before.
pub(crate) fn serve(kinds: &mut Kinds, definition: &Value) {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&names["plural"]));
    kinds.remove_all(&group, &plural);
    let versions = spec["versions"].as_array().into_iter().flatten();
    for version in versions.filter(|version| version["served"] == true) {
        let mut resource = open(&group, &text(&version["name"]), &text(&names["kind"]), &plural);
        resource.singular = text(&names["singular"]);
        resource.short_names = names["shortNames"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect();
        resource.namespaced = spec["scope"] == "Namespaced";
        resource.status = !version["subresources"]["status"].is_null();
        let schema = &version["schema"]["openAPIV3Schema"];
        resource.model = Model::Custom(Arc::new(if schema.is_object() {
            Schema::new(schema.clone())
        } else {
            Schema::open()
        }));
        kinds.add(resource);
    }
}

/// Serves it no longer.
pub(crate) fn withdraw(kinds: &mut Kinds, definition: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    kinds.remove_all(
        &text(&definition["spec"]["group"]),
        &text(&definition["spec"]["names"]["plural"]),
    );
}

/// The status that a cluster writes: kubectl waits for it.
pub(crate) fn establish(definition: &mut Value, now: &str) {
    let condition = |kind: &str, reason: &str| {
        json!({
            "type": kind, "status": "True", "lastTransitionTime": now, "reason": reason,
            "message": "accepted",
        })
    };
    let stored: Vec<Value> = definition["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    definition["status"] = json!({
        "acceptedNames": definition["spec"]["names"],
        "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts"),
            condition("Established", "InitialNamesAccepted"),
        ],
    });
}

/// Traefik's kinds: kind, plural.
pub(crate) const TRAEFIK: [(&str, &str); 10] = [
    ("IngressRoute", "ingressroutes"),
    ("IngressRouteTCP", "ingressroutetcps"),
    ("IngressRouteUDP", "ingressrouteudps"),
    ("Middleware", "middlewares"),
    ("MiddlewareTCP", "middlewaretcps"),
    ("ServersTransport", "serverstransports"),
    ("ServersTransportTCP", "serverstransporttcps"),
    ("TLSOption", "tlsoptions"),
    ("TLSStore", "tlsstores"),
    ("TraefikService", "traefikservices"),
];
