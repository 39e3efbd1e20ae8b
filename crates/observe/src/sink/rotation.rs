//! A log file that starts anew when it is large (Traefik's `log.maxSize` and its fellows).
//!
//! ```text
//!  traefik.log  --maxSize-->  traefik-2026-01-31T10-45-50.120.log  --compress-->  ...log.gz
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;

/// When a file is rotated, and what becomes of the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes. Default 100 MB, as Traefik.
    pub max_size: u64,
    /// How long old files are kept; zero (the default): for ever.
    pub max_age: Duration,
    /// How many old files are kept; 0 (the default): all.
    pub max_backups: usize,
    /// gzip old files. Default false.
    pub compress: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            max_size: 100 << 20,
            max_age: Duration::ZERO,
            max_backups: 0,
            compress: false,
        }
    }
}

impl Rotation {
    /// Moves the file away, under the time's name; the writer opens a new one. One that is gone already is as
    /// good as moved.
    pub(super) fn move_away(path: &Path) -> io::Result<()> {
        match fs::rename(path, backup(path, SystemTime::now())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved,
        }
    }

    /// Looks after old files in a thread of its own: the log goes on meanwhile.
    pub(super) fn tidy_aside(self, path: &Path) -> io::Result<()> {
        let path = path.to_path_buf();
        let tidied = thread::Builder::new().name("log-rotation".into()).spawn(move || {
            if let Err(error) = self.tidy(&path) {
                tracing::error!(%error, log = %path.display(), "cannot tidy up rotated log files");
            }
        });
        tidied.map(drop)
    }

    /// Removes what is too old or too much, and compresses the rest.
    pub(super) fn tidy(self, path: &Path) -> io::Result<()> {
        let mut backups = backups(path)?;
        // The time is in the name: the newest comes first.
        backups.sort_unstable_by(|a, b| b.cmp(a));
        let oldest = SystemTime::now()
            .checked_sub(self.max_age)
            .filter(|_| !self.max_age.is_zero());
        for (index, file) in backups.iter().enumerate() {
            let too_many = self.max_backups > 0 && index >= self.max_backups;
            let modified = fs::metadata(file)?.modified()?;
            if too_many || oldest.is_some_and(|oldest| modified < oldest) {
                fs::remove_file(file)?;
            } else if self.compress && !is_compressed(file) {
                compress(file)?;
            }
        }
        Ok(())
    }
}

/// `traefik.log` -> `traefik-2026-01-31T10-45-50.120.log`.
fn backup(path: &Path, now: SystemTime) -> PathBuf {
    let now = jiff::Timestamp::try_from(now).unwrap_or_default();
    let time = now.strftime("%Y-%m-%dT%H-%M-%S.%3f");
    let (stem, extension) = parts(path);
    path.with_file_name(format!("{stem}-{time}{extension}"))
}

/// The rotated files of a log.
fn backups(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (stem, extension) = parts(path);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory.unwrap_or_else(|| Path::new(".")))? {
        let file = entry?.path();
        let name = file.file_name().map(|name| name.to_string_lossy());
        let time = name.as_deref().and_then(|name| {
            let name = name.strip_suffix(GZ).unwrap_or(name);
            name.strip_prefix(&*stem)?
                .strip_prefix('-')?
                .strip_suffix(&*extension)
        });
        if time.is_some_and(is_time) {
            found.push(file);
        }
    }
    Ok(found)
}

/// Whether a text has the form of a rotated file's time: other files may begin as ours do.
fn is_time(text: &str) -> bool {
    let form = b"dddd-dd-ddTdd-dd-dd.ddd";
    text.len() == form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

fn parts(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let extension = path
        .extension()
        .map(|extension| format!(".{}", extension.to_string_lossy()));
    (text(path.file_stem()), extension.unwrap_or_default())
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

fn compress(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(GZ);
    let mut whole = GzEncoder::new(File::create(&name)?, Compression::default());
    io::copy(&mut File::open(path)?, &mut whole)?;
    whole.finish()?.flush()?;
    fs::remove_file(path)
}

const GZ: &str = ".gz";
