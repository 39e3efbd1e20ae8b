//! `tls.options` -> client-leg policies, each made ready for handshakes once.

use std::collections::HashMap;
use std::sync::Arc;

use viaduct_config::dynamic::tls::{ClientAuth as ClientAuthOptions, TlsOptions};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Material, QualifiedName};
use viaduct_tls::names::{Group, NameError};
use viaduct_tls::trust::TrustError;
use viaduct_tls::{CertificateStore, Client, ClientAuth, ClientPolicy, ServerTls, TrustBundle};

use super::sources::{Source, Sources};
use super::{materials, names};
use crate::book::{Book, Counters};
use crate::entry_point::Policy;
use crate::resolve::{Resolver, because_of};

/// All client-leg policies of a snapshot.
pub(super) struct Policies {
    by_name: HashMap<Arc<str>, Result<Policy, Arc<Finding>>>,
    /// What a router that names no options gets (A8.10).
    default: Result<Policy, Arc<Finding>>,
    /// Traefik's built-in options: for handshakes, where the default ones cannot be used.
    built_in: Policy,
    pub(super) all: Vec<Policy>,
}

impl Policies {
    /// The policy of a router whose `tls.options` is `reference`.
    pub(super) fn of(
        &self,
        reference: &str,
        from: &Source<'_>,
        resolver: &Resolver<'_>,
    ) -> Result<Policy, Finding> {
        if reference.is_empty() || reference == DEFAULT {
            return self.default.clone().map_err(|cause| because_of(&cause));
        }
        let name = QualifiedName::resolve(reference, from.provider());
        let found = resolver.tls_options(&name)?;
        match self.by_name.get(&*found.source.qualified(found.name)) {
            Some(Ok(policy)) => Ok(policy.clone()),
            Some(Err(cause)) => Err(because_of(cause)),
            None => Err(Finding::error(
                Code::MissingReference,
                format!("TLS options `{name}` do not exist"),
            )),
        }
    }

    /// Those that can be used, by name.
    pub(super) fn named(&self) -> Vec<(Arc<str>, Policy)> {
        let usable = |(name, policy): (&Arc<str>, &Result<Policy, _>)| {
            let policy = policy.as_ref().ok()?;
            Some((Arc::clone(name), policy.clone()))
        };
        let mut named: Vec<_> = self.by_name.iter().filter_map(usable).collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named
    }

    /// What hosts without options of their own are shown.
    pub(super) fn fallback(&self) -> &Policy {
        self.default.as_ref().unwrap_or(&self.built_in)
    }
}

pub(super) fn build(
    sources: &Sources<'_>,
    store: &Arc<CertificateStore>,
    book: Option<&Book>,
    counters: &mut Counters,
    findings: &mut Vec<Finding>,
) -> Policies {
    let mut forge = Forge {
        store,
        book,
        counters,
        all: Vec::new(),
    };
    let built_in = forge
        .policy(ClientPolicy::default())
        .expect("the built-in TLS policy names only what this crate's TLS stack offers");
    let mut by_name = HashMap::new();
    for source in sources.iter() {
        for (name, options) in &source.update.dynamic.tls.options {
            let element = Element::TlsOptions(name.clone());
            let mut notes = Vec::new();
            if source.broken(&element).is_some() {
                // What else is wrong with them is told at once, not when this is mended.
                notes.extend(other_faults(options));
                findings.extend(notes.into_iter().map(|note| source.at(element.clone(), note)));
                continue;
            }
            let from = source.update.materials.get(&element);
            let client_cas = from.map_or(&[][..], |from| from.cas.as_slice());
            let policy = read(options, client_cas, &mut notes)
                .and_then(|policy| forge.policy(policy).map_err(|error| names::invalid(&error)));
            findings.extend(notes.into_iter().map(|note| source.at(element.clone(), note)));
            let policy = policy.map_err(|finding| {
                let finding = source.at(element, finding);
                materials::note(finding.clone(), findings);
                Arc::new(finding)
            });
            by_name.insert(source.qualified(name), policy);
        }
    }
    let default = default_policy(sources, &by_name, &built_in, findings);
    Policies {
        by_name,
        default,
        built_in,
        all: forge.all,
    }
}

