//! What an operator demands of routes: a least class, more in some places, and exceptions that end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use viaduct_config::{EntryPointName, ObjectRef, Update};

use super::{BridgeClass, Subject};
use crate::router::Router;
use crate::service::Service;

/// The strict mode of a process. Default: nothing is demanded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BridgePolicy {
    /// Of every route. Default: [`BridgeClass::Plaintext`], which every route of HTTP meets.
    pub require: BridgeClass,
    pub mode: BridgeMode,
    /// More, for the routes of an entry point; what is less than `require` has no effect.
    pub entry_points: BTreeMap<EntryPointName, BridgeClass>,
    /// More, for the routes whose object is in a namespace; likewise.
    pub namespaces: BTreeMap<Arc<str>, BridgeClass>,
    /// Whether Namespaces may demand more by themselves. Default: no.
    pub heeds_namespaces: bool,
    /// The same, as Namespaces themselves say by label or annotation: [`BridgePolicy::heed`].
    pub demanded: BTreeMap<Arc<str>, BridgeClass>,
    /// Namespaces with a demand that is no class, and what is written there.
    pub misread: BTreeMap<Arc<str>, String>,
    /// Whether Namespaces that say nothing might demand anything, because they cannot be read.
    pub unread: bool,
    pub exceptions: Vec<BridgeException>,
}

/// What becomes of a route below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BridgeMode {
    /// It is out of service: 503.
    #[default]
    Enforce,
    /// It is served, and a warning says so.
    Report,
}

/// Something that may be below for a time.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeException {
    pub of: Excepted,
    /// As written.
    pub until: Arc<str>,
    pub ends: SystemTime,
    pub reason: Arc<str>,
    /// Whether it is in force, as [`BridgePolicy::advance`] has found. An exception that nobody has looked at is not.
    pub live: bool,
}

/// What an exception is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excepted {
    /// `name@provider`, of the router as it was written or of its part at an entry point.
    Router(Arc<str>),
    /// Every router that comes from an object of this name.
    Object { namespace: Arc<str>, name: Arc<str> },
    /// Every router whose object is in this namespace.
    Namespace(Arc<str>),
    /// `name@provider` of a service with servers, whoever reaches it.
    Service(Arc<str>),
}

/// The part of the configuration that demands most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source<'p> {
    Process,
    EntryPoint(&'p EntryPointName),
    Namespace(&'p str),
    /// By its own label or annotation.
    Labelled(&'p str),
    /// Of the same, which nobody could read.
    Unread(&'p str),
}

impl std::fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Process => f.write_str("bridge.require"),
            Self::EntryPoint(name) => write!(f, "bridge.entryPoints.{name}.require"),
            Self::Namespace(name) => write!(f, "bridge.namespaces.{name}.require"),
            Self::Labelled(name) => write!(f, "viaduct.io/require of Namespace {name}"),
            Self::Unread(name) => write!(f, "viaduct.io/require of Namespace {name}, which may not be read"),
        }
    }
}

impl BridgePolicy {
    /// Says of each exception whether it is in force at `now`; returns when the next of them ends.
    pub fn advance(&mut self, now: SystemTime) -> Option<SystemTime> {
        for exception in &mut self.exceptions {
            exception.live = now < exception.ends;
        }
        let live = self.exceptions.iter().filter(|exception| exception.live);
        live.map(|exception| exception.ends).min()
    }

