//! What is known of the objects: file by file, or object by object as a cluster tells of them.
//!
//! Pure: texts and objects in, objects out. One bad file or object is a value here, not an error: it keeps the
//! last good state it had, and a finding says so.

mod changes;
mod document;
mod live;
mod misplaced;
mod places;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use viaduct_config::document as yaml;
use viaduct_config::finding::Code;
use viaduct_config::{Finding, Location};

use crate::api::{Kind, Name, Object, Revoked, Secret};
use live::Live;

pub use changes::Changes;
pub(crate) use changes::is_looked_at;
pub use live::{Arrival, Collection};
pub(crate) use places::Places;
pub use view::Needs;
pub(crate) use view::{Looked, Lookup, Subject, View};

/// All objects of a source of manifests.
///
/// The `admit` hook looks at every Secret before it replaces a good one; the crate itself knows
/// nothing of certificates.
pub struct Index {
    files: BTreeMap<Arc<str>, File>,
    live: Live,
    admit: Box<Admit>,
}

type Admit = dyn Fn(&SecretView<'_>) -> Result<(), String> + Send + Sync;

/// A Secret, as the `admit` hook sees it.
#[derive(Debug, Clone, Copy)]
pub struct SecretView<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    secret: &'a Secret,
}

impl<'a> SecretView<'a> {
    /// The decoded value of a key.
    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.secret.data.get(key)
    }
}

#[derive(Debug, Default)]
struct File {
    entries: Vec<((Kind, Name), State)>,
    /// Why the file's present text is not what `entries` says.
    fault: Option<Finding>,
    notes: Vec<Finding>,
    ignored: usize,
}

/// One object, wherever it is kept.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    kind: Kind,
    name: &'a Name,
    state: &'a State,
}

/// What is known of one object. Small: there are tens of thousands.
#[derive(Debug, Default)]
struct State {
    /// The last good state, if there ever was one.
    good: Option<Good>,
    /// `None`: there is nothing to be said about it.
    said: Option<Box<Said>>,
}

#[derive(Debug, Default)]
struct Said {
    /// Why the object's present text is not what the good state says.
    fault: Option<Finding>,
    notes: Vec<Finding>,
}

#[derive(Debug)]
struct Good {
    object: Object,
    /// `None`: the object was not written in a file.
    places: Option<Box<Places>>,
    /// What the `admit` hook says against it, once somebody has asked. `None`: it is no Secret.
    doubt: Option<Box<Doubt>>,
}

type Doubt = OnceLock<Option<String>>;

impl Good {
    fn new(object: Object, places: Option<Box<Places>>) -> Self {
        let doubt = matches!(object, Object::Secret(_)).then(Box::default);
        Self {
            object,
            places,
            doubt,
        }
    }

    fn places(&self) -> Option<&Places> {
        self.places.as_deref()
    }
}

impl Index {
    /// An empty index. `admit` is asked about each Secret that would replace a good state of
    /// itself; where it refuses, with a reason, the good state stays. A Secret seen for the first
    /// time is taken as it is: there is nothing better, and its users say what is wrong with it.
    pub fn new(admit: impl Fn(&SecretView<'_>) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self {
            files: BTreeMap::new(),
            live: Live::default(),
            admit: Box::new(admit),
        }
    }

    /// Takes a file's text; the objects it held before are replaced. A text that does not parse, or
    /// an empty one, changes nothing: it is taken for a file that is being written.
    pub fn apply(&mut self, path: &str, text: &str) {
        if text.trim().is_empty() && self.files.get(path).is_some_and(File::has_objects) {
            let why = "the file is empty, its objects are kept as they were";
            let finding = Finding::error(Code::LastGoodKept, why)
                .at(Some(start_of(path)))
                .hint("delete the file to remove its objects");
            self.keep(path, finding);
            return;
        }
        match yaml::parse(path, text) {
            Ok(documents) => self.replace(path, document::read_all(documents)),
            Err(error) => {
                let finding = self.unparsed(path, error.message).at(Some(error.location));
                self.keep(path, finding);
            }
        }
    }

    /// Notes that a file cannot be read; its objects stay as they are.
    pub fn unreadable(&mut self, path: &str, why: &str) {
        let finding = self.unparsed(path, why.to_owned()).at(Some(start_of(path)));
        self.keep(path, finding);
    }

    /// Forgets a file and its objects.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// How many objects of kinds that are not read the files hold.
    pub fn ignored(&self) -> usize {
        self.files.values().map(|file| file.ignored).sum()
    }

    /// How many objects there are, counting those that are only known by their last good state.
    pub fn len(&self) -> usize {
        let of_files: usize = self.files.values().map(|file| file.entries.len()).sum();
        of_files + self.live.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets nothing be taken for what it was: whoever looked last forgot what came of it.
    pub fn distrust(&mut self) {
        self.live.distrust();
    }

    /// What has changed since this was asked last. Says everything the first time, and of files always.
    pub fn take_changes(&mut self) -> Changes {
        let taken = self.live.take_changes();
        if self.files.is_empty() {
            taken
        } else {
            Changes::everything()
        }
    }

    /// For a look at few objects: nothing is put in order first. Files and duplicates are not in it.
    pub(crate) fn glance(&self) -> View<'_> {
        View::at(&self.live)
    }

