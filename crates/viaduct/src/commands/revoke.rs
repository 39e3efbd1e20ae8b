//! `viaduct revoke`: takes certificates out of trust where processes look for that, and waits until they have (C9).
//!
//! It writes a file or an annotation and speaks to no process but to ask: what is revoked has to outlive processes, and
//! to reach all of them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use viaduct_kubernetes::revoke;
use viaduct_kubernetes::watch::Access;
use viaduct_tls::Fingerprint;

use super::answered;
use crate::api::date;
use crate::api::revoked::Told;
use crate::cli::Revoke;
use crate::failure::Failure;
use crate::preflight::rehearse::{MOST_PEM, trust};
use crate::remote::Remote;
use crate::settings::revoked::parse_list;
use crate::source::cluster;
use crate::{logging, output, serving};

/// What there is to be revoked.
struct Certificate {
    fingerprint: Fingerprint,
    /// As its subject says, where the certificate is there.
    label: Option<String>,
}

/// Status 0: it is listed, and in force where that was waited for; 1: not in time; 2: it could not be listed.
pub(super) fn run(arguments: &Revoke) -> anyhow::Result<ExitCode> {
    let _log = logging::start(logging::Level::Warn)?;
    Ok(answered(revoke_all(arguments)))
}

/// Whether it is in force wherever that was asked for.
fn revoke_all(arguments: &Revoke) -> Result<bool, Failure> {
    let mut certificates = Vec::new();
    for text in &arguments.certificates {
        certificates.extend(read(text)?);
    }
    certificates.sort_by_key(|certificate| certificate.fingerprint);
    certificates.dedup_by_key(|certificate| certificate.fingerprint);
    let target = &arguments.target;
    let runtime = serving::control_runtime()?;
    let done = runtime.block_on(async {
        if let Some(file) = &target.file {
            list(file, &certificates)?;
        } else if let Some(object) = target.object() {
            let access = Access {
                kubeconfig: arguments.kubeconfig.clone(),
                context: arguments.context.clone(),
                ..Access::default()
            };
            let connection = cluster::connect(access).await?;
            let items: Vec<_> = certificates
                .iter()
                .map(|certificate| certificate.fingerprint.to_string())
                .collect();
            let new = revoke::revoke(&connection, &object, &items)
                .await
                .map_err(|error| Failure::new(format!("{object} could not be told")).because(error))?;
            let done = if new { "annotated" } else { "annotated already" };
            output::status(format_args!("{object}: {done}"));
        } else {
            // For whoever keeps the list elsewhere.
            output::result(lines(&certificates));
            output::status(format_args!(
                "nothing is revoked: put these lines on the list of `bridge.revokedFile`, or name one of --file, --servers-transport, --secret, --config-map"
            ));
        }
        in_force(arguments, &certificates).await
    });
    runtime.shutdown_background();
    done
}

/// A fingerprint, or the certificates of a file.
fn read(text: &str) -> Result<Vec<Certificate>, Failure> {
    if let Ok(fingerprint) = text.parse() {
        return Ok(vec![Certificate {
            fingerprint,
            label: None,
        }]);
    }
    let unreadable = |error: io::Error| {
        Failure::new(format!(
            "`{text}` is no SHA-256 fingerprint, and no file that can be read"
        ))
        .because(error)
    };
    let mut pem = Vec::new();
    let file = File::open(text).map_err(unreadable)?;
    let most = MOST_PEM as u64 + 1;
    file.take(most).read_to_end(&mut pem).map_err(unreadable)?;
    let bundle = trust(&pem).map_err(|why| {
        Failure::new(format!("`{text}`: {why}")).hint("name a PEM file with certificates and nothing else")
    })?;
    let certificates = bundle.roots().map(|facts| Certificate {
        fingerprint: facts.fingerprint,
        label: Some(facts.label()),
    });
    Ok(certificates.collect())
}

/// One for each, as the file of `bridge.revokedFile` has them.
fn lines(certificates: &[Certificate]) -> String {
    let now = date(SystemTime::now());
    certificates
        .iter()
        .map(|certificate| {
            let label = certificate.label.as_deref().map(|label| {
                // Certificates say what they like: none of it begins a line.
                let visible = label.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
                format!(" {}", visible.collect::<String>())
            });
            format!(
                "{} #{}, revoked {now}\n",
                certificate.fingerprint,
                label.unwrap_or_default()
            )
        })
        .collect()
}

