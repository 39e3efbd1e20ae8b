//! Go's duration syntax, as Traefik's options use it: `1h2m3.5s`, or a bare number of seconds.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration as configuration writes it. A bare number means seconds (Traefik's `ptypes.Duration`).
/// Negative durations are kept, because some options give them a meaning (`flushInterval: -1ms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GoDuration {
    nanos: i64,
}

impl GoDuration {
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Saturates at about 292 years.
    pub const fn from_secs(secs: i64) -> Self {
        Self {
            nanos: secs.saturating_mul(SECOND.cast_signed()),
        }
    }

    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// `None` for a negative duration.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.nanos).ok().map(Duration::from_nanos)
    }

    /// Reads `[+-]?(digits[.digits]unit)+` with the units ns, us, µs, ms, s, m and h, or a bare integer
    /// number of seconds. What Go refuses is refused.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let parsed = match text.parse::<i64>() {
            Ok(secs) => secs.checked_mul(SECOND.cast_signed()).ok_or(TOO_LARGE),
            Err(_) => parse_units(text),
        };
        parsed.map(Self::from_nanos).map_err(|why| DurationError {
            text: shorten(text),
            why,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration: {why}")]
pub struct DurationError {
    pub text: String,
    pub why: &'static str,
}

/// As Go's `Duration.String`: `1h0m0s`, `1.5s`, `100ms`, `0s`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos < 0 {
            f.write_str("-")?;
        }
        let total = self.nanos.unsigned_abs();
        match total {
            0 => f.write_str("0s"),
            1..MICROSECOND => write!(f, "{total}ns"),
            MICROSECOND..MILLISECOND => write_decimal(f, total, MICROSECOND, "µs"),
            MILLISECOND..SECOND => write_decimal(f, total, MILLISECOND, "ms"),
            _ => {
                let minutes = total / MINUTE;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write_decimal(f, total % MINUTE, SECOND, "s")
            }
        }
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for GoDuration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["integer", "string"] })
    }
}

/// Takes a string in Go's syntax or an integer number of seconds.
struct DurationVisitor;

impl de::Visitor<'_> for DurationVisitor {
    type Value = GoDuration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `1m30s`, or a number of seconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<GoDuration, E> {
        GoDuration::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, secs: i64) -> Result<GoDuration, E> {
        secs.checked_mul(SECOND.cast_signed())
            .map(GoDuration::from_nanos)
            .ok_or_else(|| E::custom(format_args!("`{secs}` is not a duration: {TOO_LARGE}")))
    }

    fn visit_u64<E: de::Error>(self, secs: u64) -> Result<GoDuration, E> {
        self.visit_i64(i64::try_from(secs).unwrap_or(i64::MAX))
    }
}

fn parse_units(text: &str) -> Result<i64, &'static str> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned.is_empty() {
        return Err("it is empty");
    }
    if unsigned == "0" {
        return Ok(0);
    }
    let mut total: u64 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (part, after) = parse_part(rest)?;
        total = total
            .checked_add(part)
            .filter(|total| *total <= LIMIT)
            .ok_or(TOO_LARGE)?;
        rest = after;
    }
    if negative {
        // `-(1 << 63)` exists, `1 << 63` does not.
        return Ok(0_i64.checked_sub_unsigned(total).unwrap_or(i64::MIN));
    }
    i64::try_from(total).map_err(|_| TOO_LARGE)
}

/// One `digits[.digits]unit` in nanoseconds, and what follows it.
fn parse_part(text: &str) -> Result<(u64, &str), &'static str> {
    let (whole_digits, rest) = split_digits(text);
    let (fraction_digits, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole_digits.is_empty() && fraction_digits.is_empty() {
        return Err("a number was expected");
    }
    let end = rest
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit_name, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let unit = unit_nanos(unit_name)?;
    let whole = whole_digits
        .bytes()
        .try_fold(0_u64, |value, digit| {
            value
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))
                .filter(|value| *value <= LIMIT)
        })
        .and_then(|whole| whole.checked_mul(unit))
        .filter(|nanos| *nanos <= LIMIT)
        .ok_or(TOO_LARGE)?;
    let nanos = whole
        .checked_add(fraction_nanos(fraction_digits, unit))
        .filter(|nanos| *nanos <= LIMIT)
        .ok_or(TOO_LARGE)?;
    Ok((nanos, rest))
}

/// `0.digits` of `unit`, rounded down. Digits beyond the precision of 63 bits are dropped, and the
/// product is a float's, as in Go: both sides must print the same value.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the result is below `unit`, and Go computes it in the same way"
)]
fn fraction_nanos(digits: &str, unit: u64) -> u64 {
    let mut value: u64 = 0;
    let mut scale = 1.0_f64;
    for digit in digits.bytes() {
        let next = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit - b'0')))
            .filter(|value| *value <= LIMIT);
        let Some(next) = next else { break };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn unit_nanos(name: &str) -> Result<u64, &'static str> {
    match name {
        "ns" => Ok(1),
        // U+00B5 (micro sign) and U+03BC (Greek mu).
        "us" | "\u{b5}s" | "\u{3bc}s" => Ok(MICROSECOND),
        "ms" => Ok(MILLISECOND),
        "s" => Ok(SECOND),
        "m" => Ok(MINUTE),
        "h" => Ok(HOUR),
        "" => Err("a unit is missing (ns, us, ms, s, m or h)"),
        _ => Err("the unit is unknown (ns, us, ms, s, m and h are known)"),
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `value / unit` without trailing zeros in the fraction, then `suffix`.
fn write_decimal(f: &mut fmt::Formatter<'_>, value: u64, unit: u64, suffix: &str) -> fmt::Result {
    let fraction = value % unit;
    if fraction == 0 {
        return write!(f, "{}{suffix}", value / unit);
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    write!(f, "{}.{}{suffix}", value / unit, digits.trim_end_matches('0'))
}

/// Error messages quote the text; a hostile one must not fill the log.
fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// The magnitude of the smallest `i64`.
const LIMIT: u64 = 1 << 63;
const TOO_LARGE: &str = "it is beyond 292 years";
