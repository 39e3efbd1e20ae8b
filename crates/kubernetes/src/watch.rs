//! A cluster's objects -> updates: every kind listed and watched, the index told object by object.
//!
//! ```text
//!  API server --Follower (one per collection)--> Report --Watcher--> Index --translate--> Update
//!                list, watch, back-off                       | which Secrets are referred to
//!                                                            +--> the rest is dropped, or fetched when needed
//! ```
//! - Nothing is said before every collection has been listed whole; a list that is had again replaces what was
//!   known in one step. What cannot be listed because of RBAC, or is not in the cluster, is not waited for.
//! - While the API server does not answer, what was known stays.
//! - Secrets and ConfigMaps are listed last, when it is known which of them anybody refers to. The data of the
//!   others is dropped as they arrive, and fetched when a reference to them appears.

mod access;
pub(crate) mod backoff;
pub(crate) mod connection;
mod crew;
mod discovery;
mod fetch;
pub(crate) mod follower;
mod lines;
mod paging;
mod plugin;
mod standing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use viaduct_config::{Dynamic, Element, ProviderName, Update};

use crate::api::{DEFAULT, Kind};
use crate::index::{Changes, Collection, Index, Needs};
use crew::Crew;
use discovery::Discovery;
use fetch::Fetches;
use follower::{Follower, News, Report, Trouble};
use standing::Standings;

pub use access::{Access, AccessError};
pub use connection::Connection;
pub use plugin::PluginError;

/// What is watched.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub kinds: Vec<Kind>,
    /// `namespaces`. Empty: all of them, which needs a ClusterRole.
    pub namespaces: Vec<String>,
    /// `kubernetesCRD.labelSelector`: which objects of Traefik's own kinds. Empty: all.
    pub label_selector: String,
    /// `kubernetesIngress.labelSelector`: which Ingresses. Empty: all.
    pub ingress_selector: String,
    /// `disableClusterScopeResources`: leaves out kinds that belong to no namespace.
    pub no_cluster_scope: bool,
    pub patience: Patience,
}

/// The longest that a watch is asked to last; the server ends it then, and it goes on with the next one. One that is
/// silent for longer is taken for dead, as it is when the API server is gone without a word. Default: 30 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

impl Patience {
    /// Until a watch begins.
    fn opening(self) -> Duration {
        self.0 / 3
    }

    /// How much longer than asked for a silent watch is waited for.
    fn margin(self) -> Duration {
        self.0 / 6
    }
}

impl Settings {
    /// Everything that the kinds of Traefik's API groups may refer to.
    pub fn for_traefik_kinds() -> Vec<Kind> {
        let referred = [
            Kind::Service,
            Kind::EndpointSlice,
            Kind::Node,
            Kind::Secret,
            Kind::ConfigMap,
        ];
        let own = Kind::ALL.into_iter().filter(|kind| kind.is_traefik());
        own.chain(referred).collect()
    }

    /// Everything that Ingresses may refer to, Traefik's own kinds apart.
    pub fn for_ingresses() -> Vec<Kind> {
        vec![
            Kind::Ingress,
            Kind::IngressClass,
            Kind::Service,
            Kind::EndpointSlice,
            Kind::Node,
            Kind::Secret,
        ]
    }

    fn selector(&self, kind: Kind) -> &str {
        match kind {
            Kind::Ingress => &self.ingress_selector,
            _ if kind.is_traefik() => &self.label_selector,
            _ => "",
        }
    }

    fn collections(&self) -> Vec<Arc<Collection>> {
        let mut collections = Vec::new();
        for kind in &self.kinds {
            let namespaces: Vec<Option<Arc<str>>> =
                match (kind.is_cluster_scoped(), self.namespaces.as_slice()) {
                    (true, _) if self.no_cluster_scope => continue,
                    (true, _) | (false, []) => vec![None],
                    (false, named) => named.iter().map(|name| Some(name.as_str().into())).collect(),
                };
            for old in [false, true] {
                if old && kind.old_api_version().is_none() {
                    continue;
                }
                let collection = |namespace: &Option<Arc<str>>| Collection {
                    kind: *kind,
                    old,
                    namespace: namespace.clone(),
                };
                collections.extend(namespaces.iter().map(|namespace| Arc::new(collection(namespace))));
            }
        }
        collections
    }
}

