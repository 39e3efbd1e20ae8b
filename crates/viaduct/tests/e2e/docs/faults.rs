//! The table of reasons in `docs/reference/faults.md`: code, message, status, mend, tests. What it says comes from the
//! code, and the tests that it names are looked up.
//!
//! `UPDATE_GOLDEN=1 cargo test -p viaduct --test e2e docs::faults` writes it.

use std::path::Path;

use viaduct_proxy::status_of;
use viaduct_snapshot::explain::mend;
use viaduct_tls::Reason;

use super::{read, workspace};

const PAGE: &str = "docs/reference/faults.md";
const HEAD: &str = "| Code | Meaning | Status | Usual mend | Tests |\n|---|---|---|---|---|\n";

#[test]
fn c1_the_table_of_reasons_is_what_the_code_says_and_every_cell_is_filled() {
    let page = read(PAGE);
    let (before, rest) = page.split_once(HEAD).expect("the table");
    let (rows, after) = rest.split_once("\n\n").expect("the end of the table");
    let table = table();
    for row in table.lines().skip(2) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        assert!(cells.iter().all(|cell| cell.len() > 2), "a cell is empty: {row}");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let page = format!("{before}{table}\n{after}");
        std::fs::write(workspace().join(PAGE), page).expect("writing the page");
        return;
    }
    assert_eq!(
        format!("{HEAD}{rows}\n"),
        table,
        "{PAGE} is not what the code says (UPDATE_GOLDEN=1 writes it)"
    );
}

fn table() -> String {
    let tests = tests();
    let rows = Reason::ALL.iter().map(|reason| {
        let status = match reason {
            Reason::BodyBroken => "as sent".to_owned(),
            reason => status_of(*reason).as_u16().to_string(),
        };
        format!(
            "| `{reason}` | {} | {status} | {} | {} |\n",
            reason.meaning(),
            mend(*reason),
            tests_of(*reason, &tests)
        )
    });
    HEAD.to_owned() + &rows.collect::<String>()
}

/// Those named after the reason; one without any is a failure here.
#[track_caller]
fn tests_of(reason: Reason, all: &[String]) -> String {
    let is_about = |test: &&String| {
        ["c1_", "c2_", "c9_a_"].iter().any(|row| {
            test.strip_prefix(&format!("{row}{reason}"))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    };
    let named: Vec<_> = all
        .iter()
        .filter(is_about)
        .map(|test| format!("`{test}`"))
        .collect();
    assert!(!named.is_empty(), "no test is named after `{reason}`");
    named.join(", ")
}

/// The names of the tests of these rooms, in order.
fn tests() -> Vec<String> {
    let mut found = Vec::new();
    for room in ["backend_leg", "faults"] {
        collect(
            &workspace().join("crates/viaduct/tests/e2e").join(room),
            &mut found,
        );
    }
    collect_from(
        &workspace().join("crates/viaduct/tests/e2e/rotation.rs"),
        &mut found,
    );
    found.sort();
    found
}

fn collect(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("tests").flatten() {
        collect_from(&entry.path(), found);
    }
}

fn collect_from(file: &Path, found: &mut Vec<String>) {
    let text = std::fs::read_to_string(file).expect("a file");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line != "#[test]" {
            continue;
        }
        let name = lines.next().and_then(|line| line.strip_prefix("fn "));
        found.extend(name.and_then(|name| name.split('(').next()).map(str::to_owned));
    }
}
