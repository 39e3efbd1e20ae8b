//! Go's RE2 regular expressions on the `regex` crate (the same automata, a slightly different syntax).

/// A compiled expression that remembers how it was written.
#[derive(Debug, Clone)]
pub struct GoRegexp {
    source: String,
    compiled: regex::Regex,
}

impl GoRegexp {
    /// Compiles Go (RE2) syntax. What Go refuses is refused; what means something else in Go than in
    /// the `regex` crate (`\Q..\E`, ASCII `\d \w \s \b`, nested `[`, `&&` in a class) is translated.
    pub fn new(_source: &str) -> Result<Self, RegexpError> {
        todo!()
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
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
