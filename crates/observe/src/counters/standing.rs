//! What new connections say of the trust that their transport has: during a rotation whose chains still end in the
//! replaced bundle (C8), and where verification is skipped what it would have said (C15).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// What one handshake says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The chain ends in a configured root.
    Current,
    /// In one of a bundle that has been replaced.
    Previous,
    /// Verification is skipped, and would have passed: by the root with this fingerprint.
    WouldPass(Arc<str>),
    /// Verification is skipped, and would have failed.
    WouldFail(Arc<WouldFail>),
}

/// Why, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldFail {
    /// The stable code, such as `unknown_ca`.
    pub reason: &'static str,
    pub wanted: String,
    pub got: String,
    /// YAML to look at and paste.
    pub suggestion: Option<String>,
    /// Of the server's certificate.
    pub issuer: String,
    /// The certificate at the end of the chain that vouches for itself, DER; `None`: none was presented.
    pub authority: Option<Arc<[u8]>>,
}

/// A transport as its generation knows it: what was seen under an earlier one says nothing of this one.
#[derive(Debug, Clone, Copy)]
pub struct UnderTransport<'a> {
    pub name: &'a Arc<str>,
    pub generation: u64,
}

/// What was seen of one transport's servers.
#[derive(Debug, Clone, Default)]
pub struct TransportStandings {
    pub generation: u64,
    /// By URL.
    pub servers: BTreeMap<Arc<str>, ServerStanding>,
}

/// What was seen of one server since the transport is what it is.
#[derive(Debug, Clone)]
pub struct ServerStanding {
    pub first: SystemTime,
    pub last: SystemTime,
    /// Of the last handshake.
    pub verdict: Verdict,
    pub names: Arc<str>,
    pub not_after: SystemTime,
    /// Handshakes whose chain ended in a configured root, or would have.
    pub good: u64,
    pub last_previous: Option<SystemTime>,
    /// By reason: handshakes that would have failed.
    pub failed: BTreeMap<&'static str, u64>,
    pub last_failed: Option<SystemTime>,
}

/// Whom a handshake was with.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub at: SystemTime,
    /// Of the certificate, with commas between them.
    pub names: &'a Arc<str>,
    pub not_after: SystemTime,
}

/// Written once per new connection of a transport that somebody wants to know of; the lock is shared with readers
/// alone.
#[derive(Debug, Default)]
pub(super) struct Standings(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    transports: HashMap<Arc<str>, TransportStandings>,
    /// Over all transports, so that no connection has to count them.
    servers: usize,
}

impl Standings {
    pub(super) fn saw(
        &self,
        transport: UnderTransport<'_>,
        server: &Arc<str>,
        shown: Shown<'_>,
        verdict: Verdict,
    ) {
        // A worker does not wait: the next connection tells it again.
        let Ok(mut seen) = self.0.try_lock() else {
            return;
        };
        let Seen { transports, servers } = &mut *seen;
        let known = transports.entry(Arc::clone(transport.name)).or_default();
        if known.generation != transport.generation {
            // A connection that was begun before the change says nothing new.
            if known.generation > transport.generation {
                return;
            }
            *servers -= known.servers.len();
            *known = TransportStandings {
                generation: transport.generation,
                ..TransportStandings::default()
            };
        }
        if let Some(standing) = known.servers.get_mut(server) {
            standing.add(shown, verdict);
        } else if *servers < MOST {
            let mut standing = ServerStanding::new(shown, verdict.clone());
            standing.add(shown, verdict);
            known.servers.insert(Arc::clone(server), standing);
            *servers += 1;
        }
    }

    pub(super) fn all(&self) -> Vec<(Arc<str>, TransportStandings)> {
        self.0.lock().map_or_else(
            |_| Vec::new(),
            |seen| {
                seen.transports
                    .iter()
                    .map(|(name, standings)| (Arc::clone(name), standings.clone()))
                    .collect()
            },
        )
    }

    /// Forgets transports that are no longer what they were.
    pub(super) fn retain(&self, known: impl Fn(UnderTransport<'_>) -> bool) {
        if let Ok(mut seen) = self.0.lock() {
            let Seen { transports, servers } = &mut *seen;
            transports.retain(|name, standings| {
                let generation = standings.generation;
                let stays = known(UnderTransport { name, generation });
                if !stays {
                    *servers -= standings.servers.len();
                }
                stays
            });
        }
    }
}

impl ServerStanding {
    fn new(shown: Shown<'_>, verdict: Verdict) -> Self {
        Self {
            first: shown.at,
            last: shown.at,
            verdict,
            names: Arc::clone(shown.names),
            not_after: shown.not_after,
            good: 0,
            last_previous: None,
            failed: BTreeMap::new(),
            last_failed: None,
        }
    }

