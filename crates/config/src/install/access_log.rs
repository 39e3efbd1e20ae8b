//! `log` and `accessLog`.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::otlp::OtlpLog;
use super::{Map, section};
use crate::duration::GoDuration;

/// `log`: the program's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
    /// No colour on a terminal. Default false.
    pub no_color: bool,
    /// Empty: standard error.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file_path: String,
    /// Megabytes at which the file is rotated. Default 0: 100.
    pub max_size: u64,
    /// Days that rotated files are kept. Default 0: for ever.
    pub max_age: u64,
    /// Rotated files that are kept. Default 0: all.
    pub max_backups: u64,
    /// gzip rotated files. Default false.
    pub compress: bool,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpLog>,
}

choice! {
    /// `log.level`.
    pub enum LogLevel {
        Trace = "TRACE",
        Debug = "DEBUG",
        Info = "INFO",
        Warn = "WARN",
        #[default]
        Error = "ERROR",
        Fatal = "FATAL",
        Panic = "PANIC",
    }
}

choice! {
    /// `log.format`.
    pub enum LogFormat {
        #[default]
        Common = "common",
        Json = "json",
    }
}

/// `accessLog`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessLog {
    /// Empty: standard output.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file_path: String,
    pub format: AccessLogFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<AccessLogFilters>,
    pub fields: AccessLogFields,
    /// Lines held back before they are written. Default 0: none.
    pub buffering_size: u64,
    /// Requests to `api@internal`, `ping@internal` and the like, too. Default false.
    pub add_internals: bool,
    /// To the file or standard output as well when `otlp` is on. Default false.
    pub dual_output: bool,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpLog>,
}

choice! {
    /// `accessLog.format`.
    pub enum AccessLogFormat {
        #[default]
        Common = "common",
        GenericClf = "genericCLF",
        Json = "json",
    }
}

/// `accessLog.filters`: a line is written when any of them takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessLogFilters {
    /// `200`, `400-499`.
    pub status_codes: Vec<String>,
    /// Requests that were tried more than once. Default false.
    pub retry_attempts: bool,
    /// Requests that took longer. Default 0.
    pub min_duration: GoDuration,
}

/// `accessLog.fields`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessLogFields {
    /// Default `keep`.
    pub default_mode: FieldMode,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub names: Map<FieldMode>,
    pub headers: HeaderFields,
    pub query_parameters: QueryParameterFields,
}

/// `accessLog.fields.headers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeaderFields {
    /// Default `drop`.
    pub default_mode: FieldMode,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub names: Map<FieldMode>,
}

impl Default for HeaderFields {
    fn default() -> Self {
        Self {
            default_mode: FieldMode::Drop,
            names: Map::new(),
        }
    }
}

/// `accessLog.fields.queryParameters`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryParameterFields {
    /// Default `keep`.
    pub default_mode: FieldMode,
}

choice! {
    /// What becomes of a field of the access log.
    pub enum FieldMode {
        #[default]
        Keep = "keep",
        Drop = "drop",
        /// The name stays, the value does not.
        Redact = "redact",
    }
}
