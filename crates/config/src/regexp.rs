//! Go's RE2 regular expressions on the `regex` crate (the same automata, a slightly different syntax).
//!
//! Both engines run in linear time; only the notation differs. `translate` reads Go's notation,
//! refuses what Go refuses, and writes an expression in which nothing is left to interpretation.

mod class;
mod number;
mod translate;
mod unicode;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

/// A compiled expression that remembers how it was written.
///
/// Matching is unanchored, as Go's `MatchString`. Case counts unless the expression says `(?i)`: in
/// particular `HostRegexp` is matched against the lower-cased host, so an upper-case letter in it never
/// matches, exactly as in Traefik v3.
#[derive(Debug, Clone)]
pub struct GoRegexp {
    source: String,
    compiled: regex::Regex,
}

impl GoRegexp {
    /// Compiles Go (RE2) syntax. What Go refuses is refused; what means something else in Go than in
    /// the `regex` crate (`\Q..\E`, ASCII `\d \w \s \b`, nested `[`, `&&` in a class) is translated.
    ///
    /// Bounds: 64 KiB of text, 100 nested groups, 4 MiB compiled.
    pub fn new(source: &str) -> Result<Self, RegexpError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(RegexpError::new("the expression is longer than 64 KiB", None));
        }
        let translated = translate::translate(source)?;
        let compiled = regex::RegexBuilder::new(&translated)
            // Counts repetitions, alternations and classes as well as the groups that we count.
            .nest_limit(MAX_TREE_DEPTH)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_CACHE_BYTES)
            .build()
            .map_err(RegexpError::from_compiler)?;
        Ok(Self {
            source: source.to_owned(),
            compiled,
        })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// The part of `text` that is the leftmost match.
    pub fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.compiled.find(text).map(|found| found.as_str())
    }

    /// Replaces every match, as Go's `ReplaceAllString`: `$1` and `${name}` stand for groups, `$$` for `$`.
    pub fn replace_all<'t>(&self, text: &'t str, replacement: &str) -> Cow<'t, str> {
        self.compiled.replace_all(text, replacement)
    }
}

impl PartialEq for GoRegexp {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for GoRegexp {}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct RegexpError {
    pub why: String,
    /// Byte offset in the expression, where known.
    pub offset: Option<usize>,
}

impl RegexpError {
    fn new(why: impl Into<String>, offset: Option<usize>) -> Self {
        Self {
            why: why.into(),
            offset,
        }
    }

    fn from_compiler(error: regex::Error) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => Self::new(
                "the expression is too large once compiled (more than 4 MiB)",
                None,
            ),
            other => Self::new(other.to_string(), None),
        }
    }
}

const MAX_SOURCE_BYTES: usize = 64 * 1024;
const MAX_COMPILED_BYTES: usize = 4 * 1024 * 1024;
/// Of the lazily built automaton, per thread that uses the expression.
const MAX_CACHE_BYTES: usize = 1024 * 1024;
const MAX_TREE_DEPTH: u32 = 500;
