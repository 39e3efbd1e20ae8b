//! Configuration from a directory of Kubernetes manifests.

mod admission;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use viaduct_config::finding::Code;
use viaduct_config::{Finding, Update};
use viaduct_kubernetes::{Directory, DirectoryError, Index, Policy, translate};
use viaduct_providers::{Changes, Target, Timing, Watch, watch};

use crate::failure::Failure;

/// A directory that has been read and is being watched.
pub(crate) struct Manifests {
    reader: Reader,
    watch: Watch,
    changes: Changes,
}

impl Manifests {
    /// Fails when the directory cannot be read now; what is wrong inside it is told by the updates.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        // Watched first: what is written after the reading is told of.
        let watch = watch(Target::Tree(path.to_path_buf()), Timing::default())
            .map_err(|error| Failure::new("cannot watch the directory").because(error))?;
        let changes = watch.changes();
        Ok(Self {
            reader: Reader::open(path)?,
            watch,
            changes,
        })
    }

    /// The directory's configuration now, and again whenever it changes. Needs a tokio runtime; ends
    /// with the receiver. `own`: where this process listens, lest it forwards to itself.
    pub(crate) fn follow(mut self, own: Vec<SocketAddr>) -> mpsc::Receiver<Update> {
        self.reader.policy.own_addresses = own;
        let (sender, updates) = mpsc::channel(1);
        tokio::spawn(follow(self, sender));
        updates
    }
}

/// The directory's configuration now.
pub(crate) fn read_once(path: &Path) -> Result<Update, Failure> {
    Ok(Reader::open(path)?.update())
}

async fn follow(manifests: Manifests, sender: mpsc::Sender<Update>) {
    let Manifests {
        mut reader,
        watch: _watching,
        mut changes,
    } = manifests;
    let mut update = Some(reader.update());
    loop {
        if let Some(update) = update
            && sender.send(update).await.is_err()
        {
            return;
        }
        let more = tokio::select! {
            more = changes.changed() => more,
            () = sender.closed() => false,
        };
        if !more {
            return;
        }
        // Away from the control plane's thread: a disk may hang, signals may not.
        let looked = spawn_blocking(move || {
            let update = reader.look();
            (reader, update)
        });
        match looked.await {
            Ok(read) => (reader, update) = read,
            Err(error) => {
                tracing::error!(%error, "reading the manifests failed: the last configuration stays in service");
                return;
            }
        }
    }
}

/// What has been read of the directory.
struct Reader {
    directory: Directory,
    index: Index,
    policy: Policy,
    /// Why the directory cannot be read now, though it could before.
    lost: Option<DirectoryError>,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, Failure> {
        let mut reader = Self {
            directory: Directory::new(path),
            index: Index::new(|secret| admission::admit(|key| secret.get(key))),
            policy: Policy::directory(),
            lost: None,
        };
        match reader.directory.refresh(&mut reader.index) {
            Ok(_) => Ok(reader),
            Err(error) => Err(unusable(error)),
        }
    }

    /// Reads what has changed. `None`: nothing has.
    fn look(&mut self) -> Option<Update> {
        match self.directory.refresh(&mut self.index) {
            Ok(refresh) => {
                let found_again = self.lost.take().is_some();
                (refresh.changed() || found_again).then(|| self.update())
            }
            Err(error) => {
                self.lost = Some(error);
                Some(self.update())
            }
        }
    }

    fn update(&self) -> Update {
        let mut update = translate(&self.index, &self.policy);
        if let Some(error) = &self.lost {
            let finding = Finding::error(
                Code::LastGoodKept,
                format!("{error}; its last configuration stays in service"),
            )
            .hint("put the directory back; it is read again by itself");
            update.notes.push(finding);
        }
        update
    }
}

fn unusable(error: DirectoryError) -> Failure {
    let message = error.to_string();
    match error {
        DirectoryError::Unreadable { source, .. } => Failure::new(message)
            .because(source)
            .hint("name a directory of Kubernetes YAML or JSON files"),
        DirectoryError::TooManyFiles { .. } => {
            Failure::new(message).hint("name a directory that holds manifests only")
        }
    }
}
