//! `bridge.revoked` and `bridge.revokedFile` -> certificates that nobody trusts (C9).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use viaduct_config::install::Bridge;
use viaduct_providers::{Target, Timing, Watch, read_pem, watch};
use viaduct_snapshot::Revoked;
use viaduct_tls::{BadFingerprint, TrustBundle};

use crate::failure::Failure;

/// What is revoked now.
pub(crate) fn all(bridge: &Bridge) -> Result<Revoked, Failure> {
    let mut revoked = Revoked::new();
    for text in &bridge.revoked {
        let fingerprint = text.parse().map_err(|error: BadFingerprint| {
            Failure::new(format!("`bridge.revoked` has `{text}`")).because(error)
        })?;
        revoked.insert(fingerprint);
    }
    if let Some(path) = file(bridge) {
        let read = read_file(&path).map_err(|why| {
            Failure::new("`bridge.revokedFile` cannot be used")
                .because(anyhow::anyhow!(why))
                .hint("an empty file revokes nothing")
        })?;
        revoked.extend(read);
    }
    Ok(revoked)
}

/// The list again, whenever the file says something else; `None`: there is no file. A file that cannot be used
/// revokes what it revoked before. Needs a tokio runtime; ends with the receiver.
pub(crate) fn follow(
    bridge: &Bridge,
    first: &Arc<Revoked>,
) -> Result<Option<mpsc::Receiver<Arc<Revoked>>>, Failure> {
    let Some(path) = file(bridge) else {
        return Ok(None);
    };
    let watching = watch(Target::Files(vec![path]), TIMING)
        .map_err(|error| Failure::new("the file of `bridge.revokedFile` cannot be watched").because(error))?;
    let (sender, changes) = mpsc::channel(1);
    tokio::spawn(reread(bridge.clone(), Arc::clone(first), watching, sender));
    Ok(Some(changes))
}

async fn reread(bridge: Bridge, mut said: Arc<Revoked>, watching: Watch, sender: mpsc::Sender<Arc<Revoked>>) {
    let mut changes = watching.changes();
    loop {
        let again = bridge.clone();
        // Away from the control plane's thread: a disk may hang.
        let read = spawn_blocking(move || all(&again).map_err(anyhow::Error::from)).await;
        match read {
            Ok(Ok(revoked)) if revoked == *said => {}
            Ok(Ok(revoked)) => {
                said = Arc::new(revoked);
                if sender.send(Arc::clone(&said)).await.is_err() {
                    return;
                }
            }
            Ok(Err(error)) => {
                let why = format!("{error:#}");
                tracing::error!(why, "what was revoked before stays revoked, and nothing else is");
            }
            Err(error) => tracing::error!(%error, "reading the file of `bridge.revokedFile` failed"),
        }
        tokio::select! {
            more = changes.changed() => if !more { return },
            () = sender.closed() => return,
        }
    }
}

fn file(bridge: &Bridge) -> Option<PathBuf> {
    (!bridge.revoked_file.is_empty()).then(|| PathBuf::from(&bridge.revoked_file))
}

/// Fingerprints, one a line, with `#` before what is to be passed over, and certificates.
fn read_file(path: &Path) -> Result<Revoked, String> {
    let text = read_pem(path).map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
    parse_list(&text, path)
}

/// What a file of that name says. A remark may say anything: certificates choose their subjects.
pub(crate) fn parse_list(text: &str, path: &Path) -> Result<Revoked, String> {
    let mut revoked = Revoked::new();
    if text.lines().any(|line| line.trim_start().starts_with(BEGIN)) {
        let bundle = TrustBundle::from_pem([text.as_bytes()]);
        let bundle = bundle.map_err(|error| format!("`{}`: {error}", path.display()))?;
        revoked.extend(bundle.roots().map(|root| root.fingerprint));
    }
    let mut within = false;
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        within |= line.starts_with(BEGIN);
        if !within && !line.is_empty() {
            let fingerprint = line
                .parse()
                .map_err(|error: BadFingerprint| format!("`{}`, line {number}: {error}", path.display()))?;
            revoked.insert(fingerprint);
        }
        within &= !line.starts_with(END);
    }
    Ok(revoked)
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// A file that is open for writing is waited for.
const TIMING: Timing = Timing {
    quiet: Duration::from_millis(50),
    at_most: Duration::from_millis(300),
    while_open: Duration::from_secs(2),
    poll: Duration::from_secs(5),
    poll_without_events: Duration::from_millis(500),
};
