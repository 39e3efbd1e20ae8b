//! What `viaduct explain` says, by whatever name something is called: a code of `check`, a code of the log, or a reason
//! of failure.

use viaduct_config::finding::Code;
use viaduct_config::suggest;

use super::page::severity;
use super::{Diagnosis, Entry, codes, faults};

/// No code has this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Names that were probably meant, each with what it is about.
    pub near: Vec<String>,
}

/// The text for `V0104`, `MissingReference`, `missing_reference` or `unknown_ca`, in whatever case it is written.
///
/// # Errors
/// There is no such code.
pub fn explain(word: &str) -> Result<String, Unknown> {
    let wanted = plain(word);
    let mut diagnoses = Diagnosis::ALL.iter().map(|diagnosis| diagnosis.entry());
    if let Some(entry) = diagnoses.find(|entry| plain(entry.code) == wanted) {
        return Ok(explained(entry));
    }
    if let Some(code) = Code::ALL
        .into_iter()
        .find(|code| plain(&format!("{code:?}")) == wanted)
    {
        return Ok(codes::explain(code));
    }
    let reason = faults::codes().into_iter().find(|code| plain(code) == wanted);
    reason
        .and_then(faults::explain)
        .ok_or_else(|| Unknown { near: near(word) })
}

/// `MissingReference`, `missing_reference` and `missing-reference` are one.
fn plain(word: &str) -> String {
    let letters = word.trim().chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.collect::<String>().to_ascii_lowercase()
}

/// Names that are spelt alike, then those whose subject has the word in it.
fn near(word: &str) -> Vec<String> {
    let known = || {
        let diagnoses = Diagnosis::ALL.iter().map(|diagnosis| diagnosis.entry());
        let diagnoses = diagnoses.map(|entry| (entry.code.to_owned(), entry.title.to_owned()));
        let codes = Code::ALL
            .into_iter()
            .map(|code| (format!("{code:?}"), String::new()));
        let reasons = faults::codes()
            .into_iter()
            .map(|code| (code.to_owned(), String::new()));
        diagnoses.chain(codes).chain(reasons)
    };
    let told = |name: &str| {
        let about = known().find(|(known, _)| known == name).map(|(_, about)| about);
        match about.filter(|about| !about.is_empty()) {
            Some(about) => format!("`{name}` ({about})"),
            None => format!("`{name}`"),
        }
    };
    let mut near: Vec<String> = Vec::new();
    for _ in 0..MOST_NEAR {
        let left: Vec<(String, String)> = known().filter(|(name, _)| !near.contains(name)).collect();
        let spelt: Vec<(String, &str)> = left
            .iter()
            .map(|(name, _)| (plain(name), name.as_str()))
            .collect();
        let wanted = plain(word);
        let Some(closest) = suggest::closest(&wanted, spelt.iter().map(|(plain, _)| plain.as_str())) else {
            break;
        };
        near.extend(
            spelt
                .iter()
                .find(|(plain, _)| plain == closest)
                .map(|(_, name)| (*name).to_owned()),
        );
    }
    let word = word.trim().to_ascii_lowercase();
    if word.len() >= LEAST_WORD {
        let about = known().filter(|(name, about)| {
            about.to_ascii_lowercase().contains(&word) || name.to_ascii_lowercase().contains(&word)
        });
        for (name, _) in about {
            if near.len() < MOST_NEAR && !near.contains(&name) {
                near.push(name);
            }
        }
    }
    near.iter().map(|name| told(name)).collect()
}

fn explained(entry: &Entry) -> String {
    let severity = severity(entry.severity);
    let mut text = format!(
        "{}: {} ({severity})\n\n{}\n\n",
        entry.code, entry.title, entry.why
    );
    for (heading, told) in entry.consequences() {
        text.push_str(&format!("{heading}: {told}\n\n"));
    }
    let (example, output) = (indented(entry.example), indented(entry.output));
    text.push_str(&format!("Example:\n\n{example}\n{output}"));
    text
}

fn indented(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            all.push_str("    ");
            all.push_str(line);
        }
        all.push('\n');
    }
    all
}

const MOST_NEAR: usize = 4;
/// A shorter word is in everything.
const LEAST_WORD: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c18_one_thing_is_explained_under_each_spelling_of_its_name() {
        for (words, begin) in [
            (&["V0104", "v0104"][..], "V0104: a ServersTransport"),
            (
                &[
                    "MissingReference",
                    "missing_reference",
                    "missingreference",
                    "missing-reference",
                ],
                "MissingReference: something is named that does not exist",
            ),
            (
                &["unknown_ca", "UnknownCa", "UNKNOWN-CA"],
                "unknown_ca: no trusted CA",
            ),
        ] {
            for word in words {
                let text = explain(word).unwrap_or_else(|_| panic!("`{word}` is not known"));
                assert!(text.starts_with(begin), "{text}");
            }
        }
    }

    #[test]
    fn c18_what_is_not_known_gets_the_names_that_are_near() {
        let near = |word: &str| explain(word).expect_err("no code").near;
        assert_eq!(
            near("unknwon_ca").first().map(String::as_str),
            Some("`unknown_ca`")
        );
        assert_eq!(near("MisingReference"), ["`MissingReference`"]);
        assert!(
            near("V0999").iter().all(|name| name.starts_with("`V0")),
            "{:?}",
            near("V0999")
        );
        assert!(near("middleware").contains(&"`V0105` (a middleware that does not exist)".to_owned()));
        assert_eq!(near("xyzzy"), Vec::<String>::new());
        assert_eq!(near(""), Vec::<String>::new());
    }
}
