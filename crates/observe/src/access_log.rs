//! Access-log lines as Traefik writes them.

use crate::record::Record;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Traefik's CLF with router, server URL and milliseconds.
    Common,
    /// Plain CLF (combined).
    GenericClf,
    Json,
}

/// One worker's end of the access log: lines are gathered in a buffer and handed to the writer thread
/// when it is large or old enough; a full queue drops lines and counts them rather than block a worker.
#[derive(Debug)]
pub struct AccessLog {
    _private: (),
}

impl AccessLog {
    pub fn write(&mut self, _record: &Record<'_>) {
        todo!()
    }

    /// Hands over what is buffered. Called by the worker when it is about to sleep or once a second.
    pub fn flush(&mut self) {
        todo!()
    }
}
