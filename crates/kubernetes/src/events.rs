//! What is wrong with an object, as a Kubernetes Event on that object (C17): `kubectl describe` shows it.
//!
//! An Event's name is made of the object and of what is said, so that replicas that see the same fault write the
//! same Event, and a fault that comes back counts on the Event that is there. At most [`PER_SECOND`] writes a second
//! leave this process; what does not fit waits, namespaces taking turns, and what waits in vain is not told here (log and
//! API tell it).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use viaduct_config::ObjectRef;

use queue::{Memory, Queue};

use crate::api::{Kind, Name};
use crate::index::Collection;
use crate::watch::connection::{ApiError, Connection, Payload};
use crate::watch::follower::path;

mod queue;

#[cfg(test)]
mod tests;

/// What is to be told of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notice {
    pub object: ObjectRef,
    /// In CamelCase: a finding's code, or `BackendFault`.
    pub reason: String,
    message: String,
}

impl Notice {
    /// `message`: what is wrong, wanted and got, and how to mend it. Of a long one only the beginning is kept, as much as
    /// the API server takes.
    pub fn new(object: ObjectRef, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            object,
            reason: reason.into(),
            message: bounded(message.into()),
        }
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Where notices go. It never waits; a notice that was told lately is not told again.
#[derive(Debug, Clone)]
pub struct Events {
    queue: Arc<Mutex<Queue>>,
    /// Says that there is something in the queue.
    more: mpsc::Sender<()>,
}

impl Events {
    /// `instance`: who this replica is. Needs a tokio runtime; ends with the last clone.
    pub fn start(connection: Arc<Connection>, instance: String) -> Self {
        let (more, told) = mpsc::channel(1);
        let queue = Arc::<Mutex<Queue>>::default();
        let writer = Writer {
            connection,
            instance,
            told: Memory::default(),
            next: Instant::now(),
            refused: HashMap::new(),
        };
        tokio::spawn(writer.run(Arc::clone(&queue), told));
        Self { queue, more }
    }

