//! A certificate factory for tests: authorities, leaves and every way in which they can be wrong.
//!
//! ```
//! use viaduct_testkit::pki::{Ca, Leaf};
//!
//! let ca = Ca::new("Backend CA");
//! let server = ca.issue(Leaf::server("web.example.com").ip("127.0.0.1"));
//! assert!(server.chain_pem.starts_with("-----BEGIN CERTIFICATE-----"));
//! ```
//! Everything here panics on misuse: it is test set-up, and a test that cannot be set up has failed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    SanType,
};
use rustls_pki_types::CertificateDer;

/// The private key's kind; it decides the signature algorithm too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    #[default]
    P256,
    P384,
    P521,
    Rsa2048,
    Ed25519,
}

/// Extended key usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Server,
    Client,
    Both,
    /// No extension at all.
    Absent,
    /// `anyExtendedKeyUsage`.
    Any,
    /// Only code signing: neither server nor client.
    Other,
    /// Only answering for an authority (RFC 6960 4.2.2.2).
    OcspSigning,
}

/// The period a certificate is valid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

impl Validity {
    /// From an hour ago for thirty days.
    pub fn current() -> Self {
        let now = SystemTime::now();
        Self {
            not_before: now - HOUR,
            not_after: now + 30 * DAY,
        }
    }

    /// Ended a day ago.
    pub fn expired() -> Self {
        let now = SystemTime::now();
        Self {
            not_before: now - 30 * DAY,
            not_after: now - DAY,
        }
    }

    /// Begins tomorrow.
    pub fn not_yet() -> Self {
        let now = SystemTime::now();
        Self {
            not_before: now + DAY,
            not_after: now + 30 * DAY,
        }
    }
}

/// A certificate, its key and the chain a peer would send.
#[derive(Debug, Clone)]
pub struct Issued {
    /// This certificate alone.
    pub cert_pem: String,
    /// PKCS#8.
    pub key_pem: String,
    /// This certificate, then the intermediates up to but not including the root.
    pub chain_pem: String,
    pub der: CertificateDer<'static>,
    /// The DER form of `chain_pem`.
    pub chain: Vec<CertificateDer<'static>>,
}

impl Issued {
    /// Writes `STEM.crt` (the chain) and `STEM.key` into `dir`.
    pub fn write_to(&self, dir: &Path, stem: &str) -> PairFiles {
        let files = PairFiles {
            cert: dir.join(format!("{stem}.crt")),
            key: dir.join(format!("{stem}.key")),
        };
        write(&files.cert, &self.chain_pem);
        write(&files.key, &self.key_pem);
        files
    }
}

/// Where [`Issued::write_to`] put a chain and its key.
#[derive(Debug, Clone)]
pub struct PairFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A leaf certificate to be. Begins as P-256, valid now, `CA:FALSE`.
#[derive(Debug, Clone)]
pub struct Leaf {
    common_name: Option<String>,
    organization: Option<String>,
    names: Vec<SanType>,
    validity: Validity,
    usage: Usage,
    key: KeyKind,
    is_ca: bool,
    responders: Vec<String>,
    must_staple: bool,
}

impl Leaf {
    /// A server's certificate for one DNS name, also its common name.
    pub fn server(name: &str) -> Self {
        Self::bare(Usage::Server).common_name(name).dns(name)
    }

    /// A client's certificate, named by its common name only.
    pub fn client(common_name: &str) -> Self {
        Self::bare(Usage::Client).common_name(common_name)
    }

    /// No subject and no names.
    pub fn bare(usage: Usage) -> Self {
        Self {
            common_name: None,
            organization: None,
            names: Vec::new(),
            validity: Validity::current(),
            usage,
            key: KeyKind::default(),
            is_ca: false,
            responders: Vec::new(),
            must_staple: false,
        }
    }

    pub fn common_name(mut self, name: &str) -> Self {
        self.common_name = Some(name.to_owned());
        self
    }

    pub fn organization(mut self, name: &str) -> Self {
        self.organization = Some(name.to_owned());
        self
    }

    pub fn dns(mut self, name: &str) -> Self {
        self.names
            .push(SanType::DnsName(name.try_into().expect("DNS names are ASCII")));
        self
    }

    pub fn ip(mut self, address: &str) -> Self {
        self.names.push(SanType::IpAddress(
            address.parse::<IpAddr>().expect("an IP address"),
        ));
        self
    }

    pub fn uri(mut self, uri: &str) -> Self {
        self.names
            .push(SanType::URI(uri.try_into().expect("URIs are ASCII")));
        self
    }

    pub fn email(mut self, address: &str) -> Self {
        self.names.push(SanType::Rfc822Name(
            address.try_into().expect("e-mail addresses are ASCII"),
        ));
        self
    }

