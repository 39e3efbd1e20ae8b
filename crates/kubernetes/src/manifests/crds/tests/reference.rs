//! What the CRDs of Traefik v3.7 take, from a table of their properties.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

const TABLE: &str = include_str!("../../../../tests/schemas/traefik-v3.7.tsv");

/// One place of a schema.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) kind: String,
    /// Empty for the object itself.
    pub(super) path: String,
    /// The path, step by step: names, `[]` and `{}`.
    pub(super) steps: Vec<String>,
    /// The schema there, without what is below it.
    pub(super) keywords: Value,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, self.path)
    }
}

pub(super) fn rows() -> Vec<Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.map(row).collect()
}

fn row(line: &str) -> Row {
    let mut columns = line.split('\t');
    let mut column = || columns.next().unwrap_or_else(|| panic!("{line}"));
    let (kind, path, keywords) = (column(), column(), column());
    let path = if path == "." { "" } else { path };
    let marked = path.replace("[]", ".[]").replace("{}", ".{}");
    Row {
        kind: kind.to_owned(),
        path: path.to_owned(),
        steps: marked.split('.').skip(1).map(str::to_owned).collect(),
        keywords: serde_json::from_str(keywords).unwrap_or_else(|error| panic!("{line}: {error}")),
    }
}

/// The whole schemas, by kind.
fn schemas() -> BTreeMap<String, Value> {
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for row in rows() {
        let mut here = schemas.entry(row.kind.clone()).or_insert_with(|| json!({}));
        for step in &row.steps {
            here = match step.as_str() {
                "[]" => &mut here["items"],
                "{}" => &mut here["additionalProperties"],
                name => &mut here["properties"][name],
            };
        }
        *here = row.keywords;
    }
    schemas
}

/// The rows of `spec` that nothing is below, each with its kind's schema.
pub(super) fn leaves() -> Vec<(Row, Value)> {
    let schemas = schemas();
    let rows = rows();
    let paths: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row.kind.clone(), row.path.clone()))
        .collect();
    let has_more = |row: &Row| {
        paths.iter().any(|(kind, path)| {
            let rest = path.strip_prefix(row.path.as_str());
            *kind == row.kind && rest.is_some_and(|rest| rest.starts_with(['.', '[', '{']))
        })
    };
    let leaves = rows
        .iter()
        .filter(|row| row.path.starts_with(".spec") && !has_more(row));
    leaves
        .map(|row| (row.clone(), schemas[&row.kind].clone()))
        .collect()
}
