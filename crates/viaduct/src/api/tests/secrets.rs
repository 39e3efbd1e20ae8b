//! Nothing that is secret leaves by any path of the API (A1.15, CVE-2020-9321, R24).

use std::io::Read as _;

use serde_json::{Value, json};
use viaduct_testkit::pki::{Ca, Leaf};

use super::World;

/// The middle of a PEM text: a line of its Base64.
fn body_of(pem: &str) -> &str {
    pem.lines().nth(1).unwrap()
}

/// Base64 of the text itself, from any of the three places that it can begin at: what all of them share.
fn in_base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = String::new();
    for chunk in text.as_bytes().chunks_exact(3) {
        let bits = chunk
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            digits.push(char::from(DIGITS[bits >> shift & 63]));
        }
    }
    digits
}

#[test]
fn cve_2020_9321_no_answer_holds_a_key_a_hash_or_a_token() {
    let ca = Ca::new("Test CA");
    let front = ca.issue(Leaf::server("web.example.com"));
    let own = ca.issue(Leaf::client("proxy"));
    let pair = |issued: &viaduct_testkit::pki::Issued| json!({ "certFile": issued.chain_pem, "keyFile": issued.key_pem });
    let world = World::of(json!({
        "http": {
            "routers": { "web": { "rule": "Host(`web.example.com`)", "service": "app", "entryPoints": ["websecure"],
                                  "middlewares": ["auth", "digest", "headers", "limit", "ask"], "tls": {} } },
            "services": { "app": { "loadBalancer": {
                "servers": [{ "url": "https://admin:urlpassword@10.0.0.1" }], "serversTransport": "t",
                "healthCheck": { "path": "/", "headers": { "Authorization": "Bearer checktoken" } },
            } } },
            "middlewares": {
                "auth": { "basicAuth": { "users": ["joe:$apr1$hash1$abcdef"] } },
                "digest": { "digestAuth": { "users": ["joe:realm:0123456789abcdef"] } },
                "headers": { "headers": { "customRequestHeaders": { "X-Api-Token": "headertoken" } } },
                "limit": { "rateLimit": { "average": 1, "redis": { "password": "redispassword" } } },
                "ask": { "forwardAuth": { "address": "http://auth", "tls": { "cert": own.chain_pem, "key": own.key_pem } } },
                "odd": { "plugin": { "p": { "secret": "pluginsecret" } } },
            },
            "serversTransports": { "t": { "certificates": [pair(&own)] } },
        },
        "tcp": { "serversTransports": { "t": { "tls": { "certificates": [pair(&own)] } } } },
        "tls": {
            "certificates": [pair(&front)],
            "stores": { "default": { "defaultCertificate": pair(&front) } },
        },
    }));
    let mut answers: Vec<(String, String)> = PATHS
        .iter()
        .map(|path| ((*path).to_owned(), world.get(path).text().to_owned()))
        .collect();
    for (list, single) in LISTS {
        for object in world.get(list).json().as_array().unwrap() {
            let name = object["name"].as_str().map(str::to_owned).unwrap();
            let path = format!("{single}/{name}");
            answers.push((path.clone(), world.get(&path).text().to_owned()));
        }
    }
    answers.push(("dump".to_owned(), unpacked(&world)));
    let mut secrets: Vec<String> = SECRETS.iter().map(|secret| (*secret).to_owned()).collect();
    for key in [&front.key_pem, &own.key_pem] {
        secrets.push(body_of(key).to_owned());
        secrets.push(in_base64(key));
        secrets.push(in_base64(body_of(key)));
    }
    for (path, text) in &answers {
        for secret in &secrets {
            assert!(!text.contains(secret), "{path} shows {secret}");
        }
    }
    let (_, raw) = answers.iter().find(|(path, _)| path == "/api/rawdata").unwrap();
    assert!(raw.contains("REDACTED"), "secrets are shown as such");
    let raw: Value = serde_json::from_str(raw).unwrap();
    let shown = &raw["tlsCertificates"]["0@file"];
    assert_eq!(shown["certFile"], front.chain_pem, "certificates are public");
    assert_eq!(shown["keyFile"], "REDACTED");
}

#[test]
fn a12_5_the_dump_is_an_archive_of_version_install_and_runtime_configuration() {
    let world = World::of(json!({ "http": { "services": { "app": { "loadBalancer": {
        "servers": [{ "url": "http://10.0.0.1" }] } } } } }));
    let reply = world.get("/api/support-dump");
    assert_eq!(reply.headers["content-type"], "application/gzip");
    assert_eq!(
        reply.headers["content-disposition"],
        "attachment; filename=support-dump.tar.gz"
    );
    let text = unpacked(&world);
    for expected in [
        "version.json",
        "static-config.json",
        "runtime-config.json",
        "\"app@file\"",
        "\"xxxx\"",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

/// Names and contents of the files in the dump.
fn unpacked(world: &World) -> String {
    let reply = world.get("/api/support-dump");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(reply.body.as_slice()));
    let mut text = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        text.push_str(&entry.path().unwrap().display().to_string());
        entry.read_to_string(&mut text).unwrap();
    }
    text
}

const PATHS: [&str; 8] = [
    "/api/rawdata",
    "/api/overview",
    "/api/entrypoints",
    "/api/certificates",
    "/api/http/routers",
    "/api/http/services",
    "/api/viaduct/bridges",
    "/api/viaduct/findings",
];
const LISTS: [(&str, &str); 4] = [
    ("/api/http/routers", "/api/http/routers"),
    ("/api/http/services", "/api/http/services"),
    ("/api/http/middlewares", "/api/http/middlewares"),
    ("/api/certificates", "/api/certificates"),
];
const SECRETS: [&str; 8] = [
    "PRIVATE KEY",
    "$apr1$",
    "0123456789abcdef",
    "headertoken",
    "redispassword",
    "pluginsecret",
    "urlpassword",
    "checktoken",
];
