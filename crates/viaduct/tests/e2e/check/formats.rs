//! Formats, statuses, and `--fix`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use viaduct_testkit::child::run;

use super::{check, codes, diagnostics};
use crate::fixture::{BINARY, HOST, Pki};

/// What is published everywhere: the old group, and the certificate under the route.
const ROUTE: &str = "\
apiVersion: traefik.containo.us/v1alpha1  # as in the article
kind: IngressRoute
metadata:
  name: web
  namespace: web
spec:
  entrypoints:
  - websecure
  routes:
  - match: Host(`web.example.com`)
    services:
    - name: backend-svc
      port: 443
      scheme: https
      serversTransport: web-transport
    secretName: web-ingressroute-tls
";

const MENDED: &str = "\
apiVersion: traefik.io/v1alpha1  # as in the article
kind: IngressRoute
metadata:
  name: web
  namespace: web
spec:
  entryPoints:
  - websecure
  routes:
  - match: Host(`web.example.com`)
    services:
    - name: backend-svc
      port: 443
      scheme: https
      serversTransport: web-transport
  tls:
    secretName: web-ingressroute-tls
";

/// The route, and everything that it names.
fn directory(route: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pki = Pki::new();
    let transport = json!({"serverName": HOST, "rootCAs": [{"secret": "backend-ca"}]});
    let around = pki
        .base(443)
        .secret("backend-ca", &[("ca.crt", pki.backend_ca.pem())])
        .transport("web-transport", transport)
        .yaml();
    fs::write(directory.path().join("route.yaml"), route).expect("a manifest");
    fs::write(directory.path().join("around.yaml"), around).expect("manifests");
    directory
}

