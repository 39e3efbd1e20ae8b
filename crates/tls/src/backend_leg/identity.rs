//! Which client certificate answers a server's CertificateRequest, and a record of what happened.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::FromDer;

use crate::certificate::{Fingerprint, Identity};
use crate::reason::HandshakeContext;

/// What a CertificateRequest asked for and what answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthRecord {
    /// The leaf that was sent; `None` when no identity was acceptable.
    pub sent: Option<Fingerprint>,
    /// Subjects of the issuers the server accepts; empty when it named none. At most 16 are kept.
    pub acceptable_issuers: Vec<String>,
}

impl ClientAuthRecord {
    /// For [`fault_of_handshake`](crate::reason::fault_of_handshake).
    pub fn context(record: Option<&Self>) -> HandshakeContext<'_> {
        match record {
            None => HandshakeContext::default(),
            Some(record) => HandshakeContext {
                certificate_requested: true,
                certificate_sent: record.sent.is_some(),
                acceptable_issuers: &record.acceptable_issuers,
            },
        }
    }
}

/// Runs one step of a handshake and says whether the server asked for a client certificate in it.
///
/// rustls calls the resolver, which is shared by all connections of a policy so that sessions can be resumed,
/// inside the step that reads the request, on this thread. So the record is kept per thread and for the
/// length of the step only. Steps do not nest.
pub fn observe_client_auth<R>(step: impl FnOnce() -> R) -> (R, Option<ClientAuthRecord>) {
    RECORD.take();
    let result = step();
    (result, RECORD.take())
}

thread_local! {
    static RECORD: RefCell<Option<ClientAuthRecord>> = const { RefCell::new(None) };
}

/// Go's rule: the first identity that has an acceptable issuer in its chain (any, when the server names
/// none) and can sign with an acceptable scheme; else no certificate.
#[derive(Debug)]
pub(super) struct Choice {
    identities: Vec<Arc<Identity>>,
}

impl Choice {
    pub(super) fn among(identities: Vec<Arc<Identity>>) -> Self {
        Self { identities }
    }
}

impl ResolvesClientCert for Choice {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let chosen = self.identities.iter().find(|identity| {
            (issuers.is_empty() || identity.issued_by_any(issuers))
                && identity.key.key.choose_scheme(schemes).is_some()
        });
        RECORD.set(Some(ClientAuthRecord {
            sent: chosen.map(|identity| identity.facts().fingerprint),
            acceptable_issuers: issuers
                .iter()
                .take(MAX_ISSUERS)
                .map(|issuer| subject(issuer))
                .collect(),
        }));
        chosen.map(|identity| Arc::clone(&identity.key))
    }

    fn has_certs(&self) -> bool {
        !self.identities.is_empty()
    }
}

fn subject(der: &[u8]) -> String {
    match x509_parser::x509::X509Name::from_der(der) {
        Ok((_, name)) => crate::certificate::rfc4514(&name),
        Err(_) => "an unreadable name".to_owned(),
    }
}

/// A server may list thousands; a message needs few.
const MAX_ISSUERS: usize = 16;
