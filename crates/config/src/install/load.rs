//! The three sources, each read to the same [`Install`], or to everything that is wrong with it.

use std::fmt;

use super::effective::{self, Complaint};
use super::{Install, check, environment, flags};
use crate::document::{self, DocumentError, Node, Value};
use crate::finding::Location;

pub use super::flags::FlagError;

/// An install configuration that may be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// With everything that follows from other options filled in.
    pub install: Install,
    /// Options that were set and have no effect, and deprecated ones. To be said once, at the start.
    pub notes: Vec<Note>,
}

/// An option, where it was set, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub place: Location,
    /// As it was written: `entryPoints.web.http3`.
    pub option: String,
    pub about: About,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// It is accepted and does nothing.
    NoEffect(&'static str),
    /// It works, but another one should be used.
    Deprecated(&'static str),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = named(&self.option, &self.place);
        match self.about {
            About::NoEffect(why) => write!(f, "{}: {option} has no effect: {why}", self.place),
            About::Deprecated(instead) => write!(f, "{}: {option} is deprecated: {instead}", self.place),
        }
    }
}

/// An option in a message; a flag and a variable have been named by their place.
fn named(option: &str, place: &Location) -> String {
    match place.line {
        0 => "option".to_owned(),
        _ => format!("option `{option}`"),
    }
}

/// Why there is no install configuration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    #[error("{0}")]
    Document(DocumentError),
    #[error("no configuration found in `{file}`")]
    Empty { file: String },
    #[error("{0}")]
    Flags(FlagError),
    #[error("{}", told(.0))]
    Faults(Vec<Fault>),
}

/// One thing that is wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {}", .why.of(option, place))]
pub struct Fault {
    pub place: Location,
    /// As it was written: `entryPoints.web.adress`.
    pub option: String,
    pub why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No such option; perhaps this one was meant.
    Unknown { meant: Option<String> },
    /// An option of an earlier Traefik, and what to do instead.
    Removed(&'static str),
    /// What it asks for is not there, and it must not be ignored.
    Refused(&'static str),
    /// Its value cannot be used.
    Invalid(String),
}

impl Why {
    fn of(&self, option: &str, place: &Location) -> String {
        let option = named(option, place);
        match self {
            Self::Unknown { .. } => format!("unknown {option}"),
            Self::Removed(_) => format!("{option} is gone since Traefik v3"),
            Self::Refused(why) => format!("{option} is refused: {why}"),
            Self::Invalid(message) if place.line == 0 => message.clone(),
            Self::Invalid(message) => format!("{option}: {message}"),
        }
    }

    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { meant } => meant.as_ref().map(|meant| format!("did you mean `{meant}`?")),
            Self::Removed(instead) => Some((*instead).to_owned()),
            Self::Refused(_) | Self::Invalid(_) => None,
        }
    }
}

/// Reads a configuration file; `file` is its name in messages, and a name that ends in `.toml` says what it
/// is. Sections of the dynamic configuration in it are left alone.
pub fn from_file(file: &str, text: &str) -> Result<Loaded, LoadError> {
    let is_toml = file
        .rsplit_once('.')
        .is_some_and(|(_, end)| end.eq_ignore_ascii_case("toml"));
    let documents = if is_toml {
        document::parse_toml(file, text).map(|document| vec![document])
    } else {
        document::parse(file, text)
    };
    let documents = documents.map_err(LoadError::Document)?;
    let empty = || LoadError::Empty {
        file: file.to_owned(),
    };
    let mut documents = documents.into_iter();
    let root = documents.next().ok_or_else(empty)?.root;
    if let Some(second) = documents.next() {
        return Err(LoadError::Document(DocumentError {
            location: second.root.location,
            message: "a second document: an install configuration is one".to_owned(),
        }));
    }
    match &root.value {
        Value::Mapping(entries) if entries.is_empty() => Err(empty()),
        Value::Mapping(_) => load(root),
        _ => Err(LoadError::Document(DocumentError {
            location: root.location,
            message: "a configuration begins with a section such as `entryPoints:`".to_owned(),
        })),
    }
}

/// Reads a command line, without the program's name.
pub fn from_flags(arguments: &[String]) -> Result<Loaded, LoadError> {
    load(flags::tree(arguments).map_err(LoadError::Flags)?)
}

/// Reads environment variables. `None`: none of them is an option.
pub fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Option<Result<Loaded, LoadError>> {
    environment::tree(variables).map(load)
}

/// Nothing is configured: Traefik's defaults.
pub fn defaults() -> Install {
    let mut install = Install::default();
    effective::complete(&mut install);
    install
}

fn load(root: Node) -> Result<Loaded, LoadError> {
    let check::Checked { root, faults, notes } = check::check(root);
    if !faults.is_empty() {
        return Err(LoadError::Faults(faults));
    }
    // What nothing takes here was checked to be an option that has no effect.
    let read = root.read_like_traefik::<Install>().map_err(|error| {
        LoadError::Faults(vec![Fault {
            place: error.location,
            option: error.path,
            why: Why::Invalid(error.message),
        }])
    })?;
    let mut install = read.value;
    let complaints = effective::complaints(&install);
    if !complaints.is_empty() {
        return Err(LoadError::Faults(
            complaints
                .into_iter()
                .map(|complaint| placed(&root, complaint))
                .collect(),
        ));
    }
    effective::complete(&mut install);
    Ok(Loaded { install, notes })
}

/// Finds the place of an option, or of the nearest section above it that was written.
fn placed(root: &Node, complaint: Complaint) -> Fault {
    let mut node = root;
    for step in &complaint.path {
        let Some(child) = below(node, step) else {
            break;
        };
        node = child;
    }
    Fault {
        place: node.location.clone(),
        option: complaint.path.join("."),
        why: Why::Invalid(complaint.message),
    }
}

/// The value of a step such as `until` or `exceptions[0]`.
fn below<'n>(node: &'n Node, step: &str) -> Option<&'n Node> {
    let Value::Mapping(entries) = &node.value else {
        return None;
    };
    let named = |name: &str| {
        let mut entries = entries.iter();
        let found = entries.find(|(key, _)| key.text.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    };
    let item = || {
        let (name, index) = step.strip_suffix(']')?.rsplit_once('[')?;
        let list = named(name)?;
        match &list.value {
            Value::Sequence(items) => items.get(index.parse::<usize>().ok()?),
            _ => Some(list),
        }
    };
    named(step).or_else(item)
}

fn told(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
