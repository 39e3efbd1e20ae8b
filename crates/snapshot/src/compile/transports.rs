//! `serversTransports` -> backend-leg transports.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use viaduct_config::duration::GoDuration;
use viaduct_config::dynamic::http::{ForwardingTimeouts, ServersTransport};
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, Materials, ObjectRef, QualifiedName, RevokedWhat};
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::names::{CipherSuite, Versions};
use viaduct_tls::{Backend, BackendPolicy, BackendTls, BadFingerprint, Fingerprint, Trust, TrustBundle};

use super::sources::{Source, Sources};
use super::{certificates, materials, names, policies};
use crate::book::{Book, Counters};
use crate::compile::Inputs;
use crate::install::HeldTrust;
use crate::resolve::{Resolver, because_of};
use crate::revocation::{Revocations, Revoked, both};
use crate::rotation::{believing, bundle, still_believed};
use crate::transport::{Timeouts, Transport};

/// All transports of a snapshot, by `name@provider`.
#[derive(Debug)]
pub(crate) struct Transports {
    by_name: HashMap<Arc<str>, Result<Arc<Transport>, Arc<Finding>>>,
}

impl Transports {
    /// The transport of a service whose `serversTransport` is `reference`.
    pub(super) fn of(
        &self,
        reference: &str,
        from: &Source<'_>,
        resolver: &Resolver<'_>,
    ) -> Result<Arc<Transport>, Finding> {
        let key = if reference.is_empty() || reference == DEFAULT_TRANSPORT {
            Arc::from(DEFAULT_TRANSPORT)
        } else {
            let name = QualifiedName::resolve(reference, from.provider());
            let found = resolver.transport(&name)?;
            found.source.qualified(found.name)
        };
        match self.by_name.get(&key) {
            Some(Ok(transport)) => Ok(Arc::clone(transport)),
            Some(Err(cause)) => Err(because_of(cause)),
            None => Err(Finding::error(
                Code::MissingReference,
                format!("servers transport `{key}` does not exist"),
            )),
        }
    }

    /// Those that can be used.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Arc<Transport>> {
        self.by_name
            .values()
            .filter_map(|transport| transport.as_ref().ok())
    }

    /// The one of this name, if it can be used.
    fn get(&self, name: &str) -> Option<&Arc<Transport>> {
        self.by_name.get(name)?.as_ref().ok()
    }
}

/// What no connection may rest on. Transports that are out of service count: connections of theirs may be busy yet.
pub(super) fn revocations(
    sources: &Sources<'_>,
    everywhere: &Arc<Revoked>,
    lists: &mut Lists,
) -> Revocations {
    let mut revocations = Revocations::everywhere(everywhere);
    for source in sources.iter() {
        for (element, materials) in &source.update.materials {
            let Element::ServersTransport(name) = element else {
                continue;
            };
            let own = source.update.origins.get(element);
            let own = own.and_then(|origin| origin.object.as_ref());
            let mut revoked = Arc::default();
            for listed in &materials.revoked {
                // What cannot be read is told where the transport is built.
                let read = lists.read(&listed.what).readable;
                if let Some(object) = listed.by.as_ref().or(own) {
                    revocations.said_by(object, &read);
                }
                revoked = both(&revoked, &read);
            }
            if !revoked.is_empty() {
                revocations.for_one(&source.qualified(name), revoked);
            }
        }
    }
    revocations
}

pub(super) fn build(
    inputs: &Inputs<'_>,
    sources: &Sources<'_>,
    book: Option<&Book>,
    counters: &mut Counters,
    lists: &mut Lists,
    findings: &mut Vec<Finding>,
) -> Transports {
    let mut by_name = HashMap::new();
    let nowhere = Materials::default();
    let default = Written {
        name: Arc::from(DEFAULT_TRANSPORT),
        written: &inputs.install.servers_transport,
        before: book.map(|book| &book.install.servers_transport),
        held: inputs.install.held_trust.get(DEFAULT_TRANSPORT),
        origin: None,
        materials: &nowhere,
    };
    let mut warnings = Vec::new();
    let built = default.build(inputs, book, counters, lists, &mut warnings);
    findings.append(&mut warnings);
    by_name.insert(
        Arc::clone(&default.name),
        built.map_err(|finding| note(finding, findings)),
    );
    for source in sources.iter() {
        for (name, written) in &source.update.dynamic.http.servers_transports {
            let element = Element::ServersTransport(name.clone());
            if source.broken(&element).is_some() {
                // What else is wrong with it is told at once, not when this is mended.
                let (mut notes, mut faults) = (Vec::new(), Vec::new());
                names_and_limits(written, &mut notes, &mut faults);
                notes.append(&mut faults);
                findings.extend(notes.into_iter().map(|note| source.at(element.clone(), note)));
                continue;
            }
            let name_at_provider = source.qualified(name);
            let transport = Written {
                held: inputs.install.held_trust.get(&name_at_provider),
                name: name_at_provider,
                written,
                before: source
                    .kept
                    .and_then(|kept| kept.update.dynamic.http.servers_transports.get(name))
                    .map(|before| &**before),
                origin: source
                    .update
                    .origins
                    .get(&element)
                    .and_then(|origin| origin.object.clone()),
                materials: source.update.materials.get(&element).unwrap_or(&nowhere),
            };
            let built = transport.build(inputs, book, counters, lists, &mut warnings);
            findings.extend(
                warnings
                    .drain(..)
                    .map(|warning| source.at(element.clone(), warning)),
            );
            by_name.insert(
                Arc::clone(&transport.name),
                built.map_err(|finding| note(source.at(element, finding), findings)),
            );
        }
    }
    Transports { by_name }
}

