//! `serversTransport` -> `default@internal`, the backend leg of services that name no transport (A7.11).

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use viaduct_config::Install;
use viaduct_config::dynamic::http::{ForwardingTimeouts, ServersTransport};
use viaduct_config::install;
use viaduct_providers::{Target, Timing, Watch, read_pem, watch};
use viaduct_tls::TrustBundle;

use crate::failure::Failure;

/// The default transport, with the contents of its CA files.
pub(crate) fn default(install: &Install) -> Result<ServersTransport, Failure> {
    read(&install.servers_transport).map_err(|error| {
        error.hint(
            "each entry is PEM or the name of a PEM file; without CAs that can be read nothing is forwarded",
        )
    })
}

fn read(written: &install::ServersTransport) -> Result<ServersTransport, Failure> {
    let root_cas = written
        .root_cas
        .as_ref()
        .map(|list| list.iter().map(|item| file_or_content(item)).collect())
        .transpose()?;
    let timeouts = &written.forwarding_timeouts;
    Ok(ServersTransport {
        insecure_skip_verify: written.insecure_skip_verify,
        root_cas,
        max_idle_conns_per_host: Some(written.max_idle_conns_per_host),
        forwarding_timeouts: Some(ForwardingTimeouts {
            dial_timeout: Some(timeouts.dial_timeout),
            response_header_timeout: Some(timeouts.response_header_timeout),
            idle_conn_timeout: Some(timeouts.idle_conn_timeout),
            ..ForwardingTimeouts::default()
        }),
        ..ServersTransport::default()
    })
}

/// PEM as it stands, or what the file of that name holds.
fn file_or_content(item: &str) -> Result<String, Failure> {
    if is_content(item) {
        return Ok(item.to_owned());
    }
    read_pem(Path::new(item))
        .map_err(|error| Failure::new("`serversTransport.rootCAs` cannot be used").because(error))
}

fn is_content(item: &str) -> bool {
    item.contains("-----BEGIN ")
}

/// The default transport again, whenever one of its CA files holds other CAs; `None`: it names no files. What
/// cannot be used replaces nothing (C43). Needs a tokio runtime; ends with the receiver.
pub(crate) fn follow(
    install: &Install,
    first: &ServersTransport,
) -> Result<Option<mpsc::Receiver<ServersTransport>>, Failure> {
    let written = install.servers_transport.clone();
    let items = written.root_cas.iter().flatten();
    let files: Vec<PathBuf> = items
        .filter(|item| !is_content(item))
        .map(PathBuf::from)
        .collect();
    if files.is_empty() {
        return Ok(None);
    }
    let watching = watch(Target::Files(files), TIMING).map_err(|error| {
        Failure::new("the files of `serversTransport.rootCAs` cannot be watched").because(error)
    })?;
    let (sender, changes) = mpsc::channel(1);
    tokio::spawn(reread(written, first.clone(), watching, sender));
    Ok(Some(changes))
}

async fn reread(
    written: install::ServersTransport,
    mut said: ServersTransport,
    watching: Watch,
    sender: mpsc::Sender<ServersTransport>,
) {
    let mut changes = watching.changes();
    loop {
        // The first look finds what was written between the start's reading and the watch.
        let again = written.clone();
        // Away from the control plane's thread: a disk may hang.
        match spawn_blocking(move || usable(&again)).await {
            Ok(Ok(transport)) if transport == said => {}
            Ok(Ok(transport)) => {
                tracing::info!("`serversTransport.rootCAs`: the files hold other CAs");
                said = transport.clone();
                if sender.send(transport).await.is_err() {
                    return;
                }
            }
            Ok(Err(why)) => tracing::error!(
                why,
                "`serversTransport.rootCAs` cannot be used as its files are now: the CAs read before stay trusted"
            ),
            Err(error) => tracing::error!(%error, "reading the files of `serversTransport.rootCAs` failed"),
        }
        tokio::select! {
            more = changes.changed() => if !more { return },
            () = sender.closed() => return,
        }
    }
}

fn usable(written: &install::ServersTransport) -> Result<ServersTransport, String> {
    let transport = read(written).map_err(|failure| format!("{:#}", anyhow::Error::from(failure)))?;
    let texts = transport.root_cas.iter().flatten().map(String::as_bytes);
    TrustBundle::from_pem(texts).map_err(|error| error.to_string())?;
    Ok(transport)
}

/// A file that is open for writing is waited for.
const TIMING: Timing = Timing {
    quiet: Duration::from_millis(50),
    at_most: Duration::from_millis(300),
    while_open: Duration::from_secs(2),
    poll: Duration::from_secs(5),
    poll_without_events: Duration::from_millis(500),
};
