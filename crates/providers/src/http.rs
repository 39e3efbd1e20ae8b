//! Traefik's HTTP provider: a configuration that a server gives, asked for again and again.
//!
//! ```text
//!  GET endpoint --fetch--> bytes --reading--> Dynamic --material--> Update
//! ```
//! What the server says is YAML or JSON, and no template. While it is down, or says what cannot be read, its
//! last good configuration stays in service, a finding says so, and it is asked again after a pause that grows
//! ([`pause`]). A server that is down at the start does not keep Viaduct from starting, as in Traefik.

mod fetch;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use viaduct_config::dynamic::Secret;
use viaduct_config::finding::Code;
use viaduct_config::{Finding, ProviderName, Update};

use crate::material::Material;
use crate::reading::{self, Format, Read};
use crate::template::Rendered;
use fetch::{Endpoint, FetchError};
use trust::Trusted;

pub use trust::HttpTls;

/// `providers.http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// `endpoint`: an `http` or `https` URL; user and password in it are sent as Basic authentication.
    pub endpoint: String,
    /// `pollInterval`: between one answer and the next question. Default 5 s.
    pub poll_interval: Duration,
    /// `pollTimeout`: for one question with its answer. Default 5 s.
    pub poll_timeout: Duration,
    /// `headers`: sent with every question. Default none.
    pub headers: BTreeMap<String, Secret>,
    /// `tls`: how an `https` server is verified. Default: the system's roots, no client certificate.
    pub tls: HttpTls,
    /// `maxResponseBodySize`: in bytes. `None`: what any configuration may have, 32 MiB.
    pub max_response_body_size: Option<usize>,
}

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpProviderError {
    #[error("`endpoint`: {0}")]
    Endpoint(String),
    #[error("`pollInterval` has to be greater than 0")]
    PollInterval,
    #[error("`pollTimeout` has to be greater than 0")]
    PollTimeout,
    #[error("`headers`: `{0}` cannot be sent")]
    Header(String),
    #[error("`tls.{field}`: {why}")]
    Tls { field: &'static str, why: String },
}

/// A server to ask.
#[derive(Debug)]
pub struct HttpProvider {
    endpoint: Endpoint,
    trusted: Trusted,
    interval: Duration,
    said: Said,
}

/// What the server said.
#[derive(Debug, Default)]
struct Said {
    /// Its last answer, good or not.
    text: Option<String>,
    /// One of them was good.
    any_good: bool,
    good: Read,
    fault: Vec<Finding>,
    material: Material,
}

impl HttpProvider {
    /// Asks nobody yet.
    pub fn new(settings: HttpSettings) -> Result<Self, HttpProviderError> {
        if settings.poll_interval.is_zero() {
            return Err(HttpProviderError::PollInterval);
        }
        if settings.poll_timeout.is_zero() {
            return Err(HttpProviderError::PollTimeout);
        }
        let trusted = Trusted::open(settings.tls.clone())?;
        Ok(Self {
            interval: settings.poll_interval,
            endpoint: Endpoint::new(settings)?,
            trusted,
            said: Said::default(),
        })
    }

    /// What the server says, and again whenever that changes. Needs a tokio runtime; ends with the receiver.
    pub fn follow(self) -> mpsc::Receiver<Update> {
        let (sender, updates) = mpsc::channel(1);
        tokio::spawn(follow(self, sender));
        updates
    }
}

async fn follow(mut provider: HttpProvider, sender: mpsc::Sender<Update>) {
    let mut failures = 0;
    let mut last: Option<Update> = None;
    loop {
        let fetched = tokio::select! {
            fetched = provider.endpoint.fetch(&mut provider.trusted) => fetched,
            () = sender.closed() => return,
        };
        failures = if fetched.is_ok() { 0 } else { failures + 1 };
        let url = provider.endpoint.shown().to_owned();
        let mut said = provider.said;
        // PEM files that the answer names are read: away from the control plane's thread.
        let taken = spawn_blocking(move || {
            let update = said.take(&url, fetched);
            (said, update)
        });
        let update;
        match taken.await {
            Ok(read) => (provider.said, update) = read,
            Err(error) => {
                tracing::error!(%error, "reading the HTTP provider's answer failed: the last configuration stays in service");
                return;
            }
        }
        if last.as_ref() != Some(&update) {
            last = Some(update.clone());
            if sender.send(update).await.is_err() {
                return;
            }
        }
        let wait = if failures == 0 {
            provider.interval
        } else {
            pause(failures, RandomState::new().hash_one(failures))
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = sender.closed() => return,
        }
    }
}

impl Said {
    /// The configuration after an answer, or after none.
    fn take(&mut self, url: &str, fetched: Result<String, FetchError>) -> Update {
        match fetched {
            Ok(text) if self.text.as_ref() == Some(&text) => {}
            Ok(text) => {
                let rendered = Rendered::verbatim(&text);
                match reading::read(url, &text, &rendered, Format::Yaml) {
                    Ok(read) => {
                        self.good = read;
                        self.any_good = true;
                        self.fault.clear();
                    }
                    Err(problems) => {
                        let findings = problems.into_iter().map(|problem| problem.finding);
                        self.fault = findings.map(|finding| self.kept(finding)).collect();
                    }
                }
                self.text = Some(text);
            }
            // The answer is asked for afresh when it is back.
            Err(error) => {
                self.text = None;
                let message = format!("`{url}`: {error}");
                self.fault = vec![self.kept(Finding::error(Code::UnreadableDocument, message))];
            }
        }
        let good = self.good.clone();
        let mut update = Update {
            origins: good.origins,
            notes: good.notes.into(),
            ..Update::new(ProviderName::new(PROVIDER), good.dynamic)
        };
        update.notes.extend(self.fault.iter().cloned());
        self.material.fill(&mut update);
        update
    }

    /// What a fault means for what is served.
    fn kept(&self, finding: Finding) -> Finding {
        let meaning = if self.any_good {
            "the last good configuration stays in service"
        } else {
            "nothing of it is in service yet; it is asked again"
        };
        Finding {
            message: format!("{}: {meaning}", finding.message),
            ..finding
        }
    }
}

/// After the nth failure in a row: 0.5 s, doubled each time up to 30 s, of which half is left to chance, so
/// that many instances do not ask at once.
fn pause(failures: u32, chance: u64) -> Duration {
    let whole = FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE);
    let half = whole / 2;
    let per_mille = u32::try_from(chance % 1001).unwrap_or(0);
    half + half.saturating_mul(per_mille) / 1000
}

/// What follows `@` in the names of its elements.
const PROVIDER: &str = "http";
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
