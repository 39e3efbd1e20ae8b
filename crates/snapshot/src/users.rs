//! Who uses which service: what has to be made anew when one is.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::Snapshot;
use crate::service::ServiceKind;

/// By the names of services. It holds as long as no router and no service comes or goes or names others.
#[derive(Debug, Default)]
pub(crate) struct Users {
    routers: HashMap<Arc<str>, Names, RandomState>,
    /// Weighted services, by each service that is directly below.
    parents: HashMap<Arc<str>, Names, RandomState>,
    /// Whether services are reached on other ways, too.
    pub(crate) beyond: bool,
}

/// Nearly every service has one router.
type Names = SmallVec<[Arc<str>; 1]>;

impl Users {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut users = Self::default();
        for (name, router) in &snapshot.routers {
            users.beyond |= router
                .middlewares
                .iter()
                .any(|middleware| middleware.kind.service().is_some());
            if let Some(service) = &router.named_service {
                add(&mut users.routers, &service.name, name);
            }
        }
        for service in snapshot.services() {
            if let ServiceKind::Weighted(children) = &service.kind {
                for (child, _) in children {
                    add(&mut users.parents, &child.name, &service.name);
                }
            }
        }
        users
    }

    /// The routers that name a service, by name.
    pub(crate) fn routers(&self, service: &str) -> &[Arc<str>] {
        self.routers.get(service).map_or(&[], SmallVec::as_slice)
    }

    /// The weighted services that a service is directly below.
    pub(crate) fn parents(&self, service: &str) -> &[Arc<str>] {
        self.parents.get(service).map_or(&[], SmallVec::as_slice)
    }
}

fn add(to: &mut HashMap<Arc<str>, Names, RandomState>, service: &Arc<str>, user: &Arc<str>) {
    let names = to.entry(Arc::clone(service)).or_default();
    if names.last() != Some(user) {
        names.push(Arc::clone(user));
    }
}

/// Values that others take the places of.
#[derive(Debug)]
pub(crate) struct Replaced<T>(HashMap<*const T, Arc<T>, RandomState>);

impl<T> Replaced<T> {
    /// `value` takes the place of `before`, which must live as long as this.
    pub(crate) fn put(&mut self, before: &Arc<T>, value: Arc<T>) {
        self.0.insert(Arc::as_ptr(before), value);
    }

    pub(crate) fn get(&self, before: &Arc<T>) -> Option<Arc<T>> {
        self.0.get(&Arc::as_ptr(before)).map(Arc::clone)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Replaced<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}
