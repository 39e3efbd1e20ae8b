//! A chain from a peer's certificate to a trusted root, by Go's rules on webpki's path builder.
//!
//! webpki looks at no more of a root than its name, key and name constraints. Go also wants a root to be in
//! date, allowed to sign, within its path length and fit for the purpose; those checks are made here.

use std::time::{Duration, SystemTime};

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage, VerifiedPath,
};

use crate::certificate::{CertificateFacts, Extensions, Fingerprint};
use crate::trust::{Anchors, Root};

/// What the peer's certificate is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Server,
    Client,
}

/// A verified path.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) anchor: Fingerprint,
    /// From the leaf to the anchor, both included; once where they are one.
    pub(crate) certificates: Vec<Fingerprint>,
    /// When every certificate of the path is valid.
    pub(crate) window: Window,
}

/// A period, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    from: u64,
    until: u64,
}

/// Verifies `leaf` at `now`. Intermediates come from the peer only. A leaf that is itself a trusted root, by
/// exact match, needs no other signature; its dates, extensions and usage are checked as any leaf's.
pub(crate) fn verify(
    anchors: &Anchors,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
    purpose: Purpose,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<Path, webpki::Error> {
    let parsed = EndEntityCert::try_from(leaf)?;
    if let Some(root) = anchors.same(leaf) {
        purpose.check_root(root, now)?;
        return Ok(Path {
            anchor: root.facts.fingerprint,
            certificates: vec![root.facts.fingerprint],
            window: Window::of(&root.facts),
        });
    }
    let check_root = |path: &VerifiedPath<'_>| match anchors.root_of(path.anchor()) {
        Some(root) => {
            purpose.check_root(root, now)?;
            check_path_length(root, path.intermediate_certificates().count())
        }
        None => Err(webpki::Error::UnknownIssuer),
    };
    let path = parsed.verify_for_usage(
        algorithms,
        anchors.trust_anchors(),
        intermediates,
        now,
        purpose,
        None,
        Some(&check_root),
    )?;
    let root = anchors
        .root_of(path.anchor())
        .ok_or(webpki::Error::UnknownIssuer)?;
    let mut window = Window::of(&root.facts).narrowed_to(leaf)?;
    let mut certificates = vec![Fingerprint::of(leaf)];
    for certificate in path.intermediate_certificates() {
        window = window.narrowed_to(&certificate.der())?;
        certificates.push(Fingerprint::of(&certificate.der()));
    }
    certificates.push(root.facts.fingerprint);
    Ok(Path {
        anchor: root.facts.fingerprint,
        certificates,
        window,
    })
}

impl Purpose {
    fn check_root(self, root: &Root, now: UnixTime) -> Result<(), webpki::Error> {
        let window = Window::of(&root.facts);
        if now.as_secs() < window.from {
            return Err(webpki::Error::CertNotValidYet {
                time: now,
                not_before: unix(window.from),
            });
        }
        if now.as_secs() > window.until {
            return Err(webpki::Error::CertExpired {
                time: now,
                not_after: unix(window.until),
            });
        }
        if self.allowed_by(&root.extensions) {
            Ok(())
        } else {
            Err(self.wrong_usage(Vec::new()))
        }
    }

    fn allowed_by(self, extensions: &Extensions) -> bool {
        match self {
            Self::Server => extensions.server_auth,
            Self::Client => extensions.client_auth,
        }
    }

    /// The purpose as X.509 calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "serverAuth",
            Self::Client => "clientAuth",
        }
    }

    fn oid(self) -> KeyPurposeId<'static> {
        match self {
            Self::Server => KeyPurposeId::new(&[0x2b, 6, 1, 5, 5, 7, 3, 1]),
            Self::Client => KeyPurposeId::new(&[0x2b, 6, 1, 5, 5, 7, 3, 2]),
        }
    }

    fn wrong_usage(self, present: Vec<Vec<usize>>) -> webpki::Error {
        let required = match self {
            Self::Server => KeyUsage::server_auth(),
            Self::Client => KeyUsage::client_auth(),
        };
        webpki::Error::RequiredEkuNotFoundContext(webpki::RequiredEkuNotFoundContext { required, present })
    }
}

/// Go's rule: no extended key usage allows all, `anyExtendedKeyUsage` too (webpki's own rule lacks that).
impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut present = Vec::new();
        for usage in usages {
            let usage = usage?;
            if usage == self.oid() || usage == ANY_USAGE {
                return Ok(());
            }
            present.push(usage.to_decoded_oid());
        }
        if present.is_empty() {
            Ok(())
        } else {
            Err(self.wrong_usage(present))
        }
    }
}

const ANY_USAGE: KeyPurposeId<'static> = KeyPurposeId::new(&[0x55, 0x1d, 0x25, 0]);

fn check_path_length(root: &Root, intermediates: usize) -> Result<(), webpki::Error> {
    match root.extensions.path_length {
        Some(most) if usize::try_from(most).is_ok_and(|most| intermediates > most) => {
            Err(webpki::Error::PathLenConstraintViolated)
        }
        Some(_) | None => Ok(()),
    }
}

impl Window {
    pub(crate) const ALWAYS: Self = Self {
        from: 0,
        until: u64::MAX,
    };

    pub(crate) fn of(facts: &CertificateFacts) -> Self {
        Self {
            from: seconds(facts.not_before),
            until: seconds(facts.not_after),
        }
    }

    /// For what was found out at `now` and may be otherwise before long.
    pub(crate) fn shortly_after(now: UnixTime) -> Self {
        Self {
            from: now.as_secs(),
            until: now.as_secs().saturating_add(SHORTLY),
        }
    }

    pub(crate) fn contains(self, now: UnixTime) -> bool {
        (self.from..=self.until).contains(&now.as_secs())
    }

    fn narrowed_to(self, certificate: &CertificateDer<'_>) -> Result<Self, webpki::Error> {
        let other = CertificateFacts::from_der(certificate).map_err(|_| webpki::Error::BadDer)?;
        let other = Self::of(&other);
        Ok(Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        })
    }
}

/// In seconds.
const SHORTLY: u64 = 60;

pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |distance| distance.as_secs())
}

fn unix(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}
