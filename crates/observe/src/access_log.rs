//! Access-log lines as Traefik writes them.
//!
//! A line is formatted straight into the worker's buffer: no tree, no intermediate strings. Whatever a
//! client sends, one record is one valid line (security.md C67): control characters, quotes and bytes
//! that are not UTF-8 are escaped.

mod clf;
mod clock;
mod escape;
mod json;

#[cfg(test)]
mod tests;

use crate::record::Record;
use crate::sink::{Sink, Tap};

use clock::Clock;

/// How a line looks (Traefik's `accessLog.format`). Default: `common`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Traefik's CLF with router, server URL and milliseconds.
    #[default]
    Common,
    /// Plain CLF (combined).
    GenericClf,
    Json,
}

/// What is written of request and response headers (Traefik's `accessLog.fields.headers.defaultMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderMode {
    /// Nothing; `Referer` and `User-Agent` of the CLF formats read `-`. Traefik's default.
    #[default]
    Drop,
    Keep,
    /// The name, and `REDACTED` for the value.
    Redact,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub format: Format,
    pub headers: HeaderMode,
}

/// One worker's end of the access log: lines are gathered in a buffer and handed to the writer thread
/// when it is large or old enough; a full queue drops lines and counts them rather than block a worker.
#[derive(Debug)]
pub struct AccessLog {
    options: Options,
    clock: Clock,
    buffer: Vec<u8>,
    lines: u32,
    tap: Tap,
}

impl AccessLog {
    pub fn new(sink: &Sink, options: Options) -> Self {
        Self {
            options,
            clock: Clock::new(jiff::tz::TimeZone::system()),
            buffer: Vec::with_capacity(BATCH),
            lines: 0,
            tap: sink.tap(),
        }
    }

    pub fn write(&mut self, record: &Record<'_>) {
        let Self {
            options,
            clock,
            buffer,
            ..
        } = self;
        match options.format {
            Format::Common => clf::common(buffer, clock, options.headers, record),
            Format::GenericClf => clf::generic(buffer, clock, options.headers, record),
            Format::Json => json::line(buffer, clock, options.headers, record),
        }
        self.lines += 1;
        if self.buffer.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands over what is buffered. Called by the worker when it is about to sleep or once a second.
    pub fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.tap.hand_over(&mut self.buffer, &mut self.lines);
        }
    }
}

/// A worker that ends waits (for a bounded time) until the queue has room: nothing is lost at exit.
impl Drop for AccessLog {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            self.tap.hand_over_at_exit(&mut self.buffer, &mut self.lines);
        }
    }
}

/// Bytes that are gathered before they go to the writer.
const BATCH: usize = 32 * 1024;
