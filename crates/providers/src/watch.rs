//! "Something changed": a directory tree or a set of files, watched until told to stop.
//!
//! ```text
//!  inotify ----> debounce (quiet 50 ms, at most 300 ms) ---> generation + 1 ---> Changes::changed
//!  poll -------> fingerprint differs -----------------------^
//! ```
//! One thread per watch does the waiting and the (blocking) looking at the disk, so that an async
//! runtime never waits for a file system. Events are only hints: they are coalesced, and the poll
//! finds what they miss (NFS, overlay mounts, an exhausted inotify limit, a directory that went away
//! and came back). What changed is not said; readers look for themselves.

mod fingerprint;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch as generation;

use fingerprint::{Fingerprint, Identity};

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A directory and all below it. It may be missing, now or later.
    Tree(PathBuf),
    /// Single files, through their symbolic links. They may be missing, now or later.
    Files(Vec<PathBuf>),
}

impl Target {
    /// Events name absolute paths, whatever way the target was named.
    fn absolute(self) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        match self {
            Self::Tree(root) => Self::Tree(absolute(root)),
            Self::Files(files) => Self::Files(files.into_iter().map(absolute).collect()),
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A change is told once nothing more has happened for this long. Default 50 ms: long enough for
    /// a writer of several files, short enough not to be noticed.
    pub quiet: Duration,
    /// A change is told after this long even if more keep coming. Default 300 ms.
    pub at_most: Duration,
    /// A change is told after this long at the latest while a file is open that was written to: it is not
    /// whole before its writer closes it. Default 0: open files are not waited for.
    pub while_open: Duration,
    /// How often the disk is looked at without any event. Default 5 s.
    pub poll: Duration,
    /// The same when the system gives no events at all. Default 500 ms.
    pub poll_without_events: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            at_most: Duration::from_millis(300),
            while_open: Duration::ZERO,
            poll: Duration::from_secs(5),
            poll_without_events: Duration::from_millis(500),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("cannot start the thread that watches `{}`", path.display())]
    Thread { path: PathBuf, source: io::Error },
}

/// A running watch; dropping it ends its thread.
#[derive(Debug)]
pub struct Watch {
    changes: Changes,
    stop: Option<SyncSender<Signal>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// A reader of this watch. What happened before the call is not told.
    pub fn changes(&self) -> Changes {
        let mut changes = self.changes.clone();
        changes.generation.mark_unchanged();
        changes
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread empties the queue all the time, so this waits for one debounce at most. A
            // thread that has ended needs no telling.
            stop.send(Signal::Stop).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Tells of changes; many changes at once are one.
#[derive(Debug, Clone)]
pub struct Changes {
    generation: generation::Receiver<u64>,
    open: OpenFiles,
}

impl Changes {
    /// Waits for the next change. Returns `false` when the watch has ended and none will come.
    ///
    /// Cancel safe: a change that was not returned is returned by the next call.
    pub async fn changed(&mut self) -> bool {
        self.generation.changed().await.is_ok()
    }

    /// Whether a file is open that was written to: a change will be told when it is closed, or after
    /// [`Timing::while_open`].
    pub fn is_being_written(&self) -> bool {
        self.open.any()
    }
}

/// Starts watching. Everything written after this returns is told of.
pub fn watch(target: Target, timing: Timing) -> Result<Watch, WatchError> {
    let (signals, queue) = sync_channel(1);
    let (sender, receiver) = generation::channel(0);
    let mut watcher = Watcher::new(target.absolute(), timing, signals.clone());
    watcher.follow();
    let path = watcher.describe();
    let open = watcher.open.clone();
    let thread = std::thread::Builder::new()
        .name("file-watch".to_owned())
        .spawn(move || watcher.run(&queue, &sender))
        .map_err(|source| WatchError::Thread { path, source })?;
    Ok(Watch {
        changes: Changes {
            generation: receiver,
            open,
        },
        stop: Some(signals),
        thread: Some(thread),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Event,
    Stop,
}

/// What the thread owns.
struct Watcher {
    target: Target,
    timing: Timing,
    /// `None` when the system gives no events.
    events: Option<RecommendedWatcher>,
    /// Directories with a watch on them, and which directory that was when the watch was put there.
    watched: Vec<(PathBuf, RecursiveMode, Option<Identity>)>,
    /// Directories that could not be watched at the last look, and were told of.
    unwatched: BTreeSet<PathBuf>,
    seen: Fingerprint,
    open: OpenFiles,
}

/// Files that were written to and not closed since, as far as events tell.
#[derive(Debug, Clone, Default)]
struct OpenFiles(Arc<Mutex<HashSet<PathBuf>>>);

impl OpenFiles {
    fn note(&self, target: &Target, event: &Event) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = |path: &&PathBuf| match target {
            Target::Tree(_) => true,
            // Their directories hold other files, which may be open for ever.
            Target::Files(files) => files.contains(path),
        };
        for path in event.paths.iter().filter(ours) {
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) if open.len() < MAX_OPEN => {
                    open.insert(path.clone());
                }
                EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Modify(ModifyKind::Name(_))
                | EventKind::Remove(_) => {
                    open.remove(path);
                }
                _ => {}
            }
        }
    }

    fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What is still open now is not waited for again.
    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What watched files lead to, to tell them from their neighbours: a log that is written beside them
/// raises an event for every line.
struct Neighbours {
    /// The files themselves, where the names are symbolic links.
    real: Vec<PathBuf>,
}

impl Neighbours {
    fn of(target: &Target) -> Self {
        let real = match target {
            Target::Tree(_) => Vec::new(),
            Target::Files(files) => files.iter().filter_map(|file| file.canonicalize().ok()).collect(),
        };
        Self { real }
    }

    /// Whether the event tells of nothing but writing to other files.
    fn busy(&mut self, target: &Target, event: &Event) -> bool {
        let Target::Files(files) = target else {
            return false;
        };
        let writing = matches!(
            event.kind,
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_))
                | EventKind::Access(AccessKind::Close(AccessMode::Write))
        );
        if !writing {
            // Names have changed: links may lead elsewhere.
            *self = Self::of(target);
            return false;
        }
        !event.paths.is_empty()
            && !event
                .paths
                .iter()
                .any(|path| files.contains(path) || self.real.contains(path))
    }
}

