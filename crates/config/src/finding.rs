//! One diagnostic, rendered everywhere (log, API, status, Event, `check`) from this one value.

use std::fmt;
use std::sync::Arc;

use crate::name::{ObjectRef, ProviderName};
use crate::update::Element;

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is out of service.
    Info,
    /// Accepted, but probably not what was meant.
    Warning,
    /// Something is out of service or its last good state was kept.
    Error,
}

/// A place in a text. Lines and columns count from 1; columns count characters. Line 0: there are no lines,
/// and `file` says all (a flag, an environment variable).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// Stable machine-readable cause; grows by variants, never by free text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A file could not be read, or is not YAML/JSON.
    UnreadableDocument,
    /// A value has the wrong type or misses a required part.
    InvalidObject,
    /// A field that nothing reads.
    UnknownField,
    /// A field that belongs somewhere else.
    MisplacedField,
    /// An `apiVersion` that is missing or old, read anyway.
    ApiVersion,
    /// Two documents define the same object.
    DuplicateObject,
    /// A rule that does not parse.
    InvalidRule,
    /// A reference to something that does not exist.
    MissingReference,
    /// A reference that policy forbids (another namespace, an internal name).
    ForbiddenReference,
    /// A capability that this build does not have yet.
    Unsupported,
    /// Certificates or keys that cannot be used.
    InvalidCertificate,
    /// A certificate outside its validity.
    CertificateValidity,
    /// A certificate that its authority has revoked, or the operator.
    RevokedCertificate,
    /// An OCSP answer that could not be had, or that is missing where the certificate demands one.
    OcspStapling,
    /// Trust material that is missing or empty.
    MissingTrust,
    /// A TLS option value that is unknown or contradictory.
    InvalidTlsOption,
    /// Two routers give one host different TLS options.
    ConflictingTlsOptions,
    /// A router that names an entry point that does not exist, or none that exists.
    UnknownEntryPoint,
    /// A service that cannot be built.
    InvalidService,
    /// A service without servers.
    NoServers,
    /// The last good state of an object was kept.
    LastGoodKept,
    /// A change of trust that waits, as servers would fail under it.
    TrustHeld,
    /// A route whose backend leg is less secure than the operator demands.
    BelowRequiredClass,
    /// An exception to what is demanded that is for nothing that is there.
    BridgeException,
    /// What a Kubernetes API server refuses, does not have, or does not answer.
    ClusterAccess,
}

impl Code {
    /// In the order above.
    pub const ALL: [Self; 25] = [
        Self::UnreadableDocument,
        Self::InvalidObject,
        Self::UnknownField,
        Self::MisplacedField,
        Self::ApiVersion,
        Self::DuplicateObject,
        Self::InvalidRule,
        Self::MissingReference,
        Self::ForbiddenReference,
        Self::Unsupported,
        Self::InvalidCertificate,
        Self::CertificateValidity,
        Self::RevokedCertificate,
        Self::OcspStapling,
        Self::MissingTrust,
        Self::InvalidTlsOption,
        Self::ConflictingTlsOptions,
        Self::UnknownEntryPoint,
        Self::InvalidService,
        Self::NoServers,
        Self::LastGoodKept,
        Self::TrustHeld,
        Self::BelowRequiredClass,
        Self::BridgeException,
        Self::ClusterAccess,
    ];
}

/// One diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// The Kubernetes object at fault, when there is one.
    pub object: Option<ObjectRef>,
    /// The configuration element at fault, when there is one.
    pub element: Option<Element>,
    /// Whose element it is, where that is known.
    pub provider: Option<ProviderName>,
    pub location: Option<Location>,
    /// Path of the field inside the object, such as `spec.routes[0].match`.
    pub field: Option<String>,
    /// What is wrong, one sentence, lower case, no full stop.
    pub message: String,
    pub wanted: Option<String>,
    pub got: Option<String>,
    /// How to mend it.
    pub hint: Option<String>,
    /// What this follows from; itself without a cause. Mending that mends this.
    pub cause: Option<Arc<Self>>,
}

impl Finding {
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            object: None,
            element: None,
            provider: None,
            location: None,
            field: None,
            message: message.into(),
            wanted: None,
            got: None,
            hint: None,
            cause: None,
        }
    }

    /// What is to be mended: its cause, or itself.
    pub fn root(&self) -> &Self {
        self.cause.as_deref().unwrap_or(self)
    }

    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    #[must_use]
    pub fn object(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    #[must_use]
    pub fn element(mut self, element: Element) -> Self {
        self.element = Some(element);
        self
    }

    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub fn wanted(mut self, wanted: impl Into<String>) -> Self {
        self.wanted = Some(wanted.into());
        self
    }

    #[must_use]
    pub fn got(mut self, got: impl Into<String>) -> Self {
        self.got = Some(got.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes it a consequence of `cause`.
    #[must_use]
    pub fn because(mut self, cause: &Self) -> Self {
        self.cause = Some(cause.cause.clone().unwrap_or_else(|| Arc::new(cause.clone())));
        self
    }
}
