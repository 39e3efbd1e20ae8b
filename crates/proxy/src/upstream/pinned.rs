//! Backend connections that belong to one client connection (NTLM, Negotiate).

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::wire::Connection;

use super::Needs;
use super::lease::{Lease, Sender};
use super::pool::{Idle, Pool};

/// One idle connection per client and pool, kept as long as the client stays.
#[derive(Default)]
pub(super) struct Pinned {
    entries: RefCell<Vec<Entry>>,
}

struct Entry {
    client: Weak<Connection>,
    pool: Rc<Pool>,
    idle: Idle,
}

impl Pinned {
    /// The connection that this client authenticated, if it has one to this pool.
    pub(super) fn take(self: &Rc<Self>, client: &Rc<Connection>, pool: &Rc<Pool>) -> Option<Lease> {
        // Almost nobody has one.
        if self.entries.borrow().is_empty() {
            return None;
        }
        let mut entries = self.entries.borrow_mut();
        entries.retain(|entry| entry.client.strong_count() > 0 && entry.idle.is_open());
        let place = entries.iter().position(|entry| {
            std::ptr::eq(entry.client.as_ptr(), Rc::as_ptr(client)) && Rc::ptr_eq(&entry.pool, pool)
        })?;
        let Entry { idle, pool, .. } = entries.swap_remove(place);
        let pin = Pin::new(client, self, Needs::Own);
        Some(Lease::new(Sender::Http1(idle.sender), pool, idle.link, true).with_pin(pin))
    }

    pub(super) fn retain(&self, keep: impl Fn(&Pool) -> bool) {
        self.entries
            .borrow_mut()
            .retain(|entry| entry.client.strong_count() > 0 && keep(&entry.pool));
    }

    /// Forgets connections that were cut.
    pub(super) fn forget_cut(&self) {
        self.entries
            .borrow_mut()
            .retain(|entry| !entry.idle.link.is_cut());
    }

    fn keep(&self, client: Weak<Connection>, pool: Rc<Pool>, idle: Idle) {
        let mut entries = self.entries.borrow_mut();
        entries.retain(|entry| entry.client.strong_count() > 0 && entry.idle.is_open());
        // Beyond that, the client authenticates again.
        if entries.len() < MOST && !pool.is_closed() && client.strong_count() > 0 {
            entries.push(Entry { client, pool, idle });
        }
    }
}

/// For whom a leased connection works.
pub(super) struct Pin {
    client: Weak<Connection>,
    pinned: Rc<Pinned>,
    set: bool,
}

impl Pin {
    pub(super) fn new(client: &Rc<Connection>, pinned: &Rc<Pinned>, needs: Needs) -> Self {
        Self {
            client: Rc::downgrade(client),
            pinned: Rc::clone(pinned),
            set: needs == Needs::Own,
        }
    }

    /// From now on the connection is this client's.
    pub(super) fn set(&mut self) {
        self.set = true;
    }

    pub(super) fn is_set(&self) -> bool {
        self.set
    }

    /// For another connection of the same client.
    pub(super) fn afresh(&self, needs: Needs) -> Self {
        Self {
            client: Weak::clone(&self.client),
            pinned: Rc::clone(&self.pinned),
            set: needs == Needs::Own,
        }
    }

    pub(super) fn keep(self, pool: Rc<Pool>, idle: Idle) {
        self.pinned.keep(self.client, pool, idle);
    }
}

/// Pinned idle connections per worker.
const MOST: usize = 1024;
