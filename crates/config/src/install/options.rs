//! What Viaduct does with each of Traefik's install options: the table, and finding one's way in it.

mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::suggest;

/// Every install option of Traefik v3.7, in alphabetical order.
pub fn all() -> &'static [InstallOption] {
    table::OPTIONS
}

/// Options of our own, in the sections `bridge` and `viaduct`.
pub fn own() -> &'static [InstallOption] {
    table::OWN
}

fn known() -> impl Iterator<Item = &'static InstallOption> {
    all().iter().chain(own())
}

/// One install option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallOption {
    /// Dotted; `_name_` stands for a name of the user's, `[0]` for a position in a list.
    pub name: &'static str,
    pub kind: Kind,
    /// Traefik's default, as its reference writes it: durations in seconds.
    pub default: &'static str,
    pub disposition: Disposition,
}

/// What follows the option on a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A boolean, or a section that is on when it is named: alone, it means `true`.
    Switch,
    Value,
    /// Values with commas between them; repeated, they add up.
    List,
    /// Anything below it is somebody else's business.
    Free,
}

/// What becomes of an option that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    Supported,
    /// It has no effect, which harms nobody; the process starts and says so.
    Accepted(&'static str),
    /// The process does not start: without it, something would be less safe, or not work as configured.
    Refused(&'static str),
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Supported => f.write_str("supported"),
            Self::Accepted(why) => write!(f, "accepted: {why}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// One step of an option's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Key(&'a str),
    Index,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Option(&'static InstallOption),
    /// Between the root and options, as `entryPoints` or `accessLog.fields`.
    Group,
    /// Below an option that takes anything.
    Free,
    /// Below an option with a value of its own, such as a key with dots in a map.
    Beyond(&'static InstallOption),
    Nothing,
}

/// Looks a path up; letters count in any case.
pub fn find(path: &[Step<'_>]) -> Found {
    let mut found = Found::Nothing;
    for option in known() {
        match compare(option.name, path) {
            Comparison::Same => return Found::Option(option),
            Comparison::Above if found != Found::Free => found = Found::Group,
            Comparison::Below if option.kind == Kind::Free => found = Found::Free,
            Comparison::Below if found == Found::Nothing && option.kind == Kind::Value => {
                found = Found::Beyond(option);
            }
            Comparison::Above | Comparison::Below | Comparison::Apart => {}
        }
    }
    found
}

/// The names that may follow `path`, each once; `None` among them stands for a name of the user's.
fn children(path: &[Step<'_>]) -> Vec<Option<&'static str>> {
    let mut names: Vec<Option<&'static str>> = Vec::new();
    for option in known() {
        let mut pieces = pieces(option.name);
        let agrees = path
            .iter()
            .all(|step| pieces.next().is_some_and(|piece| piece.takes(*step)));
        let name = match pieces.next() {
            Some(Piece::Key(name)) if agrees => Some(name),
            Some(Piece::AnyKey) if agrees => None,
            _ => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The name that was probably meant by an unknown last step of `path`.
pub fn meant(path: &[Step<'_>]) -> Option<&'static str> {
    let (last, before) = path.split_last()?;
    match last {
        Step::Key(name) => suggest::closest(name, children(before).into_iter().flatten()),
        Step::Index => None,
    }
}

/// The root names of the table: `accessLog`, `entryPoints`, ...
pub fn roots() -> Vec<&'static str> {
    children(&[]).into_iter().flatten().collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Key(&'static str),
    AnyKey,
    Index,
}

impl Piece {
    fn takes(self, step: Step<'_>) -> bool {
        match (self, step) {
            (Self::Key(name), Step::Key(key)) => name.eq_ignore_ascii_case(key),
            (Self::AnyKey, Step::Key(_)) | (Self::Index, Step::Index) => true,
            (Self::Key(_) | Self::AnyKey, Step::Index) | (Self::Index, Step::Key(_)) => false,
        }
    }
}

fn pieces(name: &'static str) -> impl Iterator<Item = Piece> {
    name.split('.')
        .flat_map(|part| match part.strip_suffix("[0]") {
            Some(list) => [Some(Piece::Key(list)), Some(Piece::Index)],
            None if part == ANY_NAME => [Some(Piece::AnyKey), None],
            None => [Some(Piece::Key(part)), None],
        })
        .flatten()
}

/// Where a path is, seen from an option.
enum Comparison {
    Same,
    Above,
    Below,
    Apart,
}

fn compare(name: &'static str, path: &[Step<'_>]) -> Comparison {
    // Most options are in another section, and no section's name is the user's.
    if let Some(Step::Key(root)) = path.first()
        && !name
            .get(..root.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(root))
    {
        return Comparison::Apart;
    }
    let mut pieces = pieces(name);
    for step in path {
        match pieces.next() {
            None => return Comparison::Below,
            Some(piece) if piece.takes(*step) => {}
            Some(_) => return Comparison::Apart,
        }
    }
    match pieces.next() {
        None => Comparison::Same,
        Some(_) => Comparison::Above,
    }
}

/// Stands for a name that the user chooses.
const ANY_NAME: &str = "_name_";
