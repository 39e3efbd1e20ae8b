//! A directory of manifests: the only place of this crate that touches a disk.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::index::Index;

#[cfg(test)]
mod tests;

/// The largest file that is read, in bytes. Ten thousand routes take about 5 MiB.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// The most files that are read; more are an error, not a surprise.
pub const MAX_FILES: usize = 100_000;

/// Deeper directories are not looked into.
const MAX_DEPTH: usize = 16;

/// A file that changed this recently may change again without any trace in its times, so it is read
/// again until it is older.
const UNSETTLED: Duration = Duration::from_secs(2);

/// How long reading is put off while files are being written to.
pub const RESTLESS: Duration = Duration::from_secs(1);

/// A directory, and what was last read of each of its files.
///
/// Every `*.yaml`, `*.yml` and `*.json` below it is read, through symbolic links. Names that begin
/// with a dot are left alone: editors' drafts, and the `..data` directories that Kubernetes keeps
/// behind the links of a mounted volume.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    files: BTreeMap<Arc<str>, Known>,
    /// How long a changed file has to rest before it is read. Default: not at all.
    rest: Duration,
    /// Since when it is known that files do not rest.
    restless: Option<Instant>,
}

/// The directory as a whole cannot be used; what was read of it before still stands.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("cannot read the directory `{}`", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` holds more than {limit} manifests", path.display())]
    TooManyFiles { path: PathBuf, limit: usize },
}

/// What a [`Directory::refresh`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refresh {
    /// Files whose text is new to the index.
    pub read: usize,
    /// Files that are there and cannot be read.
    pub unreadable: usize,
    /// Files that are gone.
    pub removed: usize,
    /// `Some`: a file was written to so lately that it may not be whole yet. Nothing has been read; look
    /// again after this time.
    pub again: Option<Duration>,
}

impl Refresh {
    /// Whether the index may say something else now.
    pub fn changed(&self) -> bool {
        self.read + self.unreadable + self.removed > 0
    }
}

impl Directory {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            files: BTreeMap::new(),
            rest: Duration::ZERO,
            restless: None,
        }
    }

    /// From now on changes are read only when no file has been written to for this long: half a file may
    /// be well-formed, and files that are written one after the other belong together. A file that is
    /// written to all the time holds the others up for [`RESTLESS`] at most.
    pub fn wait_for_rest(&mut self, rest: Duration) {
        self.rest = rest;
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Brings `index` up to date: files that changed are read again, files that are gone are
    /// removed. If the directory itself cannot be read, nothing changes.
    pub fn refresh(&mut self, index: &mut Index) -> Result<Refresh, DirectoryError> {
        let now = SystemTime::now();
        let mut found = Vec::new();
        self.list(&self.root, &mut Vec::new(), &mut found)?;
        let mut refresh = Refresh {
            again: self.wait(&found, now),
            ..Refresh::default()
        };
        if refresh.again.is_some() {
            return Ok(refresh);
        }
        self.forget_missing(&found, index, &mut refresh);
        for (path, metadata) in found {
            let stamp = Stamp::of(&metadata, now);
            let label = label(&path);
            let known = self.files.get(&label);
            if let Some(known) = read_if_changed(&path, &label, stamp, known, index, &mut refresh) {
                self.files.insert(label, known);
            }
        }
        Ok(refresh)
    }

    /// How much longer the files are to be left alone.
    fn wait(&mut self, found: &[(PathBuf, Metadata)], now: SystemTime) -> Option<Duration> {
        let left = |metadata: &Metadata| {
            // Where the clocks disagree there is nothing to wait for.
            let age = now.duration_since(metadata.modified().ok()?).ok()?;
            self.rest.checked_sub(age).filter(|left| !left.is_zero())
        };
        let wait = found.iter().filter_map(|(_, metadata)| left(metadata)).max();
        let since = *self.restless.get_or_insert_with(Instant::now);
        if wait.is_none() || since.elapsed() >= RESTLESS {
            self.restless = None;
            return None;
        }
        wait
    }

    fn forget_missing(&mut self, found: &[(PathBuf, Metadata)], index: &mut Index, refresh: &mut Refresh) {
        let present: HashSet<Arc<str>> = found.iter().map(|(path, _)| label(path)).collect();
        self.files.retain(|path, _| {
            let keep = present.contains(path);
            if !keep {
                index.remove(path);
                refresh.removed += 1;
            }
            keep
        });
    }

    /// Manifests below `directory`, in no order. A subdirectory that cannot be read is an error, too:
    /// taking its objects for deleted would put their routes out of service.
    fn list(
        &self,
        directory: &Path,
        around: &mut Vec<Identity>,
        found: &mut Vec<(PathBuf, Metadata)>,
    ) -> Result<(), DirectoryError> {
        let unreadable = |source| DirectoryError::Unreadable {
            path: directory.to_owned(),
            source,
        };
        if around.is_empty() {
            around.push(identity(&fs::metadata(directory).map_err(unreadable)?));
        }
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if is_hidden(&path) {
                continue;
            }
            // Gone since it was listed, or a link that leads nowhere.
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                let identity = identity(&metadata);
                // A link to a directory around it would be a loop.
                if around.len() < MAX_DEPTH && !around.contains(&identity) {
                    around.push(identity);
                    self.list(&path, around, found)?;
                    around.pop();
                }
            } else if metadata.is_file() && is_manifest(&path) {
                if found.len() >= MAX_FILES {
                    return Err(DirectoryError::TooManyFiles {
                        path: self.root.clone(),
                        limit: MAX_FILES,
                    });
                }
                found.push((path, metadata));
            }
        }
        Ok(())
    }
}

/// What was last read of a file.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// `None`: look at the text again, whatever the file system says.
    stamp: Option<Stamp>,
    /// Of the text; `None` for a file that could not be read.
    digest: Option<[u8; 32]>,
}

/// What the file system says of a file that has not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: SystemTime,
    identity: Identity,
}

impl Stamp {
    /// `None` where times cannot be relied on.
    fn of(metadata: &Metadata, now: SystemTime) -> Option<Self> {
        let modified = metadata.modified().ok()?;
        let age = now.duration_since(modified).ok()?;
        (age > UNSETTLED).then(|| Self {
            length: metadata.len(),
            modified,
            identity: identity(metadata),
        })
    }
}

/// Which file or directory it is, whatever its name: device and inode.
type Identity = (u64, u64);

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// Reads a file unless its stamp says that it is as it was. `None`: it has gone since it was listed,
/// and the next refresh will know.
fn read_if_changed(
    path: &Path,
    label: &str,
    stamp: Option<Stamp>,
    known: Option<&Known>,
    index: &mut Index,
    refresh: &mut Refresh,
) -> Option<Known> {
    if let Some(known) = known
        && stamp.is_some()
        && known.stamp == stamp
    {
        return Some(*known);
    }
    let before = known.map(|known| known.digest);
    let digest = match read(path) {
        Ok(text) => {
            let digest = Some(<[u8; 32]>::from(Sha256::digest(&text)));
            if before != Some(digest) {
                index.apply(label, &text);
                refresh.read += 1;
            }
            digest
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            if before != Some(None) {
                index.unreadable(label, &format!("the file cannot be read: {error}"));
                refresh.unreadable += 1;
            }
            None
        }
    };
    // What could not be read is tried again: a change of permissions leaves no trace in the times.
    let stamp = digest.and(stamp);
    Some(Known { stamp, digest })
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("it is larger than {MAX_FILE_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn label(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}
