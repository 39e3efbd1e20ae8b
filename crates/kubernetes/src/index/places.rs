//! Where an object's fields were written.

use std::sync::Arc;

use viaduct_config::Location;
use viaduct_config::document::{Node, Value};

type LineColumn = (u32, u32);

/// A field's path and place.
type Field = (Box<str>, LineColumn);

/// The places of an object and of its fields, by path (`spec.routes[0].match`). Smaller than the
/// document itself, which is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    file: Arc<str>,
    object: LineColumn,
    /// In the order of the paths.
    fields: Box<[Field]>,
}

impl Places {
    /// Places of the object alone.
    pub(crate) fn of_object(root: &Node) -> Self {
        Self {
            file: Arc::clone(&root.location.file),
            object: place(root),
            fields: Box::default(),
        }
    }

    /// Places of the object and of everything in its `spec`.
    pub(crate) fn of_spec(root: &Node) -> Self {
        let mut fields = Vec::new();
        if let Some(spec) = root.get("spec") {
            collect("spec", spec, &mut fields);
        }
        Self::of_fields(root, fields)
    }

    /// Places of the object and of its annotations.
    pub(crate) fn of_annotations(root: &Node) -> Self {
        let mut fields = Vec::new();
        collect_annotations(root, &mut fields);
        Self::of_fields(root, fields)
    }

    /// Places of the object, of its annotations and of everything in its `spec`.
    pub(crate) fn of_spec_and_annotations(root: &Node) -> Self {
        let mut fields = Vec::new();
        if let Some(spec) = root.get("spec") {
            collect("spec", spec, &mut fields);
        }
        collect_annotations(root, &mut fields);
        Self::of_fields(root, fields)
    }

    fn of_fields(root: &Node, mut fields: Vec<Field>) -> Self {
        fields.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            fields: fields.into_boxed_slice(),
            ..Self::of_object(root)
        }
    }

    pub(crate) fn object(&self) -> Location {
        self.location(self.object)
    }

    /// The place of a field, or of the nearest field around it that was written.
    pub(crate) fn at(&self, path: &str) -> Location {
        let mut path = path;
        loop {
            if let Ok(found) = self.fields.binary_search_by(|(known, _)| (**known).cmp(path)) {
                return self
                    .fields
                    .get(found)
                    .map_or_else(|| self.object(), |(_, place)| self.location(*place));
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(around) => path = around,
                None => return self.object(),
            }
        }
    }

    fn location(&self, (line, column): LineColumn) -> Location {
        Location {
            file: Arc::clone(&self.file),
            line,
            column,
        }
    }
}

fn collect(path: &str, node: &Node, fields: &mut Vec<Field>) {
    fields.push((path.into(), place(node)));
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                collect(&format!("{path}.{}", key.text), value, fields);
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(&format!("{path}[{index}]"), item, fields);
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}

/// `metadata.annotations[traefik.ingress.kubernetes.io/router.tls]`: the key's place, for it is what is
/// misspelt.
fn collect_annotations(root: &Node, fields: &mut Vec<Field>) {
    let annotations = root
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"));
    if let Some(Value::Mapping(entries)) = annotations.map(|annotations| &annotations.value) {
        for (key, _) in entries {
            let path = format!("metadata.annotations[{}]", key.text);
            fields.push((path.into(), (key.location.line, key.location.column)));
        }
    }
}

fn place(node: &Node) -> LineColumn {
    (node.location.line, node.location.column)
}
