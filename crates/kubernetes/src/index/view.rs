//! The objects by kind and name, as translation looks at them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use viaduct_config::finding::Code;
use viaduct_config::{Finding, Location};

use super::live::Live;
use super::{Entry, Good, Places, is_looked_at};
use crate::api::{EndpointSlice, Kind, Name, Typed};

/// The answer to a reference.
#[derive(Debug)]
pub(crate) enum Lookup<'a, T> {
    Good(&'a T),
    /// The object is there, and was never good.
    Broken(&'a Finding),
    Missing,
}

/// An object that something is to be said about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a Name,
    places: Option<&'a Places>,
}

/// One object of a kind: its state, or why it never had one.
#[derive(Debug)]
pub(crate) struct Held<'a, T> {
    pub(crate) subject: Subject<'a>,
    pub(crate) state: Result<&'a T, &'a Finding>,
}

/// Secrets and ConfigMaps that a translation looked into.
pub type Needs = BTreeSet<(Kind, Name)>;

/// Objects that name no others, as far as they were looked at: one, or with `None` all of the kind. Slices are looked at
/// by the name of their Service.
pub(crate) type Looked = BTreeSet<(Kind, Option<Name>)>;

#[derive(Debug, Default)]
pub(crate) struct View<'a> {
    /// Where to look instead of in `objects` and `slices`.
    live: Option<&'a Live>,
    objects: BTreeMap<Kind, BTreeMap<&'a Name, Entry<'a>>>,
    /// Slices by namespace and service, each in the order of their names.
    slices: HashMap<&'a str, HashMap<&'a str, Vec<&'a EndpointSlice>>>,
    /// Objects that are written twice.
    pub(crate) duplicates: Vec<Finding>,
    needs: RefCell<Needs>,
    looked: RefCell<Looked>,
}

impl<'a> View<'a> {
    /// Of two entries for one object the first counts; entries come in the order of their files'
    /// paths.
    pub(super) fn of(entries: impl Iterator<Item = Entry<'a>>) -> Self {
        let mut view = Self::default();
        for entry in entries {
            let shelf = view.objects.entry(entry.kind).or_default();
            match shelf.get(entry.name) {
                None => {
                    shelf.insert(entry.name, entry);
                }
                Some(first) => view.duplicates.push(duplicate(*first, entry)),
            }
        }
        let mut slices: HashMap<_, HashMap<_, Vec<_>>> = HashMap::new();
        for held in view.all::<EndpointSlice>() {
            if let Ok(slice) = held.state
                && let Some(service) = slice.service.as_deref()
            {
                let namespace = &*held.subject.name.namespace;
                let of_namespace = slices.entry(namespace).or_default();
                of_namespace.entry(service).or_default().push(slice);
            }
        }
        view.slices = slices;
        // To put things in order is not to look at them.
        view.looked.take();
        view
    }

    /// Looks things up where they are.
    pub(super) fn at(live: &'a Live) -> Self {
        Self {
            live: Some(live),
            ..Self::default()
        }
    }

    /// Every object of a kind, by namespace and name; at a glance those of the old API group follow the others.
    pub(crate) fn all<T: Typed + 'a>(&self) -> impl Iterator<Item = Held<'a, T>> + use<'a, '_, T> {
        self.look(T::KIND, None);
        let shelf = self.objects.get(&T::KIND).into_iter().flatten();
        let live = self.live.into_iter().flat_map(|live| live.entries_of(T::KIND));
        shelf.map(|(_, entry)| *entry).chain(live).filter_map(held)
    }

