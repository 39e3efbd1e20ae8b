//! Counts of durations by upper bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{add, metering};

/// One worker's histogram. The number of durations is the sum of its buckets.
#[derive(Debug)]
pub(super) struct Buckets {
    /// One more than there are bounds: the last is `+Inf`.
    counts: Box<[AtomicU64]>,
    nanos: AtomicU64,
}

/// Where a duration belongs; looked up once for all the histograms with the same bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    bucket: usize,
    nanos: u64,
}

impl Place {
    pub(super) fn of(duration: Duration, bounds: &[u64]) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // Few bounds, and most requests are below the first.
        let bucket = bounds.iter().position(|bound| nanos <= *bound);
        Self {
            bucket: bucket.unwrap_or(bounds.len()),
            nanos,
        }
    }
}

impl Buckets {
    pub(super) fn new(bounds: usize) -> Self {
        Self {
            counts: (0..=bounds).map(|_| AtomicU64::new(0)).collect(),
            nanos: AtomicU64::new(0),
        }
    }

    pub(super) fn add(&self, place: Place) {
        if let Some(count) = self.counts.get(place.bucket) {
            add(count, 1);
        }
        add(&self.nanos, place.nanos);
    }
}

/// A histogram summed over workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bounds, nanoseconds.
    bounds: Arc<[u64]>,
    counts: Vec<u64>,
    nanos: u64,
}

impl Histogram {
    pub(super) fn new(bounds: &Arc<[u64]>) -> Self {
        Self {
            bounds: Arc::clone(bounds),
            counts: vec![0; bounds.len() + 1],
            nanos: 0,
        }
    }

    /// How many durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// How many were at most this long. Exact for bounds that are counted, else of the next lower one.
    pub fn at(&self, seconds: f64) -> u64 {
        let Some(limit) = metering::nanos(seconds) else {
            return 0;
        };
        let upto = self.bounds.iter().take_while(|bound| **bound <= limit).count();
        self.counts.iter().take(upto).sum()
    }

    pub(super) fn add(&mut self, buckets: &Buckets) {
        for (sum, count) in self.counts.iter_mut().zip(&buckets.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        self.nanos = self.nanos.wrapping_add(buckets.nanos.load(Ordering::Relaxed));
    }
}
