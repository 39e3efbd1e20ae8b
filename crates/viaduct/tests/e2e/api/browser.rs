//! The dashboard in a real browser.

use std::process::Command;

use serde_json::Value;
use viaduct_testkit::child::run;
use viaduct_testkit::http1;
use viaduct_testkit::tool::Tool;
use viaduct_testkit::wait::wait_until;

use super::serve;

/// A rule that would be markup where somebody forgot that it is text.
const ROUTES: &str = "
http:
  routers:
    web: {rule: 'Host(`web.example`) || Path(`/<img src=x onerror=alert(1)>`)', service: app, tls: {}}
    broken: {rule: 'Host(`broken.example`)', service: nowhere}
    plain: {rule: 'Host(`plain.example`)', service: plain}
  services:
    plain: {loadBalancer: {servers: [{url: 'http://127.0.0.1:9'}]}}
    app: {loadBalancer: {serversTransport: lax, servers: [{url: 'https://127.0.0.1:9'}]}}
  serversTransports:
    lax: {insecureSkipVerify: true}
tcp:
  routers:
    through: {rule: 'HostSNI(`db.example`)', service: db, tls: {passthrough: true}}
  services:
    db: {loadBalancer: {servers: [{address: '127.0.0.1:9'}]}}
";

/// A server that cannot be reached, by a router for everything that does not go to the API.
const UNREACHABLE: &str = "
    gone: {rule: 'Host(`gone.example`)', service: app, entryPoints: [web]}";

#[test]
fn a12_7_the_dashboard_shows_both_legs_at_any_width_in_light_and_dark_and_asks_nobody_else() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let running = serve(
        work.path(),
        &ROUTES.replacen("  routers:", &format!("  routers:{UNREACHABLE}"), 1),
        &[
            "--api.insecure",
            "--api.dashboardname=Edge-1",
            "--bridge.require=unverified",
        ],
    );
    for _ in 0..2 {
        let request = "GET / HTTP/1.1\r\nHost: gone.example\r\n\r\n";
        assert_eq!(http1::once(running.address("web"), request).status, 502);
    }
    wait_until("the fault to be known", || {
        super::get(running.address("traefik"), "/api/faults")
            .text()
            .contains("connect_refused")
    });
    let base = format!("http://{}/", running.address("traefik"));
    let seen = run(
        Command::new(Tool::Python.path())
            .args(["-c", include_str!("../scripts/dashboard.py")])
            .arg(Tool::Chromium.path())
            .arg(format!("{base}dashboard/"))
            .arg(work.path().join("profile")),
        b"",
    );
    assert!(seen.status.success(), "{}", seen.output);
    let seen: Value = serde_json::from_str(seen.output.lines().last().unwrap_or_default()).expect("JSON");
    let text = seen["text"].as_str().unwrap_or_default();
    for wanted in [
        "Client leg",
        "TLS 1.2, 1.3",
        "generated default",
        "Backend leg",
        "unverified",
        "refused",
        "passthrough",
        "https://127.0.0.1:9",
        // What a server is, as far as anybody has asked it.
        "handshake failed connect_refused",
        "not checked http://127.0.0.1:9",
        "the service \"nowhere@file\" does not exist",
        "<img src=x onerror=alert(1)>",
        "connect_refused",
        "2 times, last 20",
        "nothing listens at the server's port",
        "no success since",
        // Verification that is skipped, and what it would say.
        "not safe to verify yet",
        "no server was connected to yet",
        "a connection to 127.0.0.1:9",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    assert!(!text.contains("[object"), "{text}");
    assert_eq!(seen["injected"], 0, "what is configured is text");
    for width in ["1280", "390"] {
        let (light, dark) = (&seen[format!("{width}-light")], &seen[format!("{width}-dark")]);
        assert_eq!(
            (&light["overflows"], &dark["overflows"]),
            (&false.into(), &false.into()),
            "{width}"
        );
        assert_ne!(light["background"], dark["background"]);
    }
    let filtered = seen["filtered"].as_str().unwrap_or_default();
    assert!(
        filtered.contains("broken@file") && !filtered.contains("web@file"),
        "{filtered}"
    );
    assert_eq!(
        seen["chips"],
        serde_json::json!(["unverified 2", "plaintext 1", "passthrough 1"]),
        "a class for each backend leg"
    );
    let narrowed = seen["narrowed"].as_str().unwrap_or_default();
    assert!(
        narrowed.contains("plain@file") && !narrowed.contains("web@file"),
        "{narrowed}"
    );
    assert_eq!(
        seen["pressed"],
        serde_json::json!(["plaintext 1"]),
        "and it keeps the focus"
    );
    let (light, dark) = (&seen["390-light"]["badge"], &seen["390-dark"]["badge"]);
    assert!(light.is_string() && light != dark, "{light} {dark}");
    assert_eq!(seen["unlabelled"], 0);
    assert_eq!(
        seen["console"],
        Value::Array(Vec::new()),
        "nothing breaks the page's own policy"
    );
    let resources = seen["resources"].as_array().expect("a list");
    assert!(resources.len() > 5, "{resources:?}");
    for resource in resources {
        assert!(
            resource.as_str().is_some_and(|url| url.starts_with(&base)),
            "{resource}"
        );
    }
}
