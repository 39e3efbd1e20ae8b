//! Character classes: named sets, and the writing of explicit ranges.

use std::fmt::Write as _;

/// A set written out in full, so that no Unicode-aware shorthand of the target changes its meaning.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedSet {
    /// The inside of a class, without brackets.
    ranges: &'static str,
    negated: bool,
}

impl NamedSet {
    pub(super) fn write(self, out: &mut String) {
        out.push_str(if self.negated { "[^" } else { "[" });
        out.push_str(self.ranges);
        out.push(']');
    }

    /// `d`, `D`, `s`, `S`, `w`, `W`: ASCII only in Go, and `\s` without the vertical tab.
    pub(super) fn perl(letter: char) -> Option<Self> {
        let ranges = match letter.to_ascii_lowercase() {
            'd' => DIGIT,
            's' => r"\t\n\x0C\r\x20",
            'w' => WORD,
            _ => return None,
        };
        Some(Self {
            ranges,
            negated: letter.is_ascii_uppercase(),
        })
    }

    /// The name between `[:` and `:]`, perhaps negated by `^`.
    pub(super) fn posix(name: &str) -> Option<Self> {
        let (negated, name) = match name.strip_prefix('^') {
            Some(name) => (true, name),
            None => (false, name),
        };
        let ranges = match name {
            "alnum" => "0-9A-Za-z",
            "alpha" => "A-Za-z",
            "ascii" => r"\x00-\x7F",
            "blank" => r"\t\x20",
            "cntrl" => r"\x00-\x1F\x7F",
            "digit" => DIGIT,
            "graph" => r"\x21-\x7E",
            "lower" => "a-z",
            "print" => r"\x20-\x7E",
            "punct" => r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
            "space" => r"\x09-\x0D\x20",
            "upper" => "A-Z",
            "word" => WORD,
            "xdigit" => "0-9A-Fa-f",
            _ => return None,
        };
        Some(Self { ranges, negated })
    }
}

/// A code point as Go's regexps name them: unlike `char` it may be a surrogate, which no UTF-8 text holds.
pub(super) type CodePoint = u32;

/// Writes `lo-hi`, leaving out the surrogates.
pub(super) fn write_range(out: &mut String, lo: CodePoint, hi: CodePoint) {
    const SURROGATES: std::ops::RangeInclusive<CodePoint> = 0xD800..=0xDFFF;
    let lo = if SURROGATES.contains(&lo) { 0xE000 } else { lo };
    let hi = if SURROGATES.contains(&hi) { 0xD7FF } else { hi };
    if lo > hi {
        return;
    }
    write_code_point(out, lo);
    if lo < hi {
        out.push('-');
        write_code_point(out, hi);
    }
}

/// A single code point outside a class.
pub(super) fn write_literal(out: &mut String, point: CodePoint) {
    match char::from_u32(point) {
        Some(c) if c.is_ascii_alphanumeric() => out.push(c),
        Some(_) => write_code_point(out, point),
        None => out.push_str(NOTHING),
    }
}

fn write_code_point(out: &mut String, point: CodePoint) {
    let written = write!(out, r"\x{{{point:X}}}");
    debug_assert!(written.is_ok(), "writing to a String does not fail");
}

/// Matches no text at all.
pub(super) const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";
/// Matches any one character, the line feed too.
pub(super) const ANYTHING: &str = r"[\x{0}-\x{10FFFF}]";
const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
