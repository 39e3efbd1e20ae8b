//! Numbers in expressions: repetition counts and code points.

use super::class::CodePoint;

/// The counts of a `{...}` at the start of `text` and its length, or `None` where Go reads it literally.
pub(super) fn counts(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let (inside, _) = text.strip_prefix('{')?.split_once('}')?;
    let (min, max) = match inside.split_once(',') {
        None => {
            let count = count(inside)?;
            (count, Some(count))
        }
        Some((min, "")) => (count(min)?, None),
        Some((min, max)) => (count(min)?, Some(count(max)?)),
    };
    Some((min, max, inside.len() + 2))
}

/// A decimal without leading zeros; one that is too large for us is too large for Go as well.
fn count(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

pub(super) fn hex_value(digits: &str) -> Option<CodePoint> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    // Go takes any number of leading zeros.
    let significant = digits.trim_start_matches('0');
    match (plain, significant) {
        (false, _) => None,
        (true, "") => Some(0),
        (true, _) => CodePoint::from_str_radix(significant, 16)
            .ok()
            .filter(|point| *point <= u32::from(char::MAX)),
    }
}
