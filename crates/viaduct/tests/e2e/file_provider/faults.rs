//! What is refused at the start, and how it is said.

use viaduct_testkit::child::run;

use super::Files;

/// Output of a start that has to fail.
#[track_caller]
fn refused(files: &Files, arguments: &[&str]) -> String {
    let finished = run(&mut files.command(arguments), b"");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.output);
    finished.output
}

#[test]
fn a10_3_an_unknown_field_is_shown_with_its_line() {
    let files = Files::new();
    files.dynamic("a.yaml", "http:\n  routers:\n    r:\n      rul: Host(`a`)\n");
    let output = refused(&files, &["--providers.file.directory=dynamic"]);
    let wanted = "error: field not found: rul\n  at: dynamic/a.yaml:4:7 (http.routers.r.rul)\n  hint: did you mean `rule`?\n   |\n 4 |       rul: Host(`a`)\n   |       ^";
    assert!(output.contains(wanted), "{output}");
}

#[test]
fn a10_3_every_kind_of_broken_file_says_what_is_wrong() {
    let cases = [
        ("a.yaml", "http: [\n", "dynamic/a.yaml:2:1"),
        ("a.toml", "[http\n", "dynamic/a.toml:1:6"),
        (
            "a.yaml",
            "a: {{ nofunction }}\n",
            "function \"nofunction\" not defined",
        ),
        (
            "a.yaml",
            "http:\n  routers:\n    r: { priority: x }\n",
            "dynamic/a.yaml:3:20",
        ),
    ];
    for (name, text, wanted) in cases {
        let files = Files::new();
        files.dynamic(name, text);
        let output = refused(&files, &["--providers.file.directory=dynamic"]);
        assert!(output.contains(wanted), "{text}: {output}");
    }
    let files = Files::new();
    let output = refused(&files, &["--providers.file.filename=missing.yaml"]);
    assert!(
        output.contains("`missing.yaml` cannot be read: No such file"),
        "{output}"
    );
    let output = refused(&files, &["--providers.file.directory=nowhere"]);
    assert!(output.contains("`nowhere` cannot be read"), "{output}");
    let output = refused(&files, &["--providers.http.endpoint=nowhere"]);
    assert!(output.contains("the URL has to begin with `http://`"), "{output}");
}

/// Both of Traefik's samples, where a checkout has them beside it: placeholders are not served, and nothing
/// in them is unknown.
#[test]
fn a10_1_traefiks_samples_are_taken() {
    for extension in ["yaml", "toml"] {
        let name = format!("shared/reference/traefik-file-provider.{extension}");
        let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|ancestor| ancestor.join(&name))
            .find(|path| path.exists());
        let every_field = match extension {
            "yaml" => "../config/tests/every_field.yaml",
            _ => "../providers/src/reading/tests/every_field.toml",
        };
        let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(every_field);
        for sample in beside.into_iter().chain([own]) {
            let files = Files::new();
            let filename = format!("--providers.file.filename={}", sample.display());
            let mut running =
                viaduct_testkit::viaduct::Running::until_ready(&mut files.command(&[&filename]));
            let output = running.child().output();
            assert!(output.contains("configuration applied"), "{output}");
            assert!(!output.contains("field not found"), "{output}");
        }
    }
}
