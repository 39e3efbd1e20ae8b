//! What every connection of a worker is held against: certificates that are revoked (C9).

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use viaduct_snapshot::Revocations;
use viaduct_tls::Fault;

use super::link::Link;

/// Knows the TLS connections of one worker, wherever they are: idle, lent, or in a pool that is closed.
#[derive(Default)]
pub(super) struct Guard {
    /// Of the snapshot in force, whichever snapshot a request runs under.
    revocations: RefCell<Arc<Revocations>>,
    /// By transport.
    links: RefCell<Vec<(Arc<str>, Weak<Link>)>>,
    /// So many links, and those that are gone are forgotten.
    crowded: Cell<usize>,
}

impl Guard {
    /// A connection whose handshake is over; a fault where it rests on what is revoked by now. A request that began
    /// under an older snapshot may have dialled by that one's trust.
    pub(super) fn admit(&self, transport: &Arc<str>, link: Link) -> Result<Rc<Link>, Fault> {
        if let Some(revoked) = self.revocations.borrow().find(transport, link.path()) {
            return Err(Link::fault_of_revoked(revoked));
        }
        let link = Rc::new(link);
        let mut links = self.links.borrow_mut();
        if links.len() >= self.crowded.get().max(FEW) {
            links.retain(|(_, link)| link.strong_count() > 0);
            self.crowded.set(links.len() * 2);
        }
        links.push((Arc::clone(transport), Rc::downgrade(&link)));
        Ok(link)
    }

    /// Takes what is revoked from now on, and cuts the connections that rest on it. Whether there was any.
    pub(super) fn enforce(&self, revocations: &Arc<Revocations>) -> bool {
        if Arc::ptr_eq(&self.revocations.borrow(), revocations)
            || **self.revocations.borrow() == **revocations
        {
            return false;
        }
        self.revocations.replace(Arc::clone(revocations));
        let mut cut = 0_usize;
        self.links.borrow_mut().retain(|(transport, link)| {
            let Some(link) = link.upgrade() else {
                return false;
            };
            match revocations.find(transport, link.path()) {
                Some(revoked) => {
                    link.cut(revoked);
                    cut += 1;
                    false
                }
                None => true,
            }
        });
        if cut > 0 {
            tracing::warn!(
                connections = cut,
                "closed connections to servers that rested on a revoked certificate"
            );
        }
        cut > 0
    }
}

const FEW: usize = 64;
