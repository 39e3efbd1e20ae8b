//! Which files of a directory are read.

use std::io;
use std::path::{Path, PathBuf};

use super::FileProviderError;
use crate::reading::Format;

/// How a file is written, by its name; `None` for files that are not read.
pub(super) fn format(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "yaml" | "yml" | "json" => Some(Format::Yaml),
        "toml" => Some(Format::Toml),
        _ => None,
    }
}

/// All files to read, in the order of their names, directories among them. As in Traefik, links to directories
/// are not followed. Neither are names with two dots, which Kubernetes keeps a volume's versions under.
pub(super) fn files(root: &Path) -> Result<Vec<PathBuf>, FileProviderError> {
    let mut found = Vec::new();
    walk(root, 0, &mut found).map_err(|error| match error {
        Stop::Unreadable(source) => FileProviderError::Directory {
            path: root.to_owned(),
            source,
        },
        Stop::TooMany => FileProviderError::TooManyFiles {
            path: root.to_owned(),
            limit: MAX_FILES,
        },
    })?;
    Ok(found)
}

enum Stop {
    Unreadable(io::Error),
    TooMany,
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Stop> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Stop::Unreadable)? {
        let entry = entry.map_err(Stop::Unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with("..") {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            entries.push((entry.path(), is_directory));
        }
        if entries.len() > MAX_ENTRIES {
            return Err(Stop::TooMany);
        }
    }
    entries.sort_unstable();
    for (path, is_directory) in entries {
        if is_directory {
            match walk(&path, depth + 1, found) {
                // It may have gone since.
                Err(Stop::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        } else if format(&path).is_some() {
            if found.len() >= MAX_FILES {
                return Err(Stop::TooMany);
            }
            found.push(path);
        }
    }
    Ok(())
}

const MAX_DEPTH: usize = 32;
const MAX_FILES: usize = 10_000;
const MAX_ENTRIES: usize = 200_000;
