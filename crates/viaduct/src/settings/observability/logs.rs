//! `log` and `accessLog`.

use std::time::Duration;

use viaduct_config::Install;
use viaduct_config::install::{
    AccessLog, AccessLogFormat, FieldMode, Log as LogOptions, LogFormat, LogLevel, OtlpLog,
};
use viaduct_observe::{Fields, Filters, Format, Headers, Mode, Options, Output, Rotation};

use super::{collectors, resource};
use crate::failure::Failure;
use crate::logging::{self, Level};
use crate::settings::timeout;
use crate::telemetry::{AccessLogs, Export, Signal, log_export};

/// The program's own log, and what has to run for it.
pub(crate) fn log(install: &Install) -> Result<(logging::Settings, Option<Export>), Failure> {
    let written = install.log.clone().unwrap_or_default();
    let (otlp, export) = match &written.otlp {
        Some(otlp) => {
            let (output, export) = collector(otlp, "log.otlp", Signal::Logs)?;
            (Some(output), Some(export))
        }
        None => (None, None),
    };
    let settings = logging::Settings {
        level: level(written.level),
        json: written.format == LogFormat::Json,
        colour: !written.no_color,
        output: output(&written),
        otlp,
    };
    Ok((settings, export))
}

/// Default: errors only, as Traefik.
fn level(written: LogLevel) -> Level {
    match written {
        LogLevel::Trace => Level::Trace,
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warn => Level::Warn,
        LogLevel::Error | LogLevel::Fatal | LogLevel::Panic => Level::Error,
    }
}

fn output(written: &LogOptions) -> Output {
    if written.file_path.is_empty() {
        return Output::Stderr;
    }
    let default = Rotation::default();
    let rotation = Rotation {
        max_size: match written.max_size {
            0 => default.max_size,
            megabytes => megabytes.saturating_mul(1 << 20),
        },
        max_age: Duration::from_secs(written.max_age.saturating_mul(24 * 60 * 60)),
        max_backups: usize::try_from(written.max_backups).unwrap_or(usize::MAX),
        compress: written.compress,
    };
    Output::Rotated(written.file_path.as_str().into(), rotation)
}

/// The access log; an export of it is added to `exports`.
pub(super) fn access(written: &AccessLog, exports: &mut Vec<Export>) -> Result<AccessLogs, Failure> {
    let format = match written.format {
        AccessLogFormat::Common => Format::Common,
        AccessLogFormat::GenericClf => Format::GenericClf,
        AccessLogFormat::Json => Format::Json,
    };
    let mut outputs = Vec::new();
    if let Some(otlp) = &written.otlp {
        let (output, export) = collector(otlp, "accessLog.otlp", Signal::AccessLogs)?;
        exports.push(export);
        outputs.push((output, Format::Json));
    }
    if outputs.is_empty() || written.dual_output {
        let output = match written.file_path.as_str() {
            "" => Output::Stdout,
            path => Output::File(path.into()),
        };
        outputs.push((output, format));
    }
    Ok(AccessLogs {
        outputs,
        options: options(written, format)?,
    })
}

fn options(written: &AccessLog, format: Format) -> Result<Options, Failure> {
    let fields = &written.fields;
    let names = fields.names.iter();
    let names = names.map(|(name, written)| (name.as_str(), mode(*written)));
    let headers = fields.headers.names.iter().map(|(name, written)| {
        let failed = |error: http::header::InvalidHeaderName| {
            Failure::new(format!(
                "`accessLog.fields.headers.names`: `{name}` is not the name of a header"
            ))
            .because(error)
        };
        Ok((name.parse().map_err(failed)?, mode(*written)))
    });
    let headers = headers.collect::<Result<Vec<_>, Failure>>()?;
    Ok(Options {
        format,
        fields: Fields::new(mode(fields.default_mode), names),
        headers: Headers::new(mode(fields.headers.default_mode), headers),
        query: mode(fields.query_parameters.default_mode),
        filters: filters(written)?,
        buffering: u32::try_from(written.buffering_size).unwrap_or(u32::MAX),
        internals: written.add_internals,
    })
}

fn mode(written: FieldMode) -> Mode {
    match written {
        FieldMode::Keep => Mode::Keep,
        FieldMode::Drop => Mode::Drop,
        FieldMode::Redact => Mode::Redact,
    }
}

fn filters(written: &AccessLog) -> Result<Filters, Failure> {
    let Some(written) = &written.filters else {
        return Ok(Filters::default());
    };
    let ranges = written.status_codes.iter().map(|text| {
        range(text).ok_or_else(|| {
            Failure::new(format!(
                "`accessLog.filters.statusCodes`: `{text}` is neither a status nor a range such as `400-499`"
            ))
        })
    });
    Ok(Filters {
        status_codes: ranges.collect::<Result<_, _>>()?,
        retry_attempts: written.retry_attempts,
        min_duration: timeout(written.min_duration),
    })
}

/// `200` or `400-499`.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

fn collector(written: &OtlpLog, option: &str, signal: Signal) -> Result<(Output, Export), Failure> {
    let target = collectors::target(&written.exporter(), option)?;
    let resource = resource(&written.service_name, written.resource_attributes.iter());
    Ok(log_export(resource, target, signal))
}