    /// Takes what Namespaces demand now, where that counts. What is no class might be any, so it is the highest.
    /// So it is of every Namespace where they cannot be read.
    pub fn heed<'u>(&mut self, updates: impl Iterator<Item = &'u Update>) {
        self.demanded.clear();
        self.misread.clear();
        self.unread = false;
        if !self.heeds_namespaces {
            return;
        }
        for update in updates {
            self.unread |= update.demands_unknown;
            self.heed_all(&update.demands);
        }
    }

    fn heed_all(&mut self, demands: &BTreeMap<Arc<str>, Vec<String>>) {
        for (namespace, written) in demands {
            for text in written {
                let class = BridgeClass::from_word(text);
                if class.is_none() {
                    self.misread.insert(Arc::clone(namespace), text.clone());
                }
                let class = class.unwrap_or(BridgeClass::Mtls);
                let known = self.demanded.entry(Arc::clone(namespace)).or_default();
                *known = class.max(*known);
            }
        }
    }

    /// What is demanded of a router.
    pub fn required(&self, router: &Router) -> BridgeClass {
        self.demand(&Subject::of(router)).0
    }

    /// The exception under which a router may send requests to a service, whatever is demanded of it.
    pub fn exception(&self, router: &Router, service: &Service) -> Option<&BridgeException> {
        self.live_exception(&Subject::of(router), service)
    }

    /// Each part of the policy can only raise what the others demand.
    pub(super) fn demand<'p>(&'p self, subject: &Subject<'p>) -> (BridgeClass, Source<'p>) {
        let entry_point = subject
            .entry_point
            .and_then(|name| self.entry_points.get_key_value(name))
            .map(|(name, class)| (*class, Source::EntryPoint(name)));
        let namespace = subject
            .origin
            .and_then(|origin| self.namespaces.get_key_value(&origin.namespace))
            .map(|(name, class)| (*class, Source::Namespace(name)));
        let labelled = subject
            .origin
            .and_then(|origin| self.demanded.get_key_value(&origin.namespace))
            .map(|(name, class)| (*class, Source::Labelled(name)));
        let unread = subject
            .origin
            .filter(|origin| self.unread && labelled.is_none() && !origin.namespace.is_empty())
            .map(|origin| (BridgeClass::Mtls, Source::Unread(&origin.namespace)));
        let more = entry_point
            .into_iter()
            .chain(namespace)
            .chain(labelled)
            .chain(unread);
        more.fold((self.require, Source::Process), |most, next| {
            if next.0 > most.0 { next } else { most }
        })
    }

    pub(super) fn live_exception(
        &self,
        subject: &Subject<'_>,
        service: &Service,
    ) -> Option<&BridgeException> {
        let mut live = self.exceptions.iter().filter(|exception| exception.live);
        live.find(|exception| exception.covers(subject, service))
    }

    /// The one that ended last of those that once held here.
    pub(super) fn ended_exception(
        &self,
        subject: &Subject<'_>,
        service: &Service,
    ) -> Option<&BridgeException> {
        let ended = self.exceptions.iter().filter(|exception| !exception.live);
        ended
            .filter(|exception| exception.covers(subject, service))
            .max_by_key(|exception| exception.ends)
    }
}

impl BridgeException {
    pub(super) fn covers(&self, subject: &Subject<'_>, service: &Service) -> bool {
        match &self.of {
            Excepted::Service(name) => service.name == *name,
            of => of.is_router(subject),
        }
    }
}

impl Excepted {
    /// Whether it is for a router, whatever its services are.
    pub(super) fn is_router(&self, subject: &Subject<'_>) -> bool {
        let of_object = |is: &dyn Fn(&ObjectRef) -> bool| subject.origin.is_some_and(is);
        match self {
            Self::Router(name) => **name == *subject.name || **name == *subject.written_name,
            Self::Object { namespace, name } => {
                of_object(&|object| object.namespace == *namespace && object.name == *name)
            }
            Self::Namespace(name) => of_object(&|object| object.namespace == *name),
            Self::Service(_) => false,
        }
    }
}

impl std::fmt::Display for Excepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Router(name) => write!(f, "router `{name}`"),
            Self::Object { namespace, name } => write!(f, "router `{namespace}/{name}`"),
            Self::Namespace(name) => write!(f, "namespace `{name}`"),
            Self::Service(name) => write!(f, "service `{name}`"),
        }
    }
}
