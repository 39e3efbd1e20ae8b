//! Manifests in, configuration and findings out: every `golden/*.in.yaml` beside its `*.out.yaml`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p viaduct-kubernetes --test golden` rewrites the outputs; read the
//! difference before it is committed.
//!
//! A first line `# policy: cluster` translates under Traefik's defaults for a cluster instead of those
//! for a directory.

use std::fs;
use std::path::Path;

use viaduct_config::render::{Format, Secrets, render};
use viaduct_config::{Finding, Update};
use viaduct_kubernetes::{Index, IngressPolicy, Policy, translate, translate_ingresses};

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
    let (policy, of_ingresses) = if text.starts_with("# policy: cluster\n") {
        (Policy::default(), IngressPolicy::default())
    } else {
        (Policy::directory(), IngressPolicy::directory())
    };
    let shown =
        |update: &Update| findings(update) + &render(&update.dynamic, Format::Yaml, Secrets::Redacted);
    let mut shown_all = shown(&translate(&index, &policy));
    if text.contains("kind: Ingress\n") {
        shown_all.push_str("--- # provider kubernetes\n");
        shown_all.push_str(&shown(&translate_ingresses(&index, &of_ingresses).0));
    }
    shown_all
}

fn findings(update: &Update) -> String {
    let broken = update
        .broken
        .iter()
        .map(|(element, finding)| format!("# broken: {element}\n{}", one(finding)));
    let notes = update
        .notes
        .iter()
        .map(|finding| format!("# note:\n{}", one(finding)));
    broken.chain(notes).collect()
}

fn one(finding: &Finding) -> String {
    let object = finding.object.as_ref().map(ToString::to_string);
    let location = finding.location.as_ref().map(ToString::to_string);
    let details = [
        ("object", &object),
        ("at", &location),
        ("field", &finding.field),
        ("wanted", &finding.wanted),
        ("got", &finding.got),
        ("hint", &finding.hint),
    ];
    let details = details
        .into_iter()
        .filter_map(|(label, text)| Some(format!("#   {label}: {}\n", text.as_ref()?)));
    let head = format!(
        "#   {:?} {:?}: {}\n",
        finding.severity, finding.code, finding.message
    );
    std::iter::once(head).chain(details).collect()
}
