//! Routers and services as finished requests name them.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use viaduct_snapshot::{Router, Service, Slot};

/// Routers and services of one worker, by slot. An exchange outlives the snapshot it was routed by; a
/// count of its own per worker keeps all workers from sharing the one inside the `Arc`.
#[derive(Default)]
pub(crate) struct Labels {
    routers: RefCell<Table<Router>>,
    services: RefCell<Table<Service>>,
}

/// A share in something of a snapshot that only this worker counts.
pub(super) struct Label<T>(Rc<Held<T>>);

struct Held<T>(Arc<T>);

type Table<T> = Vec<Option<Label<T>>>;

impl Labels {
    pub(super) fn router(&self, router: &Arc<Router>) -> Label<Router> {
        label(&mut self.routers.borrow_mut(), router.slot, router)
    }

    pub(super) fn service(&self, service: &Arc<Service>) -> Label<Service> {
        label(&mut self.services.borrow_mut(), service.slot, service)
    }
}

impl<T> Clone for Label<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Deref for Label<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

fn label<T>(table: &mut Table<T>, slot: Slot, value: &Arc<T>) -> Label<T> {
    let slot = slot.0 as usize;
    if slot >= table.len() {
        table.resize(slot + 1, None);
    }
    let fresh = || Label(Rc::new(Held(Arc::clone(value))));
    match table.get_mut(slot) {
        Some(Some(known)) if Arc::ptr_eq(&known.0.0, value) => known.clone(),
        Some(place) => place.insert(fresh()).clone(),
        None => fresh(),
    }
}
