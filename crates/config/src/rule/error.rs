//! Why a rule is refused, and where.

use std::fmt;

use super::Syntax;
use crate::regexp::RegexpError;
use crate::suggest;

/// Why a rule was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {}", Place { line: *line, column: *column })]
pub struct RuleError {
    /// Byte offset into the rule.
    pub offset: usize,
    /// Line and column in the rule's text, from 1, in characters.
    pub line: u32,
    pub column: u32,
    /// What the rule was read as.
    pub syntax: Syntax,
    pub kind: RuleErrorKind,
}

impl RuleError {
    /// How to mend it, where that can be told.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            RuleErrorKind::UnsupportedFunction(name) => self.hint_of_function(name),
            RuleErrorKind::WrongArity { function, got, .. } if *got > 1 && self.syntax == Syntax::V3 => Some(
                format!("write one matcher per value, such as {function}(`a`) || {function}(`b`)"),
            ),
            RuleErrorKind::LineBreak => Some("end the line with `&&` or `||` instead".to_owned()),
            RuleErrorKind::UnexpectedCharacter('\'') => {
                Some("write texts between back-ticks or double quotes".to_owned())
            }
            RuleErrorKind::PathWithoutSlash { value, .. } => Some(format!("write `/{value}`")),
            RuleErrorKind::NotAscii { .. } => Some("write the name in its ASCII form (xn--...)".to_owned()),
            _ => None,
        }
    }

    /// The nearest matcher of this syntax; or the other syntax, if it is one of its matchers.
    fn hint_of_function(&self, name: &str) -> Option<String> {
        let (own, other, other_names) = match self.syntax {
            Syntax::V3 => (
                &super::MATCHER_NAMES[..],
                Syntax::V2,
                &super::MATCHER_NAMES_V2[..],
            ),
            Syntax::V2 => (
                &super::MATCHER_NAMES_V2[..],
                Syntax::V3,
                &super::MATCHER_NAMES[..],
            ),
        };
        let nearest = suggest::closest(name, own.iter().copied());
        let foreign = other_names.contains(&name);
        match (nearest, foreign) {
            (Some(near), true) => Some(format!(
                "did you mean `{near}`? `{name}` belongs to the rule syntax {other}"
            )),
            (Some(near), false) => Some(format!("did you mean `{near}`?")),
            (None, true) => Some(format!("`{name}` belongs to the rule syntax {other}")),
            (None, false) => None,
        }
    }
}

/// Closed set of causes; `unsupported function` keeps Traefik's wording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleErrorKind {
    #[error("the rule is empty")]
    Empty,
    #[error("the rule is longer than 256 KiB")]
    TooLong,
    #[error("parentheses and negations are nested more than 100 deep")]
    TooDeep,
    #[error("the rule has more than 10000 matchers")]
    TooManyMatchers,
    #[error("unexpected character {0:?}")]
    UnexpectedCharacter(char),
    #[error("a text is not closed")]
    UnterminatedString,
    #[error("a comment is not closed")]
    UnterminatedComment,
    #[error("`{0}` is not an escape sequence of a Go string")]
    InvalidEscape(String),
    #[error("the escape sequences of a text do not make UTF-8")]
    NotUtf8,
    /// Go ends an expression at a line break after `)` or a text.
    #[error("the line break ends the rule too early")]
    LineBreak,
    #[error("{wanted} expected, {got} found")]
    Unexpected { wanted: &'static str, got: String },
    #[error("operator `{0}` is not supported")]
    UnsupportedOperator(String),
    #[error("unsupported function: {0}")]
    UnsupportedFunction(String),
    #[error("{function} takes {wanted}, not {got}")]
    WrongArity {
        function: &'static str,
        wanted: &'static str,
        got: usize,
    },
    /// v2: names and values come in pairs.
    #[error("{function} takes {wanted}, not an odd number of values")]
    OddArity {
        function: &'static str,
        wanted: &'static str,
    },
    /// v2: a value with `{name:regexp}` in it.
    #[error("{function}: {why} in `{value}`")]
    InvalidTemplate {
        function: &'static str,
        value: String,
        why: &'static str,
    },
    #[error("a value of {function} is empty")]
    EmptyValue { function: &'static str },
    #[error("{function} takes ASCII characters only, not `{value}`")]
    NotAscii { function: &'static str, value: String },
    #[error("the value `{value}` of {function} does not begin with `/`")]
    PathWithoutSlash { function: &'static str, value: String },
    #[error("`{0}` is neither an IP address nor a network")]
    InvalidIp(String),
    #[error("{function}: {error}")]
    InvalidRegexp {
        function: &'static str,
        error: RegexpError,
    },
}

/// A cause and its byte offset, before line and column are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) kind: RuleErrorKind,
}

impl Fault {
    pub(super) fn locate(self, syntax: Syntax, text: &str) -> RuleError {
        let before = text.get(..self.offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
        RuleError {
            offset: self.offset,
            line: count(before.matches('\n').count()),
            column: count(before.get(line_start..).unwrap_or_default().chars().count()),
            syntax,
            kind: self.kind,
        }
    }
}

/// `column 3`, or `line 2, column 3` where there are several lines.
struct Place {
    line: u32,
    column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(f, "column {}", self.column),
            line => write!(f, "line {line}, column {}", self.column),
        }
    }
}