fn note(finding: Finding, findings: &mut Vec<Finding>) -> Arc<Finding> {
    materials::note(finding.clone(), findings);
    Arc::new(finding)
}

struct Written<'a> {
    name: Arc<str>,
    written: &'a ServersTransport,
    /// As it was at the previous compile.
    before: Option<&'a ServersTransport>,
    held: Option<&'a HeldTrust>,
    origin: Option<ObjectRef>,
    materials: &'a Materials,
}

impl Written<'_> {
    fn build(
        &self,
        inputs: &Inputs<'_>,
        book: Option<&Book>,
        counters: &mut Counters,
        lists: &mut Lists,
        warnings: &mut Vec<Finding>,
    ) -> Result<Arc<Transport>, Finding> {
        // Read even when the transport is shared: its warnings are due at every compile.
        let mut faults = Vec::new();
        let (versions, cipher_suites, timeouts) = names_and_limits(self.written, warnings, &mut faults);
        let revoked = policies::or_fault(self.revoked(lists), Arc::default(), &mut faults);
        let mut faults = faults.into_iter();
        if let Some(first) = faults.next() {
            warnings.extend(faults);
            return Err(first);
        }
        let kept = book.and_then(|book| book.transports.get(&self.name));
        if let Some(kept) = kept
            && self.before == Some(self.written)
            && kept.origin == self.origin
            && self.is_trusted_by(&kept.root_cas)
            && book.and_then(|book| book.install.held_trust.get(&self.name)) == self.held
            && inputs.install.revoked.is_empty()
            && book.is_none_or(|book| book.install.revoked.is_empty())
            && revoked.is_empty()
            && kept.revoked.is_empty()
            && bundle(kept.tls.policy()).is_none_or(|bundle| bundle.previous().is_empty())
        {
            warnings.extend(self.held_finding());
            return Ok(Arc::clone(kept));
        }
        let policy = policy(self.written, self.materials, versions, cipher_suites)?;
        let is_revoked = |root: &Fingerprint| revoked.contains(root) || inputs.install.revoked.contains(root);
        let mut policy = without_revoked(policy, is_revoked, warnings)?;
        if let Some(held) = self.held.and_then(|held| held_instead(&policy, held, is_revoked)) {
            policy = held;
            warnings.extend(self.held_finding());
        }
        let policy = match (kept, inputs.overlaps) {
            // Another object of that name is another transport, and one that was out of service has left nothing.
            (Some(kept), Some(overlaps)) if kept.origin == self.origin => {
                let previous = still_believed(&self.name, &policy, kept.tls.policy(), overlaps);
                let previous = previous.iter();
                let previous = previous.filter_map(|bundle| bundle.without(is_revoked).map(Arc::new));
                believing(policy, previous.collect())
            }
            _ => policy,
        };
        if let Some(kept) = kept
            && *kept.tls.policy() == policy
            && self.before == Some(self.written)
            && kept.origin == self.origin
            && self.is_trusted_by(&kept.root_cas)
            && kept.revoked == revoked
        {
            return Ok(Arc::clone(kept));
        }
        let (tls, generation) = match kept.filter(|kept| *kept.tls.policy() == policy) {
            Some(kept) => (Arc::clone(&kept.tls), kept.generation),
            None => (
                Arc::new(BackendTls::new(policy).map_err(|error| names::invalid(&error))?),
                counters.trust(),
            ),
        };
        Ok(Arc::new(Transport {
            name: Arc::clone(&self.name),
            generation,
            tls,
            max_idle_per_host: max_idle(self.written.max_idle_conns_per_host),
            disable_http2: self.written.disable_http2,
            timeouts,
            origin: self.origin.clone(),
            revoked,
            root_cas: self
                .materials
                .cas
                .iter()
                .map(|material| material.object.clone())
                .collect(),
        }))
    }

    /// That the configured trust is not the one in force.
    fn held_finding(&self) -> Option<Finding> {
        let why = self
            .held
            .filter(|_| !self.written.insecure_skip_verify)?
            .why
            .as_ref()?;
        let finding = Finding::warning(
            Code::TrustHeld,
            "the trust of before stays in force: not every server is known to pass under the new one that passes under it",
        );
        let finding = finding
            .field("rootCAs")
            .wanted("every server that passes passes on")
            .got(why);
        Some(finding.hint(
            "give these servers certificates that the new CAs vouch for, add the CAs of theirs, or take away servers that are gone; `bridge.preflight: report` puts the new trust in force at once",
        ))
    }

    /// What this transport alone is told not to trust. What cannot be read might be anything.
    fn revoked(&self, lists: &mut Lists) -> Result<Arc<Revoked>, Finding> {
        let mut revoked = Arc::default();
        for listed in &self.materials.revoked {
            let read = lists.read(&listed.what);
            if let Some(why) = read.why {
                let by = listed.by.as_ref().map(|object| format!("{object}: "));
                let message = format!("{}{why}", by.unwrap_or_default());
                return Err(Finding::error(Code::InvalidObject, message).field(REVOKED_FIELD));
            }
            revoked = both(&revoked, &read.readable);
        }
        Ok(revoked)
    }

    fn is_trusted_by(&self, objects: &[ObjectRef]) -> bool {
        self.materials
            .cas
            .iter()
            .map(|material| &material.object)
            .eq(objects)
    }
}

