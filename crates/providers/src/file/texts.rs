//! Configuration files whose texts somebody else has read.

use std::path::PathBuf;

use viaduct_config::{ProviderName, Update};

use super::listing;
use super::load::PROVIDER;
use crate::material::Material;
use crate::merge::merge;
use crate::reading::{self, Problem, Read};
use crate::template;

/// What the file provider makes of files with these names and texts, and what is wrong with those it can make
/// nothing of. PEM files that they name are read.
///
/// `env` looks up what templates ask for.
pub fn read_texts(
    texts: &[(PathBuf, String)],
    env: &dyn Fn(&str) -> Option<String>,
) -> (Update, Vec<Problem>) {
    let mut all = Read::default();
    let mut problems = Vec::new();
    for (path, text) in texts {
        // The rest of the extensions are not the provider's; JSON and texts without any are YAML.
        let format = listing::format(path).unwrap_or(reading::Format::Yaml);
        let name = path.display().to_string();
        let read = template::render(&name, text, env)
            .map_err(|error| vec![reading::of_template(error, text)])
            .and_then(|rendered| reading::read(&name, text, &rendered, format));
        match read {
            Ok(read) => merge(&mut all, read),
            Err(wrong) => problems.extend(wrong),
        }
    }
    let mut update = Update {
        origins: all.origins,
        notes: all.notes.into(),
        ..Update::new(ProviderName::new(PROVIDER), all.dynamic)
    };
    Material::default().fill(&mut update);
    (update, problems)
}
