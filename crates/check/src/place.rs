//! From a finding's place and field to the bytes that are underlined.

use std::ops::Range;

use viaduct_config::Location;
use viaduct_config::document::{Key, Node, Value};

use crate::source::{File, Sources};

/// Bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Position among the sources.
    pub file: usize,
    pub start: usize,
    pub end: usize,
}

impl Place {
    pub(crate) fn new(file: usize, range: Range<usize>) -> Self {
        Self {
            file,
            start: range.start,
            end: range.end,
        }
    }
}

/// A field as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    /// `None` for an item of a list.
    pub(crate) key: Option<&'a Key>,
    pub(crate) value: &'a Node,
}

impl<'a> Field<'a> {
    /// The field at a path below `root`, as findings write paths.
    pub(crate) fn at(root: &'a Node, path: &str) -> Option<Self> {
        Self::walk(root, path, |written, name| written == name)
    }

    /// As [`Field::at`], in whatever case it was written: the file provider reads them so.
    fn of_element(root: &'a Node, path: &str) -> Option<Self> {
        Self::at(root, path).or_else(|| Self::walk(root, path, str::eq_ignore_ascii_case))
    }

    fn walk(root: &'a Node, path: &str, is: fn(&str, &str) -> bool) -> Option<Self> {
        let mut field = Field {
            key: None,
            value: root,
        };
        for step in steps(path) {
            field = field.below(step, is)?;
        }
        Some(field)
    }

    /// One step further; `is` compares a key as it is written with the one that is wanted.
    fn below(self, step: Step<'_>, is: fn(&str, &str) -> bool) -> Option<Self> {
        match (step, &self.value.value) {
            (Step::Key(name), Value::Mapping(entries)) => {
                let (key, value) = entries.iter().find(|(key, _)| is(&key.text, name))?;
                Some(Self {
                    key: Some(key),
                    value,
                })
            }
            (Step::Item(index), Value::Sequence(items)) => Some(Self {
                key: None,
                value: items.get(index)?,
            }),
            _ => None,
        }
    }

    /// The field at a path below `root`, if every mapping and list on the way is in block style and no alias: then it
    /// has lines of its own.
    pub(crate) fn in_blocks(file: &File, root: &'a Node, path: &str) -> Option<Self> {
        let mut field = Field {
            key: None,
            value: root,
        };
        for step in steps(path) {
            if is_in_braces(file, field.value) {
                return None;
            }
            let next = field.below(step, |written, name| written == name)?;
            // What an alias stands for is written in front of it.
            let around = order(&field.value.location);
            let begin = next
                .key
                .map_or_else(|| order(&next.value.location), |key| order(&key.location));
            if begin < around || order(&next.value.location) < begin {
                return None;
            }
            field = next;
        }
        Some(field)
    }

    pub(crate) fn is_written_at(&self, place: &Location) -> bool {
        self.value.location == *place || self.key.is_some_and(|key| key.location == *place)
    }

    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self.value.value, Value::Mapping(_) | Value::Sequence(_))
    }
}

fn order(place: &Location) -> (u32, u32) {
    (place.line, place.column)
}

/// Whether a mapping or list is written in flow style, as all of JSON is.
pub(crate) fn is_in_braces(file: &File, node: &Node) -> bool {
    let is_one = matches!(node.value, Value::Mapping(_) | Value::Sequence(_));
    let written = || file.text.get(file.offset_of(&node.location)?..);
    is_one && written().is_some_and(|text| text.starts_with(['{', '[']))
}

enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// `spec.routes[0].match`, `metadata.annotations[traefik.ingress.kubernetes.io/router.tls]`, `data["tls.crt"]`.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = inside.split_once(']').unwrap_or((inside, ""));
            steps.push(match index.parse() {
                Ok(index) => Step::Item(index),
                Err(_) => Step::Key(index.trim_matches('"')),
            });
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let (name, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
            if !name.is_empty() {
                steps.push(Step::Key(name));
            }
            rest = after;
        }
    }
    steps
}

/// An object or element that a place is inside of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) file: usize,
    pub(crate) root: &'a Node,
}

