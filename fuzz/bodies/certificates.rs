//! What the fuzz target of certificates checks. `crates/tls/tests/fuzz.rs` runs the same.

use viaduct_tls::{CertificateFacts, Identity, TrustBundle};

/// DER, or PEM of certificates and keys: whatever is read can be shown, and a bundle is never empty.
pub(crate) fn certificates(data: &[u8]) {
    if let Ok(facts) = CertificateFacts::from_der(data) {
        assert!(!facts.label().is_empty());
        assert!(!facts.serial.contains(char::is_whitespace));
    }
    if let Ok(bundle) = TrustBundle::from_pem([data]) {
        assert!(bundle.roots().next().is_some());
    }
    // Chain and key in one file, as many keep them.
    if let Ok(identity) = Identity::from_pem(data, data) {
        assert!(!identity.chain().is_empty());
        identity.details();
    }
}