    pub fn valid(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    pub fn key(mut self, key: KeyKind) -> Self {
        self.key = key;
        self
    }

    /// Sets `CA:TRUE` (as `openssl req -x509` does).
    pub fn is_ca(mut self, is_ca: bool) -> Self {
        self.is_ca = is_ca;
        self
    }

    /// Names an OCSP responder (authority information access); may be called again.
    pub fn ocsp(mut self, url: &str) -> Self {
        self.responders.push(url.to_owned());
        self
    }

    /// Demands a stapled OCSP answer (RFC 7633).
    pub fn must_staple(mut self) -> Self {
        self.must_staple = true;
        self
    }

    /// Signs the leaf with its own key.
    pub fn self_signed(self) -> Issued {
        let key = self.key.generate();
        let certificate = self
            .params()
            .self_signed(&key)
            .expect("signing a leaf with its own key");
        Issued::assemble(certificate.der().clone(), &key, &[])
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(self.common_name.as_deref());
        if let Some(organization) = &self.organization {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        }
        params.subject_alt_names.clone_from(&self.names);
        params.not_before = self.validity.not_before.into();
        params.not_after = self.validity.not_after.into();
        params.extended_key_usages = self.usage.purposes();
        params.is_ca = if self.is_ca {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        params.custom_extensions = self.extensions();
        params
    }

    fn extensions(&self) -> Vec<CustomExtension> {
        let mut extensions = Vec::new();
        if !self.responders.is_empty() {
            let access = crate::ocsp::authority_access(&self.responders);
            extensions.push(CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 5, 5, 7, 1, 1],
                access,
            ));
        }
        if self.must_staple {
            let status_request = vec![0x30, 3, 2, 1, 5];
            extensions.push(CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 5, 5, 7, 1, 24],
                status_request,
            ));
        }
        extensions
    }
}

/// An authority to be: a root, or an intermediate with constraints.
#[derive(Debug, Clone)]
pub struct Authority {
    name: String,
    validity: Validity,
    key: KeyKind,
    usage: Usage,
    path_length: Option<u8>,
    is_ca: bool,
    permitted: Vec<GeneralSubtree>,
    excluded: Vec<GeneralSubtree>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            validity: Validity::current(),
            key: KeyKind::default(),
            usage: Usage::Absent,
            path_length: None,
            is_ca: true,
            permitted: Vec::new(),
            excluded: Vec::new(),
        }
    }

    pub fn valid(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    pub fn key(mut self, key: KeyKind) -> Self {
        self.key = key;
        self
    }

    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// How many further intermediates may stand below.
    pub fn path_length(mut self, length: u8) -> Self {
        self.path_length = Some(length);
        self
    }

    /// An authority in deed only: it signs, but its certificate says `CA:FALSE`.
    pub fn not_a_ca(mut self) -> Self {
        self.is_ca = false;
        self
    }

    pub fn permit_dns(mut self, subtree: &str) -> Self {
        self.permitted.push(GeneralSubtree::DnsName(subtree.to_owned()));
        self
    }

    pub fn exclude_dns(mut self, subtree: &str) -> Self {
        self.excluded.push(GeneralSubtree::DnsName(subtree.to_owned()));
        self
    }

    pub fn permit_ip(mut self, network: IpAddr, prefix: u8) -> Self {
        self.permitted
            .push(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                network, prefix,
            )));
        self
    }

    /// A self-signed root.
    pub fn root(self) -> Ca {
        let key = self.key.generate();
        let params = self.params();
        let der = params.self_signed(&key).expect("signing a root").der().clone();
        Ca {
            issued: Issued::assemble(der, &key, &[]),
            issuer: Issuer::new(params, key),
            below_root: Vec::new(),
        }
    }

    /// An intermediate under `parent`.
    pub fn signed_by(self, parent: &Ca) -> Ca {
        let key = self.key.generate();
        let params = self.params();
        let der = params
            .signed_by(&key, &parent.issuer)
            .expect("signing an intermediate")
            .der()
            .clone();
        let issued = Issued::assemble(der, &key, &parent.below_root);
        Ca {
            below_root: issued.chain.clone(),
            issued,
            issuer: Issuer::new(params, key),
        }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(Some(&self.name));
        params.not_before = self.validity.not_before.into();
        params.not_after = self.validity.not_after.into();
        params.extended_key_usages = self.usage.purposes();
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.is_ca = match (self.is_ca, self.path_length) {
            (false, _) => IsCa::ExplicitNoCa,
            (true, None) => IsCa::Ca(BasicConstraints::Unconstrained),
            (true, Some(length)) => IsCa::Ca(BasicConstraints::Constrained(length)),
        };
        if !(self.permitted.is_empty() && self.excluded.is_empty()) {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: self.permitted.clone(),
                excluded_subtrees: self.excluded.clone(),
            });
        }
        params
    }
}