/// What objects say is revoked, each list read once: thousands of transports may be told the same one.
#[derive(Default)]
pub(super) struct Lists {
    /// By where the list lies. Holding it, no other can come to lie there.
    read: HashMap<*const String, (Arc<[String]>, ReadList)>,
}

#[derive(Clone)]
struct ReadList {
    readable: Arc<Revoked>,
    /// Why there is more on it than `readable`.
    why: Option<String>,
}

impl Lists {
    fn read(&mut self, what: &RevokedWhat) -> ReadList {
        match what {
            RevokedWhat::Listed(listed) => {
                let read = self.read.entry(listed.as_ptr());
                let (_, read) = read.or_insert_with(|| (Arc::clone(listed), fingerprints(listed)));
                read.clone()
            }
            RevokedWhat::AllOf(pem) => match TrustBundle::from_pem([pem.as_bytes()]) {
                Ok(bundle) => ReadList {
                    readable: Arc::new(bundle.roots().map(|root| root.fingerprint).collect()),
                    why: None,
                },
                Err(error) => ReadList {
                    readable: Arc::default(),
                    why: Some(error.to_string()),
                },
            },
        }
    }
}

fn fingerprints(listed: &[String]) -> ReadList {
    let mut why = None;
    let readable = listed
        .iter()
        .filter_map(|text| match text.parse::<Fingerprint>() {
            Ok(fingerprint) => Some(fingerprint),
            Err(error) => {
                let error: BadFingerprint = error;
                why.get_or_insert_with(|| format!("`{text}`: {error}"));
                None
            }
        });
    let readable = Arc::new(readable.collect());
    ReadList { readable, why }
}

/// What needs no certificate; a value that cannot be used is the default one here, and a fault.
fn names_and_limits(
    written: &ServersTransport,
    warnings: &mut Vec<Finding>,
    faults: &mut Vec<Finding>,
) -> (Versions, Option<Vec<CipherSuite>>, Timeouts) {
    let versions = names::versions(&written.min_version, &written.max_version, warnings);
    let cipher_suites = names::cipher_suites(&written.cipher_suites, warnings);
    let timeouts = timeouts(written.forwarding_timeouts.as_ref());
    (
        policies::or_fault(versions, Versions::default(), faults),
        policies::or_fault(cipher_suites, None, faults),
        policies::or_fault(timeouts, Timeouts::default(), faults),
    )
}

/// Whatever of the written trust cannot be used breaks the transport; it is never replaced by something
/// weaker (A14.1, A14.2, A14.7).
fn policy(
    written: &ServersTransport,
    materials: &Materials,
    versions: Versions,
    cipher_suites: Option<Vec<CipherSuite>>,
) -> Result<BackendPolicy, Finding> {
    if written.spiffe.is_some() {
        return Err(Finding::error(Code::Unsupported, "SPIFFE is not served yet").field("spiffe"));
    }
    let trust = match &written.root_cas {
        None => Trust::System,
        Some(texts) => TrustBundle::from_pem(texts.iter().map(String::as_bytes))
            .map(|bundle| Trust::Bundle(Arc::new(bundle)))
            .map_err(|error| policies::untrusted(&error, "rootCAs", &materials.cas))?,
    };
    let identities = (0..)
        .zip(&written.certificates)
        .map(|(index, pair): (usize, _)| {
            certificates::read(pair).map(Arc::new).map_err(|finding| {
                materials::blame(&materials.certificates, index, finding)
                    .field(format!("certificates[{index}]"))
            })
        })
        .collect::<Result<_, _>>()?;
    let (verification, shadow) = if written.insecure_skip_verify {
        (Verification::DangerSkip, Some(Backend(trust)))
    } else {
        (Verification::Full(Backend(trust)), None)
    };
    Ok(BackendPolicy {
        verification,
        shadow,
        server_name: non_empty(&written.server_name),
        identities,
        versions,
        cipher_suites,
        peer_uri: non_empty(&written.peer_cert_uri),
    })
}

