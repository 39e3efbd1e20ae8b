//! The table of diagnoses and forms of input: for each cell a text in which the mistake is found, or why it cannot be
//! made there. A new diagnosis does not compile until each form has a cell for it.
//!
//! A cell is an edit of a text of that form in which nothing is wrong. TOML and Markdown are made of the texts of other
//! forms.

#[path = "forms/file.rs"]
mod file;
mod fixture;
#[path = "forms/ingress.rs"]
mod ingress;
#[path = "forms/install.rs"]
mod install;
#[path = "forms/route.rs"]
mod route;
#[path = "forms/tcp.rs"]
mod tcp;
#[path = "forms/traefik_service.rs"]
mod traefik_service;
#[path = "forms/udp.rs"]
mod udp;

use std::collections::BTreeSet;

use fixture::checked;
use viaduct_check::{Diagnosis, Sources, Text};
use viaduct_config::document::{self, Node, Value};

/// A form of input.
struct Form {
    /// A text in which nothing is wrong.
    right: &'static str,
    /// What is said of it all the same: the form is not served yet.
    said: &'static [Diagnosis],
    cell: fn(Diagnosis) -> Cell,
}

enum Cell {
    /// The right text with the first of each replaced by the second, in which the mistake is found. `""` is the text's
    /// begin, `$` its end.
    With(&'static [(&'static str, &'static str)]),
    /// It cannot be made, because...
    Never(&'static str),
}

const INSTALL: &str = "it is about install configuration";

impl Form {
    /// The text of a cell, and whether the mistake is in it.
    fn text(&self, diagnosis: Diagnosis) -> Option<String> {
        let Cell::With(edits) = (self.cell)(diagnosis) else {
            return None;
        };
        let mut text = self.right.to_owned();
        for (from, to) in edits {
            text = match *from {
                "" => format!("{to}{text}"),
                "$" => format!("{text}{to}"),
                from => {
                    assert!(
                        text.contains(from),
                        "{}: `{from}` is not in:\n{text}",
                        diagnosis.code()
                    );
                    text.replacen(from, to, 1)
                }
            };
        }
        Some(text)
    }
}

/// What is found in a text, beside the objects that all of them may name.
fn found(name: &str, text: &str) -> BTreeSet<Diagnosis> {
    let around = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue/around.yaml"));
    let around = Text::new("around.yaml", around.expect("the objects around"));
    let sources = Sources::new([Text::new(name, text), around]);
    let told = checked(&sources).diagnostics;
    told.iter().map(|one| one.diagnosis).collect()
}

/// Looks at every cell of a form whose texts are written as `written` has them.
#[track_caller]
fn look(
    form: &Form,
    name: &str,
    written: impl Fn(&str) -> String,
    overridden: impl Fn(Diagnosis) -> Option<Cell>,
) {
    let mut wrong = Vec::new();
    let right = found(name, &written(form.right));
    if right != form.said.iter().copied().collect() {
        wrong.push(format!("the right text says {right:?}"));
    }
    let mut seen = right;
    for &diagnosis in Diagnosis::ALL {
        let text = match overridden(diagnosis) {
            Some(Cell::Never(_)) => None,
            Some(Cell::With(edits)) => Some(edits.iter().map(|(_, text)| *text).collect()),
            None => form.text(diagnosis).map(|text| written(&text)),
        };
        if let Some(text) = text {
            let told = found(name, &text);
            if !told.contains(&diagnosis) {
                wrong.push(format!(
                    "{} is not found, but {told:?}, in:\n{text}",
                    diagnosis.code()
                ));
            }
            seen.extend(told);
        }
    }
    for &diagnosis in Diagnosis::ALL {
        let never = match overridden(diagnosis).unwrap_or_else(|| (form.cell)(diagnosis)) {
            Cell::Never(why) => {
                assert!(why.len() > 10, "{}: say why", diagnosis.code());
                true
            }
            Cell::With(_) => false,
        };
        if never && seen.contains(&diagnosis) {
            wrong.push(format!("{} is found, and was said not to be", diagnosis.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Cells of forms that are objects of a cluster.
fn of_object(diagnosis: Diagnosis) -> Cell {
    match diagnosis {
        Diagnosis::Unreadable => Cell::With(&[("  namespace: web", " namespace: web")]),
        Diagnosis::NotConfiguration => Cell::With(&[("$", "---\nreplicas: 2\n")]),
        Diagnosis::Fragment => Cell::With(&[("$", "---\nserversTransport: own\n")]),
        Diagnosis::NoNamespace => Cell::With(&[("  namespace: web\n", "")]),
        Diagnosis::Placeholder => Cell::Never("only ConfigMaps hold texts of other programs"),
        other => panic!("{} is not about any object", other.code()),
    }
}

/// Cells of forms that name the pair of a route as `secretName`.
fn of_pair(diagnosis: Diagnosis) -> Cell {
    match diagnosis {
        Diagnosis::KeyMismatch => Cell::With(&[("secretName: web-tls", "secretName: mismatch-tls")]),
        Diagnosis::UnusableCertificate => Cell::With(&[("secretName: web-tls", "secretName: damaged-tls")]),
        Diagnosis::Expired => Cell::With(&[("secretName: web-tls", "secretName: expired-tls")]),
        Diagnosis::ExpiresSoon => Cell::With(&[("secretName: web-tls", "secretName: soon-tls")]),
        Diagnosis::NotYetValid => Cell::With(&[("secretName: web-tls", "secretName: not-yet-tls")]),
        Diagnosis::IncompleteChain => Cell::With(&[("secretName: web-tls", "secretName: chained-tls")]),
        Diagnosis::WeakKey => Cell::With(&[("secretName: web-tls", "secretName: weak-tls")]),
        other => panic!("{} is not about a pair", other.code()),
    }
}

/// Cells of forms that have a ServersTransport beside them.
fn of_transport(diagnosis: Diagnosis) -> Cell {
    match diagnosis {
        Diagnosis::DeprecatedField => Cell::With(&[("rootCAs:\n  - secret: ", "rootCAsSecrets:\n  - ")]),
        Diagnosis::BackendsOwnKey => Cell::With(&[
            (
                "  serverName:",
                "  certificatesSecrets:\n  - backend-tls\n  serverName:",
            ),
            ("secret: backend-ca", "secret: backend-tls"),
        ]),
        Diagnosis::LeafAsRoot => Cell::With(&[("secret: backend-ca", "secret: backend-self")]),
        Diagnosis::NoTrust => Cell::With(&[("rootCAs:\n  - secret: backend-ca", "rootCAs: []")]),
        Diagnosis::SkipVerify => {
            Cell::With(&[("  serverName:", "  insecureSkipVerify: true\n  serverName:")])
        }
        Diagnosis::NameNotCarried => Cell::With(&[
            ("serverName: web.", "serverName: other."),
            ("secret: backend-ca", "secret: backend-tls"),
        ]),
        Diagnosis::KeyOfCa => Cell::With(&[("secret: backend-ca", "secret: ca-with-key")]),
        other => panic!("{} is not about a transport", other.code()),
    }
}

fn as_it_is(text: &str) -> String {
    text.to_owned()
}

const fn as_yaml(_: Diagnosis) -> Option<Cell> {
    None
}

#[test]
fn c18_forms_ingress_route() {
    look(&route::FORM, "route.yaml", as_it_is, as_yaml);
}

#[test]
fn c18_forms_ingress_route_tcp() {
    look(&tcp::FORM, "tcp.yaml", as_it_is, as_yaml);
}

#[test]
fn c18_forms_ingress_route_udp() {
    look(&udp::FORM, "udp.yaml", as_it_is, as_yaml);
}

#[test]
fn c18_forms_ingress() {
    look(&ingress::FORM, "ingress.yaml", as_it_is, as_yaml);
}

#[test]
fn c18_forms_traefik_service() {
    look(&traefik_service::FORM, "service.yaml", as_it_is, as_yaml);
}

#[test]
fn c18_forms_file_provider_in_yaml() {
    look(&file::FORM, "file.yaml", file::filled, as_yaml);
}

#[test]
fn c18_forms_file_provider_in_toml() {
    look(
        &file::FORM,
        "file.toml",
        |text| toml(&file::filled(text)),
        file::in_toml,
    );
}

#[test]
fn c18_forms_two_files_that_have_one_router() {
    let text = |name: &str| Text::new(name, file::filled(file::FORM.right));
    let told = checked(&Sources::new([text("one.yaml"), text("other.yaml")])).diagnostics;
    let of_second = told
        .iter()
        .filter(|one| one.place.as_ref().is_some_and(|place| place.file == 1));
    let of_second: BTreeSet<_> = of_second.map(|one| one.diagnosis).collect();
    assert!(of_second.contains(&Diagnosis::Duplicate), "{told:#?}");
}

#[test]
fn c18_forms_install_configuration() {
    look(&install::FORM, "traefik.yaml", as_it_is, as_yaml);
}

#[test]
fn c18_forms_markdown() {
    look(&route::FORM, "article.md", markdown, route::in_markdown);
}

/// Each document in a block of its own.
fn markdown(text: &str) -> String {
    let blocks = text
        .split("---\n")
        .map(|document| format!("As is said:\n\n```yaml\n{document}```\n\n"));
    format!("# An article\n\n{}", blocks.collect::<String>())
}

/// The same in TOML: one line for each key at the top.
fn toml(yaml: &str) -> String {
    let documents = document::parse("file.yaml", yaml).expect("YAML");
    assert_eq!(documents.len(), 1, "a file of TOML is one document:\n{yaml}");
    let Some(Value::Mapping(entries)) = documents.first().map(|document| &document.root.value) else {
        panic!("no mapping:\n{yaml}");
    };
    let lines = entries
        .iter()
        .map(|(key, value)| format!("{} = {}\n", key.text, inline(value)));
    lines.collect()
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::Mapping(entries) => {
            let entries = entries.iter();
            let entries: Vec<_> = entries
                .map(|(key, value)| format!("{:?} = {}", key.text, inline(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Sequence(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => serde_json::to_string(text).expect("text"),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(_) | Value::Null => panic!("no cell has one"),
    }
}
