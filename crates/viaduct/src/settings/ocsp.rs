//! `ocsp` -> OCSP stapling (A8.22).

use viaduct_config::Install;

use crate::failure::Failure;
use crate::ocsp::{BadResponder, Settings};

/// `None`: stapling is off.
pub(crate) fn settings(install: &Install) -> Result<Option<Settings>, Failure> {
    let Some(ocsp) = &install.ocsp else {
        return Ok(None);
    };
    let overrides = ocsp.responder_overrides.iter().map(|(from, to)| {
        let responder = to.parse().map_err(|error: BadResponder| {
            Failure::new(format!("`ocsp.responderOverrides.{from}` is `{to}`"))
                .because(error)
                .hint("name a responder as `http://host:port/path`")
        })?;
        Ok((from.clone(), responder))
    });
    Ok(Some(Settings {
        responder_overrides: overrides.collect::<Result<_, Failure>>()?,
    }))
}
