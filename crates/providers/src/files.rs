//! PEM files as text, with errors that carry the path.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest PEM file that is read, in bytes. A trust bundle of every public CA takes about
/// 250 KiB.
pub const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

/// A file that could not be had as text.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read `{}`", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("`{}` is not PEM text", path.display())]
    NotText { path: PathBuf },
}

impl FileError {
    /// The file at fault.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. } | Self::TooLarge { path, .. } | Self::NotText { path } => path,
        }
    }
}

/// A certificate chain and its key, as the two files say it.
#[derive(Clone, PartialEq, Eq)]
pub struct PemPair {
    pub certificate: String,
    pub key: String,
}

impl PemPair {
    /// Reads both files. They are two reads: a caller that is told of a change must check that the
    /// key belongs to the certificate before it lets go of the pair it has.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, FileError> {
        Ok(Self {
            certificate: read_pem(certificate)?,
            key: read_pem(key)?,
        })
    }
}

impl std::fmt::Debug for PemPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PemPair")
            .field("certificate", &self.certificate)
            .field("key", &"REDACTED")
            .finish()
    }
}

/// Opens a file that ends: a pipe or a device could keep its reader for ever (I5).
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

/// Reads a PEM file, at most [`MAX_PEM_BYTES`] of it.
pub fn read_pem(path: &Path) -> Result<String, FileError> {
    let unreadable = |source| FileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_PEM_BYTES {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit: MAX_PEM_BYTES,
        });
    }
    String::from_utf8(bytes).map_err(|_| FileError::NotText {
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cert.pem");
        let error = read_pem(&path).unwrap_err();
        assert_eq!(error.path(), path);
        assert_eq!(error.to_string(), format!("cannot read `{}`", path.display()));
    }

    #[test]
    fn i5_a_pipe_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert!(matches!(read_pem(&path), Err(FileError::Unreadable { .. })));
    }

    #[test]
    fn a_directory_is_not_a_file() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            read_pem(directory.path()),
            Err(FileError::Unreadable { .. })
        ));
    }

    #[test]
    fn reading_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("huge.pem");
        File::create(&path).unwrap().set_len(MAX_PEM_BYTES + 1).unwrap();
        assert!(matches!(read_pem(&path), Err(FileError::TooLarge { .. })));
        File::create(&path).unwrap().set_len(MAX_PEM_BYTES).unwrap();
        assert_eq!(read_pem(&path).unwrap().len() as u64, MAX_PEM_BYTES);
    }

    #[test]
    fn der_is_refused_with_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cert.der");
        std::fs::write(&path, [0x30, 0x82, 0xff, 0xfe]).unwrap();
        assert!(matches!(read_pem(&path), Err(FileError::NotText { .. })));
    }

    #[test]
    fn r24_debug_does_not_show_the_key() {
        let pair = PemPair {
            certificate: "public".to_owned(),
            key: "very secret".to_owned(),
        };
        assert!(!format!("{pair:?}").contains("very secret"));
    }
}
