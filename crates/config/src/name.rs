//! Names as types: who is meant, never a string to be split later.

use std::fmt;
use std::sync::Arc;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The shared text, for records that outlive the snapshot.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// An entry point's name, as in Traefik's `entryPoints.<name>`.
    EntryPointName
);
name_type!(
    /// Where configuration came from: `file`, `kubernetescrd`, `internal`, ...
    ProviderName
);

/// An element's full identity: `name@provider`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QualifiedName {
    pub name: Arc<str>,
    pub provider: ProviderName,
}

impl QualifiedName {
    pub fn new(name: impl Into<Arc<str>>, provider: ProviderName) -> Self {
        Self {
            name: name.into(),
            provider,
        }
    }

    /// Reads a reference as Traefik does: `name@provider`, or a bare name that means the
    /// referrer's own provider. The provider is what follows the last `@`.
    pub fn resolve(reference: &str, referrer: &ProviderName) -> Self {
        match reference.rsplit_once('@') {
            Some((name, provider)) => Self::new(name, ProviderName::new(provider)),
            None => Self::new(reference, referrer.clone()),
        }
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.provider)
    }
}

/// A Kubernetes object; without a namespace, one of the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    pub kind: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl ObjectRef {
    pub fn new(kind: impl Into<Arc<str>>, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}
