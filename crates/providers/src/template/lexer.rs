//! Text -> tokens, by the rules of Go's `text/template`.

use viaduct_config::rule::read_literal;

use super::Fault;

/// A token, the byte where it begins, and whether blanks stand before it (`$x.y` is one operand, `$x .y` two).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) spaced: bool,
    pub(super) kind: TokenKind<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'a> {
    /// What stands outside actions, blanks trimmed where `{{-` and `-}}` ask for it.
    Text(&'a str),
    Open,
    Close,
    Name(&'a str),
    /// `.name`, without the dot.
    Field(&'a str),
    Dot,
    /// `$name`, without the dollar sign; `$` alone is empty.
    Variable(&'a str),
    Literal(String),
    Integer(i64),
    Float(f64),
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Pipe,
    Comma,
    OpenParen,
    CloseParen,
    End,
}

impl TokenKind<'_> {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Text(_) => "text".to_owned(),
            Self::Open => "`{{`".to_owned(),
            Self::Close => "`}}`".to_owned(),
            Self::Name(name) => format!("`{name}`"),
            Self::Field(name) => format!("`.{name}`"),
            Self::Dot => "`.`".to_owned(),
            Self::Variable(name) => format!("`${name}`"),
            Self::Literal(_) => "a string".to_owned(),
            Self::Integer(_) | Self::Float(_) => "a number".to_owned(),
            Self::Declare => "`:=`".to_owned(),
            Self::Assign => "`=`".to_owned(),
            Self::Pipe => "`|`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::OpenParen => "`(`".to_owned(),
            Self::CloseParen => "`)`".to_owned(),
            Self::End => "the end of the file".to_owned(),
        }
    }
}