#[test]
fn c18_the_status_is_0_1_or_2() {
    let clean = directory(MENDED);
    let finished = check(clean.path(), &["."]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.output);

    let warned = directory(ROUTE);
    assert_eq!(check(warned.path(), &["."]).status.code(), Some(0));
    let denied = check(warned.path(), &[".", "--deny-warnings"]);
    assert_eq!(denied.status.code(), Some(1), "{}", denied.output);

    let broken = directory(&MENDED.replace("name: backend-svc", "name: backend-scv"));
    let finished = check(broken.path(), &["."]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    let finished = check(broken.path(), &[".", "--allow", "v0101"]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.output);

    let missing = check(broken.path(), &["no-such-file.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert_eq!(missing.printed, "");
    assert!(
        missing
            .output
            .starts_with("error: cannot read `no-such-file.yaml`\n"),
        "{}",
        missing.output
    );
}

#[test]
fn c18_what_a_document_is_does_not_depend_on_its_files_name() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mixed = "\
entryPoints:
  websecure:
    address: :443
---
http:
  routers:
    app:
      entryPoints: [websecured]
      rule: Host(`web.example.com`)
      service: app
  services:
    app:
      loadBalancer:
        servers:
        - url: http://127.0.0.1:8080
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  name: web
spec:
  entryPoints: [websecure]
  routes:
  - match: Host(`web.example.com`)
    services:
    - name: nobody
      port: 80
";
    fs::write(directory.path().join("everything"), mixed).expect("a file");
    let found = diagnostics(directory.path(), &["everything"]);
    assert_eq!(codes(&found), ["V0109", "V0101"], "{found:#?}");
    let lines: Vec<_> = found.iter().map(|one| one["line"].as_u64()).collect();
    assert_eq!(lines, [Some(8), Some(26)]);
}

#[test]
fn c18_fix_makes_the_safe_edits_and_leaves_every_other_byte() {
    let directory = directory(ROUTE);
    let around = fs::read(directory.path().join("around.yaml")).expect("the manifests");
    let before = fs::read(directory.path().join("route.yaml")).expect("the route");
    let dry = check(directory.path(), &[".", "--fix", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", dry.output);
    assert_eq!(
        dry.printed,
        "would fix 3 mistakes in 1 file:\n\
         \u{20} ./route.yaml:1: V0004: IngressRoute web/web: name the group that Traefik 3 has\n\
         \u{20} ./route.yaml:7: V0112: IngressRoute web/web: it is spelt `entryPoints`\n\
         \u{20} ./route.yaml:16: V0111: IngressRoute web/web: it belongs in `spec.tls.secretName`\n\
         \n\
         --- ./route.yaml\n\
         +++ ./route.yaml\n\
         @@ -1,1 +1,1 @@\n\
         -apiVersion: traefik.containo.us/v1alpha1  # as in the article\n\
         +apiVersion: traefik.io/v1alpha1  # as in the article\n\
         @@ -7,1 +7,1 @@\n\
         -  entrypoints:\n\
         +  entryPoints:\n\
         @@ -15,0 +16,1 @@\n\
         +  tls:\n\
         \n\
         nothing is left",
    );
    assert_eq!(
        fs::read(directory.path().join("route.yaml")).expect("the route"),
        before
    );
    let finished = check(directory.path(), &[".", "--fix"]);
    assert_eq!(
        finished.printed,
        "fixed 3 mistakes in 1 file:\n\
         \u{20} ./route.yaml:1: V0004: IngressRoute web/web: name the group that Traefik 3 has\n\
         \u{20} ./route.yaml:7: V0112: IngressRoute web/web: it is spelt `entryPoints`\n\
         \u{20} ./route.yaml:16: V0111: IngressRoute web/web: it belongs in `spec.tls.secretName`\n\
         \n\
         nothing is left",
    );
    let route = fs::read_to_string(directory.path().join("route.yaml")).expect("the route");
    assert_eq!(route, MENDED);
    assert_eq!(
        fs::read(directory.path().join("around.yaml")).expect("the manifests"),
        around
    );
    let names: Vec<_> = fs::read_dir(directory.path()).expect("the directory").collect();
    assert_eq!(names.len(), 2, "no draft is left: {names:?}");
}

/// As editors of Windows write it: the mark is no column.
#[test]
fn c18_fix_keeps_a_byte_order_mark_and_edits_behind_it() {
    let directory = directory(&format!("\u{feff}{ROUTE}"));
    let found = diagnostics(directory.path(), &["."]);
    let place = (found[0]["line"].as_u64(), found[0]["column"].as_u64());
    assert_eq!(place, (Some(1), Some(13)), "{found:#?}");
    let finished = check(directory.path(), &[".", "--fix"]);
    assert!(
        finished.printed.ends_with("nothing is left"),
        "{}",
        finished.output
    );
    let route = fs::read_to_string(directory.path().join("route.yaml")).expect("the route");
    assert_eq!(route, format!("\u{feff}{MENDED}"));
}

#[test]
fn c18_json_has_the_places_and_edits_that_the_text_shows() {
    let directory = directory(
        &ROUTE
            .replace("containo.us", "io")
            .replace("entrypoints", "entryPoints"),
    );
    let found = diagnostics(directory.path(), &["."]);
    assert_eq!(codes(&found), ["V0111"]);
    let one = &found[0];
    for (name, value) in [
        ("severity", "warning"),
        ("subject", "IngressRoute web/web"),
        ("file", "./route.yaml"),
        ("field", "spec.routes[0].secretName"),
    ] {
        assert_eq!(one[name], value, "{one:#}");
    }
    assert_eq!(
        (one["line"].as_u64(), one["column"].as_u64()),
        (Some(16), Some(5))
    );
    assert_eq!(one["endColumn"], 15);
    let edits = one["help"][0]["edits"].as_array().expect("edits");
    assert_eq!(one["help"][0]["safe"], true);
    assert_eq!(
        edits[1]["replacement"],
        "  tls:\n    secretName: web-ingressroute-tls\n"
    );
}

#[test]
fn c18_the_time_is_an_input() {
    let directory = directory(MENDED);
    let finished = check(
        directory.path(),
        &[".", "--at", "2000-01-01T00:00:00Z", "--format", "json"],
    );
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    let all: Value = serde_json::from_str(&finished.printed).expect("JSON");
    let found = all["diagnostics"].as_array().expect("a list");
    assert_eq!(codes(found), ["V0405", "V0405"], "{}", finished.printed);
    let finished = check(
        directory.path(),
        &[".", "--at", "2200-01-01T00:00:00Z", "--format", "json"],
    );
    assert!(finished.printed.contains("V0403"), "{}", finished.printed);
}

#[test]
fn c18_github_gets_one_command_for_each() {
    let directory = directory(&MENDED.replace("backend-svc", "backend-scv"));
    let finished = check(directory.path(), &[".", "--format", "github"]);
    assert_eq!(
        finished.printed,
        "::error file=./route.yaml,line=12,col=13,endLine=12,endColumn=24,title=V0101%3A a service that does not exist\
         ::IngressRoute web/web: Service `web/backend-scv` does not exist\
         %0Awhen served: the router is out of service and answers 404; it keeps its place, so that no other router gets its requests\
         %0Ahelp: did you mean `backend-svc`?"
    );
}

#[test]
fn r24_no_format_shows_what_is_secret() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let secret = "\
apiVersion: v1
kind: Secret
metadata:
  name: web
data:
  tls.key: c2VjcmV0 aGVyZQ
  password: aHVudGVyMg==
";
    let item = secret.replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", item.trim_end());
    let json = "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"tls.key\":\"c2VjcmV0 aGVyZQ\"},\"metadata\":{\"name\":\"web\"}}";
    for text in [secret, &format!("{list}\n"), json] {
        fs::write(directory.path().join("secret.yaml"), text).expect("a manifest");
        for format in ["human", "json", "sarif", "github"] {
            let finished = check(directory.path(), &["secret.yaml", "--format", format]);
            assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
            assert!(finished.printed.contains("tls.key"), "{}", finished.printed);
            for value in ["c2VjcmV0", "aGVyZQ", "aHVudGVyMg"] {
                assert!(!finished.output.contains(value), "{}", finished.output);
            }
        }
    }
    // An edit that moves or renames a line says what is in the line.
    let middleware = "\
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata:
  name: web
  namespace: web
spec:
  headers:
    customrequestheaders: {Authorization: hunter2}
";
    fs::write(directory.path().join("secret.yaml"), middleware).expect("a manifest");
    for format in ["human", "json", "sarif", "github"] {
        for more in [&[][..], &["--fix=all", "--dry-run"]] {
            let arguments = [&["secret.yaml", "--format", format], more].concat();
            let finished = check(directory.path(), &arguments);
            assert!(!finished.output.contains("hunter2"), "{}", finished.output);
            let shown = format != "human" || finished.printed.contains("{Authorization: *******}");
            assert!(shown, "{}", finished.output);
        }
    }
}

#[test]
fn c18_a_file_with_several_names_is_one() {
    let directory = directory(&MENDED.replace("backend-svc", "backend-scv"));
    std::os::unix::fs::symlink("route.yaml", directory.path().join("link.yaml")).expect("a link");
    let found = diagnostics(
        directory.path(),
        &["around.yaml", "route.yaml", "./route.yaml", "link.yaml"],
    );
    assert_eq!(codes(&found), ["V0101"], "{found:#?}");
}

/// What is shown without being written, `patch` writes.
#[test]
fn c18_patch_takes_what_a_dry_run_shows() {
    for route in [
        ROUTE.to_owned(),
        ROUTE.replace('\n', "\r\n"),
        ROUTE.trim_end().to_owned(),
    ] {
        let directory = directory(&route);
        // As bytes: lines end as those of the file do.
        let mut command = Command::new(BINARY);
        command
            .current_dir(directory.path())
            .args(["check", ".", "--soon", "0"]);
        let shown = command.args(["--fix", "--dry-run"]).output().expect("the check");
        let shown = String::from_utf8(shown.stdout).expect("text");
        let begin = shown.find("--- ").expect("a difference");
        let end = shown.find("\nnothing is left").expect("an end");
        let difference = shown.get(begin..end).expect("a difference");
        let mut patch = Command::new("patch");
        patch.current_dir(directory.path()).args(["--binary", "-p0"]);
        let patched = run(&mut patch, difference.as_bytes());
        assert!(patched.status.success(), "{}\n{difference}", patched.output);
        let by_patch = fs::read_to_string(directory.path().join("route.yaml")).expect("the route");
        fs::write(directory.path().join("route.yaml"), &route).expect("the route");
        check(directory.path(), &[".", "--fix"]);
        let by_itself = fs::read_to_string(directory.path().join("route.yaml")).expect("the route");
        assert_eq!(by_patch, by_itself);
    }
}

/// What is checked may come from a stranger: it may not choose what is printed.
#[test]
fn r24_templates_see_no_variable_that_is_not_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let text = "\
http:
  routers:
    app:
      rule: 'Host(`{{ env \"DEPLOY_TOKEN\" }}`) && PathPrefix('
      service: app
";
    fs::write(directory.path().join("app.yaml"), text).expect("a file");
    for format in ["human", "json", "sarif", "github"] {
        let checked = |names: &[&str]| {
            let mut command = Command::new(BINARY);
            command.env("DEPLOY_TOKEN", "c-secret-1").env("OTHER", "2");
            command.current_dir(directory.path()).args(["check", "app.yaml"]);
            command.args(["--format", format]).args(names);
            run(&mut command, b"")
        };
        for names in [&[][..], &["--env", "OTHER"]] {
            let finished = checked(names);
            assert!(finished.printed.contains("V0121"), "{}", finished.output);
            assert!(!finished.output.contains("c-secret-1"), "{}", finished.output);
        }
        let finished = checked(&["--env", "OTHER", "--env", "DEPLOY_TOKEN"]);
        assert!(finished.printed.contains("c-secret-1"), "{}", finished.output);
    }
}

/// Each directory is read once, by whatever way it is come to.
#[test]
fn i5_links_in_a_circle_are_not_followed_for_ever() {
    let directory = directory(&MENDED.replace("backend-svc", "backend-scv"));
    for link in ["a", "b"] {
        std::os::unix::fs::symlink(".", directory.path().join(link)).expect("a link");
    }
    let found = diagnostics(directory.path(), &[".", "a"]);
    assert_eq!(codes(&found), ["V0101"], "{found:#?}");

    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    std::os::unix::fs::symlink(directory.path(), elsewhere.path().join("linked")).expect("a link");
    let found = diagnostics(elsewhere.path(), &["."]);
    assert_eq!(
        found[0]["file"], "./linked/route.yaml",
        "a link may lead elsewhere: {found:#?}"
    );
}

#[test]
fn c18_explain_knows_codes_and_reasons() {
    let explain = |code: &str| run(Command::new(BINARY).args(["explain", code]), b"");
    let finished = explain("v0104");
    assert!(finished.status.success());
    assert!(
        finished
            .printed
            .starts_with("V0104: a ServersTransport that does not exist (error)\n\n"),
        "{}",
        finished.printed
    );
    assert!(
        finished
            .printed
            .contains("    error[V0104]: IngressRoute web/web:")
    );
    let finished = explain("unknown_ca");
    assert!(
        finished
            .printed
            .starts_with("unknown_ca: no trusted CA signed the certificate\n"),
        "{}",
        finished.printed
    );
    let finished = explain("V9999");
    assert_eq!(finished.status.code(), Some(1));
    assert_eq!(
        finished.output,
        "error: there is no code `V9999`\n  hint: codes of `viaduct check` are like `V0104`, those of findings in the log like `MissingReference`, reasons of failure like `unknown_ca`"
    );
    let finished = explain("MisingReference");
    assert_eq!(finished.status.code(), Some(1));
    assert_eq!(
        finished.output,
        "error: there is no code `MisingReference`\n  hint: did you mean `MissingReference`?"
    );
    let finished = explain("missing_reference");
    assert!(
        finished
            .printed
            .contains("V0103  a Secret or ConfigMap that does not exist"),
        "{}",
        finished.printed
    );
}

/// Two routes, each with the certificate under it: one of them is mended, and the other one is left for a person.
#[test]
fn c18_fix_writes_no_key_twice() {
    let twice = format!(
        "{ROUTE}{}",
        ROUTE
            .split("  routes:\n")
            .nth(1)
            .expect("routes")
            .replace("web.example", "www.example")
    );
    let directory = directory(&twice);
    let finished = check(directory.path(), &[".", "--fix=all"]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.output);
    let route = fs::read_to_string(directory.path().join("route.yaml")).expect("the route");
    assert_eq!(route.matches("\n  tls:\n").count(), 1, "{route}");
    let json = check(
        directory.path(),
        &[".", "--fix=all", "--dry-run", "--format", "json"],
    );
    let all: Value = serde_json::from_str(&json.printed).expect("JSON");
    assert!(all["fixed"].is_array() && all["edits"].is_array(), "{all:#}");
}

/// A file that is not text says so where it is, and hides nothing of the others.
#[test]
fn i5_bytes_that_are_no_text_are_one_mistake_of_one_file() {
    let directory = directory(&MENDED.replace("backend-svc", "backend-scv"));
    fs::write(directory.path().join("binary.yaml"), b"kind: X\nname: \xff\xfe\n").expect("a file");
    fs::write(directory.path().join("nul.yaml"), b"kind: X\0Y\n\0\n").expect("a file");
    let found = diagnostics(directory.path(), &["."]);
    assert!(codes(&found).contains(&"V0101"), "{found:#?}");
    let of_bytes = found
        .iter()
        .find(|one| one["file"] == "./binary.yaml")
        .expect("a diagnostic");
    assert_eq!(
        (&of_bytes["code"], &of_bytes["line"], &of_bytes["column"]),
        (&json!("V0001"), &json!(2), &json!(7))
    );
    assert_eq!(
        of_bytes["message"],
        "the file is not UTF-8: byte 0xff, 14 bytes from its begin"
    );
    let finished = check(directory.path(), &[".", "--fix=all"]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    let bytes = fs::read(directory.path().join("binary.yaml")).expect("the file");
    assert_eq!(bytes, b"kind: X\nname: \xff\xfe\n");
}
