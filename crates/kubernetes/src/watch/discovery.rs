//! Which kinds a cluster has.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection::{ApiError, Connection};
use crate::api::Kind;

/// What the API server says of its API groups, each asked at most once in [`FRESH`] however many kinds wait for it.
pub(super) struct Discovery {
    connection: Arc<Connection>,
    known: Mutex<HashMap<&'static str, (Instant, Group)>>,
}

#[derive(Debug, Clone)]
enum Group {
    /// Plural names by kind.
    Kinds(Arc<BTreeMap<String, String>>),
    Absent,
    /// It may not be asked: then kinds are taken to be there, until listing them says otherwise.
    Secret,
}

impl Discovery {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            known: Mutex::default(),
        }
    }

    /// The name of a kind in paths; `None` where the cluster does not have it.
    pub(super) async fn plural(
        &self,
        api_version: &'static str,
        kind: Kind,
    ) -> Result<Option<String>, ApiError> {
        // Held while asking, so that one asks for all.
        let mut known = self.known.lock().await;
        let fresh = known
            .get(api_version)
            .filter(|(asked, _)| asked.elapsed() < FRESH)
            .map(|(_, group)| group.clone());
        let group = match fresh {
            Some(group) => group,
            None => {
                let group = self.ask(api_version).await?;
                known.insert(api_version, (Instant::now(), group.clone()));
                group
            }
        };
        Ok(match group {
            Group::Kinds(kinds) => kinds.get(kind.as_str()).cloned(),
            Group::Absent => None,
            Group::Secret => Some(kind.plural().to_owned()),
        })
    }

    async fn ask(&self, api_version: &str) -> Result<Group, ApiError> {
        #[derive(Deserialize)]
        struct Resource {
            name: String,
            kind: String,
        }
        #[derive(Deserialize)]
        struct Resources {
            resources: Vec<Resource>,
        }
        match self.connection.get::<Resources>(&root(api_version)).await {
            Ok(list) => {
                // `pods/status` and its like are of the same kind.
                let own = list
                    .resources
                    .into_iter()
                    .filter(|known| !known.name.contains('/'));
                let kinds = own.map(|resource| (resource.kind, resource.name)).collect();
                Ok(Group::Kinds(Arc::new(kinds)))
            }
            Err(error) => match error.code() {
                Some(404) => Ok(Group::Absent),
                Some(403) => Ok(Group::Secret),
                Some(_) | None => Err(error),
            },
        }
    }
}

/// The path under which an API group's resources are.
pub(super) fn root(api_version: &str) -> String {
    if api_version.contains('/') {
        format!("/apis/{api_version}")
    } else {
        format!("/api/{api_version}")
    }
}

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(2);
