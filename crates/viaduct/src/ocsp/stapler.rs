//! The task that asks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use viaduct_tls::ocsp::{Question, Staple, Staples};
use viaduct_tls::{Fingerprint, Identity};

use super::ask::ask;
use super::schedule::{Pace, Schedule};
use super::{Responder, Settings};

pub(super) struct Stapler {
    settings: Arc<Settings>,
    schedule: Schedule,
    served: watch::Receiver<Vec<Arc<Identity>>>,
    publisher: watch::Sender<Arc<Staples>>,
    asking: JoinSet<Asked>,
    /// Something is different, and told at this time at the latest.
    publish: Option<Instant>,
}

/// Of which certificate: a good answer, or why there is none.
type Asked = (Fingerprint, Result<Staple, String>);

enum Event {
    Served,
    Asked(Result<Asked, JoinError>),
    Time,
}

impl Stapler {
    pub(super) fn new(
        settings: Settings,
        pace: Pace,
        served: watch::Receiver<Vec<Arc<Identity>>>,
        publisher: watch::Sender<Arc<Staples>>,
    ) -> Self {
        Self {
            settings: Arc::new(settings),
            schedule: Schedule::new(pace),
            served,
            publisher,
            asking: JoinSet::new(),
            publish: None,
        }
    }

    /// Ends when nobody says any more what is served.
    pub(super) async fn run(mut self) {
        loop {
            let wake = self.wake();
            let event = tokio::select! {
                served = self.served.changed() => match served {
                    Ok(()) => Event::Served,
                    Err(_) => return,
                },
                Some(asked) = self.asking.join_next() => Event::Asked(asked),
                () = sleep_until(wake) => Event::Time,
            };
            let changed = match event {
                Event::Served => {
                    let served = self.served.borrow_and_update();
                    self.schedule.serve(&served, SystemTime::now())
                }
                Event::Asked(Ok((certificate, answer))) => self.take(certificate, answer),
                Event::Asked(Err(error)) => {
                    tracing::error!(%error, "asking an OCSP responder failed; it is asked again later");
                    false
                }
                Event::Time => false,
            };
            let now = SystemTime::now();
            let expired = self.schedule.expire(now);
            self.ask_what_is_due(now);
            self.tell(changed | expired);
        }
    }

    fn ask_what_is_due(&mut self, now: SystemTime) {
        let room = MOST_AT_ONCE.saturating_sub(self.asking.len());
        if room == 0 {
            return;
        }
        for question in self.schedule.due(now, room) {
            let settings = Arc::clone(&self.settings);
            self.asking.spawn(async move {
                let answer = ask_all(&question, &settings).await;
                (question.certificate(), answer)
            });
        }
    }

    fn take(&mut self, certificate: Fingerprint, answer: Result<Staple, String>) -> bool {
        let now = SystemTime::now();
        match answer {
            Ok(staple) => {
                tracing::debug!(%certificate, status = ?staple.status(), "OCSP answer");
                self.schedule.answered(certificate, staple, now)
            }
            Err(why) => {
                tracing::debug!(%certificate, why, "no OCSP answer");
                self.schedule.failed(certificate, &why, now)
            }
        }
    }

    /// Tells of changes when all who were asked have answered, and once a second meanwhile: thousands of
    /// certificates are not to make thousands of snapshots.
    fn tell(&mut self, changed: bool) {
        if changed {
            self.publish.get_or_insert_with(|| Instant::now() + GATHER);
        }
        let Some(at) = self.publish else { return };
        if self.asking.is_empty() || Instant::now() >= at {
            self.publish = None;
            self.publisher.send_replace(Arc::new(self.schedule.staples()));
        }
    }

    /// The system's clock may be set, or stand while the machine sleeps, so it is looked at now and then.
    fn wake(&self) -> Instant {
        let now = SystemTime::now();
        let wait = match self.schedule.wake() {
            // Who is due waits for room.
            Some(at) if at <= now && self.asking.len() >= MOST_AT_ONCE => LOOK,
            Some(at) => at.duration_since(now).unwrap_or_default().min(LOOK),
            None => LOOK,
        };
        let wake = Instant::now() + wait;
        self.publish.map_or(wake, |publish| wake.min(publish))
    }
}

/// Asks one responder after the other until one gives a good answer; if none does, why, of each.
async fn ask_all(question: &Question, settings: &Settings) -> Result<Staple, String> {
    let mut failures = Vec::new();
    for url in question.responders() {
        let responder = match settings.responder_overrides.get(url) {
            Some(responder) => Ok(responder.clone()),
            None => url.parse::<Responder>(),
        };
        let answer = match &responder {
            Ok(responder) => ask_one(question, responder).await,
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(staple) => return Ok(staple),
            Err(why) => {
                let asked =
                    responder.map_or_else(|_| url.escape_debug().to_string(), |asked| asked.to_string());
                failures.push(format!("`{asked}`: {why}"));
            }
        }
    }
    Err(failures.join("; "))
}

async fn ask_one(question: &Question, responder: &Responder) -> Result<Staple, String> {
    let request = Bytes::copy_from_slice(question.request());
    let response = ask(responder, request).await.map_err(|error| error.to_string())?;
    question
        .read(&response, SystemTime::now())
        .map_err(|error| error.to_string())
}

/// So many questions are under way at once.
const MOST_AT_ONCE: usize = 8;

/// Changes are gathered for so long.
const GATHER: Duration = Duration::from_secs(1);

/// The longest time between two looks at the clock.
const LOOK: Duration = Duration::from_secs(60);
