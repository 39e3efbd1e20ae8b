//! The files that are looked at.

use std::collections::HashSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use viaduct_check::Text;
use viaduct_kubernetes::directory::{MAX_FILE_BYTES, MAX_FILES};

use crate::failure::Failure;

/// The texts of all paths, each file once, in the order given and by name inside a directory.
pub(super) fn texts(paths: &[PathBuf]) -> Result<Vec<Text>, Failure> {
    let mut walk = Walk::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| cannot_read(path, error))?;
        if metadata.is_dir() {
            walk.directory(path, &metadata, 0)?;
        } else {
            walk.files.push(path.clone());
        }
    }
    let mut texts: Vec<Text> = Vec::with_capacity(walk.files.len());
    let (mut known, mut bytes) = (HashSet::new(), 0);
    for file in walk.files {
        let name = file.display().to_string();
        // One file has many names.
        let metadata = fs::metadata(&file).map_err(|error| cannot_read(&file, error))?;
        if known.insert((metadata.dev(), metadata.ino())) {
            let text = read(&file)?;
            bytes += text.len() as u64;
            if bytes > MAX_BYTES {
                return Err(Failure::new(format!(
                    "there are more than {MAX_BYTES} bytes to check"
                )));
            }
            texts.push(Text::from_bytes(name, text));
        }
    }
    if texts.is_empty() {
        return Err(Failure::new("there is nothing to check")
            .hint("files named .yaml, .yml, .json or .toml are read, or those that are named themselves"));
    }
    Ok(texts)
}

/// What was found so far.
#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    /// Device and inode of each directory: links may lead to one several times, or in a circle.
    seen: HashSet<(u64, u64)>,
}

impl Walk {
    fn directory(&mut self, directory: &Path, metadata: &fs::Metadata, depth: usize) -> Result<(), Failure> {
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            let place = directory.display();
            return Err(Failure::new(format!(
                "`{place}` lies more than {MAX_DEPTH} directories deep"
            )));
        }
        let entries = fs::read_dir(directory).map_err(|error| cannot_read(directory, error))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|error| cannot_read(directory, error))?.path());
        }
        paths.sort();
        for path in paths {
            let hidden = path
                .file_name()
                .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            // A link that leads nowhere is nobody's configuration.
            let Some(metadata) = fs::metadata(&path).ok().filter(|_| !hidden) else {
                continue;
            };
            if metadata.is_dir() {
                self.directory(&path, &metadata, depth + 1)?;
            } else if metadata.is_file() && is_configuration(&path) {
                if self.files.len() >= MAX_FILES {
                    return Err(Failure::new(format!(
                        "`{}` holds more than {MAX_FILES} files",
                        directory.display()
                    )));
                }
                self.files.push(path);
            }
        }
        Ok(())
    }
}

fn is_configuration(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json" | "toml"))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| cannot_read(path, error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::new(format!(
            "`{}` is larger than {MAX_FILE_BYTES} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Writes a file anew: the whole text beside it first, so that nobody reads half of it.
pub(super) fn replace(name: &str, text: &str) -> Result<(), Failure> {
    let cannot = |error| Failure::new(format!("cannot write `{name}`")).because(error);
    // Through a link: what it leads to is what is edited.
    let path = fs::canonicalize(name).map_err(cannot)?;
    let mut draft = path.clone().into_os_string();
    draft.push(format!(".{}.draft", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = fs::File::create_new(&draft).and_then(|mut file| {
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        fs::rename(&draft, &path)
    });
    written.map_err(|error| {
        fs::remove_file(&draft).unwrap_or_default();
        cannot(error)
    })
}

fn cannot_read(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(format!("cannot read `{}`", path.display())).because(error)
}

const MAX_DEPTH: usize = 16;
/// Of all files together: each byte is several in memory.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
