//! Options given one by one -> the tree that a file with them would be.

use super::options::{self, Found, Step};
use crate::document::{Key, Node, Value};
use crate::finding::Location;

/// One step of an option that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Key(String),
    Index(usize),
}

impl Part {
    pub(super) fn step(&self) -> Step<'_> {
        match self {
            Self::Key(key) => Step::Key(key),
            Self::Index(_) => Step::Index,
        }
    }
}

pub(super) fn steps(path: &[Part]) -> Vec<Step<'_>> {
    path.iter().map(Part::step).collect()
}

/// Joins what lies below an option with a value of its own: it is one key, with `separator` inside
/// (`ocsp.responderOverrides.http://a.example`).
pub(super) fn join_keys(mut path: Vec<Part>, separator: &str) -> Vec<Part> {
    let Found::Beyond(option) = options::find(&steps(&path)) else {
        return path;
    };
    let whole = option.name.split('.').count();
    if !option.name.ends_with("._name_") || path.len() <= whole {
        return path;
    }
    let rest = path.split_off(whole - 1);
    let key: Vec<String> = rest
        .into_iter()
        .map(|part| match part {
            Part::Key(key) => key,
            Part::Index(index) => format!("[{index}]"),
        })
        .collect();
    path.push(Part::Key(key.join(separator)));
    path
}

/// A tree that grows.
#[derive(Debug)]
pub(super) struct Tree {
    root: Branch,
}

#[derive(Debug)]
struct Branch {
    /// Where it was given first.
    place: Location,
    value: Option<String>,
    keys: Vec<(String, Self)>,
    items: Vec<(usize, Self)>,
}

impl Branch {
    fn new(place: &Location) -> Self {
        Self {
            place: place.clone(),
            value: None,
            keys: Vec::new(),
            items: Vec::new(),
        }
    }

    /// The branch of `part`, which letter case does not tell apart.
    fn child(&mut self, part: &Part, place: &Location) -> &mut Self {
        match part {
            Part::Key(key) => child_of(
                &mut self.keys,
                |known| known.eq_ignore_ascii_case(key),
                || key.clone(),
                place,
            ),
            Part::Index(index) => child_of(&mut self.items, |known| known == index, || *index, place),
        }
    }

    fn into_node(mut self) -> Node {
        let off = self
            .value
            .as_deref()
            .is_some_and(|value| value.eq_ignore_ascii_case("false"));
        let value = match self.value {
            // `--api --api.insecure` is a section; `--api=false --api.insecure` is none.
            Some(value) if off || (self.keys.is_empty() && self.items.is_empty()) => Value::String(value),
            _ if !self.items.is_empty() => {
                self.items.sort_by_key(|(index, _)| *index);
                Value::Sequence(self.items.into_iter().map(|(_, item)| item.into_node()).collect())
            }
            _ => {
                let entries = self.keys.into_iter().map(|(text, branch)| {
                    let key = Key {
                        text,
                        location: branch.place.clone(),
                    };
                    (key, branch.into_node())
                });
                Value::Mapping(entries.collect())
            }
        };
        Node {
            location: self.place,
            value,
        }
    }
}

fn child_of<'b, K>(
    children: &'b mut Vec<(K, Branch)>,
    is: impl Fn(&K) -> bool,
    name: impl FnOnce() -> K,
    place: &Location,
) -> &'b mut Branch {
    let at = match children.iter().position(|(known, _)| is(known)) {
        Some(at) => at,
        None => {
            children.push((name(), Branch::new(place)));
            children.len() - 1
        }
    };
    #[expect(clippy::indexing_slicing, reason = "`at` was found or pushed just now")]
    &mut children[at].1
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            root: Branch::new(&at("")),
        }
    }

    /// Sets an option; `combine` makes one of the value that it already had and the new one.
    pub(super) fn set(
        &mut self,
        path: &[Part],
        given: &str,
        value: String,
        combine: impl FnOnce(String, String) -> String,
    ) {
        let place = at(given);
        let branch = path
            .iter()
            .fold(&mut self.root, |branch, part| branch.child(part, &place));
        branch.place = place;
        branch.value = Some(match branch.value.take() {
            Some(before) => combine(before, value),
            None => value,
        });
    }

    pub(super) fn into_node(self) -> Node {
        self.root.into_node()
    }
}

/// The place of a flag or a variable: its name.
fn at(name: &str) -> Location {
    Location {
        file: name.into(),
        line: 0,
        column: 0,
    }
}
