//! Certificates, keys and CAs out of Secrets and ConfigMaps.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use viaduct_config::Finding;
use viaduct_config::dynamic::secret::Secret as Hidden;
use viaduct_config::dynamic::tls::CertificatePair;
use viaduct_config::finding::Code;

use super::{Context, near};
use crate::api::core::{Data, Value};
use crate::api::{ConfigMap, Kind, Name, Revoked, Secret, Typed};
use crate::index::{Lookup, Subject};

/// Why a Secret or ConfigMap does not yield what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("{kind} `{name}` does not exist")]
    Missing { kind: Kind, name: Name },
    #[error("{kind} `{name}` cannot be read: {}", cause.message)]
    Broken {
        kind: Kind,
        name: Name,
        cause: Box<Finding>,
    },
    #[error("{kind} `{name}` has no {wanted}")]
    NoKey {
        kind: Kind,
        name: Name,
        wanted: &'static str,
        got: String,
    },
    #[error("Secret `{name}` has {got} keys, and it is not known which of them is meant")]
    NotOneKey { name: Name, got: usize },
    #[error("`{key}` of {kind} `{name}` is empty")]
    Empty { kind: Kind, name: Name, key: String },
    #[error("`{key}` of {kind} `{name}` is not text")]
    NotText { kind: Kind, name: Name, key: String },
}

impl Fault {
    /// A finding about the field that refers to the material. `trust` is the code for what exists
    /// and yields nothing.
    pub(super) fn finding(
        &self,
        cx: &Context<'_>,
        subject: Subject<'_>,
        field: &str,
        trust: Code,
    ) -> Finding {
        let code = match self {
            Self::Missing { .. } => Code::MissingReference,
            Self::Broken { .. }
            | Self::NoKey { .. }
            | Self::NotOneKey { .. }
            | Self::Empty { .. }
            | Self::NotText { .. } => trust,
        };
        let finding = subject.error(code, field, self.to_string());
        match self {
            Self::NoKey { wanted, got, .. } => finding.wanted(*wanted).got(got.as_str()),
            Self::Missing {
                kind: Kind::ConfigMap,
                name,
            } => near::hint::<ConfigMap>(cx, finding, name),
            Self::Missing { name, .. } => near::hint::<Secret>(cx, finding, name),
            Self::Broken { cause, .. } => finding.because(cause),
            Self::NotOneKey { .. } => finding
                .wanted("one key, such as `users`")
                .hint("keep one key, with a line of `htpasswd` for each user"),
            Self::Empty { .. } | Self::NotText { .. } => finding,
        }
    }
}

/// A CA, and which key it was found under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ca {
    pub(super) pem: String,
    pub(super) from: CaKey,
    /// The key itself.
    key: String,
}

impl Ca {
    /// Where it came from, for messages.
    pub(super) fn origin(&self, cx: &Context<'_>, kind: Kind, name: &Name) -> viaduct_config::Material {
        origin(cx, kind, name, &self.key)
    }
}

/// Where a text came from, for messages.
pub(super) fn origin(cx: &Context<'_>, kind: Kind, name: &Name, key: &str) -> viaduct_config::Material {
    viaduct_config::Material {
        object: name.of_kind(kind),
        key: key.to_owned(),
        location: cx.view.place(kind, name),
    }
}

/// The same for a pair: what is wrong with it may lie in either key.
pub(super) fn pair_origin(cx: &Context<'_>, name: &Name) -> viaduct_config::Material {
    origin(cx, Kind::Secret, name, "tls.crt` and `tls.key")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaKey {
    /// `tls.ca`, `ca.crt`, or the only key of a Secret.
    Ca,
    /// `tls.crt`: a server's own certificate, trusted as it is (S6).
    Certificate,
}

/// What a Secret's CA may be taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaSource {
    /// `tls.ca`, then `ca.crt`.
    CaKeys,
    /// These; then the only key there is; then `tls.crt`.
    CaKeysOrCertificate,
}

/// A certificate and its key: `tls.crt` and `tls.key`.
pub(super) fn pair(cx: &Context<'_>, name: &Name) -> Result<CertificatePair, Fault> {
    let material = Material::secret(cx, name)?;
    match (material.data.value("tls.crt"), material.data.value("tls.key")) {
        (Some(certificate), Some(key)) => Ok(CertificatePair {
            cert_file: Arc::clone(material.text("tls.crt", certificate)?),
            key_file: Arc::clone(material.text("tls.key", key)?),
        }),
        (None, None) => Err(material.no_key("`tls.crt` and `tls.key`")),
        (None, Some(_)) => Err(material.no_key("`tls.crt`")),
        (Some(_), None) => Err(material.no_key("`tls.key`")),
    }
}

/// The CA of a Secret.
pub(super) fn secret_ca(cx: &Context<'_>, name: &Name, source: CaSource) -> Result<Ca, Fault> {
    let material = Material::secret(cx, name)?;
    if let Some(ca) = material.ca()? {
        return Ok(ca);
    }
    if source == CaSource::CaKeysOrCertificate {
        if let Some((key, value)) = material.data.only() {
            return material.ca_of(key, value, CaKey::Ca);
        }
        if let Some(value) = material.data.value("tls.crt") {
            return material.ca_of("tls.crt", value, CaKey::Certificate);
        }
    }
    Err(material.no_key("`tls.ca` or `ca.crt`"))
}

