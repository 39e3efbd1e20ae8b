//! The program's own log, on standard error or in a file.

mod json;
mod text;

use std::fmt::Display;
use std::io::{IsTerminal, Write as _};
use std::panic::PanicHookInfo;
use std::time::Duration;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};
use viaduct_observe::{Lines, Output, Sink, SinkError};

use crate::failure::Failure;
pub(crate) use text::OneLine;

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

/// What the log says, and where.
pub(crate) struct Settings {
    pub(crate) level: Level,
    /// One object a line instead of text.
    pub(crate) json: bool,
    /// Colour, if the output is a terminal.
    pub(crate) colour: bool,
    pub(crate) output: Output,
    /// A second output, in JSON: for a collector.
    pub(crate) otlp: Option<Output>,
}

impl From<Level> for Settings {
    /// Text on standard error.
    fn from(level: Level) -> Self {
        Self {
            level,
            json: false,
            colour: true,
            output: Output::Stderr,
            otlp: None,
        }
    }
}

/// The running log. Dropping it waits, for a bounded time, until all is written.
pub(crate) struct Log {
    sink: Sink,
    otlp: Option<Sink>,
    json: bool,
}

impl Log {
    /// A line about the run, whatever the level, in its place among the events: where an entry point
    /// listens, that all is ready.
    pub(crate) fn say(&self, line: impl Display) {
        self.write(tracing::Level::INFO, "", &line);
    }

    /// The same of something that has no effect, or too much.
    pub(crate) fn warn(&self, line: impl Display) {
        self.write(tracing::Level::WARN, "warning: ", &line);
    }

    fn write(&self, level: tracing::Level, word: &str, line: &dyn Display) {
        let line = if self.json {
            json::line(level, line)
        } else {
            format!("{word}{}\n", OneLine(line))
        };
        // A line goes out in one write; it never waits and never fails.
        self.sink.lines().write_all(line.as_bytes()).unwrap_or_default();
    }

    /// Opens the log's file again (SIGUSR1).
    pub(crate) fn reopen(&self) {
        self.sink.reopen();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        for sink in std::iter::once(&self.sink).chain(&self.otlp) {
            sink.flush(LAST_WORDS);
        }
    }
}

/// Starts the log, and sends panics to it. Colour only on a terminal. Nobody who logs ever waits for
/// the terminal or the pipe: a thread of its own writes.
pub(crate) fn start(settings: impl Into<Settings>) -> Result<Log, Failure> {
    let settings = settings.into();
    let colour =
        settings.colour && matches!(settings.output, Output::Stderr) && std::io::stderr().is_terminal();
    let sink = open("log", settings.output)?;
    let otlp = settings.otlp.map(|output| open("log-otlp", output)).transpose()?;
    let own = if settings.json {
        objects(sink.lines())
    } else {
        text::layer(sink.lines(), settings.level >= Level::Debug, colour)
    };
    let started = tracing_subscriber::registry()
        .with(own)
        .with(otlp.as_ref().map(|sink| objects(sink.lines())))
        .with(filter(settings.level))
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(tell_panic));
    }
    Ok(Log {
        sink,
        otlp,
        json: settings.json,
    })
}

/// The client of Kubernetes' API tells of every failure at `error`; those that matter are told by whoever asked. quinn
/// warns of what any client may send, as often as it likes: that is for whoever looks into it.
fn filter(level: Level) -> Targets {
    let (client, quinn) = if level >= Level::Debug {
        (LevelFilter::from(level), LevelFilter::from(level))
    } else {
        (LevelFilter::OFF, LevelFilter::ERROR)
    };
    Targets::new()
        .with_default(LevelFilter::from(level))
        .with_target("kube_client", client)
        .with_target("quinn", quinn)
}

fn open(name: &'static str, output: Output) -> Result<Sink, Failure> {
    Sink::open(name, output).map_err(|error| {
        let message = error.to_string();
        match error {
            SinkError::Open { source, .. } | SinkError::Thread(source) => {
                Failure::new(message).because(source)
            }
        }
    })
}

/// One object a line.
fn objects<S>(lines: Lines) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer()
        .event_format(json::Objects)
        .with_writer(move || lines.clone())
        .boxed()
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
