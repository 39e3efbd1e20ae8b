//! The query of a request.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::failure::Failure;

/// Names and values, decoded, in the order of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let decoded = |part: &str| {
            percent_decode_str(&part.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        Self(
            text.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect(),
        )
    }

    /// The value of a parameter; empty where it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    /// Whether a parameter is `true` or `1`.
    pub fn is_set(&self, name: &str) -> bool {
        matches!(self.get(name), "true" | "1" | "True")
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.get(name) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Failure::BadRequest(format!("invalid value {text:?} of parameter {name}"))),
        }
    }

    pub(crate) fn dry_run(&self) -> Result<bool, Failure> {
        match self.get("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(Failure::BadRequest(format!(
                "dryRun: Unsupported value: {other:?}: supported values: \"All\""
            ))),
        }
    }

    pub(crate) fn unknown_fields(&self) -> Result<UnknownFields, Failure> {
        match self.get("fieldValidation") {
            "" | "Warn" => Ok(UnknownFields::Warn),
            "Strict" => Ok(UnknownFields::Refuse),
            "Ignore" => Ok(UnknownFields::Ignore),
            other => Err(Failure::BadRequest(format!(
                "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
    }
}

/// What becomes of fields that the kind does not have; they are never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownFields {
    Ignore,
    Warn,
    Refuse,
}

/// `DeleteOptions`, from the body and the query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeleteOptions {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) dry_run: bool,
}

impl DeleteOptions {
    pub(crate) fn read(query: &Query, body: &Value) -> Result<Self, Failure> {
        let precondition = |field: &str| body["preconditions"][field].as_str().map(str::to_owned);
        let in_body = body["dryRun"]
            .as_array()
            .is_some_and(|values| values.iter().any(|value| value == "All"));
        Ok(Self {
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
            dry_run: in_body || query.dry_run()?,
        })
    }
}
