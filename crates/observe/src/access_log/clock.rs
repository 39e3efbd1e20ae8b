//! Times as text; the calendar is asked once a second, not once a request.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

#[derive(Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    /// Requests start in one second and end in another; each has its own memory.
    start: Second,
    end: Second,
}

impl Clock {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            start: Second::default(),
            end: Second::default(),
        }
    }

    /// The second a request started in, and the nanoseconds within it.
    pub(super) fn start(&mut self, time: SystemTime) -> (&Second, u32) {
        self.start.at(time, &self.zone)
    }

    pub(super) fn end(&mut self, time: SystemTime) -> (&Second, u32) {
        self.end.at(time, &self.zone)
    }
}

/// One second, written in every form the formats need.
#[derive(Debug, Default)]
pub(super) struct Second {
    unix: Option<u64>,
    /// `15/Mar/2023:10:45:50 +0000`, in UTC as Traefik writes it.
    pub(super) clf: String,
    /// `2023-03-15T10:45:50`, in UTC.
    pub(super) utc: String,
    /// The same in the local time zone.
    pub(super) local: String,
    /// `Z` or `+02:00`: of `local`.
    pub(super) offset: String,
}

impl Second {
    fn at(&mut self, time: SystemTime, zone: &TimeZone) -> (&Self, u32) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.unix != Some(since.as_secs()) {
            self.print(since.as_secs(), zone);
        }
        (self, since.subsec_nanos())
    }

    fn print(&mut self, unix: u64, zone: &TimeZone) {
        let second = i64::try_from(unix).unwrap_or(i64::MAX);
        let timestamp = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let utc = timestamp.to_zoned(TimeZone::UTC);
        let local = timestamp.to_zoned(zone.clone());
        self.unix = Some(unix);
        for (text, time, form) in [
            (&mut self.clf, &utc, "%d/%b/%Y:%H:%M:%S +0000"),
            (&mut self.utc, &utc, "%Y-%m-%dT%H:%M:%S"),
            (&mut self.local, &local, "%Y-%m-%dT%H:%M:%S"),
            (&mut self.offset, &local, "%:z"),
        ] {
            text.clear();
            // Writing to a `String` fails only if the form is invalid, and it is ours.
            if write!(text, "{}", time.strftime(form)).is_err() {
                text.clear();
            }
        }
        if local.offset().is_zero() {
            self.offset.replace_range(.., "Z");
        }
    }
}
