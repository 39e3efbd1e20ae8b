//! Which new state of a Secret may replace a good one.
//!
//! A rotation writes certificate and key, or a CA, and may be seen half done. What cannot be used does
//! not replace what can; the last good state stays, and a finding says so (C24, C43).

#[cfg(test)]
mod tests;

use viaduct_tls::{Identity, TrustBundle};

/// `get` gives the decoded value of a key.
pub(super) fn admit<'a>(get: impl Fn(&str) -> Option<&'a [u8]>) -> Result<(), String> {
    match (get("tls.crt"), get("tls.key")) {
        (Some(certificate), Some(key)) => {
            Identity::from_pem(certificate, key)
                .map_err(|error| format!("`tls.crt` and `tls.key`: {error}"))?;
        }
        (None, Some(_)) => return Err("`tls.key` without `tls.crt`".to_owned()),
        // A certificate alone may serve as a CA.
        (Some(certificate), None) => trust("tls.crt", certificate)?,
        (None, None) => {}
    }
    ["tls.ca", "ca.crt"]
        .into_iter()
        .try_for_each(|name| get(name).map_or(Ok(()), |pem| trust(name, pem)))
}

fn trust(name: &str, pem: &[u8]) -> Result<(), String> {
    TrustBundle::from_pem([pem])
        .map(|_| ())
        .map_err(|error| format!("`{name}`: {error}"))
}