    pub(crate) fn view(&self) -> View<'_> {
        let of_files = self.files.values().flat_map(|file| &file.entries);
        let of_files = of_files.map(|((kind, name), state)| Entry {
            kind: *kind,
            name,
            state,
        });
        View::of(of_files.chain(self.live.entries()))
    }

    /// What the `admit` hook has against the present state of a Secret: against one that was taken at first sight.
    pub(crate) fn doubt<'a>(&self, view: &View<'a>, secret: &Name) -> Option<&'a str> {
        let good = view.entry(Kind::Secret, secret)?.state.good.as_ref()?;
        let judge = || judged(secret, &good.object, &self.admit).err();
        good.doubt.as_ref()?.get_or_init(judge).as_deref()
    }

    /// Everything that is wrong with files and objects in themselves.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Finding> {
        let of_files = self.files.values().flat_map(|file| {
            let of_entries = file.entries.iter().flat_map(|(_, state)| state.findings());
            file.fault.iter().chain(&file.notes).chain(of_entries)
        });
        of_files.chain(self.live.findings())
    }

    fn keep(&mut self, path: &str, fault: Finding) {
        self.files.entry(path.into()).or_default().fault = Some(fault);
    }

    fn unparsed(&self, path: &str, why: String) -> Finding {
        if self.files.get(path).is_some_and(File::has_objects) {
            Finding::error(
                Code::LastGoodKept,
                format!("{why}; the file's objects are kept as they were"),
            )
        } else {
            Finding::error(Code::UnreadableDocument, why)
        }
    }

    fn replace(&mut self, path: &str, contents: document::Contents) {
        let file = self.files.entry(path.into()).or_default();
        let mut previous = std::mem::take(&mut file.entries);
        file.fault = None;
        file.notes = contents.notes;
        file.ignored = contents.ignored;
        file.entries = contents
            .objects
            .into_iter()
            .map(|read| {
                let before = take_good(&mut previous, &read);
                ((read.kind, read.name.clone()), settle(read, before, &self.admit))
            })
            .collect();
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("files", &self.files.keys())
            .field("objects", &self.len())
            .finish_non_exhaustive()
    }
}

impl File {
    fn has_objects(&self) -> bool {
        !self.entries.is_empty()
    }
}

impl State {
    /// An object that was never good.
    fn broken(fault: Finding) -> Self {
        Self::new(None, Some(fault), Vec::new())
    }

    fn new(good: Option<Good>, fault: Option<Finding>, notes: Vec<Finding>) -> Self {
        let says_something = fault.is_some() || !notes.is_empty();
        Self {
            good,
            said: says_something.then(|| Box::new(Said { fault, notes })),
        }
    }

    fn fault(&self) -> Option<&Finding> {
        self.said.as_ref()?.fault.as_ref()
    }

    fn place(&self) -> Option<Location> {
        match (self.fault(), &self.good) {
            (Some(fault), _) => fault.location.clone(),
            (None, Some(good)) => good.places().map(Places::object),
            (None, None) => None,
        }
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        let said = self.said.iter();
        said.flat_map(|said| said.fault.iter().chain(&said.notes))
    }
}

/// The last good state of the object that `read` is about.
fn take_good(previous: &mut Vec<((Kind, Name), State)>, read: &document::ReadObject) -> Option<Good> {
    let position = previous
        .iter()
        .position(|((kind, name), _)| *kind == read.kind && *name == read.name)?;
    previous.swap_remove(position).1.good
}

/// An object as read, or its last good state where that is better.
fn settle(read: document::ReadObject, before: Option<Good>, admit: &Admit) -> State {
    let document::ReadObject {
        kind: _,
        name,
        outcome,
        revoked,
        notes,
    } = read;
    let outcome = outcome.and_then(|(object, places)| {
        if before.is_some() {
            admitted(&name, &object, places.as_deref(), admit)?;
        }
        Ok(Good::new(object, places))
    });
    let (good, fault) = match outcome {
        Ok(good) => (Some(good), None),
        Err(fault) => match before.and_then(|before| last_good(before, revoked.as_ref())) {
            Some(before) => (Some(before), Some(kept(*fault))),
            None => (None, Some(*fault)),
        },
    };
    State::new(good, fault, notes)
}

/// The state of before, with what is revoked since: that counts, whatever else is wrong with the object. `None`: it must not
/// be gone by.
fn last_good(mut before: Good, revoked: Option<&Revoked>) -> Option<Good> {
    // What it demands now might be more than before.
    if matches!(before.object, Object::Namespace(_)) {
        return None;
    }
    if let Some(known) = before.object.revoked_mut() {
        *known = known.and(revoked?).ok()?;
    }
    Some(before)
}

fn admitted(
    name: &Name,
    object: &Object,
    places: Option<&Places>,
    admit: &Admit,
) -> Result<(), Box<Finding>> {
    judged(name, object, admit).map_err(|why| {
        let finding = Finding::error(Code::InvalidCertificate, why).object(name.of_kind(Kind::Secret));
        Box::new(finding.at(places.map(Places::object)))
    })
}

fn judged(name: &Name, object: &Object, admit: &Admit) -> Result<(), String> {
    let Object::Secret(secret) = object else {
        return Ok(());
    };
    admit(&SecretView {
        namespace: &name.namespace,
        name: &name.name,
        secret,
    })
}

fn kept(fault: Finding) -> Finding {
    Finding {
        code: Code::LastGoodKept,
        message: format!("{}; the object's last good state is kept", fault.message),
        ..fault
    }
}

fn start_of(path: &str) -> Location {
    Location {
        file: path.into(),
        line: 1,
        column: 1,
    }
}
