//! Mistakes beside those of the catalogue: every file of `golden/`, and what is said of it in `NAME.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p viaduct-check --test golden` writes the texts; read the difference.

mod fixture;

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use fixture::checked;
use viaduct_check::report::{Format, write, write_mended};
use viaduct_check::{Sources, Text, Which, mend};

const FORMATS: [Format; 5] = [
    Format::Human { colours: false },
    Format::Human { colours: true },
    Format::Json,
    Format::Sarif,
    Format::Github,
];

fn text(path: &Path) -> Text {
    let name = path.file_name().expect("a name").to_string_lossy();
    Text::new(name, fs::read_to_string(path).expect("a text"))
}

fn files(directory: &str, ends: &[&str]) -> Vec<std::path::PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(directory).expect("the directory");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| ends.iter().any(|end| path.to_string_lossy().ends_with(end)))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn c18_each_of_these_says_exactly_this() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let around = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue/around.yaml");
    let mut wrong = Vec::new();
    for path in files("tests/golden", &[".yaml", ".toml"]) {
        let sources = Sources::new([text(&path), text(&around)]);
        let got = write(&checked(&sources), &sources, Format::Human { colours: false });
        let recorded = path.with_extension("txt");
        if update {
            fs::write(&recorded, &got).expect("writing");
        } else if fs::read_to_string(&recorded).unwrap_or_default() != got {
            wrong.push(format!("--- {} gives:\n{got}", path.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "differs from what is recorded (UPDATE_GOLDEN=1 records it):\n{}",
        wrong.join("\n")
    );
}

/// A half-written file, other line ends, blanks that are none of YAML's, and characters of several bytes: every format
/// still writes something, and edits leave something that can be read.
#[test]
fn c18_no_text_is_too_broken_to_be_looked_at() {
    for path in files("catalogue", &[".yaml"])
        .into_iter()
        .chain(files("tests/golden", &[".yaml", ".toml"]))
    {
        let whole = text(&path);
        let cut = |at: usize| whole.text.get(..at).map(str::to_owned);
        let mut texts: Vec<String> = (0..whole.text.len().min(700))
            .step_by(23)
            .filter_map(cut)
            .collect();
        texts.push(whole.text.replace('\n', "\r\n"));
        texts.push(whole.text.replace('a', "\u{1F512}"));
        texts.push(whole.text.replace(": ", ":\t"));
        texts.push(whole.text.trim_end().to_owned());
        texts.push(whole.text.replace(": ", ": \u{3000}"));
        texts.push(whole.text.replace("- ", "- \u{85}\u{a0}"));
        for (index, text) in texts.into_iter().enumerate() {
            let sources = Sources::new([Text::new(whole.name.clone(), text.clone())]);
            let report = checked(&sources);
            for format in FORMATS {
                assert!(!write(&report, &sources, format).is_empty() || report.diagnostics.is_empty());
            }
            // Each is looked at once more for each round of edits.
            if index % 10 == 0 && report.mendable(Which::All) > 0 {
                let before = Text::new(whole.name.clone(), text);
                let Ok(mended) = mend(vec![before], Which::All, |sources| {
                    Ok::<_, Infallible>(checked(sources))
                });
                for format in FORMATS {
                    assert!(!write_mended(&mended, true, format).is_empty() || mended.made.is_empty());
                }
                assert!(!mended.edits().is_empty() || mended.made.is_empty());
            }
        }
    }
}