impl Watcher {
    fn new(target: Target, timing: Timing, signals: SyncSender<Signal>) -> Self {
        let watched = target.clone();
        let open = OpenFiles::default();
        let noted = open.clone();
        let mut neighbours = Neighbours::of(&target);
        let events = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let ours = |event: &Event| concerns(&watched, event);
            let ours = event
                .as_ref()
                .is_ok_and(|event| ours(event) && !neighbours.busy(&watched, event));
            if let Ok(event) = &event
                && ours
            {
                noted.note(&watched, event);
            }
            // An error (an overflown queue, say) means that something may have been missed.
            if ours || event.is_err() {
                // A full queue already holds a signal that has not been looked at.
                signals.try_send(Signal::Event).ok();
            }
        });
        let events = events
            .inspect_err(|error| tracing::warn!(%error, "no file events from the system, polling instead"))
            .ok();
        let seen = Fingerprint::of(&target);
        Self {
            target,
            timing,
            events,
            watched: Vec::new(),
            unwatched: BTreeSet::new(),
            seen,
            open,
        }
    }

    fn run(mut self, queue: &Receiver<Signal>, changed: &generation::Sender<u64>) {
        loop {
            let told = match queue.recv_timeout(self.poll_interval()) {
                Ok(Signal::Event) => match self.debounce(queue) {
                    Signal::Event => true,
                    Signal::Stop => return,
                },
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => false,
            };
            // Watches first: what is written between the two steps raises an event of its own.
            self.follow();
            let now = Fingerprint::of(&self.target);
            let differs = now != self.seen;
            self.seen = now;
            // In a tree an event is enough: a file may be rewritten within one tick of the file
            // system's clock. Single files are compared by content, because their directories may be
            // busy with other files.
            if differs || (told && matches!(self.target, Target::Tree(_))) {
                changed.send_modify(|generation| *generation += 1);
            }
        }
    }

    /// Waits until nothing happens any more, or long enough.
    fn debounce(&self, queue: &Receiver<Signal>) -> Signal {
        let begin = Instant::now();
        loop {
            let passed = begin.elapsed();
            let unfinished = passed < self.timing.while_open && self.open.any();
            let left = if unfinished {
                self.timing.while_open.saturating_sub(passed)
            } else {
                self.timing.at_most.saturating_sub(passed)
            };
            if left.is_zero() {
                self.open.forget();
                return Signal::Event;
            }
            match queue.recv_timeout(self.timing.quiet.min(left)) {
                Ok(Signal::Event) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return Signal::Stop,
                Err(RecvTimeoutError::Timeout) if unfinished && self.open.any() => {}
                Err(RecvTimeoutError::Timeout) => return Signal::Event,
            }
        }
    }

    /// Puts watches where they are missing: on directories that appeared, that were replaced, or that
    /// a symbolic link now leads to.
    fn follow(&mut self) {
        let Some(events) = &mut self.events else {
            return;
        };
        let wanted = watch_points(&self.target);
        self.watched.retain(|(path, mode, identity)| {
            let keep = wanted.contains(&(path.clone(), is_recursive(*mode)))
                && identity.is_some()
                && *identity == Identity::of(path);
            if !keep && let Err(error) = events.unwatch(path) {
                // A directory that was deleted has lost its watch already.
                tracing::trace!(path = %path.display(), %error, "watch was gone");
            }
            keep
        });
        let mut unwatched = BTreeSet::new();
        for (path, recursive) in wanted {
            if self.watched.iter().any(|(watched, ..)| *watched == path) {
                continue;
            }
            let mode = if recursive {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            };
            let identity = Identity::of(&path);
            match events.watch(&path, mode) {
                Ok(()) => self.watched.push((path, mode, identity)),
                Err(error) => {
                    // Once, not at every look: the log may lie beside what is watched.
                    if !self.unwatched.contains(&path) {
                        tracing::debug!(path = %path.display(), %error, "cannot watch, polling");
                    }
                    unwatched.insert(path);
                }
            }
        }
        self.unwatched = unwatched;
    }

    fn poll_interval(&self) -> Duration {
        let watches_target = match &self.target {
            Target::Tree(root) => self.watched.iter().any(|(path, ..)| path == root),
            Target::Files(_) => !self.watched.is_empty(),
        };
        if watches_target {
            self.timing.poll
        } else {
            self.timing.poll_without_events
        }
    }

    fn describe(&self) -> PathBuf {
        match &self.target {
            Target::Tree(root) => root.clone(),
            Target::Files(files) => files.first().cloned().unwrap_or_default(),
        }
    }
}

