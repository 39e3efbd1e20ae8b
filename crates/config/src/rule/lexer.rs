//! Text -> tokens, by the rules of Go's scanner.

use std::borrow::Cow;

use super::error::{Fault, RuleErrorKind};
use super::literal;

/// A token and the byte offset of its first character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) offset: usize,
    pub(super) kind: TokenKind<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    Name(&'a str),
    /// The value of a string literal.
    Text(Cow<'a, str>),
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    /// An operator of Go that rules do not have.
    Operator(&'a str),
    /// Where Go inserts a semicolon: at the end of a line (or of the text) after a name, a text or `)`.
    LineEnd,
    End,
}

impl TokenKind<'_> {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::And => "`&&`".to_owned(),
            Self::Or => "`||`".to_owned(),
            Self::Not => "`!`".to_owned(),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::Operator(operator) => format!("`{operator}`"),
            Self::LineEnd | Self::End => "the end".to_owned(),
        }
    }
}

pub(super) struct Lexer<'a> {
    source: &'a str,
    rest: &'a str,
    /// Whether a line break here would end the expression.
    line_may_end: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self {
            source,
            rest: source.strip_prefix(BYTE_ORDER_MARK).unwrap_or(source),
            line_may_end: false,
        }
    }

    /// Finds a character that no Go source may hold, comments included.
    pub(super) fn forbidden(&self) -> Option<Fault> {
        let (at, c) = self.rest.char_indices().find(|(_, c)| FORBIDDEN.contains(c))?;
        Some(Fault {
            offset: self.position() + at,
            kind: RuleErrorKind::UnexpectedCharacter(c),
        })
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, Fault> {
        let line_ended = self.skip_blanks()?;
        let offset = self.position();
        if line_ended {
            self.line_may_end = false;
            return Ok(Token {
                offset,
                kind: TokenKind::LineEnd,
            });
        }
        let kind = self.token()?;
        self.line_may_end = matches!(kind, TokenKind::Name(_) | TokenKind::Text(_) | TokenKind::Close);
        Ok(Token { offset, kind })
    }

    fn token(&mut self) -> Result<TokenKind<'a>, Fault> {
        let offset = self.position();
        let Some(c) = self.rest.chars().next() else {
            return Ok(TokenKind::End);
        };
        if let Some(operator) = OPERATORS
            .iter()
            .find(|operator| self.rest.starts_with(**operator))
        {
            self.advance(operator.len());
            return Ok(match *operator {
                "&&" => TokenKind::And,
                "||" => TokenKind::Or,
                "!" => TokenKind::Not,
                "(" => TokenKind::Open,
                ")" => TokenKind::Close,
                "," => TokenKind::Comma,
                other => TokenKind::Operator(other),
            });
        }
        match c {
            '`' | '"' => self.text(c),
            c if c == '_' || c.is_alphabetic() => {
                let end = self
                    .rest
                    .find(|c: char| c != '_' && !c.is_alphanumeric())
                    .unwrap_or(self.rest.len());
                let (name, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
                self.rest = rest;
                Ok(TokenKind::Name(name))
            }
            c => Err(Fault {
                offset,
                kind: RuleErrorKind::UnexpectedCharacter(c),
            }),
        }
    }

    fn text(&mut self, quote: char) -> Result<TokenKind<'a>, Fault> {
        let offset = self.position();
        let inside = self.rest.get(1..).unwrap_or_default();
        let end = literal::end(inside, quote).ok_or(Fault {
            offset,
            kind: RuleErrorKind::UnterminatedString,
        })?;
        let (inside, rest) = inside.split_at_checked(end).unwrap_or((inside, ""));
        self.rest = rest.get(1..).unwrap_or_default();
        let value = if quote == '`' {
            Ok(literal::raw(inside))
        } else {
            literal::interpret(inside)
        };
        let value = value.map_err(|(at, kind)| Fault {
            offset: offset + 1 + at,
            kind,
        })?;
        Ok(TokenKind::Text(value))
    }

    /// Skips blanks and comments. True if the line ended where that ends the expression; what follows is
    /// then still to be read.
    fn skip_blanks(&mut self) -> Result<bool, Fault> {
        loop {
            let blanks = self.rest.trim_start_matches([' ', '\t', '\r']);
            self.rest = blanks;
            if self.rest.is_empty() {
                return Ok(self.line_may_end);
            }
            if self.rest.starts_with('\n') {
                if self.line_may_end {
                    return Ok(true);
                }
                self.advance(1);
            } else if let Some(comment) = self.rest.strip_prefix("//") {
                let end = comment.find('\n').unwrap_or(comment.len());
                self.rest = comment.get(end..).unwrap_or_default();
            } else if self.rest.starts_with("/*") {
                if self.block_comment()? && self.line_may_end {
                    return Ok(true);
                }
            } else {
                return Ok(false);
            }
        }
    }

    /// True if the comment holds a line break.
    fn block_comment(&mut self) -> Result<bool, Fault> {
        let offset = self.position();
        let inside = self.rest.get(2..).unwrap_or_default();
        let Some((comment, rest)) = inside.split_once("*/") else {
            return Err(Fault {
                offset,
                kind: RuleErrorKind::UnterminatedComment,
            });
        };
        self.rest = rest;
        Ok(comment.contains('\n'))
    }

    /// Whether anything but blanks and comments follows.
    pub(super) fn has_more(&self) -> bool {
        let mut ahead = Self {
            source: self.source,
            rest: self.rest,
            line_may_end: false,
        };
        !matches!(
            ahead.next(),
            Ok(Token {
                kind: TokenKind::End,
                ..
            })
        )
    }

    fn position(&self) -> usize {
        self.source.len() - self.rest.len()
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';
/// The mark may stand at the very start only.
const FORBIDDEN: [char; 2] = ['\0', BYTE_ORDER_MARK];
/// Longer ones before their prefixes. `Operator` tokens are the ones that rules do not have.
const OPERATORS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "!", "(", ")", ",", "<", ">", "&", "|", "+", "-", "*", "/", "%", "^",
];
