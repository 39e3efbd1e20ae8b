//! Middlewares that change or check the path, or send clients elsewhere.

use std::sync::Arc;

use viaduct_config::dynamic::http as written;
use viaduct_config::regexp::GoRegexp;

/// `addPrefix`.
#[derive(Debug)]
pub struct AddPrefix {
    /// Escaped, with a leading slash and without a trailing one.
    pub prefix: Arc<str>,
}

/// `stripPrefix`: the first prefix that fits is taken off.
#[derive(Debug)]
pub struct StripPrefix {
    pub prefixes: Vec<Prefix>,
    /// Deprecated by Traefik: the path keeps a leading slash even when nothing is left of it. Default false.
    pub force_slash: bool,
}

/// One prefix of `stripPrefix`.
#[derive(Debug)]
pub struct Prefix {
    /// As a normalised path is written.
    pub escaped: Arc<str>,
    /// As the configuration writes it, for `X-Forwarded-Prefix`.
    pub told: http::HeaderValue,
}

/// `stripPrefixRegex`: the first expression that matches the path's beginning.
#[derive(Debug)]
pub struct StripPrefixRegex {
    pub expressions: Vec<GoRegexp>,
}

/// `replacePath`.
#[derive(Debug)]
pub struct ReplacePath {
    /// Escaped, with a leading slash.
    pub path: Arc<str>,
}

/// `replacePathRegex`.
#[derive(Debug)]
pub struct ReplacePathRegex {
    pub expression: GoRegexp,
    /// Empty: nothing is replaced (as Traefik).
    pub replacement: String,
}

/// `redirectRegex`.
#[derive(Debug)]
pub struct RedirectRegex {
    /// Matched with the whole URL, scheme and host included.
    pub expression: GoRegexp,
    pub replacement: String,
    /// 301 and 308 instead of 302 and 307. Default false.
    pub permanent: bool,
}

/// `redirectScheme`.
#[derive(Debug)]
pub struct RedirectScheme {
    pub scheme: String,
    /// `None`: the scheme's own.
    pub port: Option<String>,
    /// 301 and 308 instead of 302 and 307. Default false.
    pub permanent: bool,
}

/// Percent-encoded characters that a path must not hold, one bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EncodedCharacters {
    denied: u8,
}

impl EncodedCharacters {
    /// Nothing is refused.
    pub const ALL_ALLOWED: Self = Self { denied: 0 };

    pub fn new(written: &written::EncodedCharacters) -> Self {
        Self::allowing([
            written.allow_encoded_slash,
            written.allow_encoded_back_slash,
            written.allow_encoded_null_character,
            written.allow_encoded_semicolon,
            written.allow_encoded_percent,
            written.allow_encoded_question_mark,
            written.allow_encoded_hash,
        ])
    }

    /// In the order slash, backslash, NUL, semicolon, percent, question mark, hash.
    pub fn allowing(allowed: [bool; 7]) -> Self {
        let denied = (0..)
            .zip(allowed)
            .fold(0, |denied, (bit, allowed)| denied | u8::from(!allowed) << bit);
        Self { denied }
    }

    pub fn allows_all(self) -> bool {
        self.denied == 0
    }

    /// Whether a path may hold `byte` in its escaped form.
    pub fn allows(self, byte: u8) -> bool {
        let bit = match byte {
            b'/' => 0,
            b'\\' => 1,
            0 => 2,
            b';' => 3,
            b'%' => 4,
            b'?' => 5,
            b'#' => 6,
            _ => return true,
        };
        self.denied & 1 << bit == 0
    }
}
