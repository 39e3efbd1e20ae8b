//! Files -> one update, with the last good state of each.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use viaduct_config::finding::Code;
use viaduct_config::{Finding, ProviderName, Update};

use super::{FileProviderError, FileSettings, FileSource, listing};
use crate::files::open_regular;
use crate::material::Material;
use crate::merge::merge;
use crate::reading::{self, Format, Problem, Read};
use crate::template;

/// Whether a file that cannot be used gets some time to become better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Settle,
    None,
}

/// What a look at the files gave.
#[derive(Debug)]
pub(super) struct Loaded {
    /// `None`: it is not settled yet.
    pub(super) update: Option<Update>,
    /// PEM files that the configuration names.
    pub(super) named: BTreeSet<PathBuf>,
    /// Look again before long.
    pub(super) unsettled: bool,
}

#[derive(Debug)]
pub(super) struct Loader {
    settings: FileSettings,
    env: fn(&str) -> Option<String>,
    files: BTreeMap<PathBuf, Known>,
    material: Material,
    named: BTreeSet<PathBuf>,
    /// Why the directory cannot be listed now, though it could before.
    lost: Option<String>,
}

/// A file as it was last read.
#[derive(Debug)]
struct Known {
    text: String,
    good: Read,
    /// What is wrong with the present text, if it is not the one that `good` was read from.
    problems: Vec<Finding>,
}

impl Loader {
    pub(super) fn new(settings: FileSettings, env: fn(&str) -> Option<String>) -> Self {
        Self {
            settings,
            env,
            files: BTreeMap::new(),
            material: Material::default(),
            named: BTreeSet::new(),
            lost: None,
        }
    }

    /// All files have to be good.
    pub(super) fn first(&mut self) -> Result<(Update, BTreeSet<PathBuf>), FileProviderError> {
        let mut problems = Vec::new();
        for path in self.paths()? {
            match self.read(&path) {
                Ok((text, good)) => {
                    let known = Known {
                        text,
                        good,
                        problems: Vec::new(),
                    };
                    self.files.insert(path, known);
                }
                Err(fault) => problems.extend(fault.problems),
            }
        }
        if !problems.is_empty() {
            return Err(FileProviderError::Faults(problems));
        }
        let update = self.update();
        Ok((update, self.named.clone()))
    }

    /// The files now, each with its last good state.
    pub(super) fn look(&mut self, patience: Patience) -> Loaded {
        let mut unsettled = false;
        match self.paths() {
            Ok(paths) => {
                self.lost = None;
                self.files.retain(|path, _| paths.contains(path));
                for path in paths {
                    unsettled |= self.look_at(path, patience);
                }
            }
            Err(error) => {
                let why = std::error::Error::source(&error).map(|source| format!(": {source}"));
                self.lost = Some(format!("{error}{}", why.unwrap_or_default()));
                unsettled = patience == Patience::Settle;
            }
        }
        let update = (!unsettled).then(|| self.update());
        Loaded {
            update,
            named: self.named.clone(),
            unsettled,
        }
    }

    /// Whether the file may still be in the middle of being written.
    fn look_at(&mut self, path: PathBuf, patience: Patience) -> bool {
        let read = self.read(&path);
        let known = self.files.get_mut(&path);
        match (read, known) {
            (Ok((text, good)), Some(known)) => {
                let emptied = text.trim().is_empty() && !known.text.trim().is_empty();
                if emptied && patience == Patience::Settle {
                    return true;
                }
                *known = Known {
                    text,
                    good,
                    problems: Vec::new(),
                };
            }
            (Ok((text, good)), None) => {
                let known = Known {
                    text,
                    good,
                    problems: Vec::new(),
                };
                self.files.insert(path, known);
            }
            (Err(_), _) if patience == Patience::Settle => return true,
            (Err(fault), Some(known)) => {
                known.problems = fault.findings("its last good configuration stays in service");
            }
            (Err(fault), None) => {
                let known = Known {
                    text: String::new(),
                    good: Read::default(),
                    problems: fault.findings("nothing of it is in service"),
                };
                self.files.insert(path, known);
            }
        }
        false
    }

    fn paths(&self) -> Result<Vec<PathBuf>, FileProviderError> {
        match &self.settings.source {
            FileSource::File(path) => Ok(vec![path.clone()]),
            FileSource::Directory(path) => listing::files(path),
        }
    }

    fn update(&mut self) -> Update {
        let mut all = Read::default();
        for known in self.files.values() {
            merge(&mut all, known.good.clone());
        }
        let mut update = Update {
            origins: all.origins,
            notes: all.notes.into(),
            ..Update::new(ProviderName::new(PROVIDER), all.dynamic)
        };
        for known in self.files.values() {
            update.notes.extend(known.problems.iter().cloned());
        }
        if let Some(why) = &self.lost {
            let message = format!("{why}; the last configuration stays in service");
            let finding = Finding::error(Code::LastGoodKept, message);
            update
                .notes
                .push(finding.hint("put the directory back; it is read again by itself"));
        }
        self.named = self.material.fill(&mut update);
        update
    }

    /// Text and meaning of a file.
    fn read(&self, path: &Path) -> Result<(String, Read), Fault> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|why| Fault::of_file(format!("`{name}` {why}")))?;
        let format = listing::format(path).ok_or_else(|| {
            Fault::of_file(format!(
                "unsupported file extension: `{name}` (.yaml, .yml, .toml and .json are read)"
            ))
        })?;
        let read = self.understand(&name, &text, format)?;
        Ok((text, read))
    }

    fn understand(&self, name: &str, text: &str, format: Format) -> Result<Read, Fault> {
        let rendered = template::render(name, text, &self.env).map_err(|error| Fault {
            problems: vec![reading::of_template(error, text)],
        })?;
        if self.settings.debug_log_generated_template && rendered.is_generated() {
            tracing::debug!(file = name, "template content:\n{text}");
            tracing::debug!(file = name, "rendering results:\n{}", rendered.text());
        }
        reading::read(name, text, &rendered, format).map_err(|problems| Fault { problems })
    }
}

/// Why a file cannot be used.
#[derive(Debug)]
struct Fault {
    problems: Vec<Problem>,
}

impl Fault {
    fn of_file(message: String) -> Self {
        let finding = Finding::error(Code::UnreadableDocument, message);
        Self {
            problems: vec![Problem {
                finding,
                excerpt: None,
            }],
        }
    }

    /// The findings, each with what becomes of the file.
    fn findings(self, consequence: &str) -> Vec<Finding> {
        let findings = self.problems.into_iter().map(|problem| problem.finding);
        findings
            .map(|finding| Finding {
                message: format!("{}: {consequence}", finding.message),
                ..finding
            })
            .collect()
    }
}

/// The rest of a message that begins with the file's name.
fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error: io::Error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err("is larger than 32 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

/// What follows `@` in the names of its elements.
pub(super) const PROVIDER: &str = "file";
const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;
