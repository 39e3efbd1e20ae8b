//! The article that Viaduct was made for: what `check` would have told its author, and that the edits give the solution.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Issued, Leaf};
use viaduct_testkit::tls::server;
use viaduct_testkit::viaduct::Viaduct;

use super::{check, codes, diagnostics};
use crate::fixture::{HOST, Pki, up};

/// The published manifests of the repository.
fn published() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/end-to-end-tls/as-published")
}

/// What the article has beside its manifests: both Secrets, and the backend's Service. The backend's certificate is
/// signed by itself, as in the article.
fn around(pki: &Pki, backend: &Issued, port: u16) -> Manifests {
    pki.base(port).tls_secret("backend-tls", backend)
}

fn self_signed() -> Issued {
    Leaf::server(HOST).self_signed()
}

/// The first approach as it was deployed: the lines of the article inside the route they are meant for.
fn first_approach(around: &Manifests, solution: bool) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let read = |name: &str| fs::read_to_string(published().join(name)).expect("a published manifest");
    let lines = read("initial-approach.yaml");
    let (tls, option) = lines.split_once("---\n").expect("two documents");
    let indented: String = tls.lines().map(|line| format!("  {line}\n")).collect();
    let option = option.replace("[...]", "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]");
    let route = format!("{}{indented}---\n{option}", read("ingress-route.yaml"));
    fs::write(directory.path().join("route.yaml"), route).expect("a manifest");
    if solution {
        let lines = read("solution.yaml");
        let (transport, _) = lines.split_once("---\n").expect("two documents");
        fs::write(directory.path().join("transport.yaml"), transport).expect("a manifest");
    }
    fs::write(directory.path().join("around.yaml"), around.yaml()).expect("manifests");
    directory
}

#[test]
fn c18_the_article_as_published_is_told_all_of_its_mistakes_in_order() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for name in PUBLISHED {
        fs::copy(published().join(name), directory.path().join(name)).expect("a published manifest");
    }
    let around = around(&Pki::new(), &self_signed(), 443);
    fs::write(directory.path().join("around.yaml"), around.yaml()).expect("manifests");
    let names = [&PUBLISHED[..], &["around.yaml"]].concat();
    let found = diagnostics(directory.path(), &names);
    let told: Vec<_> = found
        .iter()
        .map(|one| {
            let place = format!("{}:{}", one["file"].as_str().unwrap_or_default(), one["line"]);
            format!("{place} {}", one["code"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            // the old group, and the certificate under the route
            "ingress-route.yaml:1 V0004",
            "ingress-route.yaml:18 V0111",
            // no namespace, and a part of the file that is left out
            "nginx-conf.yaml:4 V0009",
            "nginx-conf.yaml:9 V0010",
            // lines without their object, the object that guards clients, suites that are left out, and a CA that is none
            "initial-approach.yaml:1 V0003",
            "initial-approach.yaml:3 V0201",
            "initial-approach.yaml:6 V0004",
            "initial-approach.yaml:12 V0203",
            "initial-approach.yaml:16 V0107",
            // no apiVersion, the backend's own key, an old field, its certificate as root, and a line without its object
            "solution.yaml:1 V0005",
            "solution.yaml:7 V0301",
            "solution.yaml:8 V0114",
            "solution.yaml:9 V0302",
            "solution.yaml:12 V0003",
        ],
        "{found:#?}"
    );
    let wrong_object = &found[5];
    assert_eq!(
        wrong_object["message"],
        "`clientAuth` of TLSOption `web/backend-tls-opts` guards your clients: it demands a certificate of everyone who \
         visits, and does not make the certificate of Service `backend-svc` trusted; you want a ServersTransport"
    );
    let solution = &wrong_object["help"][0];
    assert_eq!(
        solution["text"],
        "name ServersTransport `web-transport`, which is there, at the service"
    );
    assert_eq!(solution["edits"][0]["file"], "ingress-route.yaml");
    assert_eq!(
        solution["edits"][0]["replacement"],
        "      serversTransport: web-transport\n"
    );
}

/// The suites that the article leaves out do not wait for the Secret that it does not show.
#[test]
fn c18_what_else_is_wrong_with_options_is_told_without_their_secret() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::copy(
        published().join("initial-approach.yaml"),
        directory.path().join("a.yaml"),
    )
    .expect("a manifest");
    let found = diagnostics(directory.path(), &["a.yaml"]);
    assert_eq!(codes(&found), ["V0003", "V0004", "V0203", "V0103"], "{found:#?}");
}

