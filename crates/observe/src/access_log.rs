//! Access-log lines as Traefik writes them.
//!
//! A line is formatted straight into the worker's buffer: no tree, no intermediate strings. Whatever a
//! client sends, one record is one valid line (security.md C67): control characters, quotes and bytes
//! that are not UTF-8 are escaped.

mod clf;
mod clock;
mod escape;
mod fields;
mod json;
mod options;

#[cfg(test)]
mod tests;

use crate::record::Record;
use crate::sink::{Sink, Tap};

use clock::Clock;
pub use fields::Fields;
pub use options::{Filters, Format, Headers, Mode, Options};

/// One record as one line, apart from any output; in UTC.
pub fn line(options: &Options, record: &Record<'_>) -> Vec<u8> {
    let (mut out, mut clock) = (Vec::new(), Clock::new(jiff::tz::TimeZone::UTC));
    options.format.line(&mut out, &mut clock, options, record);
    out
}

/// One worker's end of the access log: lines are gathered in a buffer and handed to the writer thread
/// when it is large or old enough; a full queue drops lines and counts them rather than block a worker.
#[derive(Debug)]
pub struct AccessLog {
    options: Options,
    clock: Clock,
    lanes: Vec<Lane>,
}

/// One output.
#[derive(Debug)]
struct Lane {
    format: Format,
    buffer: Vec<u8>,
    lines: u32,
    tap: Tap,
}

impl AccessLog {
    pub fn new(sink: &Sink, options: Options) -> Self {
        let format = options.format;
        Self::to([(sink, format)], options)
    }

    /// With several outputs, each in a format of its own (`dualOutput`).
    pub fn to<'s>(outputs: impl IntoIterator<Item = (&'s Sink, Format)>, options: Options) -> Self {
        let lane = |(sink, format): (&Sink, Format)| Lane {
            format,
            buffer: Vec::with_capacity(BATCH),
            lines: 0,
            tap: sink.tap(),
        };
        Self {
            options,
            clock: Clock::new(jiff::tz::TimeZone::system()),
            lanes: outputs.into_iter().map(lane).collect(),
        }
    }

    /// Whether headers other than those of the host are ever written.
    pub fn wants_headers(&self) -> bool {
        self.options.headers.any()
    }

    pub fn write(&mut self, record: &Record<'_>) {
        if (record.internal && !self.options.internals) || !self.options.filters.take(record) {
            return;
        }
        let (options, clock) = (&self.options, &mut self.clock);
        for lane in &mut self.lanes {
            let buffer = &mut lane.buffer;
            lane.format.line(buffer, clock, options, record);
            lane.lines += 1;
            let full = options.buffering > 0 && lane.lines >= options.buffering;
            if full || lane.buffer.len() >= BATCH {
                lane.flush();
            }
        }
    }

    /// Hands over what is buffered. Called by the worker when it is about to sleep or once a second.
    pub fn flush(&mut self) {
        self.lanes.iter_mut().for_each(Lane::flush);
    }
}

impl Format {
    fn line(self, out: &mut Vec<u8>, clock: &mut Clock, options: &Options, record: &Record<'_>) {
        match self {
            Self::Common => clf::common(out, clock, options, record),
            Self::GenericClf => clf::generic(out, clock, options, record),
            Self::Json => json::line(out, clock, options, record),
        }
    }
}

impl Lane {
    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.tap.hand_over(&mut self.buffer, &mut self.lines);
        }
    }
}

/// A worker that ends waits (for a bounded time) until the queue has room: nothing is lost at exit.
impl Drop for Lane {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            self.tap.hand_over_at_exit(&mut self.buffer, &mut self.lines);
        }
    }
}

/// Bytes that are gathered before they go to the writer.
const BATCH: usize = 128 * 1024;
