//! `providers` -> one stream of updates.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use viaduct_config::install::{self, RuleSyntax};
use viaduct_config::rule::Syntax;
use viaduct_config::{Install, Update};
use viaduct_kubernetes::events::Events;
use viaduct_kubernetes::watch::Cluster;
use viaduct_providers::{
    FileProvider, FileProviderError, FileSettings, FileSource, HttpProvider, HttpSettings, HttpTls, Problem,
    throttled,
};

use crate::control::{gather, text};
use crate::failure::Failure;
use crate::source::cluster::{self, Around, Leader};

/// Whether any provider is configured.
pub(crate) fn any(install: &Install) -> bool {
    let providers = &install.providers;
    providers.file.is_some()
        || providers.http.is_some()
        || providers.kubernetes_crd.is_some()
        || providers.kubernetes_ingress.is_some()
}

/// `core.defaultRuleSyntax`.
pub(crate) fn default_rule_syntax(install: &Install) -> Syntax {
    match install.core.default_rule_syntax {
        RuleSyntax::V3 => Syntax::V3,
        RuleSyntax::V2 => Syntax::V2,
    }
}

/// What providers say, and whom to tell what is wrong with it.
pub(crate) struct Started {
    pub(crate) updates: mpsc::Receiver<Update>,
    /// What clusters said first, which comes before what they have said in `updates`.
    pub(crate) clusters: Vec<Update>,
    /// `None`: no provider has objects that could be told.
    pub(crate) events: Option<Events>,
    /// What this replica may be the leader of.
    pub(crate) leaders: Vec<Leader>,
}

/// Starts every provider. What they have to say at the start is there when this returns, the channel beginning
/// with what Viaduct makes of the install configuration itself (provider `internal`). Needs a tokio runtime.
/// `own`: where this process listens. Waits until a cluster's objects have been listed, or its API server has been
/// waited for long enough.
pub(crate) async fn start(install: &Install, own: Vec<SocketAddr>) -> Result<Started, Failure> {
    let (sender, updates) = mpsc::channel(MOST_PROVIDERS);
    let pause = install
        .providers
        .providers_throttle_duration
        .to_std()
        .unwrap_or_default();
    let internal = viaduct_providers::internal(install);
    // The channel is new and has room for one update of each provider.
    sender.try_send(internal).unwrap_or_default();
    if let Some(file) = &install.providers.file {
        start_file(file, pause, &sender)?;
    }
    if let Some(http) = &install.providers.http {
        start_http(http, pause, &sender)?;
    }
    let around = Around {
        own,
        loopback: install.viaduct.allow_loopback_endpoints,
        default_rule_syntax: default_rule_syntax(install),
        tell_names: false,
    };
    let (mut events, mut leaders, mut clusters) = (None, Vec::new(), Vec::new());
    for plan in cluster::plans(install) {
        let connection = plan.connect().await?;
        if events.is_none() {
            events = Some(Events::start(Arc::clone(&connection), cluster::instance()));
        }
        let (cluster, leader) = plan.follow(connection, &around, pause)?;
        leaders.extend(leader);
        clusters.extend(start_cluster(cluster, &sender).await);
    }
    tokio::spawn(async move { sender.closed().await });
    Ok(Started {
        updates,
        clusters,
        events,
        leaders,
    })
}

/// What every provider says now, and nothing is followed, written or told. Needs a tokio runtime. Fails where one says
/// nothing: what is left would not be the whole configuration.
pub(crate) async fn read_once(install: &Install) -> Result<Vec<Update>, Failure> {
    let mut updates = vec![viaduct_providers::internal(install)];
    let pause = Duration::ZERO;
    if let Some(file) = &install.providers.file {
        let (sender, mut said) = mpsc::channel(1);
        start_file(file, pause, &sender)?;
        updates.extend(said.recv().await);
    }
    if let Some(http) = &install.providers.http {
        let (sender, mut said) = mpsc::channel(1);
        start_http(http, pause, &sender)?;
        let said = tokio::time::timeout(PATIENCE, said.recv()).await;
        let said = said.ok().flatten().ok_or_else(|| {
            Failure::new(format!(
                "`providers.http` has said nothing within {} s: `{}`",
                PATIENCE.as_secs(),
                http.endpoint
            ))
        })?;
        updates.push(said);
    }
    let around = Around {
        own: Vec::new(),
        loopback: install.viaduct.allow_loopback_endpoints,
        default_rule_syntax: default_rule_syntax(install),
        tell_names: false,
    };
    for plan in cluster::plans(install) {
        updates.extend(plan.read_once(&around).await?);
    }
    Ok(updates)
}

