//! `--entryPoints.web.address=:80`: options as flags, by the rules of Traefik's command line.
//!
//! `--a.b=v`, `--a.b v`, and for booleans and sections `--a.b`; one dash or two; letters count in any case.
//! Of an option that is given twice the last value counts, but lists add up.

use super::options::{self, Found, Kind};
use super::tree::{Part, Tree, join_keys, steps};
use crate::document::Node;

/// A command line that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    #[error("`{0}` is not an option: options begin with `--`")]
    NotAFlag(String),
    #[error("`{0}` is not written like an option: `--name=value`")]
    Malformed(String),
    #[error("`{0}` needs a value: `{0}=...`")]
    NeedsValue(String),
}

pub(super) fn tree(arguments: &[String]) -> Result<Node, FlagError> {
    let mut tree = Tree::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            return match rest.next() {
                Some(extra) => Err(FlagError::NotAFlag(extra.clone())),
                None => Ok(tree.into_node()),
            };
        }
        let name_and_value = argument
            .strip_prefix("--")
            .or_else(|| argument.strip_prefix('-'))
            .ok_or_else(|| FlagError::NotAFlag(argument.clone()))?;
        let (name, value) = match name_and_value.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name_and_value, None),
        };
        let given = argument
            .split_once('=')
            .map_or(argument.as_str(), |(given, _)| given);
        let path = path(name).ok_or_else(|| FlagError::Malformed(given.to_owned()))?;
        let kind = kind(&path);
        let value = match value {
            Some(value) => value,
            None if kind == Kind::Switch => "true".to_owned(),
            None => rest
                .next()
                .cloned()
                .ok_or_else(|| FlagError::NeedsValue(given.to_owned()))?,
        };
        tree.set(&path, given, value, |before, value| match kind {
            Kind::List => format!("{before},{value}"),
            Kind::Switch | Kind::Value | Kind::Free => value,
        });
    }
    Ok(tree.into_node())
}

/// Takes a flag that is no option but tells where they are, such as `configFile`: its last value (empty where it
/// has none), and the arguments without it.
pub fn take(arguments: &[String], wanted: &str) -> (Option<String>, Vec<String>) {
    let mut taken = None;
    let mut others = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let name = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
        match name.map(|name| {
            name.split_once('=')
                .map_or((name, None), |(name, value)| (name, Some(value)))
        }) {
            Some((name, value)) if name.eq_ignore_ascii_case(wanted) => {
                let value = value.or_else(|| rest.next().map(String::as_str));
                taken = Some(value.unwrap_or_default().to_owned());
            }
            _ => others.push(argument.clone()),
        }
    }
    (taken, others)
}

/// What the flag takes. An unknown one takes nothing; it is refused for what it is.
fn kind(path: &[Part]) -> Kind {
    match options::find(&steps(path)) {
        Found::Option(option) => option.kind,
        Found::Free | Found::Beyond(_) => Kind::Value,
        Found::Group | Found::Nothing => Kind::Switch,
    }
}

/// `a.b[0].c`.
fn path(name: &str) -> Option<Vec<Part>> {
    let mut path = Vec::new();
    for part in name.split('.') {
        let (key, index) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
            Some((key, index)) => (key, Some(index.parse().ok()?)),
            None => (part, None),
        };
        if key.is_empty() && !path.is_empty() && index.is_none() {
            // Part of a key with dots in a row; anywhere else it is unknown.
            path.push(Part::Key(String::new()));
            continue;
        }
        if key.is_empty() {
            return None;
        }
        path.push(Part::Key(key.to_owned()));
        path.extend(index.map(Part::Index));
    }
    if path.len() > MAX_PARTS {
        return None;
    }
    Some(join_keys(path, "."))
}

/// More than any option has, names with dots included.
const MAX_PARTS: usize = 64;
