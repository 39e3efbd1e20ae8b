//! From a ClientHello to a certificate.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};

use crate::store::CertificateStore;
use crate::stream::witness::saw_server_name;

#[derive(Debug, Clone)]
pub(super) struct Resolver {
    store: Arc<CertificateStore>,
    strict: bool,
    provider: Arc<CryptoProvider>,
    /// Stands in for the server name of a client that sent none.
    address: Option<IpAddr>,
}

impl Resolver {
    pub(super) fn new(store: &Arc<CertificateStore>, strict: bool, provider: &Arc<CryptoProvider>) -> Self {
        Self {
            store: Arc::clone(store),
            strict,
            provider: Arc::clone(provider),
            address: None,
        }
    }

    pub(super) fn without_name_at(self, address: IpAddr) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// Whether client and key have a signature scheme in common and, for TLS 1.2, a suite for it.
    fn usable(&self, hello: &ClientHello<'_>, key: &dyn SigningKey) -> bool {
        let enabled = |wanted| {
            self.provider
                .cipher_suites
                .iter()
                .find(|suite| suite.suite() == wanted)
        };
        key.choose_scheme(hello.signature_schemes()).is_some()
            && hello
                .cipher_suites()
                .iter()
                .filter_map(|&suite| enabled(suite))
                .any(|suite| match suite {
                    SupportedCipherSuite::Tls13(_) => true,
                    SupportedCipherSuite::Tls12(suite) => key.choose_scheme(suite.sign).is_some(),
                })
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        saw_server_name(hello.server_name());
        let usable = |key: &dyn SigningKey| self.usable(&hello, key);
        let found = match (hello.server_name(), self.address) {
            (Some(name), _) => self.store.for_name(name, usable),
            (None, Some(address)) => self.store.for_address(address, usable),
            (None, None) => None,
        };
        match found {
            Some(key) => Some(Arc::clone(key)),
            None if self.strict => None,
            None => Some(Arc::clone(&self.store.default_identity().key)),
        }
    }
}
