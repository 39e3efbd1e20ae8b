//! rustls's crypto provider, narrowed to what a policy allows.

use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};

use crate::names::{CipherSuite, Group, NameError, Version, Versions};

/// Cipher suites narrow TLS 1.2 only, as in Go. Groups are offered in the order given.
pub(crate) fn restricted(
    versions: Versions,
    suites: Option<&[CipherSuite]>,
    groups: Option<&[Group]>,
) -> Result<Arc<CryptoProvider>, NameError> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| match suite {
        SupportedCipherSuite::Tls13(_) => versions.contains(Version::Tls13),
        SupportedCipherSuite::Tls12(_) => {
            versions.contains(Version::Tls12)
                && suites.is_none_or(|allowed| allowed.contains(&CipherSuite(suite.suite())))
        }
    });
    if provider.cipher_suites.is_empty() {
        return Err(NameError::NoSuiteLeft);
    }
    if let Some(wanted) = groups {
        provider.kx_groups = wanted.iter().map(group).collect::<Result<_, _>>()?;
    }
    if provider.kx_groups.is_empty() {
        return Err(NameError::NoGroupLeft);
    }
    Ok(Arc::new(provider))
}

fn group(wanted: &Group) -> Result<&'static dyn SupportedKxGroup, NameError> {
    let offered = aws_lc_rs::ALL_KX_GROUPS
        .iter()
        .find(|known| known.name() == wanted.0);
    offered
        .copied()
        .ok_or_else(|| NameError::UnknownGroup(format!("{:?}", wanted.0)))
}
