//! Traefik's file provider: one file, or all files of a directory and those below it.
//!
//! ```text
//!  settings --open--> the first configuration, or everything that is wrong with it
//!  watch of the files --------+
//!  watch of PEM files named --+--> load --> Update (complete: PEM contents, not names)
//! ```
//! After the start nothing that is wrong takes a configuration away: a file that cannot be read, rendered or
//! understood keeps its last good state, and a finding says so. A file that fails, or that has become empty, is
//! looked at once more after [`SETTLE`] before that, because it may be half written.

mod listing;
mod load;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use viaduct_config::Update;

use crate::reading::Problem;
use crate::watch::{Changes, Target, Timing, Watch, WatchError, watch};
use load::{Loader, Patience};
pub use texts::read_texts;

/// `providers.file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    pub source: FileSource,
    /// `watch`: apply changes as they happen. Default true.
    pub watch: bool,
    /// `debugLogGeneratedTemplate`: log what templates come to, at debug. Default false.
    pub debug_log_generated_template: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// `filename`.
    File(PathBuf),
    /// `directory`: `.yaml`, `.yml`, `.toml` and `.json` files in it and in the directories below it.
    Directory(PathBuf),
}

impl FileSource {
    fn target(&self) -> Target {
        match self {
            Self::File(path) => Target::Files(vec![path.clone()]),
            Self::Directory(path) => Target::Tree(path.clone()),
        }
    }
}

/// Why there is no configuration to start with.
#[derive(Debug, thiserror::Error)]
pub enum FileProviderError {
    #[error("cannot watch the configuration's files")]
    Watch(#[source] WatchError),
    #[error("cannot read the directory `{}`", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("there are more than {limit} files in `{}`", path.display())]
    TooManyFiles { path: PathBuf, limit: usize },
    /// At least one problem.
    #[error("the configuration has faults")]
    Faults(Vec<Problem>),
}

/// A configuration that has been read, and is watched if it is to be.
#[derive(Debug)]
pub struct FileProvider {
    loader: Loader,
    /// What was said last.
    said: Update,
    /// Files with PEM that the configuration names.
    named: BTreeSet<PathBuf>,
    watch: Option<(Watch, Changes)>,
}

impl FileProvider {
    /// Reads everything once, and gives the configuration to start with. Fails if any file cannot be used; a PEM file that is missing does not count, and
    /// is told by the update.
    ///
    /// `env` looks up what templates ask for.
    pub fn open(
        settings: FileSettings,
        env: fn(&str) -> Option<String>,
    ) -> Result<(Update, Self), FileProviderError> {
        // Watched first: what is written after the reading is told of.
        let watch = if settings.watch {
            let watch = watch(settings.source.target(), TIMING).map_err(FileProviderError::Watch)?;
            let changes = watch.changes();
            Some((watch, changes))
        } else {
            None
        };
        let mut loader = Loader::new(settings, env);
        let (first, named) = loader.first()?;
        let provider = Self {
            loader,
            said: first.clone(),
            named,
            watch,
        };
        Ok((first, provider))
    }

    /// The configuration again whenever it changes. Needs a tokio runtime; ends with the receiver.
    pub fn follow(self) -> mpsc::Receiver<Update> {
        let (sender, updates) = mpsc::channel(1);
        tokio::spawn(follow(self, sender));
        updates
    }
}

async fn follow(provider: FileProvider, sender: mpsc::Sender<Update>) {
    let FileProvider {
        mut loader,
        mut said,
        mut named,
        watch,
    } = provider;
    let Some((_watching, mut changes)) = watch else {
        // One configuration for ever.
        sender.closed().await;
        return;
    };
    let mut material = Named::watch(named.clone()).await;
    // What was written between reading and watching is found by another look.
    let mut again = true;
    let mut unsettled: Option<Instant> = None;
    loop {
        tokio::select! {
            more = changes.changed() => if !more { return },
            () = material.changed() => {}
            () = tokio::time::sleep(SETTLE), if again => {
                // The watch will tell when it is whole.
                if changes.is_being_written() {
                    continue;
                }
            }
            () = sender.closed() => return,
        }
        let patience = match unsettled {
            Some(since) if since.elapsed() >= SETTLE => Patience::None,
            Some(_) | None => Patience::Settle,
        };
        // Away from the control plane's thread: a disk may hang, signals may not.
        let looked = spawn_blocking(move || {
            let loaded = loader.look(patience);
            (loader, loaded)
        });
        let loaded;
        match looked.await {
            Ok(read) => (loader, loaded) = read,
            Err(error) => {
                tracing::error!(%error, "reading the configuration's files failed: the last configuration stays in service");
                return;
            }
        }
        again = loaded.unsettled;
        unsettled = loaded.unsettled.then(|| unsettled.unwrap_or_else(Instant::now));
        if loaded.named != named {
            named = loaded.named;
            material = Named::watch(named.clone()).await;
            again = true;
        }
        if let Some(update) = loaded.update
            && update != said
        {
            said = update.clone();
            if sender.send(update).await.is_err() {
                return;
            }
        }
    }
}

/// The watch of PEM files; there may be none.
struct Named(Option<(Watch, Changes)>);

impl Named {
    async fn watch(files: BTreeSet<PathBuf>) -> Self {
        if files.is_empty() {
            return Self(None);
        }
        let started = spawn_blocking(move || watch(Target::Files(files.into_iter().collect()), TIMING)).await;
        match started {
            Ok(Ok(watch)) => {
                let changes = watch.changes();
                Self(Some((watch, changes)))
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "certificate files are not watched");
                Self(None)
            }
            Err(error) => {
                tracing::error!(%error, "certificate files are not watched");
                Self(None)
            }
        }
    }

    /// Waits for a change; for ever if nothing is watched. Cancel safe.
    async fn changed(&mut self) {
        let told = match &mut self.0 {
            Some((_, changes)) => changes.changed().await,
            None => false,
        };
        if !told {
            std::future::pending::<()>().await;
        }
    }
}

/// A file that is open for writing is waited for.
const TIMING: Timing = Timing {
    quiet: Duration::from_millis(50),
    at_most: Duration::from_millis(300),
    while_open: Duration::from_secs(2),
    poll: Duration::from_secs(5),
    poll_without_events: Duration::from_millis(500),
};

/// Time for a writer to finish a file that cannot be used as it is.
const SETTLE: Duration = Duration::from_millis(400);