/// A root or intermediate that issues certificates.
pub struct Ca {
    issued: Issued,
    issuer: Issuer<'static, KeyPair>,
    /// What leaves carry behind themselves: this CA and those above it, without the root.
    below_root: Vec<CertificateDer<'static>>,
}

impl Ca {
    /// A P-256 root without constraints.
    pub fn new(name: &str) -> Self {
        Authority::new(name).root()
    }

    /// An intermediate without constraints under this one.
    pub fn intermediate(&self, name: &str) -> Self {
        Authority::new(name).signed_by(self)
    }

    pub fn issue(&self, leaf: Leaf) -> Issued {
        let key = leaf.key.generate();
        let der = leaf
            .params()
            .signed_by(&key, &self.issuer)
            .expect("signing a leaf")
            .der()
            .clone();
        Issued::assemble(der, &key, &self.below_root)
    }

    /// The same name and key under another parent: a cross-signed certificate.
    pub fn cross_signed_by(&self, name: &str, parent: &Self) -> CertificateDer<'static> {
        let params = Authority::new(name).params();
        params
            .signed_by(self.issuer.key(), &parent.issuer)
            .expect("cross-signing")
            .der()
            .clone()
    }

    /// A leaf with an unknown critical extension, which every verifier has to refuse.
    pub fn issue_with_critical_extension(&self, leaf: Leaf) -> Issued {
        let key = leaf.key.generate();
        let mut params = leaf.params();
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
        let der = params
            .signed_by(&key, &self.issuer)
            .expect("signing a leaf")
            .der()
            .clone();
        Issued::assemble(der, &key, &self.below_root)
    }

    /// This authority's own certificate.
    pub fn pem(&self) -> &str {
        &self.issued.cert_pem
    }

    /// This authority's own certificate, and its key.
    pub fn own(&self) -> &Issued {
        &self.issued
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.issued.der
    }

    /// Writes this authority's certificate to `dir/file_name`.
    pub fn write_to(&self, dir: &Path, file_name: &str) -> PathBuf {
        let path = dir.join(file_name);
        write(&path, self.pem());
        path
    }
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ca")
            .field("cert", &self.issued.cert_pem)
            .finish_non_exhaustive()
    }
}

impl Issued {
    fn assemble(der: CertificateDer<'static>, key: &KeyPair, above: &[CertificateDer<'static>]) -> Self {
        let mut chain = vec![der.clone()];
        chain.extend_from_slice(above);
        Self {
            cert_pem: to_pem(&der),
            key_pem: key.serialize_pem(),
            chain_pem: chain.iter().map(to_pem).collect(),
            der,
            chain,
        }
    }
}

impl KeyKind {
    fn generate(self) -> KeyPair {
        let algorithm = match self {
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            Self::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
        };
        KeyPair::generate_for(algorithm).expect("generating a key")
    }
}

impl Usage {
    fn purposes(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::Both => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
            Self::Absent => Vec::new(),
            Self::Any => vec![ExtendedKeyUsagePurpose::Any],
            Self::Other => vec![ExtendedKeyUsagePurpose::CodeSigning],
            Self::OcspSigning => vec![ExtendedKeyUsagePurpose::OcspSigning],
        }
    }
}

/// The PEM form of one certificate.
pub fn to_pem(der: &CertificateDer<'static>) -> String {
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let lines: String = body
        .as_bytes()
        .chunks(64)
        .flat_map(|line| line.iter().map(|&byte| char::from(byte)).chain(['\n']))
        .collect();
    format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
}

fn named(common_name: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(common_name) = common_name {
        name.push(DnType::CommonName, common_name);
    }
    name
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::prelude::{FromDer, X509Certificate};

    #[test]
    fn a_leaf_under_an_intermediate_carries_the_chain_without_the_root() {
        let root = Ca::new("root");
        let middle = root.intermediate("middle");
        let leaf = middle.issue(Leaf::server("web.example.com"));
        assert_eq!(leaf.chain, [leaf.der.clone(), middle.der().clone()]);
        assert_eq!(leaf.chain_pem.matches("BEGIN CERTIFICATE").count(), 2);
    }

    #[test]
    fn what_a_leaf_says_is_what_was_asked_for() {
        let leaf = Leaf::server("web.example.com")
            .ip("127.0.0.1")
            .is_ca(true)
            .key(KeyKind::Rsa2048)
            .self_signed();
        let (rest, parsed) = X509Certificate::from_der(&leaf.der).expect("DER");
        assert!(rest.is_empty());
        assert!(parsed.is_ca());
        assert_eq!(parsed.issuer(), parsed.subject());
        let names = parsed
            .subject_alternative_name()
            .expect("readable")
            .expect("present");
        assert_eq!(names.value.general_names.len(), 2);
    }
}
