//! Formats that other programs read, as those programs read them.

use std::fs;
use std::path::Path;

use serde_json::Value;
use viaduct_testkit::python::{self, Module};

use super::{check, diagnostics};

const VALIDATE: &str = include_str!("../scripts/validate_json.py");

/// Every example of the catalogue, with all that is said of them, and a report that says nothing.
#[test]
fn c18_sarif_is_what_its_official_schema_wants() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let examples = crates.join("check");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/check/sarif/sarif-schema-2.1.0.json");
    let empty = tempfile::tempdir().expect("a temporary directory");
    fs::write(
        empty.path().join("nothing.yaml"),
        "entryPoints:\n  web:\n    address: :80\n",
    )
    .expect("a file");
    let mut documents = Vec::new();
    for (directory, arguments) in [
        (examples.as_path(), &["catalogue", "tests/golden"][..]),
        (
            &examples,
            &["catalogue", "tests/golden", "--fix=all", "--dry-run"],
        ),
        (empty.path(), &["."]),
    ] {
        let finished = check(directory, &[arguments, &["--format", "sarif"]].concat());
        let log: Value = serde_json::from_str(&finished.printed)
            .unwrap_or_else(|error| panic!("{error}:\n{}", finished.output));
        documents.push(log);
    }
    let results = documents[0]["runs"][0]["results"].as_array().expect("results");
    assert!(results.len() > 60, "{} results", results.len());
    let has = |field: &str| results.iter().any(|result| result[field].is_array());
    assert!(has("fixes") && has("locations"));
    // What no schema can say.
    for log in &documents {
        let run = &log["runs"][0];
        for result in run["results"].as_array().expect("results") {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("a position");
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    }
    let lines: String = documents.iter().map(|log| format!("{log}\n")).collect();
    let path = schema.display().to_string();
    let said = python::script_with_input(Module::Jsonschema, VALIDATE, &[&path], &lines);
    assert_eq!(said.output, "validated 3", "{}", said.output);
    // The validator does look: a level that does not exist.
    let wrong = documents[0]
        .to_string()
        .replacen("\"level\":\"error\"", "\"level\":\"fatal\"", 1);
    let said = python::script_with_input(Module::Jsonschema, VALIDATE, &[&path], &wrong);
    assert!(said.output.contains("'fatal' is not one of"), "{}", said.output);
}

/// A workflow command as GitHub's runner takes it apart: `::NAME PROPERTIES::MESSAGE`, `%25`, `%0D` and `%0A` in all of
/// it, `%3A` and `%2C` in properties.
struct Command {
    name: String,
    properties: Vec<(String, String)>,
    message: String,
}

impl Command {
    fn parse(line: &str) -> Self {
        let rest = line.strip_prefix("::").expect("a command");
        let (head, message) = rest.split_once("::").expect("two parts");
        let (name, properties) = head.split_once(' ').expect("properties");
        let data = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
        let property = |text: &str| data(&text.replace("%3A", ":").replace("%2C", ","));
        let properties = properties.split(',').map(|pair| {
            let (key, value) = pair.split_once('=').expect("key and value");
            (key.to_owned(), property(value))
        });
        Self {
            name: name.to_owned(),
            properties: properties.collect(),
            message: data(message),
        }
    }

    fn property(&self, key: &str) -> &str {
        let mut all = self.properties.iter();
        all.find(|(known, _)| known == key).map_or("", |(_, value)| value)
    }
}

/// Names and values that would end a property, a command or a line.
#[test]
fn c18_github_takes_every_command_apart_as_it_was_meant() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let name = "50%, a:b,line=1::error::x.yaml";
    let text = "\
http:
  routers:
    web:
      rule: Host(`web.example.com`)
      service: \"a::b%0A,c\\r\\n::error file=x::gotcha\"
  services:
    app:
      loadBalancer:
        servers:
        - url: http://10.0.0.7:8080
";
    fs::write(directory.path().join(name), text).expect("a file");
    let told = diagnostics(directory.path(), &["."]);
    let finished = check(directory.path(), &[".", "--format", "github"]);
    let commands: Vec<_> = finished.printed.lines().map(Command::parse).collect();
    assert_eq!(commands.len(), told.len(), "{}", finished.printed);
    assert!(told.len() >= 2, "{told:#?}");
    for (command, told) in commands.iter().zip(&told) {
        let level = match told["severity"].as_str() {
            Some("info") => "notice",
            other => other.expect("a severity"),
        };
        assert_eq!(command.name, level);
        assert_eq!(command.property("file"), format!("./{name}"));
        for (key, field) in [
            ("line", "line"),
            ("col", "column"),
            ("endLine", "endLine"),
            ("endColumn", "endColumn"),
        ] {
            assert_eq!(command.property(key), told[field].to_string(), "{key}");
        }
        let code = told["code"].as_str().expect("a code");
        assert!(command.property("title").starts_with(&format!("{code}: ")));
        let message = told["message"].as_str().expect("a message");
        assert!(command.message.contains(message), "{:?}", command.message);
    }
}