/// Adds them to a file, which is there whole or as it was.
fn list(file: &Path, certificates: &[Certificate]) -> Result<(), Failure> {
    let shown = file.display();
    let failed = |error: io::Error| {
        Failure::new(format!("`{shown}` cannot be written")).because(error).hint(
            "where a ConfigMap is mounted there, change the ConfigMap: without --file, the lines for it are printed",
        )
    };
    // A link stays one: what it leads to is written.
    let real = match fs::canonicalize(file) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    let _lock = lock(directory_of(&real)).map_err(failed)?;
    let before = match fs::read_to_string(&real) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let known = if before.is_empty() {
        viaduct_snapshot::Revoked::new()
    } else {
        parse_list(&before, &real).map_err(|why| {
            Failure::new("the list cannot be used as it is, so nothing that is added to it would count")
                .because(anyhow::anyhow!(why))
        })?
    };
    let (listed, new): (Vec<_>, Vec<_>) = certificates
        .iter()
        .partition(|certificate| known.contains(&certificate.fingerprint));
    for certificate in &listed {
        output::status(format_args!("{}: on the list already", certificate.fingerprint));
    }
    if new.is_empty() {
        return Ok(());
    }
    let mut text = before;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for certificate in &new {
        text.push_str(&lines(std::slice::from_ref(*certificate)));
    }
    // As whoever reads it will: a list that cannot be read revokes nothing new.
    let now = parse_list(&text, &real)
        .map_err(|why| Failure::new("the list could not be read any more").because(anyhow::anyhow!(why)))?;
    if let Some(lost) = new
        .iter()
        .find(|certificate| !now.contains(&certificate.fingerprint))
    {
        return Err(
            Failure::new(format!("{} would not be on the list", lost.fingerprint))
                .hint("is there an unfinished PEM block at its end?"),
        );
    }
    replace(&real, &text).map_err(failed)?;
    for certificate in new {
        output::status(format_args!("{}: put on the list", certificate.fingerprint));
    }
    Ok(())
}

/// Nobody else adds to a list in this directory until it is dropped.
fn lock(directory: &Path) -> io::Result<File> {
    let held = File::open(directory)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match held.try_lock() {
            Ok(()) => return Ok(held),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOK_EVERY),
            Err(error) => return Err(error.into()),
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Another file beside it, then its name, so that nobody reads half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let directory = directory_of(path);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let next = directory.join(name);
    let written = (|| {
        let mut file = File::create_new(&next)?;
        file.write_all(text.as_bytes())?;
        if let Ok(before) = fs::metadata(path) {
            let mine = file.metadata()?;
            // The process that reads the list may be another user than who revokes at night.
            if (mine.uid(), mine.gid()) != (before.uid(), before.gid()) {
                fchown(&file, Some(before.uid()), Some(before.gid()))?;
            }
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&next, path)?;
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        // It may not be there; the error that counts is the other one.
        fs::remove_file(&next).unwrap_or_default();
    }
    written
}

/// Waits until every process that was named has done it.
async fn in_force(arguments: &Revoke, certificates: &[Certificate]) -> Result<bool, Failure> {
    let deadline = Instant::now() + arguments.wait;
    let object = arguments.target.object().map(|object| object.to_string());
    let mut all = true;
    for url in &arguments.api {
        let remote = Remote::new(url, PATIENCE)?;
        let done = loop {
            let told: Told = remote.get("/api/revoked").await?.value;
            if is_done(&told, certificates, object.as_deref()) {
                break true;
            }
            let now = Instant::now();
            if now >= deadline {
                break false;
            }
            tokio::time::sleep(LOOK_EVERY.min(deadline - now)).await;
        };
        if done {
            output::status(format_args!("in force at {url}: nothing rests on it any more"));
        } else {
            output::status(format_args!(
                "not in force at {url} yet: does it read this list, and has it a transport that this is for?"
            ));
        }
        all &= done;
    }
    Ok(all)
}

/// What another object revokes for its transports is nothing to those of `object`.
fn is_done(told: &Told, certificates: &[Certificate], object: Option<&str>) -> bool {
    let of_object = told
        .objects
        .iter()
        .find(|said| Some(said.object.as_str()) == object);
    told.in_force
        && certificates.iter().all(|certificate| {
            let wanted = certificate.fingerprint.to_string();
            told.everywhere.contains(&wanted) || of_object.is_some_and(|said| said.revoked.contains(&wanted))
        })
}

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