/// The whole index -> the providers' updates, and which Secrets and ConfigMaps that took. It is told what has changed
/// since the last call. Not called on the runtime's thread.
pub type Translate = dyn FnMut(&Index, &Changes) -> (Vec<Update>, Arc<Needs>) + Send;

/// A cluster to be watched.
pub struct Cluster {
    pub connection: Arc<Connection>,
    pub settings: Settings,
    /// Empty, with the hook that admits Secrets.
    pub index: Index,
    /// Whose updates these are; the first one tells of the cluster itself.
    pub providers: Vec<ProviderName>,
    pub translate: Box<Translate>,
    /// The least time between two configurations. What changes meanwhile is gathered, and translated once.
    pub throttle: Duration,
}

/// Not every collection could be read.
#[derive(Debug, thiserror::Error)]
#[error("{collection} cannot be listed: {why}")]
pub struct ListError {
    pub collection: String,
    pub why: String,
}

impl Cluster {
    /// The cluster's configuration, and again whenever it changes: an update of each provider. The first ones come when
    /// everything has been listed, or say that the API server does not answer. Ends with the receiver. Needs a tokio runtime.
    pub fn follow(self) -> mpsc::Receiver<Vec<Update>> {
        let (out, updates) = mpsc::channel(1);
        tokio::spawn(async move { Watcher::new(self, out).run().await });
        updates
    }

    /// The cluster's configuration now. Everything is read once and nothing is watched.
    pub async fn read_once(mut self) -> Result<Vec<Update>, ListError> {
        let all: Vec<_> = self.settings.collections();
        let mut standings = Standings::new(&self.connection.endpoint, all.iter().cloned());
        let (needs, told) = watch::channel(Arc::new(Needs::new()));
        let discovery = Arc::new(Discovery::new(Arc::clone(&self.connection)));
        let (to, _reports) = mpsc::channel(1);
        let (data, first): (Vec<_>, Vec<_>) = all.into_iter().partition(|held| held.kind.holds_data());
        for phase in [first, data] {
            needs.send_replace((self.translate)(&self.index, &Changes::everything()).1);
            for collection in phase {
                let follower = Follower {
                    label_selector: self.settings.selector(collection.kind).to_owned(),
                    collection,
                    connection: Arc::clone(&self.connection),
                    discovery: Arc::clone(&discovery),
                    needs: told.clone(),
                    to: to.clone(),
                    patience: self.settings.patience,
                };
                read_collection(&follower, &mut self.index, &mut standings).await?;
            }
        }
        let (mut updates, _) = (self.translate)(&self.index, &Changes::everything());
        tell(&mut updates, &standings, true);
        Ok(updates)
    }
}

/// What is wrong with the way to the cluster is said once, whoever its objects belong to.
fn tell(updates: &mut [Update], standings: &Standings, ready: bool) {
    let findings = standings.findings(ready);
    if let Some(first) = updates.first_mut() {
        first.demands_unknown = standings.lacks(Kind::Namespace);
        if let Some(why) = standings.hidden_default() {
            let default = Element::TlsOptions(DEFAULT.to_owned());
            first.broken.push((default, why));
        }
        // Where there is nothing to add, what the update shares with the one before stays shared.
        if !findings.is_empty() {
            first.notes.extend(findings);
        }
    }
}

async fn read_collection(
    follower: &Follower,
    index: &mut Index,
    standings: &mut Standings,
) -> Result<(), ListError> {
    let read = match follower.path().await {
        Ok(Some(path)) => follower.list(&path).await,
        Ok(None) => {
            standings.absent(&follower.collection);
            return Ok(());
        }
        Err(error) => Err(error),
    };
    let collection = &follower.collection;
    match read {
        Ok((arrivals, _)) => {
            index.swap(collection, arrivals);
            standings.listed(collection);
        }
        Err(error) if error.code() == Some(403) => standings.refused(collection, error.to_string()),
        Err(error) => {
            return Err(ListError {
                collection: follower::told(collection),
                why: error.to_string(),
            });
        }
    }
    Ok(())
}