impl Sources {
    /// The object whose text holds a place: the document, or the item of a list of objects.
    pub(crate) fn object_at(&self, place: &Location) -> Option<Around<'_>> {
        let (index, file) = self.file(&place.file)?;
        let part = file.part_at(place.line)?;
        let mut root = &part.root;
        if let Some(Value::Sequence(items)) = root.get("items").map(|items| &items.value)
            && root.get("kind").is_some()
            // They may all be in one line.
            && let Some(item) = items.iter().rev().find(|item| order(&item.location) <= order(place))
        {
            root = item;
        }
        Some(Around { file: index, root })
    }

    /// Where to underline for a finding at `place` about `field`. `keys`: the field's name is what is wrong.
    pub(crate) fn place(&self, place: &Location, field: Option<&str>, keys: bool) -> Option<Place> {
        let (index, file) = self.file(&place.file)?;
        if field.unwrap_or_default().is_empty()
            && let Some(name) = self.name_of_object(place)
        {
            return Some(Place::new(index, file.token(&name.location)?));
        }
        let written = self.field(place, field);
        let range = match written {
            // Of a reference the name is what is wrong.
            Some(Field { value, .. }) if !keys && named(value).is_some() => {
                file.token(&named(value)?.location)?
            }
            Some(Field {
                key: Some(key),
                value,
            }) if keys || !is_scalar_in(file, value) => file.token(&key.location)?,
            Some(Field { value, .. }) if is_scalar_in(file, value) => file.token(&value.location)?,
            Some(_) | None => file.token(place)?,
        };
        Some(Place::new(index, range))
    }

    /// What is about an object as a whole is shown at its name.
    fn name_of_object(&self, place: &Location) -> Option<&Node> {
        let root = self.object_at(place)?.root;
        let is_whole = root.location == *place && root.get("kind").is_some();
        is_whole.then(|| root.get("metadata")?.get("name")).flatten()
    }

    /// The field that a finding is about, in an object or in an element of the dynamic configuration.
    pub(crate) fn field(&self, place: &Location, field: Option<&str>) -> Option<Field<'_>> {
        let around = self.object_at(place)?;
        let field = field?;
        if around.root.get("kind").is_none() {
            // What is said of the whole file has the place of the field. All else is an element's, and the file
            // may have a field of that name as well: `tls.options`.
            let of_file = Field::of_element(around.root, field).filter(|found| found.is_written_at(place));
            return of_file.or_else(|| Field::of_element(element_at(around.root, place)?, field));
        }
        Field::at(around.root, field)
            // What a router of the object was asked for, or a part of it.
            .or_else(|| Field::at(around.root, &format!("spec.{field}")))
            .or_else(|| {
                let part = element_at(around.root, place)?;
                Field::at(part, field.rsplit('.').next()?)
            })
    }
}

/// The name in a mapping that is a reference.
fn named(value: &Node) -> Option<&Node> {
    value.get("name").filter(|name| name.as_str().is_some())
}

fn is_scalar_in(file: &File, value: &Node) -> bool {
    let scalar = !matches!(value.value, Value::Mapping(_) | Value::Sequence(_));
    scalar && file.token(&value.location).is_some_and(|token| !token.is_empty())
}

/// The value whose key stands at a place.
fn element_at<'a>(node: &'a Node, place: &Location) -> Option<&'a Node> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().find_map(|(key, value)| {
            if key.location == *place {
                Some(value)
            } else {
                element_at(value, place)
            }
        }),
        Value::Sequence(items) => items.iter().find_map(|item| {
            if item.location == *place {
                Some(item)
            } else {
                element_at(item, place)
            }
        }),
        _ => None,
    }
}

impl File {
    /// The word, text or sign that begins at a place, within its line.
    pub(crate) fn token(&self, place: &Location) -> Option<Range<usize>> {
        let start = self.offset_of(place)?;
        let index = usize::try_from(place.line.checked_sub(1)?).ok()?;
        let line_end = self.line_start(index) + self.line_text(index).len();
        let rest = self.text.get(start..line_end)?;
        Some(start..start + token_length(rest))
    }
}

fn token_length(rest: &str) -> usize {
    let mut characters = rest.char_indices();
    match characters.next() {
        Some((_, quote @ ('"' | '\''))) => {
            let mut escaped = false;
            for (at, character) in characters {
                if escaped {
                    escaped = false;
                } else if quote == '"' && character == '\\' {
                    escaped = true;
                } else if character == quote {
                    return at + character.len_utf8();
                }
            }
            rest.trim_end_matches(BLANKS).len()
        }
        Some((_, sign @ ('[' | '{' | '|' | '>'))) => sign.len_utf8(),
        Some((_, '`')) => rest.trim_end_matches(BLANKS).len(),
        Some(_) => plain_length(rest),
        None => 0,
    }
}

/// A plain scalar or key: to `: `, ` #` or the end of the line; in a flow collection to its sign. The first character
/// belongs to it, whatever it is.
fn plain_length(rest: &str) -> usize {
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let mut opened = false;
    let mut before = '\0';
    let mut end = rest.len();
    for (at, character) in rest.char_indices() {
        let after = || rest.get(at + character.len_utf8()..).unwrap_or_default();
        let ends = match character {
            ':' => after().is_empty() || after().starts_with(' '),
            '#' => before == ' ',
            '=' => before == ' ' && after().starts_with(' '),
            ',' | ']' | '}' => !opened,
            _ => false,
        };
        if ends {
            end = at;
            break;
        }
        opened |= matches!(character, '(' | '{' | '[' | '`');
        before = character;
    }
    // Other white space than YAML's is text.
    let text = rest.get(..end).unwrap_or_default();
    text.trim_end_matches(BLANKS).len().max(first)
}

const BLANKS: [char; 3] = [' ', '\t', '\r'];
