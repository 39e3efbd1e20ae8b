//! Tokens -> tree, by recursive descent. `!` binds tightest, then `&&`, then `||`.

use std::borrow::Cow;

use super::error::{Fault, RuleErrorKind};
use super::lexer::{Lexer, Token, TokenKind};
use super::{Chain, Expr, Syntax, matcher, v2};

pub(super) fn parse(syntax: Syntax, text: &str) -> Result<Expr, Fault> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Fault {
            offset: 0,
            kind: RuleErrorKind::TooLong,
        });
    }
    let mut lexer = Lexer::new(text);
    if let Some(fault) = lexer.forbidden() {
        return Err(fault);
    }
    let token = lexer.next()?;
    let mut parser = Parser {
        syntax,
        text,
        lexer,
        token,
        depth: 0,
        matchers: 0,
    };
    if parser.token.kind == TokenKind::End {
        return Err(parser.fault(RuleErrorKind::Empty));
    }
    let expr = parser.chain(Chain::Or)?;
    if parser.token.kind == TokenKind::LineEnd {
        // A line break that nothing follows is the end; the fault is where the line ends.
        let line_end = parser.fault(RuleErrorKind::LineBreak);
        parser.advance()?;
        if parser.token.kind != TokenKind::End {
            return Err(line_end);
        }
    }
    match parser.token.kind {
        TokenKind::End => Ok(expr),
        _ => Err(parser.unexpected("`&&`, `||` or the end")),
    }
}

struct Parser<'a> {
    syntax: Syntax,
    text: &'a str,
    lexer: Lexer<'a>,
    token: Token<'a>,
    depth: usize,
    matchers: usize,
}

impl<'a> Parser<'a> {
    fn chain(&mut self, chain: Chain) -> Result<Expr, Fault> {
        let operator = match chain {
            Chain::Or => TokenKind::Or,
            Chain::And => TokenKind::And,
        };
        let (first, mut rest) = self.operand(chain)?.into_operands(chain);
        while self.token.kind == operator {
            self.advance()?;
            let (next, others) = self.operand(chain)?.into_operands(chain);
            rest.push(next);
            rest.extend(others);
        }
        Ok(Expr::join(chain, first, rest))
    }

    fn operand(&mut self, chain: Chain) -> Result<Expr, Fault> {
        match chain {
            Chain::Or => self.chain(Chain::And),
            Chain::And => self.unary(),
        }
    }

    fn unary(&mut self) -> Result<Expr, Fault> {
        let offset = self.token.offset;
        match self.token.kind {
            TokenKind::Not => {
                self.descend(offset)?;
                self.advance()?;
                let inner = self.unary()?;
                self.depth -= 1;
                Ok(Expr::Not(Box::new(inner)))
            }
            TokenKind::Open => {
                self.descend(offset)?;
                self.advance()?;
                let inner = self.chain(Chain::Or)?;
                self.expect(&TokenKind::Close, "`)`")?;
                self.depth -= 1;
                Ok(inner)
            }
            TokenKind::Name(name) => self.call(offset, name),
            _ => Err(self.unexpected("a matcher")),
        }
    }

    /// ``Name(`a`, `b`)``; Go allows a comma after the last value.
    fn call(&mut self, offset: usize, name: &str) -> Result<Expr, Fault> {
        self.advance()?;
        self.expect(&TokenKind::Open, "`(`")?;
        let names = match self.syntax {
            Syntax::V3 => &matcher::MATCHER_NAMES[..],
            Syntax::V2 => &v2::MATCHER_NAMES[..],
        };
        let Some(function) = matcher::canonical_name(name, names) else {
            return Err(Fault {
                offset,
                kind: RuleErrorKind::UnsupportedFunction(name.to_owned()),
            });
        };
        let (mut values, mut offsets) = (Vec::new(), Vec::new());
        while let TokenKind::Text(value) = &mut self.token.kind {
            values.push(std::mem::take(value));
            offsets.push(self.token.offset);
            self.advance()?;
            if self.token.kind != TokenKind::Comma {
                break;
            }
            self.advance()?;
        }
        let wanted = if values.is_empty() {
            "a text between back-ticks or double quotes"
        } else {
            "`,` or `)`"
        };
        self.expect(&TokenKind::Close, wanted)?;
        self.matchers += match self.syntax {
            Syntax::V3 => 1,
            Syntax::V2 => values.len().max(1),
        };
        if self.matchers > MAX_MATCHERS {
            return Err(self.fault(RuleErrorKind::TooManyMatchers));
        }
        let built = match self.syntax {
            Syntax::V3 => matcher::build(function, &values).map(Expr::Match),
            Syntax::V2 => v2::build(function, &values),
        };
        built.map_err(|kind| Fault {
            offset: self.fault_offset(&kind, offset, &values, &offsets),
            kind,
        })
    }

    /// Where in a call a fault lies: at the function, or at the value, which comes last.
    fn fault_offset(
        &self,
        kind: &RuleErrorKind,
        function: usize,
        values: &[Cow<'_, str>],
        offsets: &[usize],
    ) -> usize {
        let last = offsets.last().copied().unwrap_or(function);
        match kind {
            RuleErrorKind::WrongArity { .. } | RuleErrorKind::OddArity { .. } => function,
            RuleErrorKind::EmptyValue { .. } => {
                let empty = values.iter().position(|value| value.is_empty());
                empty
                    .and_then(|index| offsets.get(index))
                    .copied()
                    .unwrap_or(last)
            }
            // One of several values; which, the fault does not know.
            _ if self.syntax == Syntax::V2 && values.len() > 1 => offsets.first().copied().unwrap_or(last),
            RuleErrorKind::InvalidRegexp { error, .. } if self.syntax == Syntax::V3 => {
                // In a raw text, offsets of the value are offsets of the rule.
                let raw = self.text.get(last..).is_some_and(|text| text.starts_with('`'));
                last + error.offset.filter(|_| raw).map_or(0, |inside| inside + 1)
            }
            _ => last,
        }
    }

    fn descend(&mut self, offset: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault {
                offset,
                kind: RuleErrorKind::TooDeep,
            });
        }
        Ok(())
    }

    fn expect(&mut self, kind: &TokenKind<'_>, wanted: &'static str) -> Result<(), Fault> {
        if self.token.kind != *kind {
            return Err(self.unexpected(wanted));
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<(), Fault> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn unexpected(&self, wanted: &'static str) -> Fault {
        self.fault(match &self.token.kind {
            TokenKind::Operator(operator) => RuleErrorKind::UnsupportedOperator((*operator).to_owned()),
            // The text goes on: it is the line break that is in the way.
            TokenKind::LineEnd if self.lexer.has_more() => RuleErrorKind::LineBreak,
            other => RuleErrorKind::Unexpected {
                wanted,
                got: other.describe(),
            },
        })
    }

    fn fault(&self, kind: RuleErrorKind) -> Fault {
        Fault {
            offset: self.token.offset,
            kind,
        }
    }
}

const MAX_TEXT_BYTES: usize = 256 * 1024;
const MAX_MATCHERS: usize = 10_000;
const MAX_DEPTH: usize = 100;
