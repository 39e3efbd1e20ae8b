//! Routers and services as finished requests name them.

use std::cell::RefCell;
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

type Table<T> = Vec<Option<Rc<Arc<T>>>>;

impl Labels {
    pub(super) fn router(&self, router: &Arc<Router>) -> Rc<Arc<Router>> {
        label(&mut self.routers.borrow_mut(), router.slot, router)
    }

    pub(super) fn service(&self, service: &Arc<Service>) -> Rc<Arc<Service>> {
        label(&mut self.services.borrow_mut(), service.slot, service)
    }
}

fn label<T>(table: &mut Table<T>, slot: Slot, value: &Arc<T>) -> Rc<Arc<T>> {
    let slot = slot.0 as usize;
    if slot >= table.len() {
        table.resize(slot + 1, None);
    }
    match table.get_mut(slot) {
        Some(Some(known)) if Arc::ptr_eq(known, value) => Rc::clone(known),
        Some(place) => Rc::clone(place.insert(Rc::new(Arc::clone(value)))),
        None => Rc::new(Arc::clone(value)),
    }
}
