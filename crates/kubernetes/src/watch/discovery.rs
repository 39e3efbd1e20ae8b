//! Which kinds a cluster has.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::connection::{ApiError, Connection};
use crate::api::Kind;

/// What the API server says of its API groups. However many kinds of a group wait, it is asked once, and its answer is
/// good for [`FRESH`]; a failure is the answer for all that were waiting for it, so that none waits for a time-out after
/// another. Groups do not wait for each other.
pub(super) struct Discovery {
    connection: Arc<Connection>,
    groups: std::sync::Mutex<HashMap<&'static str, Arc<Mutex<Option<Answer>>>>>,
}

struct Answer {
    asked: Instant,
    came: Instant,
    group: Result<Group, ApiError>,
}

impl Answer {
    /// `waiting`: since when whoever wants to know has waited.
    fn counts(&self, waiting: Instant) -> bool {
        match self.group {
            Ok(_) => self.asked.elapsed() < FRESH,
            Err(_) => self.came > waiting,
        }
    }
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
            groups: std::sync::Mutex::default(),
        }
    }

    /// The name of a kind in paths; `None` where the cluster does not have it.
    pub(super) async fn plural(
        &self,
        api_version: &'static str,
        kind: Kind,
    ) -> Result<Option<String>, ApiError> {
        let waiting = Instant::now();
        let group = {
            let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(groups.entry(api_version).or_default())
        };
        // Held while asking, so that one asks for all.
        let mut known = group.lock().await;
        let group = match &*known {
            Some(answer) if answer.counts(waiting) => answer.group.clone()?,
            Some(_) | None => {
                let asked = Instant::now();
                let group = self.ask(api_version).await;
                *known = Some(Answer {
                    asked,
                    came: Instant::now(),
                    group: group.clone(),
                });
                group?
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
        let path = root(api_version);
        let answer = timeout(LIMIT, self.connection.get::<Resources>(&path));
        match answer.await.unwrap_or(Err(ApiError::Late)) {
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
/// A short answer, which a server that lives has ready.
const LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::Access;
    use super::*;

    /// A server that accepts connections and never answers; time is not waited for but advanced.
    #[tokio::test(start_paused = true)]
    async fn r14_kinds_do_not_wait_one_after_the_other_for_a_server_that_hangs() {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = silent.local_addr().expect("an address");
        let access = Access {
            endpoint: Some(format!("http://{address}")),
            ..Access::default()
        };
        let connection = Connection::open(access).await.expect("a client");
        let discovery = Arc::new(Discovery::new(Arc::new(connection)));
        let begun = Instant::now();
        let mut waiting = tokio::task::JoinSet::new();
        for kind in Kind::ALL {
            let discovery = Arc::clone(&discovery);
            waiting.spawn(async move { discovery.plural(kind.api_version(), kind).await });
        }
        let mut failures = 0;
        while let Some(answer) = waiting.join_next().await {
            assert!(answer.expect("no panic").is_err());
            failures += 1;
        }
        assert_eq!(failures, Kind::ALL.len());
        assert!(begun.elapsed() < LIMIT * 2, "{:?}", begun.elapsed());
        // Whoever comes later asks again.
        let again = Instant::now();
        let late = discovery.plural("traefik.io/v1alpha1", Kind::IngressRoute).await;
        assert!(late.is_err());
        assert!(again.elapsed() > Duration::ZERO, "an old failure was told again");
    }
}
