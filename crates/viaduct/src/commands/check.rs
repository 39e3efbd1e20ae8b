//! `viaduct check PATH...`: what is wrong with configuration, before it is served. Status 0: nothing that counts; 1:
//! something does; 2: it could not be looked at.

mod read;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use viaduct_check::report::{Format, write};
use viaduct_check::{Edit, Report, Setting, Sources, Text, check};
use viaduct_config::{Install, Severity};
use viaduct_kubernetes::{IngressPolicy, Policy};
use viaduct_tls::CertificateStore;

use crate::cli::{Check, CheckFormat};
use crate::failure::Failure;
use crate::{output, source};

pub(super) fn run(arguments: &Check) -> ExitCode {
    match checked(arguments) {
        Ok(code) => code,
        Err(failure) => {
            output::failure(&failure.into());
            ExitCode::from(COULD_NOT)
        }
    }
}

fn checked(arguments: &Check) -> Result<ExitCode, Failure> {
    let mut texts = read::texts(&arguments.paths)?;
    let now = SystemTime::now();
    let (mut sources, mut report) = look(arguments, &texts, now)?;
    if arguments.fix {
        // An edit may make room for another one: a field that is spelt right may be in the wrong place.
        for _ in 0..MOST_ROUNDS {
            if !fix(&report, &sources, &mut texts)? {
                break;
            }
            (sources, report) = look(arguments, &texts, now)?;
        }
    }
    output::result(write(&report, &sources, format(arguments.format)));
    let failed =
        report.count(Severity::Error) > 0 || arguments.deny_warnings && report.count(Severity::Warning) > 0;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn look(arguments: &Check, texts: &[Text], now: SystemTime) -> Result<(Sources, Report), Failure> {
    let sources = Sources::new(texts.iter().cloned());
    let setting = setting(arguments, sources.install().as_ref(), now)?;
    let report = check(&sources, &setting);
    Ok((sources, report))
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
        allowed: BTreeSet::from_iter(arguments.allow.iter().copied()),
    })
}

/// Makes the safe edits, in the files as well. Whether there were any.
fn fix(report: &Report, sources: &Sources, texts: &mut [Text]) -> Result<bool, Failure> {
    let mut edits: Vec<&Edit> = report.safe_edits().collect();
    edits.sort_by_key(|edit| (edit.file, edit.start, edit.end));
    edits.dedup();
    let mut any = false;
    for (index, text) in texts.iter_mut().enumerate() {
        let mut of_file: Vec<Edit> = Vec::new();
        for edit in edits.iter().filter(|edit| edit.file == index) {
            // Of two that overlap the second waits for the next round.
            if of_file.last().is_none_or(|last| last.end <= edit.start) {
                of_file.push((*edit).clone());
            }
        }
        if of_file.is_empty() || sources.name(index) != Some(text.name.as_str()) {
            continue;
        }
        // One that would break the file is not made: what it was for is still told.
        let Some(mended) = Sources::mended(text, &of_file) else {
            continue;
        };
        read::replace(&mended.name, &mended.text)?;
        *text = mended;
        any = true;
    }
    Ok(any)
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

/// The status where nothing could be said.
const COULD_NOT: u8 = 2;
const MOST_ROUNDS: usize = 4;
