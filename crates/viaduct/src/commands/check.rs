//! `viaduct check PATH...`: what is wrong with configuration, before it is served. Status 0: nothing that counts; 1:
//! something does; 2: it could not be looked at. With `--fix` that is about what is left.

mod read;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use viaduct_check::report::{Format, write, write_mended};
use viaduct_check::{Report, Setting, Sources, check, mend};
use viaduct_config::{Install, Severity};
use viaduct_kubernetes::{IngressPolicy, Policy};
use viaduct_tls::CertificateStore;

use super::answered;
use crate::cli::{Check, CheckFormat};
use crate::failure::Failure;
use crate::settings::entry_points;
use crate::{output, source};

pub(super) fn run(arguments: &Check) -> ExitCode {
    answered(checked(arguments))
}

/// Whether there is nothing that counts.
fn checked(arguments: &Check) -> Result<bool, Failure> {
    let texts = read::texts(&arguments.paths)?;
    let now = SystemTime::now();
    let format = format(arguments.format);
    let report = match arguments.fix {
        None => {
            let sources = Sources::new(texts);
            let report = look(arguments, &sources, now)?;
            output::result(write(&report, &sources, format));
            report
        }
        Some(which) => {
            let mended = mend(texts, which.into(), |sources| look(arguments, sources, now))?;
            if !arguments.dry_run {
                for index in &mended.changed {
                    if let Some(text) = mended.texts.get(*index) {
                        read::replace(&text.name, &text.text)?;
                    }
                }
            }
            output::result(write_mended(&mended, arguments.dry_run, format));
            mended.report
        }
    };
    let failed =
        report.count(Severity::Error) > 0 || arguments.deny_warnings && report.count(Severity::Warning) > 0;
    Ok(!failed)
}

fn look(arguments: &Check, sources: &Sources, now: SystemTime) -> Result<Report, Failure> {
    let setting = setting(arguments, sources.install().as_ref(), now)?;
    Ok(check(sources, &setting))
}

fn setting(arguments: &Check, install: Option<&Install>, now: SystemTime) -> Result<Setting, Failure> {
    let (manifests, ingresses) = install.map_or_else(
        || (Policy::directory(), IngressPolicy::directory()),
        source::cluster::policies,
    );
    Ok(Setting {
        routing: install.map(super::serve::routing).transpose()?,
        manifests,
        ingresses,
        admit: source::admit,
        // One that is not set is empty for templates, as when they are served.
        env: arguments
            .env
            .iter()
            .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)))
            .collect(),
        generated_default: Arc::new(CertificateStore::generate_default()),
        at: arguments.at.map_or(now, SystemTime::from),
        soon: Duration::from_secs(u64::from(arguments.soon) * 24 * 3600),
        refused: install.map(entry_points::refused).unwrap_or_default(),
        allowed: BTreeSet::from_iter(arguments.allow.iter().copied()),
    })
}

fn format(format: CheckFormat) -> Format {
    match format {
        CheckFormat::Human => Format::Human {
            colours: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        },
        CheckFormat::Json => Format::Json,
        CheckFormat::Sarif => Format::Sarif,
        CheckFormat::Github => Format::Github,
    }
}
