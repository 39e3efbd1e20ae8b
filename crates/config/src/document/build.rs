//! Parser events -> trees of nodes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Document, DocumentError, Key, MAX_DEPTH, MAX_TEXT_BYTES, Node, Value, message, scalar};
use crate::finding::Location;

pub(super) fn documents(file: &str, text: &str) -> Result<Vec<Document>, DocumentError> {
    let mut builder = Builder::new(file);
    if text.len() > MAX_TEXT_BYTES {
        return Err(builder.error(Marker::new(0, 1, 0), "the text is larger than 32 MiB"));
    }
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| builder.error(*error.marker(), message::explain(error.info())))?;
        builder.event(event, span.start)?;
    }
    Ok(builder.documents)
}

struct Builder {
    file: Arc<str>,
    documents: Vec<Document>,
    /// Collections that are still open, outermost first.
    open: Vec<Collection>,
    /// Finished nodes of this document that have an anchor.
    anchors: HashMap<usize, Node>,
    /// What was made so far, copies included.
    made: Weight,
}

struct Collection {
    location: Location,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(Key, Node)>,
        /// The key whose value comes next.
        key: Option<PendingKey>,
        /// The mappings under `<<`, in order of precedence.
        merged: Option<Vec<Node>>,
    },
}

enum PendingKey {
    Plain(Key),
    Merge(Location),
}

impl Builder {
    fn new(file: &str) -> Self {
        Self {
            file: Arc::from(file),
            documents: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            made: Weight::default(),
        }
    }

    fn event(&mut self, event: Event<'_>, at: Marker) -> Result<(), DocumentError> {
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), at)?
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "seq", at)?;
                self.open(anchor, Content::Sequence(Vec::new()), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "map", at)?;
                let content = Content::Mapping {
                    entries: Vec::new(),
                    key: None,
                    merged: None,
                };
                self.open(anchor, content, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(anchor) => self.alias(anchor, at)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Marker,
    ) -> Result<(), DocumentError> {
        let plain = style == ScalarStyle::Plain && tag.is_none();
        if self.wants_key() {
            if anchor != 0 {
                self.anchors
                    .insert(anchor, self.node(at, Value::String(text.to_owned())));
            }
            return self.key(text, plain, at);
        }
        let value = match tag {
            None if plain => scalar::plain(text),
            None => Value::String(text.to_owned()),
            Some(tag) => match core_tag(tag).as_deref() {
                Some(core) => scalar::tagged(core, text).map_err(|why| self.error(at, why))?,
                None => return Err(self.unknown_tag(tag, at)),
            },
        };
        self.add(self.node(at, value), anchor)
    }

    fn key(&mut self, text: &str, plain: bool, at: Marker) -> Result<(), DocumentError> {
        if plain && text.is_empty() {
            return Err(self.error(at, "a key is missing before `:`"));
        }
        let location = self.location(at);
        self.spend(Weight::text(text), &location)?;
        if let Some(Collection {
            content: Content::Mapping { key, .. },
            ..
        }) = self.open.last_mut()
        {
            *key = Some(if plain && text == "<<" {
                PendingKey::Merge(location)
            } else {
                PendingKey::Plain(Key {
                    text: text.to_owned(),
                    location,
                })
            });
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Collection {
                content: Content::Mapping { key: None, .. },
                ..
            })
        )
    }

    fn open(&mut self, anchor: usize, content: Content, at: Marker) -> Result<(), DocumentError> {
        if self.wants_key() {
            return Err(self.error(at, "a key must be a text, not a list or a mapping"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(self.error(at, "values are nested too deeply (more than 64 levels)"));
        }
        self.open.push(Collection {
            location: self.location(at),
            anchor,
            content,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), DocumentError> {
        let Some(collection) = self.open.pop() else {
            return Ok(());
        };
        let value = match collection.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, merged, .. } => {
                check_repeated_keys(&entries)?;
                Value::Mapping(merge(entries, merged))
            }
        };
        let node = Node {
            location: collection.location,
            value,
        };
        self.add(node, collection.anchor)
    }

    fn alias(&mut self, anchor: usize, at: Marker) -> Result<(), DocumentError> {
        let Some(node) = self.anchors.get(&anchor) else {
            let is_open = self.open.iter().any(|collection| collection.anchor == anchor);
            let message = if is_open {
                "an alias inside the value that it names"
            } else {
                // The parser knows the anchors of all documents.
                "an alias (`*name`) to an anchor (`&name`) of another document: anchors end with their document"
            };
            return Err(self.error(at, message));
        };
        let weight = Weight::of(node);
        if self.open.len() + weight.depth > MAX_DEPTH {
            return Err(self.error(at, "values are nested too deeply (more than 64 levels)"));
        }
        if self.wants_key() {
            return match &node.value {
                Value::String(text) => {
                    let text = text.clone();
                    self.key(&text, false, at)
                }
                _ => Err(self.error(at, "a key must be a text")),
            };
        }
        // Weighed before it is copied.
        self.spend(weight, &self.location(at))?;
        let Some(copy) = self.anchors.get(&anchor).cloned() else {
            return Ok(());
        };
        self.place(copy)
    }

    /// Takes a finished node that was written here.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), DocumentError> {
        // What stands inside a collection was counted when it came.
        let own = match &node.value {
            Value::String(text) => Weight::text(text),
            _ => Weight::text(""),
        };
        self.spend(own, &node.location)?;
        if anchor != 0 {
            self.spend(Weight::of(&node), &node.location)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node)
    }

    /// Puts a node into the innermost open collection, or makes it a document.
    fn place(&mut self, node: Node) -> Result<(), DocumentError> {
        match self.open.last_mut().map(|collection| &mut collection.content) {
            None => {
                if !matches!(node.value, Value::Null) {
                    self.documents.push(Document { root: node });
                }
            }
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { entries, key, merged }) => match key.take() {
                Some(PendingKey::Plain(key)) => entries.push((key, node)),
                Some(PendingKey::Merge(location)) => {
                    if merged.is_some() {
                        return Err(DocumentError {
                            location,
                            message: "the key `<<` is repeated: write `<<: [*a, *b]`".to_owned(),
                        });
                    }
                    *merged = Some(mappings(node)?);
                }
                // Keys take another way in.
                None => {}
            },
        }
        Ok(())
    }

    fn spend(&mut self, weight: Weight, at: &Location) -> Result<(), DocumentError> {
        self.made.nodes = self.made.nodes.saturating_add(weight.nodes);
        self.made.bytes = self.made.bytes.saturating_add(weight.bytes);
        let message = if self.made.nodes > MAX_NODES {
            "there are more than 1000000 values (an alias counts as often as it is used)"
        } else if self.made.bytes > MAX_SCALAR_BYTES {
            "there are more than 64 MiB of text (an alias counts as often as it is used)"
        } else {
            return Ok(());
        };
        Err(DocumentError {
            location: at.clone(),
            message: message.to_owned(),
        })
    }

    fn check_collection_tag(&self, tag: Option<&Tag>, wanted: &str, at: Marker) -> Result<(), DocumentError> {
        match tag {
            Some(tag) if core_tag(tag).as_deref() != Some(wanted) => Err(self.unknown_tag(tag, at)),
            _ => Ok(()),
        }
    }

    fn unknown_tag(&self, tag: &Tag, at: Marker) -> DocumentError {
        self.error(at, format!("the tag `{tag}` is not supported here"))
    }

    fn node(&self, at: Marker, value: Value) -> Node {
        Node {
            location: self.location(at),
            value,
        }
    }

    fn location(&self, at: Marker) -> Location {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Location {
            file: Arc::clone(&self.file),
            line: count(at.line()),
            column: count(at.col()).saturating_add(1),
        }
    }

    fn error(&self, at: Marker, message: impl Into<String>) -> DocumentError {
        DocumentError {
            location: self.location(at),
            message: message.into(),
        }
    }
}

