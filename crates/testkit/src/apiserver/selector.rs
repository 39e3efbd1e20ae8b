//! Label and field selectors.

use serde_json::Value;

use super::failure::Failure;

/// What a list or watch is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Greater(i64),
    Less(i64),
}

impl Selector {
    /// Reads both texts; `allowed` says which fields the kind can be asked for.
    pub(crate) fn parse(labels: &str, fields: &str, allowed: &[&str]) -> Result<Self, Failure> {
        Ok(Self {
            labels: split(labels)
                .into_iter()
                .map(requirement)
                .collect::<Result<_, _>>()?,
            fields: fields
                .split(',')
                .filter(|term| !term.is_empty())
                .map(|term| field(term, allowed))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels
            .iter()
            .all(|wanted| wanted.holds(labels[&wanted.key].as_str()))
            && self
                .fields
                .iter()
                .all(|(path, wanted, equal)| (text_at(object, path) == *wanted) == *equal)
    }

    /// The one name asked for by `metadata.name=`, which permissions may be tied to.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields
            .iter()
            .find(|(path, _, equal)| path == "metadata.name" && *equal)
            .map(|(_, name, _)| name.as_str())
    }
}

impl Requirement {
    fn holds(&self, found: Option<&str>) -> bool {
        let number = || found.and_then(|text| text.parse::<i64>().ok());
        match &self.operator {
            Operator::In(values) => found.is_some_and(|text| values.iter().any(|value| value == text)),
            Operator::NotIn(values) => !found.is_some_and(|text| values.iter().any(|value| value == text)),
            Operator::Exists => found.is_some(),
            Operator::Absent => found.is_none(),
            Operator::Greater(bound) => number().is_some_and(|value| value > *bound),
            Operator::Less(bound) => number().is_some_and(|value| value < *bound),
        }
    }
}

/// At commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|term| !term.is_empty())
    .collect()
}

fn requirement(term: &str) -> Result<Requirement, Failure> {
    let bad = || Failure::BadRequest(format!("unable to parse requirement: found '{term}'"));
    let one = |key: &str, operator| {
        let key = key.trim();
        let sound = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        sound
            .then(|| Requirement {
                key: key.to_owned(),
                operator,
            })
            .ok_or_else(bad)
    };
    let single = |value: &str| vec![value.trim().to_owned()];
    if let Some(key) = term.strip_prefix('!') {
        return one(key, Operator::Absent);
    }
    if let Some((key, value)) = term.split_once("!=") {
        return one(key, Operator::NotIn(single(value)));
    }
    if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return one(key, Operator::In(single(value)));
    }
    if let Some((key, value)) = term.split_once('>') {
        return one(key, Operator::Greater(value.trim().parse().map_err(|_| bad())?));
    }
    if let Some((key, value)) = term.split_once('<') {
        return one(key, Operator::Less(value.trim().parse().map_err(|_| bad())?));
    }
    if let Some((head, set)) = term.split_once('(') {
        let set = set.strip_suffix(')').ok_or_else(bad)?;
        let values = set.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => one(key, Operator::In(values)),
            (Some(key), Some("notin"), None) => one(key, Operator::NotIn(values)),
            _ => Err(bad()),
        };
    }
    one(term, Operator::Exists)
}

fn field(term: &str, allowed: &[&str]) -> Result<(String, String, bool), Failure> {
    let (path, value, equal) = term
        .split_once("!=")
        .map(|(path, value)| (path, value, false))
        .or_else(|| term.split_once("==").map(|(path, value)| (path, value, true)))
        .or_else(|| term.split_once('=').map(|(path, value)| (path, value, true)))
        .ok_or_else(|| Failure::BadRequest(format!("invalid field selector: '{term}'")))?;
    if !allowed.contains(&path) {
        return Err(Failure::BadRequest(format!("field label not supported: {path}")));
    }
    Ok((path.to_owned(), value.to_owned(), equal))
}

fn text_at(object: &Value, path: &str) -> String {
    let found = path.split('.').fold(object, |value, part| &value[part]);
    match found {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The fields that objects of a kind can be selected by.
pub(crate) fn fields_of(storage: &str) -> &'static [&'static str] {
    match storage {
        "secrets" => &["metadata.name", "metadata.namespace", "type"],
        "pods" => &[
            "metadata.name",
            "metadata.namespace",
            "spec.nodeName",
            "status.phase",
            "status.podIP",
            "spec.restartPolicy",
            "spec.serviceAccountName",
        ],
        "services" => &[
            "metadata.name",
            "metadata.namespace",
            "spec.clusterIP",
            "spec.type",
        ],
        "namespaces" => &["metadata.name", "status.phase"],
        "nodes" => &["metadata.name", "spec.unschedulable"],
        "events" => &[
            "metadata.name",
            "metadata.namespace",
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        _ => &["metadata.name", "metadata.namespace"],
    }
}
