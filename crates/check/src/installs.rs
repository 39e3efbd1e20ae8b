//! Install configuration: options that are unknown, gone, refused or without effect.

use viaduct_config::document::DocumentError;
use viaduct_config::install::{About, Fault, LoadError, Note, Why, from_file};
use viaduct_config::{Location, Severity};

use crate::Setting;
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::{Edit, Editor};
use crate::findings::mend::weakens;
use crate::place::Place;
use crate::source::{File, Is, Sources};

pub(crate) fn diagnostics(sources: &Sources, setting: &Setting) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, file) in sources.files.iter().enumerate() {
        if !file.has(Is::is_install) {
            continue;
        }
        for text in file.texts(Is::is_install).0 {
            match from_file(&file.name, &text) {
                Ok(loaded) => found.extend(loaded.notes.iter().map(|note| noted(note, index, file))),
                Err(LoadError::Faults(faults)) => {
                    found.extend(faults.iter().map(|fault| faulty(fault, index, file)));
                }
                Err(LoadError::Document(DocumentError { location, message })) => {
                    let diagnostic = Diagnostic::new(Diagnosis::Unreadable, message);
                    found.push(diagnostic.at(place(&location, index, file)));
                }
                // There are options, or it would not be an install configuration; and they are no flags.
                Err(LoadError::Empty { .. } | LoadError::Flags(_)) => {}
            }
        }
    }
    found.extend(
        setting
            .refused
            .iter()
            .map(|(option, why)| refused(sources, option, why)),
    );
    found
}

/// What only the process itself finds wrong with a value.
fn refused(sources: &Sources, option: &str, why: &str) -> Diagnostic {
    let mut files = sources.files.iter().enumerate();
    let place = files.find_map(|(index, file)| {
        let mut roots = file.parts.iter().filter(|part| part.is.is_install());
        let node = roots.find_map(|part| {
            option
                .split('.')
                .try_fold(&part.root, |node, key| node.get_in_any_case(key))
        })?;
        place(&node.location, index, file)
    });
    Diagnostic::new(Diagnosis::OptionInvalid, format!("option `{option}`: {why}"))
        .at(place)
        .field(option)
}

fn noted(note: &Note, index: usize, file: &File) -> Diagnostic {
    let (diagnosis, message) = match note.about {
        About::NoEffect(why) => (
            Diagnosis::OptionWithoutEffect,
            format!("option `{}` has no effect: {why}", note.option),
        ),
        About::Deprecated(instead) => (
            Diagnosis::OptionDeprecated,
            format!("option `{}` is deprecated: {instead}", note.option),
        ),
    };
    Diagnostic::new(diagnosis, message)
        .at(place(&note.place, index, file))
        .field(note.option.as_str())
}

fn faulty(fault: &Fault, index: usize, file: &File) -> Diagnostic {
    let option = &fault.option;
    let (diagnosis, message) = match &fault.why {
        Why::Unknown { .. } => (Diagnosis::OptionUnknown, format!("unknown option `{option}`")),
        Why::Removed(_) => (
            Diagnosis::OptionRefused,
            format!("option `{option}` is gone since Traefik v3"),
        ),
        Why::Refused(why) => (
            Diagnosis::OptionRefused,
            format!("option `{option}` is refused: {why}"),
        ),
        Why::Invalid(message) => (Diagnosis::OptionInvalid, format!("option `{option}`: {message}")),
    };
    let mut diagnostic = Diagnostic::new(diagnosis, message)
        .at(place(&fault.place, index, file))
        .field(option.as_str());
    diagnostic.severity = Severity::Error;
    if let (Why::Unknown { meant: Some(meant) }, Some(place)) = (&fault.why, &diagnostic.place) {
        let text = format!("an option with a similar name: `{meant}`");
        let last = meant.rsplit('.').next().unwrap_or(meant);
        let written = file.text.get(place.start..place.end).unwrap_or_default();
        let edits = if written == option.rsplit('.').next().unwrap_or(option) {
            vec![Edit::replace(index, place.start..place.end, last)]
        } else {
            Vec::new()
        };
        let help = if written.eq_ignore_ascii_case(last) && !weakens(last) {
            Help::safe_edit(text, edits)
        } else {
            Help::edit(text, edits)
        };
        return diagnostic.help(help);
    }
    match fault.why.hint() {
        Some(hint) => diagnostic.help(Help::words(hint)),
        None => diagnostic,
    }
}

fn place(location: &Location, index: usize, file: &File) -> Option<Place> {
    Some(Place::new(index, file.token(location)?))
}

/// For those who need both.
impl<'a> Editor<'a> {
    pub(crate) const fn new(index: usize, file: &'a File) -> Self {
        Self { index, file }
    }
}
