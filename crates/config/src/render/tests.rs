use super::*;
use crate::document;

fn dynamic(text: &str) -> Dynamic {
    let document = document::parse("f", text).expect("valid YAML").remove(0);
    document.root.read().expect("a valid configuration").value
}

const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\ncHVibGlj\n-----END CERTIFICATE-----\n";

/// A configuration with `c2VjcmV0` or `hush` wherever a secret may stand.
fn full_of_secrets() -> Dynamic {
    let key = serde_json::to_string(KEY).expect("a text");
    let both = serde_json::to_string(&format!("{CERTIFICATE}{KEY}")).expect("a text");
    dynamic(&format!(
        r#"
http:
  middlewares:
    basic: {{basicAuth: {{users: ["ann:hush"]}}}}
    digest: {{digestAuth: {{users: ["ann:realm:hush"]}}}}
    forward: {{forwardAuth: {{address: "https://ann:hush@auth.example.com/check", tls: {{ca: {both}, key: {key}}}}}}}
    limit: {{rateLimit: {{redis: {{password: hush, tls: {{key: {key}}}}}}}}}
    headers: {{headers: {{customRequestHeaders: {{Authorization: Basic hush, X-Api-Key: hush, X-Shown: shown}},
                        customResponseHeaders: {{Set-Cookie: hush}}}}}}
    plugin: {{plugin: {{theme: {{a: hush, b: [hush, {{c: hush}}], pin: 2468}}}}}}
  services:
    app:
      loadBalancer:
        servers: [{{url: "http://ann:hush@10.0.0.1:80/p@th"}}]
        healthCheck: {{headers: {{Authorization: hush}}}}
  serversTransports:
    t: {{rootCAs: [{both}], certificates: [{{certFile: {both}, keyFile: {key}}}]}}
tcp:
  serversTransports:
    t: {{tls: {{certificates: [{{certFile: {both}, keyFile: {key}}}]}}}}
tls:
  certificates: [{{certFile: {both}, keyFile: {key}}}]
  stores: {{default: {{defaultCertificate: {{certFile: {both}, keyFile: hush.pem}}}}}}
"#
    ))
}

#[test]
fn a1_15_cve_2020_9321_secrets_are_redacted() {
    let dynamic = full_of_secrets();
    for format in [Format::Yaml, Format::Json] {
        let text = render(&dynamic, format, Secrets::Redacted);
        for secret in ["c2VjcmV0", "hush", "2468", "PRIVATE KEY"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for public in [
            "cHVibGlj",
            "X-Shown",
            "shown",
            "https://ann:REDACTED@auth.example.com/check",
            "p@th",
            "REDACTED",
        ] {
            assert!(text.contains(public), "{public} not in {text}");
        }
        let shown = render(&dynamic, format, Secrets::Shown);
        assert!(shown.contains("c2VjcmV0") && shown.contains("hush") && !shown.contains("REDACTED"));
    }
}

#[test]
fn a1_15_debug_hides_keys_and_passwords() {
    let mut dynamic = full_of_secrets();
    // What is left is not a secret by its place.
    dynamic
        .http
        .middlewares
        .retain(|name, _| matches!(name.as_str(), "basic" | "digest" | "limit"));
    dynamic.http.services.clear();
    dynamic.http.servers_transports.clear();
    dynamic.tcp.servers_transports.clear();
    dynamic
        .tls
        .certificates
        .iter_mut()
        .for_each(|stored| stored.pair.cert_file = "".into());
    dynamic.tls.stores.clear();
    let text = format!("{dynamic:?}");
    assert!(!text.contains("hush") && !text.contains("c2VjcmV0"), "{text}");
}

#[test]
fn a1_15_redaction_leaves_everything_else_alone() {
    let text = "http:\n  routers:\n    users: {rule: \"Host(`a`)\", service: key}\n  services:\n    key: {loadBalancer: {servers: [{url: 'http://a:80/x:y@z'}]}}\n";
    let dynamic = dynamic(text);
    assert_eq!(
        render(&dynamic, Format::Json, Secrets::Redacted),
        render(&dynamic, Format::Json, Secrets::Shown)
    );
}

#[test]
fn a10_1_yaml_is_written_as_people_write_it() {
    let rule = format!("Host(`{}.example.com`)", "a".repeat(120));
    let dynamic = dynamic(&format!(
        "http:\n  routers:\n    r: {{rule: '{rule}', service: s, tls: {{}}}}\n    yes: {{rule: 'a: b', service: '1.0', priority: 1}}\n\
         tls:\n  certificates:\n  - {{certFile: {}, keyFile: k}}\n",
        serde_json::to_string(CERTIFICATE).expect("a text")
    ));
    assert_eq!(
        render(&dynamic, Format::Yaml, Secrets::Redacted),
        format!(
            "http:\n  routers:\n    r:\n      rule: {rule}\n      service: s\n      tls: {{}}\n    \"yes\":\n      \
             priority: 1\n      rule: \"a: b\"\n      service: \"1.0\"\ntls:\n  certificates:\n  - certFile: |\n      \
             -----BEGIN CERTIFICATE-----\n      cHVibGlj\n      -----END CERTIFICATE-----\n    keyFile: REDACTED\n"
        )
    );
    assert_eq!(render(&Dynamic::default(), Format::Yaml, Secrets::Shown), "{}\n");
    assert_eq!(render(&Dynamic::default(), Format::Json, Secrets::Shown), "{}\n");
}