/// Directories to watch, with whether all below them counts. The parent of a tree's root is among them only
/// while the root is not there, to see it come, or is a link, to see it lead elsewhere: a directory tells
/// itself that it goes, and its neighbours, a log that grows, say, are to wake nobody.
fn watch_points(target: &Target) -> BTreeSet<(PathBuf, bool)> {
    match target {
        Target::Tree(root) => {
            let mut points = BTreeSet::from([(root.clone(), true)]);
            if !std::fs::symlink_metadata(root).is_ok_and(|metadata| metadata.is_dir()) {
                points.extend(parent_of(root).map(|parent| (parent, false)));
            }
            points
        }
        Target::Files(files) => files
            .iter()
            .flat_map(|file| {
                let behind_links = std::fs::canonicalize(file).ok();
                [parent_of(file), behind_links.as_deref().and_then(parent_of)]
            })
            .flatten()
            .map(|directory| (directory, false))
            .collect(),
    }
}

fn parent_of(path: &Path) -> Option<PathBuf> {
    path.parent().map(Path::to_owned)
}

fn is_recursive(mode: RecursiveMode) -> bool {
    mode == RecursiveMode::Recursive
}

/// Whether an event can mean a change of the target. The directory above a tree's root is watched
/// for the root alone; what files' directories report is sorted out by comparing the files.
fn concerns(target: &Target, event: &Event) -> bool {
    let in_target = match target {
        Target::Tree(root) => event.paths.is_empty() || event.paths.iter().any(|path| path.starts_with(root)),
        Target::Files(_) => true,
    };
    in_target && is_change(event.kind)
}

/// Whether an event can mean different content. Opening and reading (which our own readers do)
/// cannot.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

/// More open files than this are not remembered.
const MAX_OPEN: usize = 1024;
