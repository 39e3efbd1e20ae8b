//! `log` and `accessLog` -> where lines go and what they say.

use viaduct_config::Install;
use viaduct_config::install::{AccessLogFormat, FieldMode, LogLevel};
use viaduct_observe::{Format, HeaderMode, Options, Output};

use crate::logging::Level;

/// Default: errors only, as Traefik.
pub(crate) fn level(install: &Install) -> Level {
    match install.log.as_ref().map(|log| log.level).unwrap_or_default() {
        LogLevel::Trace => Level::Trace,
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warn => Level::Warn,
        LogLevel::Error | LogLevel::Fatal | LogLevel::Panic => Level::Error,
    }
}

/// The access log, if there is one.
pub(crate) fn access_log(install: &Install) -> Option<(Output, Options)> {
    let log = install.access_log.as_ref()?;
    let output = match log.file_path.as_str() {
        "" => Output::Stdout,
        path => Output::File(path.into()),
    };
    let options = Options {
        format: match log.format {
            AccessLogFormat::Common => Format::Common,
            AccessLogFormat::GenericClf => Format::GenericClf,
            AccessLogFormat::Json => Format::Json,
        },
        headers: match log.fields.headers.default_mode {
            FieldMode::Keep => HeaderMode::Keep,
            FieldMode::Drop => HeaderMode::Drop,
            FieldMode::Redact => HeaderMode::Redact,
        },
    };
    Some((output, options))
}
