//! Listens to the ingress's own access log.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use viaduct_observe::Output;

/// The records of the ingress, as they are written.
pub(super) struct Recorder {
    sender: Sender<Value>,
    records: Receiver<Value>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        let (sender, records) = channel(16);
        Self { sender, records }
    }

    /// An access log of its own, in JSON, for the ingress to write.
    pub(super) fn output(&self) -> Output {
        Output::Writer(Box::new(Lines {
            sender: self.sender.clone(),
        }))
    }

    /// The next record; `None` if none comes in time.
    pub(super) async fn next(&mut self, wait: Duration) -> Option<Value> {
        tokio::time::timeout(wait, self.records.recv())
            .await
            .ok()
            .flatten()
    }
}

/// Batches of lines become records. When nobody takes them any more, they are dropped.
struct Lines {
    sender: Sender<Value>,
}

impl Write for Lines {
    fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
        let records = batch
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok());
        for record in records {
            self.sender.try_send(record).unwrap_or_default();
        }
        Ok(batch.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
