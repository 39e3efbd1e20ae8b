//! Every diagnosis: its example, with the exact text that is said of it.
//!
//! `UPDATE_GOLDEN=1 cargo test -p viaduct-check --test catalogue` writes texts and page (twice: the page is made of
//! the texts); read the difference before it is committed.

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use fixture::{checked, setting};
use viaduct_check::report::{Format, write};
use viaduct_check::{Diagnosis, Sources, Text, explain, page};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue")
}

fn text(name: &str) -> Text {
    Text::new(
        name,
        fs::read_to_string(directory().join(name)).expect("an example"),
    )
}

#[test]
fn c18_every_diagnosis_has_an_example_and_says_exactly_this_of_it() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for diagnosis in Diagnosis::ALL {
        let code = diagnosis.code();
        let sources = Sources::new([text(&format!("{code}.yaml")), text("around.yaml")]);
        let report = checked(&sources);
        let got = write(&report, &sources, Format::Human { colours: false });
        let file = directory().join(format!("{code}.txt"));
        if !report.diagnostics.iter().any(|one| one.diagnosis == *diagnosis) {
            wrong.push(format!(
                "--- the example of {code} does not give {code}, but:\n{got}"
            ));
        } else if update {
            fs::write(&file, &got).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != got {
            wrong.push(format!("--- {code} gives:\n{got}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "differs from what is recorded (UPDATE_GOLDEN=1 records it):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn c18_nothing_is_wrong_with_what_stands_around_the_examples() {
    let sources = Sources::new([text("around.yaml")]);
    let report = checked(&sources);
    assert_eq!(report.diagnostics, []);
    assert_eq!(
        write(&report, &sources, Format::Human { colours: false }),
        "nothing found\n"
    );
}

#[test]
fn c18_the_reference_page_is_made_of_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/diagnostics.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, page()).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == page(),
        "docs/reference/diagnostics.md is not what the catalogue says (UPDATE_GOLDEN=1 writes it)"
    );
}

#[test]
fn c18_every_code_is_explained_and_codes_are_in_order() {
    let codes: Vec<_> = Diagnosis::ALL.iter().map(|diagnosis| diagnosis.code()).collect();
    assert!(codes.is_sorted(), "{codes:?}");
    for code in codes {
        let explained = explain(&code.to_lowercase()).unwrap();
        let entry = Diagnosis::from_code(code).expect("a code").entry();
        assert!(
            explained.starts_with(&format!("{code}: {} (", entry.title)),
            "{explained}"
        );
        // Everything that is known of it, each line of the example and of what is said of it included.
        let told = [entry.why, entry.here, entry.traefik, entry.mend].into_iter();
        let shown = entry.example.lines().chain(entry.output.lines()).map(str::trim);
        for text in told.chain(shown) {
            assert!(explained.contains(text), "{code} without `{text}`: {explained}");
        }
    }
    assert!(explain("V9999").is_err());
}

#[test]
fn c18_a_diagnosis_that_is_allowed_is_not_told() {
    let sources = Sources::new([text("V0101.yaml"), text("around.yaml")]);
    let mut setting = setting();
    setting.allowed.insert(Diagnosis::ServiceMissing);
    assert_eq!(viaduct_check::check(&sources, &setting).diagnostics, []);
}
