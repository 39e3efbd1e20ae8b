//! A tree of options against the table: what is unknown, refused or without effect.

use super::load::{About, Fault, Note, Why};
use super::options::{self, Disposition, Found, InstallOption, Kind, Step};
use super::removed;
use crate::document::{Key, Node, Value};
use crate::duration::GoDuration;

pub(super) struct Checked {
    /// The tree without sections that are not of the install configuration.
    pub(super) root: Node,
    pub(super) faults: Vec<Fault>,
    pub(super) notes: Vec<Note>,
}

pub(super) fn check(mut root: Node) -> Checked {
    if let Value::Mapping(entries) = &mut root.value {
        entries.retain(|(key, _)| !is_foreign(&key.text));
    }
    let mut walk = Walk::default();
    walk.below(&root, &mut Vec::new(), false);
    Checked {
        faults: walk.faults,
        notes: walk.notes,
        root,
    }
}

/// Sections of the dynamic configuration, and those that hold anchors only.
fn is_foreign(root: &str) -> bool {
    DYNAMIC.iter().any(|name| name.eq_ignore_ascii_case(root)) || root.starts_with("x-")
}

#[derive(Default)]
struct Walk {
    faults: Vec<Fault>,
    notes: Vec<Note>,
}

impl Walk {
    /// `noted`: a section above has been said to have no effect.
    fn below<'n>(&mut self, node: &'n Node, path: &mut Vec<Step<'n>>, noted: bool) {
        match &node.value {
            Value::Mapping(entries) => {
                for (key, child) in entries {
                    path.push(Step::Key(&key.text));
                    self.entry(key, child, path, noted);
                    path.pop();
                }
            }
            Value::Sequence(items) => {
                path.push(Step::Index);
                if options::find(path) != Found::Nothing {
                    items.iter().for_each(|item| self.below(item, path, noted));
                }
                path.pop();
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
        }
    }

    fn entry<'n>(&mut self, key: &'n Key, child: &'n Node, path: &mut Vec<Step<'n>>, noted: bool) {
        if let Some(instead) = removed::instead_of(path) {
            return self.fault(key, path, Why::Removed(instead));
        }
        match options::find(path) {
            Found::Option(option) => self.option(option, key, child, path, noted),
            Found::Group => match child.value {
                Value::Mapping(_) | Value::Sequence(_) | Value::Null | Value::Bool(_) => {
                    self.below(child, path, noted);
                }
                Value::String(ref text) if text.eq_ignore_ascii_case("true") => {}
                Value::String(_) | Value::Integer(_) | Value::Float(_) => {
                    let message = "a section is expected, not a value".to_owned();
                    self.fault(key, path, Why::Invalid(message));
                }
            },
            Found::Free => {}
            Found::Beyond(_) | Found::Nothing => {
                let meant = options::meant(path).map(str::to_owned);
                self.fault(key, path, Why::Unknown { meant });
            }
        }
    }

    fn option<'n>(
        &mut self,
        option: &InstallOption,
        key: &'n Key,
        child: &'n Node,
        path: &mut Vec<Step<'n>>,
        noted: bool,
    ) {
        // Writing a default out changes nothing, whatever the option.
        if matches!(child.value, Value::Null) || is_default(option, &child.value) {
            return;
        }
        match option.disposition {
            Disposition::Refused(why) => return self.fault(key, path, Why::Refused(why)),
            Disposition::Accepted(why) if !noted => self.note(key, path, About::NoEffect(why)),
            Disposition::Accepted(_) => {}
            Disposition::Supported => {
                if let Some(why) = removed::deprecated(path) {
                    self.note(key, path, About::Deprecated(why));
                }
            }
        }
        if option.kind != Kind::Free {
            let noted = noted || option.disposition != Disposition::Supported;
            self.below(child, path, noted);
        }
    }

    fn fault(&mut self, key: &Key, path: &[Step<'_>], why: Why) {
        self.faults.push(Fault {
            place: key.location.clone(),
            option: text(path),
            why,
        });
    }

    fn note(&mut self, key: &Key, path: &[Step<'_>], about: About) {
        self.notes.push(Note {
            place: key.location.clone(),
            option: text(path),
            about,
        });
    }
}

fn text(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Index => text.push_str("[]"),
        }
    }
    text
}

/// Whether the value is the option's default, however it is written.
fn is_default(option: &InstallOption, value: &Value) -> bool {
    let default = option.default;
    let is = |text: &str| text.eq_ignore_ascii_case(default);
    match value {
        Value::Bool(value) => is(&value.to_string()),
        Value::Integer(value) => is(&value.to_string()),
        Value::Float(value) => default.parse() == Ok(*value),
        Value::String(text) => {
            let same_duration = || {
                let default = GoDuration::parse(default);
                default.is_ok() && default == GoDuration::parse(text)
            };
            is(text) || same_duration()
        }
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => false,
    }
}

/// Roots of the dynamic configuration, which one file may hold as well.
const DYNAMIC: [&str; 4] = ["http", "tcp", "udp", "tls"];