struct Watcher {
    cluster: Cluster,
    out: mpsc::Sender<Vec<Update>>,
    reports: mpsc::Receiver<Report>,
    needs: watch::Sender<Arc<Needs>>,
    followers: Crew,
    /// Secrets and ConfigMaps, until their turn comes.
    waiting: Vec<Arc<Collection>>,
    standings: Standings,
    fetches: Fetches,
    began: Instant,
    /// Until when nothing more is said, and nothing translated, after the last configuration.
    calm: Instant,
    /// Whether everything has been listed, once. What appears later is not waited for.
    ready: bool,
    /// Whether anything has been said yet.
    spoken: bool,
    /// Whether there is anything new to say.
    changed: bool,
}

impl Watcher {
    fn new(cluster: Cluster, out: mpsc::Sender<Vec<Update>>) -> Self {
        let (to, reports) = mpsc::channel(REPORTS);
        let (waiting, first): (Vec<_>, Vec<_>) = cluster
            .settings
            .collections()
            .into_iter()
            .partition(|collection| collection.kind.holds_data());
        let needs = watch::channel(Arc::new(Needs::new())).0;
        let mut watcher = Self {
            standings: Standings::new(&cluster.connection.endpoint, first.iter().cloned()),
            fetches: Fetches::new(Arc::clone(&cluster.connection)),
            followers: crew(&cluster, &needs, to),
            needs,
            began: Instant::now(),
            calm: Instant::now(),
            ready: false,
            spoken: false,
            changed: true,
            cluster,
            out,
            reports,
            waiting,
        };
        watcher.start(first);
        watcher
    }

    fn start(&mut self, collections: Vec<Arc<Collection>>) {
        for collection in collections {
            self.followers.start(collection);
        }
    }

    async fn run(mut self) {
        loop {
            let wake = self.wake();
            tokio::select! {
                report = self.reports.recv() => match report {
                    Some(report) => self.take(report),
                    None => return,
                },
                (collection, times) = self.followers.restarted() => {
                    self.changed |= self.standings.troubled(&collection, Trouble::Restarted(times));
                }
                fetched = self.fetches.next() => self.changed |= fetched.settle(&mut self.cluster.index),
                () = woken(wake) => {}
                () = self.out.closed() => return,
            }
            // What arrives together is one change, and so is what arrives too early for the next one.
            let gathered = (Instant::now() + GATHER).max(self.calm);
            while let Ok(Some(report)) = tokio::time::timeout_at(gathered, self.reports.recv()).await {
                self.take(report);
            }
            if self.advance().await.is_none() {
                return;
            }
        }
    }

    fn take(&mut self, report: Report) {
        let Report { collection, news } = report;
        let index = &mut self.cluster.index;
        self.changed |= match news {
            News::Listed(arrivals) => {
                tracing::debug!(collection = %follower::told(&collection), objects = arrivals.len(), "listed");
                let appeared = self.standings.listed(&collection);
                index.swap(&collection, arrivals) || appeared
            }
            News::Put(arrival) => index.put(&collection, *arrival),
            News::Deleted(object) => index.delete(&collection, &object),
            News::Recovered => self.standings.recovered(&collection),
            News::Trouble(mut trouble) => {
                if trouble == Trouble::Absent && index.has_default_options(&collection) {
                    trouble = Trouble::Kept;
                }
                let gone = trouble == Trouble::Absent && index.swap(&collection, Vec::new());
                self.standings.troubled(&collection, trouble) || gone
            }
        };
    }

    /// When to look again though nothing has come.
    fn wake(&self) -> Option<Instant> {
        if !self.spoken && self.standings.failing() && !self.ready {
            return Some(self.began + PATIENCE);
        }
        self.fetches.patience()
    }

    /// Says what there is to say. `None`: nobody listens any more.
    async fn advance(&mut self) -> Option<()> {
        if !self.ready {
            if !self.standings.settled() {
                return self.apologise().await;
            }
            if !self.waiting.is_empty() {
                return self.list_data().await;
            }
            self.ready = true;
        }
        if !self.changed && !self.fetches.is_due() {
            return Some(());
        }
        self.changed = false;
        let Some((mut updates, needs)) = self.translate().await else {
            return Some(());
        };
        if !self.has_data(&needs) {
            let lacking = self.cluster.index.lacking(&needs);
            self.needs.send_replace(Arc::clone(&needs));
            if self.fetches.hold(lacking) {
                return Some(());
            }
            self.cluster.index.withhold(&needs);
        }
        tell(&mut updates, &self.standings, self.ready);
        self.say(updates).await?;
        self.calm = Instant::now() + self.cluster.throttle;
        Some(())
    }

