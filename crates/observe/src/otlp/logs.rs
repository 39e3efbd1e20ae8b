//! Lines of JSON -> OTLP log records.
//!
//! Both logs know how to write an object a line; what goes to a collector is read back from there, by the
//! log's own writer thread. Workers do nothing for it that they do not do for a file.

use std::io::{self, Write};
use std::time::SystemTime;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use serde_json::Value as Json;

use super::{Attributes, Outbox, any, nanos};

/// Takes whole lines ([`Output::Writer`](crate::Output)) and sends records.
#[derive(Debug)]
pub struct LogLines {
    outbox: Outbox<LogRecord>,
}

impl LogLines {
    pub fn new(outbox: Outbox<LogRecord>) -> Self {
        Self { outbox }
    }
}

impl Write for LogLines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let records: Vec<_> = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(record)
            .collect();
        if !records.is_empty() {
            self.outbox.send(records);
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn record(line: &[u8]) -> LogRecord {
    let now = SystemTime::now();
    let fields = match serde_json::from_slice(line) {
        Ok(Json::Object(fields)) => fields,
        // A line about the run, which is no event.
        _ => serde_json::Map::new(),
    };
    let text = |name: &str| fields.get(name).and_then(Json::as_str);
    let message = text("message").or_else(|| text("msg")).map(str::to_owned);
    let level = text("level").unwrap_or("info");
    let time = text("StartUTC").or_else(|| text("time"));
    let time = time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let time = time.map_or(now, SystemTime::from);
    let id = |name: &str| text(name).and_then(hex).unwrap_or_default();
    let body = if fields.is_empty() {
        String::from_utf8_lossy(line).into_owned()
    } else {
        message.unwrap_or_default()
    };
    LogRecord {
        time_unix_nano: nanos(time),
        observed_time_unix_nano: nanos(now),
        severity_number: severity(level).into(),
        severity_text: level.to_owned(),
        body: Some(any(Value::StringValue(body))),
        trace_id: id("trace_id"),
        span_id: id("span_id"),
        attributes: attributes(&fields),
        ..LogRecord::default()
    }
}

/// Everything that has no place of its own in a record.
fn attributes(
    fields: &serde_json::Map<String, Json>,
) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    let mut attributes = Attributes::default();
    for (name, value) in fields {
        if ELSEWHERE.contains(&&**name) {
            continue;
        }
        let value = match value {
            Json::String(text) => Value::StringValue(text.clone()),
            Json::Bool(flag) => Value::BoolValue(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Value::IntValue(integer),
                None => Value::DoubleValue(number.as_f64().unwrap_or_default()),
            },
            other => Value::StringValue(other.to_string()),
        };
        attributes.put(name, value);
    }
    attributes.into_inner()
}

fn severity(level: &str) -> SeverityNumber {
    match level {
        "trace" => SeverityNumber::Trace,
        "debug" => SeverityNumber::Debug,
        "warn" => SeverityNumber::Warn,
        "error" => SeverityNumber::Error,
        _ => SeverityNumber::Info,
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

const ELSEWHERE: [&str; 6] = ["level", "message", "msg", "time", "trace_id", "span_id"];