/// Size of a node with everything in it.
#[derive(Default, Clone, Copy)]
struct Weight {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Weight {
    const EMPTY_COLLECTION: Self = Self {
        nodes: 1,
        bytes: 0,
        depth: 1,
    };

    fn text(text: &str) -> Self {
        Self {
            nodes: 1,
            bytes: text.len(),
            depth: 0,
        }
    }

    /// Recursive: the depth of nodes is bounded.
    fn of(node: &Node) -> Self {
        match &node.value {
            Value::String(text) => Self::text(text),
            Value::Sequence(items) => items
                .iter()
                .fold(Self::EMPTY_COLLECTION, |all, item| all.holding(Self::of(item))),
            Value::Mapping(entries) => entries.iter().fold(Self::EMPTY_COLLECTION, |all, (key, value)| {
                all.holding(Self::text(&key.text)).holding(Self::of(value))
            }),
            _ => Self::text(""),
        }
    }

    /// The collection with one more item.
    fn holding(self, item: Self) -> Self {
        Self {
            nodes: self.nodes.saturating_add(item.nodes),
            bytes: self.bytes.saturating_add(item.bytes),
            depth: self.depth.max(item.depth + 1),
        }
    }
}

/// `str`, `int`, ...; the non-specific tag `!` means text. `None` for a tag that is not YAML's own.
fn core_tag(tag: &Tag) -> Option<String> {
    let full = format!("{}{}", tag.handle, tag.suffix);
    match full.strip_prefix("tag:yaml.org,2002:") {
        Some(core) => Some(core.to_owned()),
        None => (full == "!").then(|| "str".to_owned()),
    }
}

fn check_repeated_keys(entries: &[(Key, Node)]) -> Result<(), DocumentError> {
    let mut first_lines = HashMap::with_capacity(entries.len());
    for (key, _) in entries {
        if let Some(line) = first_lines.insert(key.text.as_str(), key.location.line) {
            return Err(DocumentError {
                location: key.location.clone(),
                message: format!("the key `{}` is repeated (first on line {line})", key.text),
            });
        }
    }
    Ok(())
}

/// What stands under `<<`: a mapping, or a list of them.
fn mappings(node: Node) -> Result<Vec<Node>, DocumentError> {
    let location = node.location.clone();
    let sources = match node.value {
        Value::Mapping(_) => vec![node],
        Value::Sequence(items) => items,
        _ => Vec::new(),
    };
    if sources.is_empty() || !sources.iter().all(|node| matches!(node.value, Value::Mapping(_))) {
        return Err(DocumentError {
            location,
            message: "`<<` takes a mapping or a list of mappings".to_owned(),
        });
    }
    Ok(sources)
}

/// A key that is written wins over a merged one, an earlier source over a later one.
fn merge(mut entries: Vec<(Key, Node)>, merged: Option<Vec<Node>>) -> Vec<(Key, Node)> {
    let Some(sources) = merged else {
        return entries;
    };
    let mut known: HashSet<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
    for source in sources {
        if let Value::Mapping(more) = source.value {
            entries.extend(more.into_iter().filter(|(key, _)| known.insert(key.text.clone())));
        }
    }
    entries
}

const MAX_SCALAR_BYTES: usize = 64 * 1024 * 1024;
const MAX_NODES: usize = 1_000_000;