    /// Whether the data that is kept is what `needs` asks for, and was when it was last looked at.
    fn has_data(&self, needs: &Arc<Needs>) -> bool {
        Arc::ptr_eq(needs, &self.needs.borrow())
            && !self.cluster.index.has_new_data()
            && self.fetches.lack_nothing()
    }

    /// Lists Secrets and ConfigMaps, now that it is known which of them matter.
    async fn list_data(&mut self) -> Option<()> {
        let Some((_, needs)) = self.translate().await else {
            return Some(());
        };
        self.needs.send_replace(needs);
        let waiting = std::mem::take(&mut self.waiting);
        self.standings.add(waiting.iter().cloned());
        self.start(waiting);
        Some(())
    }

    /// Where nothing can be said of the cluster yet: that it does not answer, after a while, and once.
    async fn apologise(&mut self) -> Option<()> {
        if self.spoken || !self.standings.failing() || self.began.elapsed() < PATIENCE {
            return Some(());
        }
        let providers = self.cluster.providers.iter().cloned();
        let mut updates: Vec<_> = providers
            .map(|provider| Update::new(provider, Dynamic::default()))
            .collect();
        tell(&mut updates, &self.standings, self.ready);
        self.say(updates).await
    }

    async fn say(&mut self, updates: Vec<Update>) -> Option<()> {
        self.spoken = true;
        self.out.send(updates).await.ok()
    }

    /// Away from the control plane's thread, which has signals to take. `None`: it panicked (R22); what is known of
    /// the cluster is kept, and translated again with the next change.
    async fn translate(&mut self) -> Option<(Vec<Update>, Arc<Needs>)> {
        // Lent to the other thread; nobody looks at what stands in for it.
        let mut index = std::mem::replace(&mut self.cluster.index, Index::new(|_| Ok(())));
        let nobody: Box<Translate> = Box::new(|_, _| (Vec::new(), Arc::default()));
        let mut translate = std::mem::replace(&mut self.cluster.translate, nobody);
        let translated = spawn_blocking(move || {
            let changes = index.take_changes();
            // The index is only read, so that it is whole whatever happens.
            let translated = catch_unwind(AssertUnwindSafe(|| translate(&index, &changes)));
            if translated.is_err() {
                // What it has not seen of these changes it would not see later.
                index.distrust();
            }
            (index, translate, translated.ok())
        });
        // Nobody cancels it, and it does not panic: this is the end of the process.
        let (index, translate, translated) = translated.await.ok()?;
        self.cluster.index = index;
        self.cluster.translate = translate;
        if translated.is_none() {
            tracing::error!(
                "translating the cluster's objects failed: the last configuration stays in service"
            );
        }
        translated
    }
}

/// Followers of whichever collections; what they see goes to `to`.
fn crew(cluster: &Cluster, needs: &watch::Sender<Arc<Needs>>, to: mpsc::Sender<Report>) -> Crew {
    let settings = cluster.settings.clone();
    let connection = Arc::clone(&cluster.connection);
    let discovery = Arc::new(Discovery::new(Arc::clone(&connection)));
    let needs = needs.subscribe();
    Crew::new(move |collection| {
        let follower = Follower {
            label_selector: settings.selector(collection.kind).to_owned(),
            collection,
            connection: Arc::clone(&connection),
            discovery: Arc::clone(&discovery),
            needs: needs.clone(),
            to: to.clone(),
            patience: settings.patience,
        };
        Box::pin(follower.run())
    })
}

async fn woken(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Reports that wait until they are taken; whoever has more waits, too.
const REPORTS: usize = 256;
/// How long what follows is waited for: objects that are applied together arrive together.
const GATHER: Duration = Duration::from_millis(10);
/// How long an API server that does not answer is waited for at the start.
const PATIENCE: Duration = Duration::from_secs(3);
