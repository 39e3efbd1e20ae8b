//! The sidecar's PEM files, read together and checked together.

use std::path::PathBuf;

use viaduct_config::dynamic::tls::CertificatePair;
use viaduct_providers::{FileError, PemPair, Target, read_pem};
use viaduct_tls::{Identity, TrustBundle};

use crate::failure::Failure;

/// Where certificate, key and client CA are.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Files {
    pub(in crate::commands) cert: PathBuf,
    pub(in crate::commands) key: PathBuf,
    pub(in crate::commands) client_ca: Option<PathBuf>,
}

/// What was in the files: a certificate with its own key, and at least one client CA if one is asked for.
#[derive(Clone, PartialEq)]
pub(super) struct Material {
    pub(super) pair: CertificatePair,
    pub(super) client_ca: Option<String>,
}

impl Files {
    pub(super) fn target(&self) -> Target {
        Target::Files(
            [&self.cert, &self.key]
                .into_iter()
                .chain(&self.client_ca)
                .cloned()
                .collect(),
        )
    }

    /// All or nothing: a certificate whose key has not been written yet is an error.
    pub(super) fn read(&self) -> Result<Material, Failure> {
        let PemPair { certificate, key } = PemPair::read(&self.cert, &self.key).map_err(unreadable)?;
        Identity::from_pem(certificate.as_bytes(), key.as_bytes()).map_err(|error| {
            let (cert, key) = (self.cert.display(), self.key.display());
            Failure::new(format!("`{cert}` and `{key}` cannot be used together: {error}"))
                .hint("--cert takes a PEM chain, leaf first, and --key its private key")
        })?;
        let pair = CertificatePair {
            cert_file: certificate.into(),
            key_file: key.into(),
        };
        Ok(Material {
            pair,
            client_ca: self.read_client_ca()?,
        })
    }

    fn read_client_ca(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.client_ca else {
            return Ok(None);
        };
        let text = read_pem(path).map_err(unreadable)?;
        match TrustBundle::from_pem([text.as_bytes()]) {
            Ok(_) => Ok(Some(text)),
            Err(error) => Err(Failure::new(format!(
                "`{}` cannot be used as client CA: {error}",
                path.display()
            ))),
        }
    }
}

fn unreadable(error: FileError) -> Failure {
    let message = error.to_string();
    match error {
        FileError::Unreadable { source, .. } => Failure::new(message).because(source),
        FileError::TooLarge { .. } | FileError::NotText { .. } => Failure::new(message),
    }
}