    fn add(&mut self, shown: Shown<'_>, verdict: Verdict) {
        match &verdict {
            Verdict::Current | Verdict::WouldPass(_) => self.good += 1,
            Verdict::Previous => self.last_previous = Some(shown.at),
            Verdict::WouldFail(why) => {
                *self.failed.entry(why.reason).or_default() += 1;
                self.last_failed = Some(shown.at);
            }
        }
        self.last = shown.at;
        self.verdict = verdict;
        self.names = Arc::clone(shown.names);
        self.not_after = shown.not_after;
    }

    /// What another worker saw of the same server.
    fn merge(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.good += other.good;
        self.last_previous = self.last_previous.max(other.last_previous);
        self.last_failed = self.last_failed.max(other.last_failed);
        for (reason, count) in other.failed {
            *self.failed.entry(reason).or_default() += count;
        }
        if other.last > self.last {
            self.last = other.last;
            self.verdict = other.verdict;
            self.names = other.names;
            self.not_after = other.not_after;
        }
    }
}

impl TransportStandings {
    pub(super) fn merge(&mut self, other: Self) {
        if other.generation > self.generation {
            *self = other;
        } else if other.generation == self.generation {
            for (server, standing) in other.servers {
                match self.servers.get_mut(&server) {
                    Some(known) => known.merge(standing),
                    None => {
                        self.servers.insert(server, standing);
                    }
                }
            }
        }
    }
}

/// Servers, over all transports.
const MOST: usize = 16_384;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn saw(standings: &Standings, generation: u64, server: &str, second: u64, verdict: Verdict) {
        let name = Arc::from("t@file");
        let transport = UnderTransport {
            name: &name,
            generation,
        };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let shown = Shown {
            at,
            names: &Arc::from("a.test"),
            not_after: at,
        };
        standings.saw(transport, &Arc::from(server), shown, verdict);
    }

    fn would_fail(reason: &'static str) -> Verdict {
        Verdict::WouldFail(Arc::new(WouldFail {
            reason,
            wanted: String::new(),
            got: String::new(),
            suggestion: None,
            issuer: String::new(),
            authority: None,
        }))
    }

    #[test]
    fn c8_what_was_seen_under_an_earlier_trust_is_forgotten_and_workers_add_up() {
        let (one, two) = (Standings::default(), Standings::default());
        saw(&one, 1, "https://a", 1, Verdict::Current);
        saw(&one, 2, "https://b", 2, Verdict::Previous);
        saw(&one, 1, "https://a", 3, Verdict::Current);
        saw(&two, 2, "https://b", 4, Verdict::Current);
        let mut sum = TransportStandings::default();
        for (_, standings) in one.all().into_iter().chain(two.all()) {
            sum.merge(standings);
        }
        assert_eq!(
            sum.servers.keys().map(|url| &**url).collect::<Vec<_>>(),
            ["https://b"]
        );
        let b = &sum.servers["https://b"];
        assert_eq!((b.good, &b.verdict), (1, &Verdict::Current));
        assert_eq!(
            b.last_previous,
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2))
        );
        one.retain(|transport| transport.generation == 3);
        assert!(one.all().is_empty());
    }

    #[test]
    fn c15_the_bound_counts_what_is_known_now() {
        let standings = Standings::default();
        let known = || {
            standings
                .all()
                .iter()
                .map(|(_, seen)| seen.servers.len())
                .sum::<usize>()
        };
        for generation in 1..4 {
            for server in 0..MOST {
                let url = format!("https://{generation}-{server}");
                saw(&standings, generation, &url, 1, Verdict::Current);
            }
            assert_eq!(known(), MOST, "a new generation has room for its own");
        }
        standings.retain(|_| false);
        saw(&standings, 4, "https://again", 2, Verdict::Current);
        assert_eq!(known(), 1, "what is forgotten leaves its room");
    }

    #[test]
    fn c15_failures_are_counted_by_reason_and_servers_have_a_bound() {
        let standings = Standings::default();
        for second in 0..3 {
            saw(&standings, 1, "https://a", second, would_fail("unknown_ca"));
        }
        saw(&standings, 1, "https://a", 3, would_fail("expired"));
        for server in 0..MOST + 10 {
            saw(&standings, 1, &format!("https://{server}"), 4, Verdict::Current);
        }
        let (_, seen) = standings.all().remove(0);
        assert_eq!(seen.servers.len(), MOST);
        let failed = &seen.servers["https://a"].failed;
        assert_eq!(
            failed.iter().collect::<Vec<_>>(),
            [(&"expired", &1), (&"unknown_ca", &3)]
        );
    }
}
