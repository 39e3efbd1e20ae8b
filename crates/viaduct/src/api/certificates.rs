//! `/api/certificates`: what clients are shown. Never a key.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use viaduct_snapshot::Snapshot;
use viaduct_tls::Identity;

use super::catalogue::Object;
use super::overview::date;

/// The configured certificates, by fingerprint, each once; not the one that is generated at the start.
pub(super) fn all(snapshot: &Snapshot) -> Vec<Object> {
    let store = snapshot.certificates();
    let default = store.default_identity();
    let configured = (default.facts().common_name.as_deref() != Some(GENERATED)).then_some(default);
    let mut objects: Vec<_> = store
        .identities()
        .chain(configured)
        .map(|identity| certificate(identity))
        .collect();
    objects.sort_by(|a, b| a.name.cmp(&b.name));
    objects.dedup_by(|a, b| a.name == b.name);
    objects
}

fn certificate(identity: &Identity) -> Object {
    let facts = identity.facts();
    let addresses = facts.ip_addresses.iter().map(ToString::to_string);
    let sans: Vec<_> = facts.dns_names.iter().cloned().chain(addresses).collect();
    let name = facts.fingerprint.to_string();
    let mut body = Map::new();
    let mut say = |field: &str, value: Value| {
        if value.as_str() != Some("") {
            body.insert(field.to_owned(), value);
        }
    };
    say("name", json!(name));
    say("certFingerprint", json!(name));
    say("sans", json!(sans));
    // Also where it is empty: lists are sorted by it.
    say("notBefore", json!(date(facts.not_before)));
    say("notAfter", json!(date(facts.not_after)));
    say("serialNumber", json!(facts.serial));
    say("status", json!(status(facts.not_after)));
    if let Some(details) = identity.details() {
        say("organization", json!(details.organization));
        say("country", json!(details.country));
        say("issuerCN", json!(details.issuer_common_name));
        say("issuerOrg", json!(details.issuer_organization));
        say("issuerCountry", json!(details.issuer_country));
        say("version", json!(format!("v{}", details.version)));
        say("keyType", json!(details.key_type));
        say("keySize", json!(details.key_size));
        say("signatureAlgorithm", json!(details.signature_algorithm));
        say(
            "publicKeyFingerprint",
            json!(details.public_key_fingerprint.to_string()),
        );
    }
    let common_name = facts.common_name.clone().unwrap_or_default();
    body.insert("commonName".to_owned(), json!(common_name));
    Object::plain(name, body)
}

/// As Traefik: a month before its end a certificate is worth a warning.
pub(super) fn status(not_after: SystemTime) -> &'static str {
    match not_after.duration_since(SystemTime::now()) {
        Err(_) => "expired",
        Ok(left) if left < SOON => "warning",
        Ok(_) => "enabled",
    }
}

const SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// The common name of the generated default certificate.
pub(super) const GENERATED: &str = "VIADUCT DEFAULT CERT";