    pub(crate) fn get<T: Typed>(&self, name: &Name) -> Lookup<'a, T> {
        let entry = self.entry(T::KIND, name);
        if T::KIND.holds_data() {
            let name = entry.map_or(name, |entry| entry.name);
            self.needs.borrow_mut().insert((T::KIND, name.clone()));
        }
        match entry.and_then(held) {
            Some(held) => held.state.map_or_else(Lookup::Broken, Lookup::Good),
            None => Lookup::Missing,
        }
    }

    /// What was looked into so far, found or not.
    pub(crate) fn needs(&self) -> Needs {
        self.needs.take()
    }

    /// The object and its name, which lives as long as the view does.
    pub(crate) fn find<T: Typed>(&self, name: &Name) -> Option<(&'a Name, Result<&'a T, &'a Finding>)> {
        let entry = self.entry(T::KIND, name)?;
        held(entry).map(|held| (entry.name, held.state))
    }

    /// What is known of an object.
    pub(super) fn entry(&self, kind: Kind, name: &Name) -> Option<Entry<'a>> {
        let found = match self.live {
            Some(live) => live.entry(kind, name),
            None => self.objects.get(&kind).and_then(|shelf| shelf.get(name)).copied(),
        };
        // What is noted is kept: an object's own name is there anyway.
        self.look(kind, Some(found.map_or(name, |found| found.name)));
        found
    }

    /// The same name, as the object itself has it if there is one: what is made of many objects keeps no copies.
    pub(crate) fn known(&self, kind: Kind, name: Name) -> Name {
        self.entry(kind, &name).map_or(name, |entry| entry.name.clone())
    }

    /// What was looked at since this was asked last, found or not.
    pub(crate) fn looked(&self) -> Looked {
        self.looked.take()
    }

    /// Notes that something depends on an object.
    pub(crate) fn look(&self, kind: Kind, name: Option<&Name>) {
        if is_looked_at(kind) {
            self.looked.borrow_mut().insert((kind, name.cloned()));
        }
    }

    /// An object, to say something about it.
    pub(crate) fn subject(&self, kind: Kind, name: &Name) -> Option<Subject<'a>> {
        let entry = self.entry(kind, name)?;
        Some(Subject {
            kind,
            name: entry.name,
            places: entry.state.good.as_ref().and_then(Good::places),
        })
    }

    /// Where an object is written; objects of a cluster are nowhere, whatever they say.
    pub(crate) fn place(&self, kind: Kind, name: &Name) -> Option<Location> {
        self.objects.get(&kind)?.get(name)?.state.place()
    }

    /// Whether an object is there, good or not.
    pub(crate) fn has<T: Typed>(&self, name: &Name) -> bool {
        self.entry(T::KIND, name).is_some()
    }

    /// The slices of a service.
    pub(crate) fn slices_of(&self, service: &Name) -> Cow<'_, [&'a EndpointSlice]> {
        self.look(Kind::EndpointSlice, Some(service));
        if let Some(live) = self.live {
            return live.slices_of(service).into();
        }
        let of_namespace = self.slices.get(&*service.namespace);
        of_namespace
            .and_then(|slices| slices.get(&*service.name))
            .map_or(&[] as &[_], Vec::as_slice)
            .into()
    }
}

impl Subject<'_> {
    /// An error about one of its fields.
    pub(crate) fn error(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.about(Finding::error(code, message), field)
    }

    /// A warning about one of its fields.
    pub(crate) fn warning(&self, code: Code, field: &str, message: impl Into<String>) -> Finding {
        self.about(Finding::warning(code, message), field)
    }

    pub(crate) fn at(&self, field: &str) -> Option<Location> {
        self.places.map(|places| places.at(field))
    }

    fn about(&self, finding: Finding, field: &str) -> Finding {
        let finding = finding.object(self.name.of_kind(self.kind)).at(self.at(field));
        if field.is_empty() {
            finding
        } else {
            finding.field(field)
        }
    }
}

fn held<T: Typed>(entry: Entry<'_>) -> Option<Held<'_, T>> {
    let good = entry.state.good.as_ref();
    let state = match good {
        Some(good) => Ok(T::of(&good.object)?),
        None => Err(entry.state.fault()?),
    };
    Some(Held {
        subject: Subject {
            kind: entry.kind,
            name: entry.name,
            places: good.and_then(Good::places),
        },
        state,
    })
}

fn duplicate(first: Entry<'_>, second: Entry<'_>) -> Finding {
    let finding = Finding::error(
        Code::DuplicateObject,
        "the object is written twice; this one has no effect",
    )
    .object(second.name.of_kind(second.kind))
    .at(second.state.place());
    match first.state.place() {
        Some(place) => finding.hint(format!("the other one is at {place}")),
        None => finding,
    }
}