/// The options named `default`, of whatever provider. None: the built-in ones. Several: the built-in
/// ones, as in Traefik, unless one of the several demands client certificates; then no router may use
/// the default, because the built-in options would let everybody in (I2).
fn default_policy(
    sources: &Sources<'_>,
    by_name: &HashMap<Arc<str>, Result<Policy, Arc<Finding>>>,
    built_in: &Policy,
    findings: &mut Vec<Finding>,
) -> Result<Policy, Arc<Finding>> {
    let element = Element::TlsOptions(DEFAULT.into());
    let mut defined = Vec::new();
    for source in sources.iter() {
        if let Some(cause) = source.broken(&element) {
            defined.push((source, Err(Arc::new(cause.clone()))));
        } else if let Some(policy) = by_name.get(&*source.qualified(DEFAULT)) {
            defined.push((source, policy.clone()));
        }
    }
    match defined.as_slice() {
        [] => Ok(built_in.clone()),
        [(_, policy)] => policy.clone(),
        [(first, _), ..] => {
            let providers: Vec<_> = defined
                .iter()
                .map(|(source, _)| source.provider().as_str())
                .collect();
            let weaker = defined
                .iter()
                .any(|(_, policy)| policy.as_ref().map_or(true, Policy::demands_certificate));
            let consequence = if weaker {
                "routers that name no other options are out of service, because the built-in options ask for no client certificate"
            } else {
                "the built-in options are used"
            };
            let message = format!(
                "the TLS options `default` are defined by several providers ({}): {consequence}",
                providers.join(", "),
            );
            let finding = first.at(element, Finding::error(Code::DuplicateObject, message));
            findings.push(finding.clone());
            if weaker {
                Err(Arc::new(finding))
            } else {
                Ok(built_in.clone())
            }
        }
    }
}

/// Makes one [`ServerTls`] per distinct policy, sharing those of the previous snapshot.
struct Forge<'a> {
    store: &'a Arc<CertificateStore>,
    book: Option<&'a Book>,
    counters: &'a mut Counters,
    all: Vec<Policy>,
}

impl Forge<'_> {
    fn policy(&mut self, policy: ClientPolicy) -> Result<Policy, NameError> {
        if let Some(made) = self.all.iter().find(|made| *made.tls.policy() == policy) {
            return Ok(made.clone());
        }
        let made = match self.kept(&policy) {
            Some((kept, true)) => kept.clone(),
            // Other certificates, same policy: the id stays and tickets stay good.
            Some((kept, false)) => Policy {
                id: kept.id,
                tls: Arc::new(ServerTls::new(&policy, self.store, Some(&kept.tls))?),
            },
            None => {
                let tls = Arc::new(ServerTls::new(&policy, self.store, None)?);
                Policy {
                    id: self.counters.policy(),
                    tls,
                }
            }
        };
        self.all.push(made.clone());
        Ok(made)
    }

    /// The equal policy of the previous snapshot, and whether its certificates are the same too.
    fn kept(&self, policy: &ClientPolicy) -> Option<(&Policy, bool)> {
        let book = self.book?;
        let kept = book.policies.iter().find(|kept| kept.tls.policy() == policy)?;
        Some((kept, Arc::ptr_eq(&book.store.store, self.store)))
    }
}

/// `Err`: the first fault; the others are among `notes`, with the warnings.
fn read(
    options: &TlsOptions,
    client_cas: &[Material],
    notes: &mut Vec<Finding>,
) -> Result<ClientPolicy, Finding> {
    let default = ClientPolicy::default();
    let mut faults = Vec::new();
    let policy = values(options, notes, &mut faults);
    let client_auth = match &options.client_auth {
        Some(auth) => client_auth(auth, client_cas),
        None => Ok(default.client_auth),
    };
    let client_auth = or_fault(client_auth, ClientAuth::None, &mut faults);
    let mut faults = faults.into_iter();
    match faults.next() {
        None => Ok(ClientPolicy {
            client_auth,
            ..policy
        }),
        Some(first) => {
            notes.extend(faults);
            Err(first)
        }
    }
}

/// Warnings and faults of options whose client CAs cannot be had, but for what follows from that.
fn other_faults(options: &TlsOptions) -> Vec<Finding> {
    let (mut notes, mut faults) = (Vec::new(), Vec::new());
    values(options, &mut notes, &mut faults);
    let of_type = options.client_auth.as_ref().map(|auth| client_auth(auth, &[]));
    faults.extend(
        of_type
            .and_then(Result::err)
            .filter(|fault| fault.code == Code::InvalidTlsOption),
    );
    notes.append(&mut faults);
    notes
}