/// `policy` under the trust that is held. `None`: it has no verified trust to be replaced, or revocation has left no
/// difference.
fn held_instead(
    policy: &BackendPolicy,
    held: &HeldTrust,
    is_revoked: impl Fn(&Fingerprint) -> bool,
) -> Option<BackendPolicy> {
    let trust = match &held.trust.0 {
        Trust::System => Trust::System,
        // What it has replaced is believed by its own rules.
        Trust::Bundle(bundle) => Trust::Bundle(Arc::new(bundle.after(Vec::new()).without(is_revoked)?)),
    };
    let held = match &policy.verification {
        Verification::Full(wanted) if wanted.0 != trust => Verification::Full(Backend(trust)),
        Verification::Full(_) | Verification::DangerSkip => return None,
    };
    Some(BackendPolicy {
        verification: held,
        ..policy.clone()
    })
}

/// Without the roots that are revoked. Where none is left, there is nobody to trust.
fn without_revoked(
    policy: BackendPolicy,
    is_revoked: impl Fn(&Fingerprint) -> bool,
    warnings: &mut Vec<Finding>,
) -> Result<BackendPolicy, Finding> {
    let Some(bundle) = bundle(&policy) else {
        return Ok(policy);
    };
    let revoked: Vec<String> = bundle
        .roots()
        .filter(|root| is_revoked(&root.fingerprint))
        .map(|root| format!("`{}` ({})", root.label(), root.fingerprint))
        .collect();
    if revoked.is_empty() {
        return Ok(policy);
    }
    let revoked = revoked.join(", ");
    let Some(left) = bundle.without(&is_revoked) else {
        return Err(
            Finding::error(Code::RevokedCertificate, "every CA of it is revoked")
                .field("rootCAs")
                .wanted("a CA that may be trusted")
                .got(revoked)
                .hint("put the CA that issues the servers' certificates now in its place"),
        );
    };
    warnings.push(
        Finding::warning(
            Code::RevokedCertificate,
            format!("not trusted, because it is revoked: {revoked}"),
        )
        .field("rootCAs")
        .hint("remove it from where it is configured"),
    );
    Ok(BackendPolicy {
        verification: Verification::Full(Backend(Trust::Bundle(Arc::new(left)))),
        ..policy
    })
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// 200 unless set (A14.4); 0 is Go's word for "not set"; negative: no reuse.
fn max_idle(written: Option<i64>) -> usize {
    match written {
        None | Some(0) => DEFAULT_MAX_IDLE,
        Some(limit) => usize::try_from(limit).unwrap_or(0),
    }
}

fn timeouts(written: Option<&ForwardingTimeouts>) -> Result<Timeouts, Finding> {
    let default = Timeouts::default();
    let Some(written) = written else {
        return Ok(default);
    };
    Ok(Timeouts {
        dial: limit("dialTimeout", written.dial_timeout, default.dial)?,
        handshake: default.handshake,
        response_header: limit(
            "responseHeaderTimeout",
            written.response_header_timeout,
            default.response_header,
        )?,
        idle: limit("idleConnTimeout", written.idle_conn_timeout, default.idle)?,
        read_idle: limit("readIdleTimeout", written.read_idle_timeout, default.read_idle)?,
        // Go takes 0 as its default here.
        ping: limit("pingTimeout", written.ping_timeout, Some(default.ping))?.unwrap_or(default.ping),
    })
}

/// 0: no limit.
fn limit(
    field: &str,
    written: Option<GoDuration>,
    default: Option<Duration>,
) -> Result<Option<Duration>, Finding> {
    let Some(written) = written else {
        return Ok(default);
    };
    let limit = written.to_std().ok_or_else(|| {
        Finding::error(Code::InvalidObject, "a time limit cannot be negative")
            .field(format!("forwardingTimeouts.{field}"))
    })?;
    Ok((!limit.is_zero()).then_some(limit))
}

/// Made of the install configuration's `serversTransport`.
pub(crate) const DEFAULT_TRANSPORT: &str = "default@internal";

/// What the annotation of a Kubernetes ServersTransport says.
const REVOKED_FIELD: &str = "metadata.annotations[viaduct.io/revoked]";

const DEFAULT_MAX_IDLE: usize = 200;
