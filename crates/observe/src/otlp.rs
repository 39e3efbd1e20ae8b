//! OpenTelemetry's protocol (OTLP): the messages, and the queue in front of whoever sends them.

mod logs;
mod metrics;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::{HeaderMap, HeaderName};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::sync::mpsc;

pub use logs::LogLines;
pub use opentelemetry_proto::tonic::logs::v1::LogRecord;

use crate::families::Family;

/// Where records wait for the exporter. Whoever fills it never waits: what has no room is dropped and
/// counted.
#[derive(Debug)]
pub struct Outbox<T> {
    sender: mpsc::Sender<Vec<T>>,
    dropped: Arc<AtomicU64>,
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            dropped: Arc::clone(&self.dropped),
        }
    }
}

/// The exporter's end of an [`Outbox`].
#[derive(Debug)]
pub struct Inbox<T> {
    receiver: mpsc::Receiver<Vec<T>>,
    dropped: Arc<AtomicU64>,
}

/// A queue of a bounded number of batches.
pub fn queue<T>() -> (Outbox<T>, Inbox<T>) {
    let (sender, receiver) = mpsc::channel(BATCHES);
    let dropped = Arc::<AtomicU64>::default();
    let inbox = Inbox {
        receiver,
        dropped: Arc::clone(&dropped),
    };
    (Outbox { sender, dropped }, inbox)
}

impl<T> Outbox<T> {
    pub fn send(&self, batch: Vec<T>) {
        let records = batch.len() as u64;
        if self.sender.try_send(batch).is_err() {
            self.dropped.fetch_add(records, Ordering::Relaxed);
        }
    }
}

impl<T> Inbox<T> {
    /// Waits for records, and takes what else is there, up to a bound. `None`: nobody will send any more.
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Vec<T>> {
        let mut records = self.receiver.recv().await?;
        while records.len() < MOST_AT_ONCE {
            match self.receiver.try_recv() {
                Ok(more) => records.extend(more),
                Err(_) => break,
            }
        }
        Some(records)
    }

    /// Records that had no room, since this was last asked.
    pub fn dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

/// Who speaks: `service.name` and further attributes.
#[derive(Debug, Clone)]
pub struct Resource {
    attributes: Vec<KeyValue>,
}

impl Resource {
    /// `attributes`: in rising order of what counts where one is there twice; they may replace our own.
    pub fn new<'a>(service: &str, attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut own = Attributes::default();
        own.text("service.name", service);
        own.text("service.version", env!("CARGO_PKG_VERSION"));
        for (name, value) in attributes {
            own.0.retain(|known| known.key != name);
            own.text(name, value);
        }
        Self { attributes: own.0 }
    }

    fn proto(&self) -> Option<ProtoResource> {
        Some(ProtoResource {
            attributes: self.attributes.clone(),
            ..ProtoResource::default()
        })
    }
}

/// The body of an export of spans.
pub fn traces(resource: &Resource, spans: Vec<Span>) -> Vec<u8> {
    let scope = ScopeSpans {
        scope: scope(),
        spans,
        ..ScopeSpans::default()
    };
    let resource_spans = vec![ResourceSpans {
        resource: resource.proto(),
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// The body of an export of log records.
pub fn logs(resource: &Resource, log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope = ScopeLogs {
        scope: scope(),
        log_records,
        ..ScopeLogs::default()
    };
    let resource_logs = vec![ResourceLogs {
        resource: resource.proto(),
        scope_logs: vec![scope],
        ..ResourceLogs::default()
    }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// The body of an export of metrics: cumulative since `start`.
pub fn metrics(resource: &Resource, families: &[Family], start: SystemTime, now: SystemTime) -> Vec<u8> {
    let scope = ScopeMetrics {
        scope: scope(),
        metrics: metrics::convert(families, nanos(start), nanos(now)),
        ..ScopeMetrics::default()
    };
    let resource_metrics = vec![ResourceMetrics {
        resource: resource.proto(),
        scope_metrics: vec![scope],
        ..ResourceMetrics::default()
    }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "viaduct".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    })
}

/// Attributes being gathered.
#[derive(Debug, Default)]
pub(crate) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(crate) fn into_inner(self) -> Vec<KeyValue> {
        self.0
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.put(key, Value::StringValue(value.to_owned()));
    }

    pub(crate) fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.put(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.put(key, Value::BoolValue(value));
    }

    pub(crate) fn header(&mut self, key: &str, headers: &HeaderMap, name: &HeaderName) {
        self.optional(key, headers.get(name).and_then(|value| value.to_str().ok()));
    }

    pub(crate) fn list(&mut self, key: &str, values: Vec<String>) {
        let values = values.into_iter();
        let values = values.map(|value| any(Value::StringValue(value))).collect();
        self.put(key, Value::ArrayValue(ArrayValue { values }));
    }

    pub(crate) fn put(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(any(value)),
            ..KeyValue::default()
        });
    }
}

pub(crate) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Batches that may wait for the exporter.
const BATCHES: usize = 64;
/// Records in one export, and at most a batch more.
const MOST_AT_ONCE: usize = 2048;