/// Everything but client authentication; a value that cannot be used is the default one here, and a fault.
fn values(options: &TlsOptions, notes: &mut Vec<Finding>, faults: &mut Vec<Finding>) -> ClientPolicy {
    if options.prefer_server_cipher_suites.is_some() {
        notes.push(
            Finding::warning(Code::UnknownField, "this deprecated option has no effect")
                .field("preferServerCipherSuites"),
        );
    }
    let default = ClientPolicy::default();
    let versions = names::versions(&options.min_version, &options.max_version, notes);
    let cipher_suites = names::cipher_suites(&options.cipher_suites, notes);
    let groups = names::known(
        &options.curve_preferences,
        "curvePreferences",
        Group::from_name,
        notes,
    );
    let alpn = match &options.alpn_protocols {
        Some(protocols) => alpn(protocols, notes),
        None => Ok(default.alpn.clone()),
    };
    ClientPolicy {
        versions: or_fault(versions, default.versions, faults),
        cipher_suites: or_fault(cipher_suites, None, faults),
        groups: or_fault(groups, None, faults),
        client_auth: default.client_auth,
        sni_strict: options.sni_strict,
        alpn: or_fault(alpn, default.alpn, faults),
        session_tickets: !options.disable_session_tickets,
    }
}

/// The value, or the default one and a fault more.
pub(super) fn or_fault<T>(read: Result<T, Finding>, default: T, faults: &mut Vec<Finding>) -> T {
    read.unwrap_or_else(|fault| {
        faults.push(fault);
        default
    })
}

/// `acme-tls/1` is answered only while a challenge waits, so it is not part of a policy; protocols
/// that are not spoken here must not be agreed on (C45).
fn alpn(protocols: &[String], warnings: &mut Vec<Finding>) -> Result<Vec<Vec<u8>>, Finding> {
    let (spoken, others): (Vec<_>, Vec<_>) = protocols
        .iter()
        .map(String::as_str)
        .filter(|protocol| *protocol != "acme-tls/1")
        .partition(|protocol| matches!(*protocol, "h2" | "http/1.1" | "http/1.0"));
    if others.is_empty() {
        return Ok(spoken
            .into_iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect());
    }
    let finding = |severity| {
        Finding::new(
            severity,
            Code::InvalidTlsOption,
            "protocols that are not spoken here are not offered",
        )
        .field("alpnProtocols")
        .wanted("h2, http/1.1")
        .got(others.join(", "))
    };
    if spoken.is_empty() {
        return Err(finding(viaduct_config::Severity::Error));
    }
    warnings.push(finding(viaduct_config::Severity::Warning));
    Ok(spoken
        .into_iter()
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect())
}

/// Go's five types (A8.5). CAs without a type mean `RequireAndVerifyClientCert`; a type that verifies
/// needs CAs.
fn client_auth(auth: &ClientAuthOptions, from: &[Material]) -> Result<ClientAuth, Finding> {
    let bundle = || {
        TrustBundle::from_pem(auth.ca_files.iter().map(String::as_bytes))
            .map(|bundle| Client(Arc::new(bundle)))
            .map_err(|error| untrusted(&error, "clientAuth.caFiles", from))
    };
    let has_cas = !auth.ca_files.is_empty();
    match auth.client_auth_type.as_str() {
        "" if has_cas => bundle().map(ClientAuth::RequireAndVerify),
        "" | "NoClientCert" => Ok(ClientAuth::None),
        "RequestClientCert" => Ok(ClientAuth::Request),
        "RequireAnyClientCert" => Ok(ClientAuth::RequireAny),
        "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert" if !has_cas => Err(Finding::error(
            Code::MissingTrust,
            format!("`{}` needs a CA to verify with", auth.client_auth_type),
        )
        .field("clientAuth.caFiles")),
        "VerifyClientCertIfGiven" => bundle().map(ClientAuth::VerifyIfGiven),
        "RequireAndVerifyClientCert" => bundle().map(ClientAuth::RequireAndVerify),
        other => Err(Finding::error(
            Code::InvalidTlsOption,
            format!("`{other}` is not a client authentication type"),
        )
        .field("clientAuth.clientAuthType")
        .wanted(
            "NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert",
        )
        .got(other)),
    }
}

/// Trust in `field` that cannot be had; `from`: where its texts came from.
pub(super) fn untrusted(error: &TrustError, field: &str, from: &[Material]) -> Finding {
    let code = match error {
        TrustError::Empty | TrustError::NoCertificate(_) => Code::MissingTrust,
        TrustError::Unreadable { .. } | TrustError::TooLarge(_) | TrustError::TooMany => {
            Code::InvalidCertificate
        }
    };
    let finding = Finding::error(code, error.to_string());
    match error.text() {
        Some(index) => materials::blame(from, index, finding).field(format!("{field}[{index}]")),
        None => finding.field(field),
    }
}

const DEFAULT: &str = "default";
