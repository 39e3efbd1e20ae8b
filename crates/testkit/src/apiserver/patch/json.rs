//! RFC 6902.

use serde_json::Value;

use crate::apiserver::failure::Failure;

/// One operation of a JSON patch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operation {
    Add(String, Value),
    Remove(String),
    Replace(String, Value),
    Move { from: String, to: String },
    Copy { from: String, to: String },
    Test(String, Value),
}

impl Operation {
    pub(crate) fn read_all(patch: &Value) -> Result<Vec<Self>, Failure> {
        patch
            .as_array()
            .ok_or_else(|| bad("a JSON patch is a list"))?
            .iter()
            .map(Self::read)
            .collect()
    }

    fn read(value: &Value) -> Result<Self, Failure> {
        let text = |field: &str| {
            value[field]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| bad(&format!("an operation without `{field}`")))
        };
        let new = || value["value"].clone();
        let path = text("path")?;
        Ok(match text("op")?.as_str() {
            "add" => Self::Add(path, new()),
            "remove" => Self::Remove(path),
            "replace" => Self::Replace(path, new()),
            "move" => Self::Move {
                from: text("from")?,
                to: path,
            },
            "copy" => Self::Copy {
                from: text("from")?,
                to: path,
            },
            "test" => Self::Test(path, new()),
            other => return Err(bad(&format!("unknown operation `{other}`"))),
        })
    }

    pub(crate) fn on(&self, object: &mut Value) -> Result<(), Failure> {
        match self {
            Self::Add(path, value) => add(object, path, value.clone()),
            Self::Remove(path) => remove(object, path).map(drop),
            Self::Replace(path, value) => {
                *find(object, path)? = value.clone();
                Ok(())
            }
            Self::Move { from, to } => {
                let value = remove(object, from)?;
                add(object, to, value)
            }
            Self::Copy { from, to } => {
                let value = find(object, from)?.clone();
                add(object, to, value)
            }
            Self::Test(path, wanted) => {
                if find(object, path)? == wanted {
                    Ok(())
                } else {
                    Err(unprocessable(&format!("testing path {path} value failed")))
                }
            }
        }
    }
}

fn find<'a>(object: &'a mut Value, path: &str) -> Result<&'a mut Value, Failure> {
    object
        .pointer_mut(path)
        .ok_or_else(|| unprocessable(&format!("path {path} does not exist")))
}

fn parent<'a, 'p>(object: &'a mut Value, path: &'p str) -> Result<(&'a mut Value, String), Failure> {
    let (parent, last): (&'p str, &'p str) = path
        .rsplit_once('/')
        .ok_or_else(|| unprocessable(&format!("path {path} is no place in an object")))?;
    Ok((find(object, parent)?, last.replace("~1", "/").replace("~0", "~")))
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), Failure> {
    if path.is_empty() {
        *object = value;
        return Ok(());
    }
    let (parent, last) = parent(object, path)?;
    match parent {
        Value::Object(fields) => {
            fields.insert(last, value);
            Ok(())
        }
        Value::Array(items) => {
            let index = if last == "-" {
                Some(items.len())
            } else {
                last.parse().ok().filter(|index| *index <= items.len())
            };
            let index = index.ok_or_else(|| unprocessable(&format!("path {path} is out of bounds")))?;
            items.insert(index, value);
            Ok(())
        }
        _ => Err(unprocessable(&format!("path {path} leads into a scalar"))),
    }
}

fn remove(object: &mut Value, path: &str) -> Result<Value, Failure> {
    let (parent, last) = parent(object, path)?;
    match parent {
        Value::Object(fields) => fields.remove(&last),
        Value::Array(items) => last
            .parse()
            .ok()
            .filter(|index| *index < items.len())
            .map(|index: usize| items.remove(index)),
        _ => None,
    }
    .ok_or_else(|| unprocessable(&format!("path {path} does not exist")))
}

fn bad(why: &str) -> Failure {
    Failure::BadRequest(format!("error decoding patch: {why}"))
}

/// A cluster answers 422 to a patch that does not fit its object.
fn unprocessable(why: &str) -> Failure {
    Failure::Invalid {
        of: crate::apiserver::failure::Named::default(),
        kind: "Patch".to_owned(),
        causes: vec![("patch".to_owned(), why.to_owned())],
    }
}