/// What a Secret revokes, whether there is a CA in it or not.
pub(super) fn revoked_by_secret(cx: &Context<'_>, name: &Name) -> Revoked {
    find::<Secret>(cx, name).map_or_else(|_| Revoked::default(), |secret| secret.revoked.clone())
}

/// The same of a ConfigMap.
pub(super) fn revoked_by_config_map(cx: &Context<'_>, name: &Name) -> Revoked {
    find::<ConfigMap>(cx, name).map_or_else(|_| Revoked::default(), |map| map.revoked.clone())
}

/// The CA of a ConfigMap.
pub(super) fn config_map_ca(cx: &Context<'_>, name: &Name) -> Result<Ca, Fault> {
    let material = Material::config_map(cx, name)?;
    material
        .ca()?
        .ok_or_else(|| material.no_key("`tls.ca` or `ca.crt`"))
}

/// Users and their hashed passwords: the lines below the only key of a Secret.
pub(super) fn users(cx: &Context<'_>, name: &Name) -> Result<Vec<Hidden>, Fault> {
    let material = Material::secret(cx, name)?;
    let Some((key, value)) = material.data.only() else {
        let got = material.data.keys().count();
        return Err(Fault::NotOneKey {
            name: name.clone(),
            got,
        });
    };
    let text = material.text(key, value)?;
    let lines = text.lines().filter(|line| !line.is_empty());
    Ok(lines.map(Hidden::new).collect())
}

/// The same; of a Secret of type `kubernetes.io/basic-auth` its one user, with the hash that Traefik makes.
pub(super) fn basic_users(cx: &Context<'_>, name: &Name) -> Result<Vec<Hidden>, Fault> {
    if find::<Secret>(cx, name)?.kind != "kubernetes.io/basic-auth" {
        return users(cx, name);
    }
    let (user, password) = login(cx, name)?;
    let hash = STANDARD.encode(Sha1::digest(&password));
    Ok(vec![Hidden::new(format!("{user}:{{SHA}}{hash}"))])
}

/// `username` and `password` of a Secret.
pub(super) fn login(cx: &Context<'_>, name: &Name) -> Result<(String, String), Fault> {
    let material = Material::secret(cx, name)?;
    match (material.data.value("username"), material.data.value("password")) {
        (Some(user), Some(password)) => Ok((
            material.text("username", user)?.as_ref().to_owned(),
            material.text("password", password)?.as_ref().to_owned(),
        )),
        (None, None) => Err(material.no_key("`username` and `password`")),
        (None, Some(_)) => Err(material.no_key("`username`")),
        (Some(_), None) => Err(material.no_key("`password`")),
    }
}

/// The data of an object that was found.
struct Material<'a> {
    kind: Kind,
    name: &'a Name,
    data: &'a Data,
}

impl<'a> Material<'a> {
    fn secret(cx: &Context<'a>, name: &'a Name) -> Result<Self, Fault> {
        let Secret { data, .. } = find::<Secret>(cx, name)?;
        let kind = Kind::Secret;
        Ok(Self { kind, name, data })
    }

    fn config_map(cx: &Context<'a>, name: &'a Name) -> Result<Self, Fault> {
        let ConfigMap { data, .. } = find::<ConfigMap>(cx, name)?;
        let kind = Kind::ConfigMap;
        Ok(Self { kind, name, data })
    }

    fn ca(&self) -> Result<Option<Ca>, Fault> {
        ["tls.ca", "ca.crt"]
            .into_iter()
            .find_map(|key| Some((key, self.data.value(key)?)))
            .map(|(key, value)| self.ca_of(key, value, CaKey::Ca))
            .transpose()
    }

    fn ca_of(&self, key: &str, value: &Value, from: CaKey) -> Result<Ca, Fault> {
        let pem = self.text(key, value)?.as_ref().to_owned();
        let key = key.to_owned();
        Ok(Ca { pem, from, key })
    }

    fn text<'v>(&self, key: &str, value: &'v Value) -> Result<&'v Arc<str>, Fault> {
        let (kind, name, key) = (self.kind, self.name, key.to_owned());
        match value {
            Value::Text(text) if !text.trim().is_empty() => Ok(text),
            Value::Text(_) => Err(Fault::Empty {
                kind,
                name: name.clone(),
                key,
            }),
            Value::Bytes(_) => Err(Fault::NotText {
                kind,
                name: name.clone(),
                key,
            }),
        }
    }

    fn no_key(&self, wanted: &'static str) -> Fault {
        let keys: Vec<_> = self.data.keys().collect();
        Fault::NoKey {
            kind: self.kind,
            name: self.name.clone(),
            wanted,
            got: if keys.is_empty() {
                "no keys".to_owned()
            } else {
                keys.join(", ")
            },
        }
    }
}

fn find<'a, T: Typed>(cx: &Context<'a>, name: &Name) -> Result<&'a T, Fault> {
    match cx.view.get::<T>(name) {
        Lookup::Good(object) => Ok(object),
        Lookup::Broken(finding) => Err(Fault::Broken {
            kind: T::KIND,
            name: name.clone(),
            cause: Box::new(finding.clone()),
        }),
        Lookup::Missing => Err(Fault::Missing {
            kind: T::KIND,
            name: name.clone(),
        }),
    }
}
