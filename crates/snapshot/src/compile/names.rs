//! Traefik's (Go's) TLS names -> versions and suites, the same on both legs.

use viaduct_config::Finding;
use viaduct_config::finding::Code;
use viaduct_tls::names::{CipherSuite, NameError, Versions};

/// `minVersion`, `maxVersion`. A minimum of TLS 1.0 or 1.1 is met by the versions that exist here, so
/// it is taken as the default minimum, with a warning; a maximum of them cannot be met.
pub(super) fn versions(min: &str, max: &str, warnings: &mut Vec<Finding>) -> Result<Versions, Finding> {
    let effective_min = if matches!(min, "VersionTLS10" | "VersionTLS11") {
        warnings.push(
            Finding::warning(
                Code::InvalidTlsOption,
                "TLS 1.0 and 1.1 are not offered: the minimum is TLS 1.2",
            )
            .field("minVersion")
            .got(min),
        );
        ""
    } else {
        min
    };
    Versions::from_names(effective_min, max).map_err(|error| {
        let field = match &error {
            NameError::UnknownVersion(name) | NameError::NotOffered(name, _) if name == max => "maxVersion",
            _ => "minVersion",
        };
        invalid(&error).field(field)
    })
}

/// `cipherSuites`; `None` when none is named. An unknown name is an error (A8.2, A14.6). A suite that
/// Go knows and this stack lacks is left out with a warning, as long as another is left: less is
/// offered than was allowed, never more.
pub(super) fn cipher_suites(
    names: &[String],
    warnings: &mut Vec<Finding>,
) -> Result<Option<Vec<CipherSuite>>, Finding> {
    known(names, "cipherSuites", CipherSuite::from_name, warnings)
}

/// Reads `names`, leaving out with a warning those that are known but not offered.
pub(super) fn known<T>(
    names: &[String],
    field: &str,
    read: fn(&str) -> Result<T, NameError>,
    warnings: &mut Vec<Finding>,
) -> Result<Option<Vec<T>>, Finding> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        match read(name) {
            Ok(value) => found.push(value),
            Err(error @ NameError::NotOffered(..)) => {
                warnings.push(Finding::warning(Code::InvalidTlsOption, error.to_string()).field(field));
            }
            Err(error) => return Err(invalid(&error).field(field)),
        }
    }
    if found.is_empty() {
        let message = format!("none of `{field}` is offered");
        return Err(Finding::error(Code::InvalidTlsOption, message)
            .field(field)
            .got(names.join(", ")));
    }
    Ok(Some(found))
}

pub(super) fn invalid(error: &NameError) -> Finding {
    Finding::error(Code::InvalidTlsOption, error.to_string())
}