    /// From any thread.
    pub fn tell(&self, notice: Notice) {
        if locked(&self.queue).push(notice) {
            // If it is full, the writer is about to look anyway.
            self.more.try_send(()).unwrap_or_default();
        } else {
            tracing::debug!("too many Events at once: one is not written");
        }
    }
}

fn locked(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer {
    connection: Arc<Connection>,
    instance: String,
    told: Memory,
    /// When the next request may leave.
    next: Instant,
    /// Namespaces in which we may not write Events, or not now (a quota, a namespace that is going), and since when.
    refused: HashMap<Arc<str>, Instant>,
}

impl Writer {
    async fn run(mut self, queue: Arc<Mutex<Queue>>, mut more: mpsc::Receiver<()>) {
        while more.recv().await.is_some() {
            loop {
                // Not locked while it is written.
                let next = locked(&queue).pop();
                let Some(notice) = next else { break };
                self.tell(&notice).await;
            }
        }
    }

    async fn tell(&mut self, notice: &Notice) {
        self.refused.retain(|_, since| since.elapsed() < SULK);
        if self.refused.contains_key(&notice.object.namespace) {
            return;
        }
        let Some(times) = self.told.tell(notice, Instant::now()) else {
            return;
        };
        match self.write(notice, times).await {
            Ok(()) => {}
            Err(error) if error.code() == Some(403) => self.refuse(notice, &error),
            Err(error) => {
                self.told.forget(notice);
                tracing::debug!(%error, object = %notice.object, "an Event was not written");
            }
        }
    }

    fn refuse(&mut self, notice: &Notice, error: &ApiError) {
        let namespace = Arc::clone(&notice.object.namespace);
        if self.refused.is_empty() {
            tracing::warn!(
                %error,
                namespace = &*namespace,
                hint = "grant `create` and `patch` on events.events.k8s.io to this service account",
                "cannot write Events on objects at fault"
            );
        }
        self.refused.insert(namespace, Instant::now());
    }

    async fn write(&mut self, notice: &Notice, times: i32) -> Result<(), ApiError> {
        let Some(object) = self.object(notice).await? else {
            return Ok(());
        };
        let event = event(notice, object, &self.instance);
        let name = event.metadata.name.clone().unwrap_or_default();
        let path = format!(
            "/apis/events.k8s.io/v1/namespaces/{}/events",
            home(&notice.object)
        );
        self.pace().await;
        let json = serde_json::to_value(&event).map_err(|error| ApiError::Malformed(error.to_string()))?;
        match self
            .connection
            .ask::<Json>(Method::POST, &path, Payload::Json(json))
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(409) => self.count(&format!("{path}/{name}"), times).await,
            Err(error) => Err(error),
        }
    }

    /// An Event that is there is said again. How often others said it is not looked at, which would take another right.
    async fn count(&mut self, path: &str, times: i32) -> Result<(), ApiError> {
        let series = EventSeries {
            count: times.saturating_add(1),
            last_observed_time: MicroTime(jiff::Timestamp::now()),
        };
        let patch = Payload::MergePatch(json!({ "series": series }));
        self.pace().await;
        self.connection
            .ask::<Json>(Method::PATCH, path, patch)
            .await
            .map(drop)
    }

    /// The object as Events refer to it, which takes its identity. `None`: it is gone, or of no kind of ours.
    async fn object(&self, notice: &Notice) -> Result<Option<ObjectReference>, ApiError> {
        let Some(kind) = Kind::parse(&notice.object.kind) else {
            return Ok(None);
        };
        let name = Name::new(
            Arc::clone(&notice.object.namespace),
            Arc::clone(&notice.object.name),
        );
        for old in [false, true] {
            if old && kind.old_api_version().is_none() {
                continue;
            }
            let collection = Collection {
                kind,
                old,
                namespace: (!kind.is_cluster_scoped()).then(|| Arc::clone(&name.namespace)),
            };
            match self.look_up(&collection, &name).await {
                Ok(Some(object)) => return Ok(Some(reference(&collection, &name, &object))),
                Ok(None) => {}
                Err(error) if error.code() == Some(404) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// One object, by the right to list, which there is anyway.
    async fn look_up(&self, collection: &Collection, name: &Name) -> Result<Option<Json>, ApiError> {
        #[derive(Deserialize)]
        struct List {
            items: Vec<Json>,
        }
        let path = path(collection, collection.kind.plural(), None);
        let selector = format!("fieldSelector=metadata.name%3D{}", name.name);
        let list: List = self.connection.get(&format!("{path}?{selector}&limit=1")).await?;
        Ok(list.items.into_iter().next())
    }

    async fn pace(&mut self) {
        sleep_until(self.next).await;
        self.next = Instant::now() + Duration::from_secs(1) / PER_SECOND;
    }
}

/// Where Events about an object are: those about an object of the whole cluster have to be in `default`.
fn home(object: &ObjectRef) -> &str {
    match &*object.namespace {
        "" => "default",
        namespace => namespace,
    }
}

fn reference(collection: &Collection, name: &Name, object: &Json) -> ObjectReference {
    let metadata = |field: &str| {
        let value = object.get("metadata").and_then(|metadata| metadata.get(field));
        value.and_then(Json::as_str).map(str::to_owned)
    };
    ObjectReference {
        api_version: Some(collection.api_version().to_owned()),
        kind: Some(collection.kind.as_str().to_owned()),
        namespace: Some(name.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
        name: Some(name.name.to_string()),
        uid: metadata("uid"),
        resource_version: metadata("resourceVersion"),
        field_path: None,
    }
}

fn event(notice: &Notice, object: ObjectReference, instance: &str) -> Event {
    let name = &notice.object.name;
    let said = format!("{:?} {} {}", object.uid, notice.reason, notice.message);
    let mut tag = String::new();
    for byte in Sha256::digest(said).iter().take(8) {
        // Writing to a `String` does not fail.
        write!(tag, "{byte:02x}").unwrap_or_default();
    }
    let stem: String = name.chars().take(MAX_STEM).collect();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{tag}", stem.trim_end_matches(['.', '-']))),
            namespace: Some(home(&notice.object).to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(jiff::Timestamp::now())),
        type_: Some("Warning".to_owned()),
        reason: Some(notice.reason.clone()),
        action: Some("Configure".to_owned()),
        note: Some(notice.message.clone()),
        regarding: Some(object),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.chars().take(MAX_INSTANCE).collect()),
        ..Event::default()
    }
}

fn bounded(mut message: String) -> String {
    let mut end = message.len().min(MAX_NOTE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message.shrink_to_fit();
    message
}

const CONTROLLER: &str = "viaduct.io/ingress-controller";
/// Writes in a second, of this process.
pub const PER_SECOND: u32 = 5;
/// For how long what was told is not told again.
const QUIET: Duration = Duration::from_secs(600);
/// For how long a refusal counts.
const SULK: Duration = Duration::from_secs(300);
const MAX_NOTE: usize = 1024;
const MAX_INSTANCE: usize = 128;
/// A name has 253 characters, and a dot and the tag are added.
const MAX_STEM: usize = 253 - 17;
