//! Manifests in, configuration and findings out: every `golden/*.in.yaml` beside its `*.out.yaml`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p viaduct-kubernetes --test golden` rewrites the outputs; read the
//! difference before it is committed.
//!
//! A first line `# policy: cluster` translates under Traefik's defaults for a cluster instead of those
//! for a directory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use viaduct_config::render::{Format, Secrets, render};
use viaduct_config::{Finding, Update};
use viaduct_kubernetes::{Index, Policy, translate};

#[test]
fn golden_pairs() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut inputs: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".in.yaml"))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no golden inputs in {}", directory.display());
    let mut wrong = Vec::new();
    for input in inputs {
        let name = input.file_name().unwrap().to_string_lossy().into_owned();
        let output = directory.join(name.replace(".in.yaml", ".out.yaml"));
        let got = outcome(&name, &fs::read_to_string(&input).unwrap());
        if update {
            fs::write(&output, &got).unwrap();
        } else if fs::read_to_string(&output).unwrap_or_default() != got {
            wrong.push(format!("--- {name} gives:\n{got}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "differs from what is recorded (UPDATE_GOLDEN=1 records it):\n{}",
        wrong.join("\n")
    );
}

fn outcome(name: &str, text: &str) -> String {
    let mut index = Index::new(|_| Ok(()));
    index.apply(name, text);
    let policy = if text.starts_with("# policy: cluster\n") {
        Policy::default()
    } else {
        Policy::directory()
    };
    let update = translate(&index, &policy);
    let mut out = String::new();
    findings(&mut out, &update);
    out.push_str(&render(&update.dynamic, Format::Yaml, Secrets::Redacted));
    out
}

fn findings(out: &mut String, update: &Update) {
    for (element, finding) in &update.broken {
        writeln!(out, "# broken: {element}").unwrap();
        one(out, finding);
    }
    for finding in &update.notes {
        writeln!(out, "# note:").unwrap();
        one(out, finding);
    }
}

fn one(out: &mut String, finding: &Finding) {
    writeln!(
        out,
        "#   {:?} {:?}: {}",
        finding.severity, finding.code, finding.message
    )
    .unwrap();
    let object = finding.object.as_ref().map(ToString::to_string);
    let location = finding.location.as_ref().map(ToString::to_string);
    for (label, text) in [
        ("object", &object),
        ("at", &location),
        ("field", &finding.field),
        ("wanted", &finding.wanted),
        ("got", &finding.got),
        ("hint", &finding.hint),
    ] {
        if let Some(text) = text {
            writeln!(out, "#   {label}: {text}").unwrap();
        }
    }
}
