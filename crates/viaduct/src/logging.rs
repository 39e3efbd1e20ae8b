//! The program's own log, on standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write as _};
use std::panic::PanicHookInfo;
use std::time::Duration;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use viaduct_observe::{Output, Sink};

use crate::failure::Failure;

/// How much the log says. Default: `info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Default, ValueEnum)]
pub(crate) enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// The running log. Dropping it waits, for a bounded time, until all is written.
pub(crate) struct Log {
    sink: Sink,
}

impl Log {
    /// A line about the run, whatever the level, in its place among the events: where an entry point
    /// listens, that all is ready.
    pub(crate) fn say(&self, line: impl Display) {
        // A line goes out in one write; it never waits and never fails.
        self.sink
            .lines()
            .write_all(format!("{line}\n").as_bytes())
            .unwrap_or_default();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.sink.flush(LAST_WORDS);
    }
}

/// Starts the log, and sends panics to it. Colour only on a terminal. Nobody who logs ever waits for
/// the terminal or the pipe: a thread of its own writes.
pub(crate) fn start(level: Level) -> Result<Log, Failure> {
    let sink = Sink::open("log", Output::Stderr)
        .map_err(|error| Failure::new("cannot start the log").because(error))?;
    let lines = sink.lines();
    let started = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from(level))
        .with_target(level >= Level::Debug)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(move || lines.clone())
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(tell_panic));
    }
    Ok(Log { sink })
}

fn tell_panic(panic: &PanicHookInfo<'_>) {
    tracing::error!(
        thread = std::thread::current().name().unwrap_or("unnamed"),
        location = panic.location().map(tracing::field::display),
        "panic: {}",
        message(panic),
    );
}

fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = panic.payload();
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

/// How long the end of the process waits for the log's reader.
const LAST_WORDS: Duration = Duration::from_secs(1);