/// The manifests as published, the article itself, and its first approach: one command makes of each what is served.
#[test]
fn c18_one_application_of_the_edits_for_the_article_gives_verified_backends() {
    for article in [false, true] {
        let (pki, backend) = (Pki::new(), self_signed());
        let origin = Origin::https(server(&backend, &[], None), |_| ok("the application"));
        let directory = tempfile::tempdir().expect("a temporary directory");
        // Manifests have port 443; the tests' server has another one behind it.
        let around = around(&pki, &backend, origin.port()).yaml();
        fs::write(directory.path().join("around.yaml"), around).expect("manifests");
        let mut names = vec!["around.yaml"];
        if article {
            let blocks: Vec<String> = PUBLISHED
                .iter()
                .map(|name| {
                    let text = fs::read_to_string(published().join(name)).expect("a published manifest");
                    format!("And then:\n\n```yaml\n{text}```\n")
                })
                .collect();
            fs::write(directory.path().join("article.md"), blocks.join("\n")).expect("an article");
            names.push("article.md");
        } else {
            for name in PUBLISHED {
                fs::copy(published().join(name), directory.path().join(name)).expect("a published manifest");
            }
            names.extend(PUBLISHED);
        }
        let fixed = check(directory.path(), &[&names[..], &["--fix=all"]].concat());
        assert_eq!(fixed.status.code(), Some(0), "{}", fixed.output);
        let left = diagnostics(directory.path(), &names);
        // What no edit of a manifest mends: a text of the sidecar's that is not shown, and that the Secret has no CA.
        assert_eq!(codes(&left).len(), 2, "{left:#?}");
        assert!(
            codes(&left).iter().all(|code| ["V0010", "V0302"].contains(code)),
            "{left:#?}"
        );
        if article {
            let text = fs::read_to_string(directory.path().join("article.md")).expect("the article");
            let blocks = text
                .split("```yaml\n")
                .skip(1)
                .filter_map(|block| block.split("```").next());
            let manifests = blocks.collect::<Vec<_>>().join("\n---\n");
            fs::write(directory.path().join("manifests.yaml"), manifests).expect("manifests");
            fs::remove_file(directory.path().join("article.md")).expect("the article");
        }
        let viaduct = served(directory.path());
        let answer = pki.curl(&viaduct).get(HOST, "/");
        assert_eq!(answer.status, 200, "{answer:?}\n{}", viaduct.log());
        assert_eq!(answer.body.trim(), "the application");
        let audit = std::process::Command::new(crate::fixture::BINARY)
            .arg("audit")
            .arg(directory.path())
            .args(["--require", "verified"])
            .output()
            .expect("the audit");
        assert!(audit.status.success(), "{audit:?}");
    }
}

#[test]
fn c3_the_edits_that_are_proposed_for_the_first_approach_are_its_solution() {
    for solution in [false, true] {
        let (pki, backend) = (Pki::new(), self_signed());
        let origin = Origin::https(server(&backend, &[], None), |_| ok("the application"));
        let directory = first_approach(&around(&pki, &backend, origin.port()), solution);
        let fixed = check(directory.path(), &[".", "--fix=all"]);
        assert_ne!(fixed.status.code(), Some(2), "{}", fixed.output);
        let left = diagnostics(directory.path(), &["."]);
        // What no edit of a manifest mends: the Secret has no CA.
        let left = codes(&left);
        assert!(
            left.contains(&"V0302") && left.iter().all(|code| ["V0107", "V0302"].contains(code)),
            "{left:?}"
        );

        let mended = viaduct_render(directory.path());
        let services = mended["http"]["services"].as_object().expect("services");
        let (_, service) = services.iter().next().expect("a service");
        let transport = service["loadBalancer"]["serversTransport"]
            .as_str()
            .expect("a transport");
        let transport = transport.trim_end_matches("@kubernetescrd");
        let transports = mended["http"]["serversTransports"]
            .as_object()
            .expect("transports");
        let (_, written) = transports
            .iter()
            .find(|(name, _)| name.trim_end_matches("@kubernetescrd") == transport)
            .expect("the transport that is named");
        assert_eq!(written["serverName"], json!(HOST));
        assert_eq!(written["rootCAs"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            written.get("certificates"),
            None,
            "the backend's key is not ours to show"
        );

        let viaduct = served(directory.path());
        let answer = pki.curl(&viaduct).get(HOST, "/");
        assert_eq!(answer.status, 200, "{answer:?}\n{}", viaduct.log());
        assert_eq!(answer.body.trim(), "the application");
    }
}

/// The directory's manifests, by a process of their own.
fn served(directory: &Path) -> Viaduct {
    let mut up = up();
    for entry in fs::read_dir(directory).expect("the directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        up = up.file(&name, fs::read_to_string(&path).expect("a manifest"));
    }
    up.start()
}

fn viaduct_render(directory: &Path) -> Value {
    let mut command = std::process::Command::new(crate::fixture::BINARY);
    command.arg("render").arg(directory).args(["--format", "json"]);
    let finished = viaduct_testkit::child::run(&mut command, b"");
    serde_json::from_str(&finished.printed).unwrap_or_else(|error| panic!("{error}:\n{}", finished.output))
}

const PUBLISHED: [&str; 4] = [
    "ingress-route.yaml",
    "nginx-conf.yaml",
    "initial-approach.yaml",
    "solution.yaml",
];