/// All tokens; the last one is [`TokenKind::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut lexer = Lexer {
        source,
        rest: source,
        tokens: Vec::new(),
    };
    let mut trim = false;
    while let Some((text, action)) = lexer.rest.split_once("{{") {
        let start = source.len() - action.len() - 2;
        let trims_before = trims_left(action);
        lexer.text(text, trim, trims_before);
        lexer.rest = action;
        if trims_before {
            lexer.advance(1);
        }
        trim = match lexer.comment(start)? {
            Some(trims_after) => trims_after,
            None => lexer.action(start)?,
        };
    }
    lexer.text(lexer.rest, trim, false);
    lexer.rest = "";
    lexer.push(source.len(), false, TokenKind::End);
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    rest: &'a str,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn text(&mut self, text: &'a str, trim_start: bool, trim_end: bool) {
        let end_of_text = if trim_end {
            text.trim_end_matches(BLANKS)
        } else {
            text
        };
        let kept = if trim_start {
            end_of_text.trim_start_matches(BLANKS)
        } else {
            end_of_text
        };
        if !kept.is_empty() {
            let skipped = end_of_text.len() - kept.len();
            let at = self.source.len() - self.rest.len() + skipped;
            self.push(at, false, TokenKind::Text(kept));
        }
    }

    /// Skips a comment, if one stands here, with the `}}` behind it. Says whether that trims.
    fn comment(&mut self, start: usize) -> Result<Option<bool>, Fault> {
        let inside = self.rest.trim_start_matches(BLANKS);
        // Blanks before a comment are allowed only after `{{-`.
        let trimmed = self.tail(start + 2).starts_with('-');
        if !inside.starts_with("/*") || (inside.len() != self.rest.len() && !trimmed) {
            return Ok(None);
        }
        let Some((_, after)) = inside.split_once("*/") else {
            return Err(Fault::new(start, "a comment is not closed"));
        };
        if let Some(rest) = after.strip_prefix("}}") {
            self.rest = rest;
            return Ok(Some(false));
        }
        let blanks = after.trim_start_matches(BLANKS);
        match blanks.strip_prefix("-}}") {
            Some(rest) if blanks.len() != after.len() => {
                self.rest = rest;
                Ok(Some(true))
            }
            _ => Err(Fault::new(
                start,
                "a comment has to end with `*/}}`, and stands alone in its action",
            )),
        }
    }

    /// Reads an action to its `}}`. Says whether that trims what follows.
    fn action(&mut self, start: usize) -> Result<bool, Fault> {
        self.push(start, false, TokenKind::Open);
        loop {
            let before = self.rest.len();
            self.rest = self.rest.trim_start_matches(BLANKS);
            let spaced = self.rest.len() != before;
            let at = self.position();
            if spaced && let Some(rest) = self.rest.strip_prefix("-}}") {
                self.rest = rest;
                self.push(at, spaced, TokenKind::Close);
                return Ok(true);
            }
            if let Some(rest) = self.rest.strip_prefix("}}") {
                self.rest = rest;
                self.push(at, spaced, TokenKind::Close);
                return Ok(false);
            }
            if self.rest.is_empty() {
                return Err(Fault::new(start, "an action is not closed by `}}`"));
            }
            let kind = self.token(at)?;
            self.push(at, spaced, kind);
        }
    }

    fn token(&mut self, at: usize) -> Result<TokenKind<'a>, Fault> {
        let mut chars = self.rest.chars();
        let first = chars.next().unwrap_or_default();
        let second = chars.next();
        match first {
            '"' | '`' => self.literal(at),
            '\'' => self.character(at),
            '|' => Ok(self.take(1, TokenKind::Pipe)),
            ',' => Ok(self.take(1, TokenKind::Comma)),
            '(' => Ok(self.take(1, TokenKind::OpenParen)),
            ')' => Ok(self.take(1, TokenKind::CloseParen)),
            ':' if second == Some('=') => Ok(self.take(2, TokenKind::Declare)),
            '=' => Ok(self.take(1, TokenKind::Assign)),
            '$' => {
                self.advance(1);
                Ok(TokenKind::Variable(self.word()))
            }
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number(at),
            '.' => {
                self.advance(1);
                match self.word() {
                    "" => Ok(TokenKind::Dot),
                    field => Ok(TokenKind::Field(field)),
                }
            }
            '+' | '-' | '0'..='9' => self.number(at),
            c if is_word(c) => Ok(TokenKind::Name(self.word())),
            c => Err(Fault::new(at, format!("unexpected character {c:?} in an action"))),
        }
    }

    fn literal(&mut self, at: usize) -> Result<TokenKind<'a>, Fault> {
        let Some((value, rest)) = read_literal(self.rest) else {
            return Err(Fault::new(
                at,
                "a string is not closed, or has an escape sequence that Go does not know",
            ));
        };
        self.rest = rest;
        Ok(TokenKind::Literal(value.into_owned()))
    }

    /// `'x'`: Go's number of a character.
    fn character(&mut self, at: usize) -> Result<TokenKind<'a>, Fault> {
        let mut chars = self.rest.chars().skip(1);
        match (chars.next(), chars.next()) {
            (Some(c), Some('\'')) if !matches!(c, '\\' | '\'') => {
                self.advance(c.len_utf8() + 2);
                Ok(TokenKind::Integer(i64::from(u32::from(c))))
            }
            _ => Err(Fault::new(at, "texts stand between double quotes or back-ticks")),
        }
    }

    fn number(&mut self, at: usize) -> Result<TokenKind<'a>, Fault> {
        let sign = usize::from(self.rest.starts_with(['+', '-']));
        let body = self.rest.get(sign..).unwrap_or_default();
        let mut end = 0;
        let mut before = ' ';
        for c in body.chars() {
            let exponent_sign =
                matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !body.starts_with("0x");
            if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || exponent_sign) {
                break;
            }
            end += c.len_utf8();
            before = c;
        }
        let text = self.rest.get(..sign + end).unwrap_or_default();
        let kind = parse_number(text).ok_or_else(|| Fault::new(at, format!("`{text}` is not a number")))?;
        self.advance(text.len());
        Ok(kind)
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        word
    }

    fn take(&mut self, bytes: usize, kind: TokenKind<'a>) -> TokenKind<'a> {
        self.advance(bytes);
        kind
    }

    fn push(&mut self, at: usize, spaced: bool, kind: TokenKind<'a>) {
        self.tokens.push(Token { at, spaced, kind });
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn tail(&self, from: usize) -> &'a str {
        self.source.get(from..).unwrap_or_default()
    }

    fn position(&self) -> usize {
        self.source.len() - self.rest.len()
    }
}

/// `{{- `: the blank tells it from a negative number.
fn trims_left(action: &str) -> bool {
    action
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(BLANKS))
}

fn parse_number(text: &str) -> Option<TokenKind<'static>> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let radixes = [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8)];
    let (digits, radix) = radixes
        .iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, *radix)))
        .unwrap_or((digits, 10));
    if let Ok(value) = i128::from_str_radix(digits, radix) {
        let value = if negative { -value } else { value };
        return i64::try_from(value).ok().map(TokenKind::Integer);
    }
    if radix != 10 || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value: f64 = plain.parse().ok()?;
    value.is_finite().then_some(TokenKind::Float(value))
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];
