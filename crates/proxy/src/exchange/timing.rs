//! How long each step to an answer took, for clients that may know (`Server-Timing`).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::upstream::{Lease, Link};

/// Kept only where clients are told.
#[derive(Default)]
pub(super) struct Timing {
    /// The connection was there before the request.
    reused: bool,
    asked: Option<Instant>,
    answered: Option<Instant>,
}

impl Timing {
    pub(super) fn asked(&mut self, lease: &Lease) {
        self.reused = lease.is_reused();
        self.asked = Some(Instant::now());
        self.answered = None;
    }

    pub(super) fn answered(&mut self) {
        self.answered = Some(Instant::now());
    }

    /// Adds the header; what the server says of its own time stays. `total`: of the request so far.
    pub(super) fn tell(
        &self,
        headers: &mut HeaderMap,
        link: Option<&Link>,
        fault: Option<&str>,
        total: Duration,
    ) {
        let mut text = String::new();
        if let Some(link) = link {
            self.steps(&mut text, link);
        }
        metric(&mut text, "total", total);
        if let Some(fault) = fault {
            text.push_str(", fault;desc=");
            text.push_str(fault);
        }
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.append(SERVER_TIMING, value);
        }
    }

    fn steps(&self, text: &mut String, link: &Link) {
        if self.reused {
            text.push_str("reused");
        } else {
            let steps = link.steps();
            if let Some(took) = steps.resolving {
                metric(text, "dns", took);
            }
            metric(text, "connect", steps.connecting);
            if let Some(leg) = link.leg() {
                metric(text, "tls", leg.took);
            }
        }
        if let (Some(asked), Some(answered)) = (self.asked, self.answered) {
            metric(text, "ttfb", answered.duration_since(asked));
        }
    }
}

fn metric(text: &mut String, name: &str, took: Duration) {
    if !text.is_empty() {
        text.push_str(", ");
    }
    // Writing to a `String` does not fail.
    write!(text, "{name};dur={:.3}", took.as_secs_f64() * 1000.0).unwrap_or_default();
}

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
