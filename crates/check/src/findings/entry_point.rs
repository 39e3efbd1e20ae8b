//! An entry point that does not exist: which of those that are named.

use viaduct_config::document::Value;
use viaduct_config::finding::Code;
use viaduct_config::{Finding, suggest};

use crate::diagnostic::Help;
use crate::edit::Editor;
use crate::place::Place;
use crate::source::Sources;

/// The item of the list, and the one that was probably meant.
pub(super) fn named(sources: &Sources, finding: &Finding) -> Option<(Place, Vec<Help>)> {
    if finding.code != Code::UnknownEntryPoint {
        return None;
    }
    let got = finding.got.as_deref()?;
    let location = finding.location.as_ref()?;
    let around = sources.object_at(location)?;
    let file = sources.files.get(around.file)?;
    let Value::Sequence(items) = &sources.field(location, Some("entryPoints"))?.value.value else {
        return None;
    };
    let item = items.iter().find(|item| item.as_str() == Some(got))?;
    let place = Place::new(around.file, file.token(&item.location)?);
    let known = finding.wanted.as_deref().unwrap_or_default();
    let near = suggest::closest(got, known.split(", "));
    let help = near.and_then(|near| {
        let edit = Editor::new(around.file, file).set(item, near)?;
        Some(Help::edit(format!("did you mean `{near}`?"), vec![edit]))
    });
    Some((place, help.into_iter().collect()))
}
