//! Notices that wait to be written, each namespace in its own row, and what was told lately.
//!
//! The rows take turns, and each is bounded, so that a namespace full of faults neither delays nor displaces what is to
//! be told in another one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::{Notice, QUIET};

/// Notices by namespace; the namespaces take turns.
#[derive(Debug, Default)]
pub(super) struct Queue {
    rows: BTreeMap<Arc<str>, VecDeque<Notice>>,
    /// Whose turn was the last.
    last: Option<Arc<str>>,
    waiting: usize,
}

impl Queue {
    /// False where its namespace has enough that waits, or there is too much altogether.
    pub(super) fn push(&mut self, notice: Notice) -> bool {
        let namespace = Arc::clone(&notice.object.namespace);
        let row = self.rows.get(&namespace).map_or(0, VecDeque::len);
        if row >= WAITING_EACH || (self.waiting >= WAITING && !self.make_room(row)) {
            return false;
        }
        self.waiting += 1;
        self.rows.entry(namespace).or_default().push_back(notice);
        true
    }

    /// Takes the latest of the longest row, for one that is shorter.
    fn make_room(&mut self, for_row: usize) -> bool {
        let longest = self.rows.values_mut().max_by_key(|row| row.len());
        let gone = longest
            .filter(|row| row.len() > for_row + 1)
            .and_then(VecDeque::pop_back);
        self.waiting -= usize::from(gone.is_some());
        gone.is_some()
    }

    pub(super) fn pop(&mut self) -> Option<Notice> {
        let after = self.last.take();
        let next = after.and_then(|last| self.rows.keys().find(|namespace| **namespace > last).cloned());
        let namespace = next.or_else(|| self.rows.keys().next().cloned())?;
        let row = self.rows.get_mut(&namespace)?;
        let notice = row.pop_front();
        if row.is_empty() {
            self.rows.remove(&namespace);
        }
        self.waiting -= usize::from(notice.is_some());
        self.last = Some(namespace);
        notice
    }
}

#[derive(Debug)]
struct Told {
    last: Instant,
    times: i32,
}

impl Told {
    fn is_quiet(&self, now: Instant) -> bool {
        now.duration_since(self.last) < QUIET
    }
}

/// What was told, by namespace.
#[derive(Debug, Default)]
pub(super) struct Memory {
    rows: HashMap<Arc<str>, HashMap<Notice, Told>>,
}

impl Memory {
    /// Notes that a notice is told. `None`: it was lately, or its namespace has told enough for now.
    pub(super) fn tell(&mut self, notice: &Notice, now: Instant) -> Option<i32> {
        self.make_room(&notice.object.namespace, now);
        let row = self.rows.entry(Arc::clone(&notice.object.namespace)).or_default();
        if let Some(told) = row.get_mut(notice) {
            if told.is_quiet(now) {
                return None;
            }
            told.last = now;
            told.times = told.times.saturating_add(1);
            return Some(told.times);
        }
        if row.len() >= REMEMBERED_EACH {
            row.retain(|_, told| told.is_quiet(now));
        }
        if row.len() >= REMEMBERED_EACH {
            return None;
        }
        row.insert(notice.clone(), Told { last: now, times: 1 });
        Some(1)
    }

    /// It may be told again, when it is found again.
    pub(super) fn forget(&mut self, notice: &Notice) {
        if let Some(row) = self.rows.get_mut(&notice.object.namespace) {
            row.remove(notice);
        }
    }

    /// Namespaces come and go, and a cluster may have many: whoever has the most to remember is forgotten first, which
    /// costs it no more than writing the same again.
    fn make_room(&mut self, newcomer: &Arc<str>, now: Instant) {
        let remembered: usize = self.rows.values().map(HashMap::len).sum();
        if remembered < REMEMBERED {
            return;
        }
        self.rows.retain(|_, row| {
            row.retain(|_, told| told.is_quiet(now));
            !row.is_empty()
        });
        let remembered: usize = self.rows.values().map(HashMap::len).sum();
        let others = self.rows.iter().filter(|(namespace, _)| *namespace != newcomer);
        let longest = others.max_by_key(|(_, row)| row.len());
        if remembered >= REMEMBERED
            && let Some(namespace) = longest.map(|(namespace, _)| Arc::clone(namespace))
        {
            self.rows.remove(&namespace);
        }
    }
}

/// Notices that wait to be written.
const WAITING: usize = 512;
/// The same, of one namespace.
const WAITING_EACH: usize = 128;
/// Notices that are remembered.
const REMEMBERED: usize = 4096;
/// The same, of one namespace.
const REMEMBERED_EACH: usize = 512;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use viaduct_config::ObjectRef;

    use super::*;

    fn notice(namespace: &str, index: usize) -> Notice {
        let object = ObjectRef::new("IngressRoute", namespace, "app");
        Notice::new(object, "MissingReference", format!("fault {index}"))
    }

    #[test]
    fn c17_a_namespace_full_of_faults_neither_delays_nor_displaces_those_of_others() {
        let mut queue = Queue::default();
        // As many noisy ones as fill it.
        for noisy in 0..8 {
            for index in 0..1000 {
                queue.push(notice(&format!("noisy-{noisy}"), index));
            }
        }
        assert_eq!(queue.waiting, WAITING);
        assert!(
            queue.push(notice("quiet", 0)),
            "there is room for whoever has little"
        );
        assert_eq!(queue.waiting, WAITING);
        let first: Vec<_> = std::iter::from_fn(|| queue.pop()).take(9).collect();
        assert!(
            first.iter().any(|notice| &*notice.object.namespace == "quiet"),
            "{first:?}"
        );
        let rest = std::iter::from_fn(|| queue.pop()).count();
        assert_eq!((rest, queue.waiting), (WAITING - 9, 0));
    }

    #[test]
    fn c17_a_namespace_that_told_much_leaves_room_for_what_others_tell() {
        let mut memory = Memory::default();
        let now = Instant::now();
        let told = |memory: &mut Memory, namespace: &str| {
            let all = (0..1000).filter_map(|index| memory.tell(&notice(namespace, index), now));
            all.count()
        };
        for noisy in 0..20 {
            let namespace = format!("noisy-{noisy}");
            assert_eq!(told(&mut memory, &namespace), REMEMBERED_EACH, "{namespace}");
            let remembered: usize = memory.rows.values().map(HashMap::len).sum();
            assert!(remembered <= REMEMBERED, "{remembered}");
        }
        assert_eq!(memory.tell(&notice("quiet", 0), now), Some(1));
        assert_eq!(memory.tell(&notice("quiet", 0), now), None, "lately");
        let later = now + QUIET + Duration::from_secs(1);
        assert_eq!(memory.tell(&notice("quiet", 0), later), Some(2));
        memory.forget(&notice("quiet", 0));
        assert_eq!(memory.tell(&notice("quiet", 0), later), Some(1));
    }
}
