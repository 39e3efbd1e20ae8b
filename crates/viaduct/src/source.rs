//! Configuration from Kubernetes objects: a directory of manifests, or a cluster.

mod admission;
pub(crate) mod cluster;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use viaduct_config::finding::Code;
use viaduct_config::{Dynamic, Finding, ProviderName, Update};
use viaduct_kubernetes::{
    Directory, DirectoryError, INGRESS_PROVIDER, Index, IngressPolicy, PROVIDER, Policy, SecretView,
    translate, translate_ingresses,
};
use viaduct_providers::{Changes, Target, Timing, Watch, watch};

use crate::failure::Failure;
use cluster::Terms;

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
        let watch = watch(Target::Tree(path.to_path_buf()), TIMING)
            .map_err(|error| Failure::new("cannot watch the directory").because(error))?;
        let changes = watch.changes();
        Ok(Self {
            reader: Reader::open(path)?,
            watch,
            changes,
        })
    }

    /// The directory's configuration now, and again whenever it changes: one update of each provider, both in the
    /// channel before anybody can take the first. Needs a tokio runtime; ends with the receiver. `own`: where this process listens, lest it forwards to itself.
    pub(crate) fn follow(mut self, own: Vec<SocketAddr>) -> mpsc::Receiver<Update> {
        self.reader.terms.listen_at(&own);
        let (sender, updates) = mpsc::channel(PROVIDERS);
        tokio::spawn(follow(self, sender));
        updates
    }
}

/// Which new state of a Secret serving takes; the reason against one otherwise.
pub(crate) fn admit(secret: &SecretView<'_>) -> Result<(), String> {
    admission::admit(|key| secret.get(key))
}

/// The directory's configuration now, one update of each provider.
pub(crate) fn read_once(path: &Path) -> Result<[Update; PROVIDERS], Failure> {
    Ok(Reader::open(path)?.updates())
}

/// What the directory's objects would come to in a cluster.
pub(crate) fn read_once_under(path: &Path, terms: &Terms) -> Result<[Update; PROVIDERS], Failure> {
    let (crd, ingress) = terms.for_directory()?;
    let mut reader = Reader::open(path)?;
    reader.terms = Policies { crd, ingress };
    Ok(reader.updates())
}

async fn follow(manifests: Manifests, sender: mpsc::Sender<Update>) {
    let Manifests {
        mut reader,
        watch: _watching,
        mut changes,
    } = manifests;
    let mut updates = Some(reader.updates());
    reader.directory.wait_for_rest(REST);
    loop {
        if let Some(updates) = updates {
            // Together, lest one is in service without the other.
            let Ok(places) = sender.reserve_many(PROVIDERS).await else {
                return;
            };
            places.zip(updates).for_each(|(place, update)| place.send(update));
        }
        let more = tokio::select! {
            more = changes.changed() => more,
            () = rested(reader.again) => true,
            () = sender.closed() => false,
        };
        if !more {
            return;
        }
        // Away from the control plane's thread: a disk may hang, signals may not.
        let looked = spawn_blocking(move || {
            let updates = reader.look();
            (reader, updates)
        });
        match looked.await {
            Ok(read) => (reader, updates) = read,
            Err(error) => {
                tracing::error!(%error, "reading the manifests failed: the last configuration stays in service");
                return;
            }
        }
    }
}

/// Resolves when files that were being written may be looked at again.
async fn rested(again: Option<Duration>) {
    match again {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// What the objects may ask for. `None`: they are not the provider's.
struct Policies {
    crd: Option<Policy>,
    ingress: Option<IngressPolicy>,
}

impl Policies {
    /// Where this process listens.
    fn listen_at(&mut self, own: &[SocketAddr]) {
        let ingress = self.ingress.iter_mut().map(|ingress| &mut ingress.common);
        for policy in self.crd.iter_mut().chain(ingress) {
            policy.own_addresses = own.to_vec();
        }
    }
}

/// What has been read of the directory.
struct Reader {
    directory: Directory,
    index: Index,
    terms: Policies,
    /// Why the directory cannot be read now, though it could before.
    lost: Option<DirectoryError>,
    /// When to look again without being told of a change.
    again: Option<Duration>,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, Failure> {
        let mut reader = Self {
            directory: Directory::new(path),
            index: Index::new(admit),
            terms: Policies {
                crd: Some(Policy::directory()),
                ingress: Some(IngressPolicy::directory()),
            },
            lost: None,
            again: None,
        };
        match reader.directory.refresh(&mut reader.index) {
            Ok(_) => Ok(reader),
            Err(error) => Err(unusable(error)),
        }
    }

    /// Reads what has changed. `None`: nothing has.
    fn look(&mut self) -> Option<[Update; PROVIDERS]> {
        match self.directory.refresh(&mut self.index) {
            Ok(refresh) => {
                self.again = refresh.again;
                let found_again = self.lost.take().is_some();
                (refresh.changed() || found_again).then(|| self.updates())
            }
            Err(error) => {
                self.again = None;
                self.lost = Some(error);
                Some(self.updates())
            }
        }
    }

    /// A directory without a single object is more often the wrong one than meant to be empty.
    fn nothing_to_serve(&self) -> Finding {
        let path = self.directory.root().display();
        let ignored = self.index.ignored();
        let message = if ignored == 0 {
            format!("`{path}` holds no Kubernetes object: there is nothing to serve")
        } else {
            format!(
                "`{path}` holds no object of a kind that is read, but {ignored} others: there is nothing to serve"
            )
        };
        Finding::warning(Code::MissingReference, message)
            .wanted(
                "IngressRoute, Ingress, Service, Secret and others in files named *.yaml, *.yml or *.json",
            )
            .hint("put manifests there, they are read at once; or name another directory")
    }

    fn updates(&self) -> [Update; PROVIDERS] {
        let nothing = |provider| Update::new(ProviderName::new(provider), Dynamic::default());
        let mut update = match &self.terms.crd {
            Some(policy) => translate(&self.index, policy),
            None => nothing(PROVIDER),
        };
        let ingresses = match &self.terms.ingress {
            Some(policy) => translate_ingresses(&self.index, policy).0,
            None => nothing(INGRESS_PROVIDER),
        };
        if let Some(error) = &self.lost {
            let finding = Finding::error(
                Code::LastGoodKept,
                format!("{error}; its last configuration stays in service"),
            )
            .hint("put the directory back; it is read again by itself");
            update.notes.push(finding);
        } else if self.index.is_empty() {
            update.notes.push(self.nothing_to_serve());
        }
        [update, ingresses]
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

/// `kubernetescrd` and `kubernetes`, as Traefik has it.
const PROVIDERS: usize = 2;

/// A file that was written to more lately than this may be half of what it is going to be.
const REST: Duration = Duration::from_millis(50);

/// Where the system tells that a file is still open for writing, it is waited for longer.
const TIMING: Timing = Timing {
    quiet: Duration::from_millis(50),
    at_most: Duration::from_millis(300),
    while_open: Duration::from_secs(1),
    poll: Duration::from_secs(5),
    poll_without_events: Duration::from_millis(500),
};
