//! `tls` of the HTTP provider: whom it trusts and who it is.

use std::path::Path;
use std::sync::Arc;

use viaduct_config::dynamic::Secret;
use viaduct_tls::backend_leg::{Offer, Verification};
use viaduct_tls::{Backend, BackendPolicy, BackendTls, EndpointTls, Identity, Trust, TrustBundle};

use super::HttpProviderError;
use crate::files::read_pem;

/// `providers.http.tls`. Each text is PEM, or the name of a file with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpTls {
    /// Empty: the system's roots.
    pub ca: String,
    /// Empty: no client certificate.
    pub cert: String,
    pub key: Secret,
    /// Default false.
    pub insecure_skip_verify: bool,
}

/// The same, ready for handshakes; files are looked at before each.
#[derive(Debug)]
pub(super) struct Trusted {
    settings: HttpTls,
    /// What the files held.
    texts: Texts,
    tls: BackendTls,
    endpoint: Option<Arc<EndpointTls>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Texts {
    ca: Option<String>,
    pair: Option<(String, Secret)>,
}

impl Trusted {
    pub(super) fn open(settings: HttpTls) -> Result<Self, HttpProviderError> {
        let texts = Texts::read(&settings)?;
        let tls = texts.tls(settings.insecure_skip_verify)?;
        Ok(Self {
            settings,
            texts,
            tls,
            endpoint: None,
        })
    }

    /// What the next handshake with `host` needs. Files that cannot be used leave what there was.
    pub(super) fn endpoint(&mut self, host: &str) -> Result<Arc<EndpointTls>, String> {
        if let Ok(texts) = Texts::read(&self.settings)
            && texts != self.texts
            && let Ok(tls) = texts.tls(self.settings.insecure_skip_verify)
        {
            (self.texts, self.tls, self.endpoint) = (texts, tls, None);
        }
        if let Some(endpoint) = &self.endpoint {
            return Ok(Arc::clone(endpoint));
        }
        let endpoint = self
            .tls
            .endpoint(host, Offer::Http1)
            .map_err(|error| error.to_string())?;
        Ok(Arc::clone(self.endpoint.insert(Arc::new(endpoint))))
    }
}

impl Texts {
    fn read(settings: &HttpTls) -> Result<Self, HttpProviderError> {
        let ca = match settings.ca.as_str() {
            "" => None,
            ca => Some(content("ca", ca)?),
        };
        let pair = match (settings.cert.as_str(), settings.key.expose()) {
            ("", "") => None,
            ("", _) => return Err(fault("cert", "is missing beside `key`")),
            (_, "") => return Err(fault("key", "is missing beside `cert`")),
            (cert, key) => Some((content("cert", cert)?, Secret::new(content("key", key)?))),
        };
        Ok(Self { ca, pair })
    }

    fn tls(&self, insecure_skip_verify: bool) -> Result<BackendTls, HttpProviderError> {
        let trust = match &self.ca {
            None => Trust::System,
            Some(ca) => TrustBundle::from_pem([ca.as_bytes()])
                .map(|bundle| Trust::Bundle(Arc::new(bundle)))
                .map_err(|error| fault("ca", error))?,
        };
        let identity = self.pair.as_ref().map(|(cert, key)| {
            Identity::from_pem(cert.as_bytes(), key.expose().as_bytes())
                .map(Arc::new)
                .map_err(|error| fault("cert", error))
        });
        let policy = BackendPolicy {
            verification: if insecure_skip_verify {
                Verification::DangerSkip
            } else {
                Verification::Full(Backend(trust))
            },
            identities: identity.transpose()?.into_iter().collect(),
            ..BackendPolicy::default()
        };
        BackendTls::new(policy).map_err(|error| fault("ca", error))
    }
}

fn content(field: &'static str, text: &str) -> Result<String, HttpProviderError> {
    if text.contains("-----BEGIN ") {
        return Ok(text.to_owned());
    }
    read_pem(Path::new(text)).map_err(|error| fault(field, error))
}

fn fault(field: &'static str, why: impl ToString) -> HttpProviderError {
    HttpProviderError::Tls {
        field,
        why: why.to_string(),
    }
}