/// What it says first. That is not put into the channel: nobody reads it yet, and it may be full of what files have said
/// while the cluster was listed. The cluster keeps to the throttle itself, so that what comes too early is not translated
/// in vain.
async fn start_cluster(cluster: Cluster, sender: &mpsc::Sender<Update>) -> Vec<Update> {
    let mut updates = cluster.follow();
    let first = updates.recv().await.unwrap_or_default();
    tokio::spawn(hand_over(updates, sender.clone()));
    first
}

/// Hands over in one go what belongs together, lest a part of it is in service without the rest.
async fn hand_over(mut from: mpsc::Receiver<Vec<Update>>, to: mpsc::Sender<Update>) {
    loop {
        let updates = tokio::select! {
            updates = from.recv() => updates,
            () = to.closed() => None,
        };
        let Some(updates) = updates else { return };
        let Ok(places) = to.reserve_many(updates.len()).await else {
            return;
        };
        places.zip(updates).for_each(|(place, update)| place.send(update));
    }
}

fn start_http(
    written: &install::HttpProvider,
    pause: Duration,
    sender: &mpsc::Sender<Update>,
) -> Result<(), Failure> {
    let tls = written.tls.clone().unwrap_or_default();
    let settings = HttpSettings {
        endpoint: written.endpoint.clone(),
        poll_interval: written.poll_interval.to_std().unwrap_or_default(),
        poll_timeout: written.poll_timeout.to_std().unwrap_or_default(),
        headers: written.headers.clone().into_iter().collect(),
        tls: HttpTls {
            ca: tls.ca,
            cert: tls.cert,
            key: tls.key,
            insecure_skip_verify: tls.insecure_skip_verify,
        },
        // -1: no bound of the operator's.
        max_response_body_size: usize::try_from(written.max_response_body_size).ok(),
    };
    let provider = HttpProvider::new(settings)
        .map_err(|error| Failure::new("`providers.http` cannot be used").because(error))?;
    tokio::spawn(throttled(provider.follow(), sender.clone(), pause));
    Ok(())
}

fn start_file(
    written: &install::FileProvider,
    pause: Duration,
    sender: &mpsc::Sender<Update>,
) -> Result<(), Failure> {
    // As in Traefik, the directory wins.
    let source = match (written.directory.as_str(), written.filename.as_str()) {
        ("", "") => {
            return Err(
                Failure::new("`providers.file` names neither a file nor a directory")
                    .hint("set `providers.file.filename` or `providers.file.directory`"),
            );
        }
        ("", file) => FileSource::File(file.into()),
        (directory, _) => FileSource::Directory(directory.into()),
    };
    let settings = FileSettings {
        source,
        watch: written.watch,
        debug_log_generated_template: written.debug_log_generated_template,
    };
    let (first, provider) =
        FileProvider::open(settings, |name| std::env::var(name).ok()).map_err(unusable)?;
    sender.try_send(first).unwrap_or_default();
    tokio::spawn(throttled(provider.follow(), sender.clone(), pause));
    Ok(())
}

/// Everything that is wrong with the files, in one message.
fn unusable(error: FileProviderError) -> Failure {
    match error {
        FileProviderError::Faults(problems) => {
            let faults: Vec<_> = problems.iter().take(MOST_PROBLEMS).map(shown).collect();
            let more = problems.len().saturating_sub(MOST_PROBLEMS);
            let more = match more {
                0 => String::new(),
                more => format!("\nand {more} more"),
            };
            Failure::new(format!(
                "the configuration of `providers.file` cannot be used\n{}{more}",
                faults.join("\n")
            ))
        }
        FileProviderError::Directory { path, source } => Failure::new(format!(
            "`providers.file.directory`: `{}` cannot be read",
            path.display()
        ))
        .because(source),
        error @ FileProviderError::TooManyFiles { .. } => {
            Failure::new(error.to_string()).hint("name a directory that holds configuration only")
        }
        FileProviderError::Watch(source) => {
            Failure::new("`providers.file`: the files cannot be watched").because(source)
        }
    }
}

fn shown(problem: &Problem) -> String {
    let told: Vec<_> = gather(vec![problem.finding.clone()]).iter().map(text).collect();
    let told = told.join("\n");
    match &problem.excerpt {
        Some(excerpt) => format!("{told}\n{excerpt}"),
        None => told,
    }
}

/// Internal, file, HTTP, cluster, and some room.
const MOST_PROVIDERS: usize = 8;
const MOST_PROBLEMS: usize = 10;
/// For an answer that is needed now.
const PATIENCE: Duration = Duration::from_secs(30);
