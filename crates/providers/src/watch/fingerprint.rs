//! What a tree or a set of files looks like: names, sizes, times, identities; for single files,
//! which are few, their contents too.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Target;
use crate::files;

/// Deeper directories are not looked at.
const MAX_DEPTH: usize = 32;

/// More entries are not looked at, so that a mistaken `/` costs a bounded amount.
const MAX_ENTRIES: usize = 200_000;

/// Two equal fingerprints: nothing has changed, as far as the file system tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint(BTreeMap<PathBuf, Entry>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    length: u64,
    modified: Option<SystemTime>,
    identity: Identity,
    content: Option<u64>,
}

/// Which file or directory this is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    /// Seconds and nanoseconds of the last change of content or attributes.
    changed: (i64, i64),
}

impl Identity {
    /// The identity of a directory, which stays when its entries change.
    pub(super) fn of(directory: &Path) -> Option<Self> {
        let identity = Self::from_metadata(&fs::metadata(directory).ok()?);
        Some(Self {
            changed: (0, 0),
            ..identity
        })
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Fingerprint {
    pub(super) fn of(target: &Target) -> Self {
        let mut entries = BTreeMap::new();
        match target {
            Target::Tree(root) => walk(root, &mut Vec::new(), &mut entries),
            Target::Files(files) => {
                for file in files {
                    if let Ok(metadata) = fs::metadata(file) {
                        let content = files::read_pem(file).ok().map(|text| digest(&text));
                        let entry = Entry::of(&metadata);
                        entries.insert(file.clone(), Entry { content, ..entry });
                    }
                }
            }
        }
        Self(entries)
    }
}

impl Entry {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: Identity::from_metadata(metadata),
            content: None,
        }
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn walk(directory: &Path, around: &mut Vec<Identity>, entries: &mut BTreeMap<PathBuf, Entry>) {
    let (Some(identity), Ok(listing)) = (Identity::of(directory), fs::read_dir(directory)) else {
        return;
    };
    // A link to a directory around it would be a loop.
    if around.len() >= MAX_DEPTH || around.contains(&identity) {
        return;
    }
    around.push(identity);
    for path in listing.flatten().map(|entry| entry.path()) {
        if entries.len() >= MAX_ENTRIES {
            break;
        }
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            walk(&path, around, entries);
        }
        entries.insert(path, Entry::of(&metadata));
    }
    around.pop();
}
