//! Tokens -> tree, by recursive descent.

use std::collections::HashMap;
use std::vec::IntoIter;

use super::Fault;
use super::functions;
use super::lexer::{Token, TokenKind};
use super::scope::Scope;
use super::tree::{Binding, Branch, Command, Node, Operand, Pipeline, Templates, Term};
use super::value::Value;

pub(super) fn parse(tokens: Vec<Token<'_>>) -> Result<Templates<'_>, Fault> {
    let mut parser = Parser {
        tokens: tokens.into_iter(),
        defined: HashMap::new(),
        variables: Scope::with_root(()),
        loops: 0,
        depth: 0,
    };
    let (main, end) = parser.list()?;
    if let Some((at, word)) = end.word() {
        return Err(Fault::new(at, format!("unexpected `{word}`")));
    }
    Ok(Templates {
        main,
        defined: parser.defined,
    })
}

/// What ended a list of nodes; the words stand for whole actions but for `else`, whose rest is unread.
enum ListEnd {
    File,
    End(usize),
    Else(usize),
}

impl ListEnd {
    fn word(&self) -> Option<(usize, &'static str)> {
        match self {
            Self::File => None,
            Self::End(at) => Some((*at, "end")),
            Self::Else(at) => Some((*at, "else")),
        }
    }
}

struct Parser<'a> {
    tokens: IntoIter<Token<'a>>,
    defined: HashMap<String, Vec<Node<'a>>>,
    variables: Scope<()>,
    /// How many `range`s we are inside.
    loops: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn list(&mut self) -> Result<(Vec<Node<'a>>, ListEnd), Fault> {
        let mut nodes = Vec::new();
        loop {
            let token = self.next();
            match token.kind {
                TokenKind::Text(text) => nodes.push(Node::Text { at: token.at, text }),
                TokenKind::Open => match self.action(token.at)? {
                    Action::Node(node) => nodes.push(node),
                    Action::Nothing => {}
                    Action::End(end) => return Ok((nodes, end)),
                },
                _ => return Ok((nodes, ListEnd::File)),
            }
        }
    }

    /// What follows `{{`.
    fn action(&mut self, at: usize) -> Result<Action<'a>, Fault> {
        let TokenKind::Name(word) = self.peek().kind else {
            return self.printing().map(Action::Node);
        };
        let statement = matches!(
            word,
            "end" | "else" | "if" | "with" | "range" | "break" | "continue" | "template" | "define" | "block"
        );
        if !statement {
            return self.printing().map(Action::Node);
        }
        self.next();
        match word {
            "end" => {
                self.close()?;
                Ok(Action::End(ListEnd::End(at)))
            }
            "else" => Ok(Action::End(ListEnd::Else(at))),
            "if" => self.branch(at, "if").map(|branch| Action::Node(Node::If(branch))),
            "with" => self
                .branch(at, "with")
                .map(|branch| Action::Node(Node::With(branch))),
            "range" => self
                .branch(at, "range")
                .map(|branch| Action::Node(Node::Range(branch))),
            "template" => self.template(at).map(Action::Node),
            "define" => self.define(at),
            "block" => self.block(at).map(Action::Node),
            _ => {
                if self.loops == 0 {
                    return Err(Fault::new(at, format!("`{word}` outside `range`")));
                }
                self.close()?;
                Ok(Action::Node(if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                }))
            }
        }
    }

    fn printing(&mut self) -> Result<Node<'a>, Fault> {
        let pipeline = self.pipeline(false)?;
        self.close()?;
        Ok(Node::Action(pipeline))
    }

    /// `if`, `with` and `range`, from their condition to their `end`.
    fn branch(&mut self, at: usize, word: &'static str) -> Result<Branch<'a>, Fault> {
        self.descend(at)?;
        let scope = self.variables.len();
        let ranges = word == "range";
        let condition = self.pipeline(ranges)?;
        self.close()?;
        self.loops += usize::from(ranges);
        let (then, end) = self.list()?;
        self.loops -= usize::from(ranges);
        let otherwise = match end {
            ListEnd::End(_) => Vec::new(),
            ListEnd::Else(else_at) => self.otherwise(at, else_at, word)?,
            ListEnd::File => return Err(unclosed(at, word)),
        };
        self.variables.leave(scope);
        self.depth -= 1;
        Ok(Branch {
            condition,
            then,
            otherwise,
        })
    }

    /// What follows `{{ else`: `}}` and a list, or another condition.
    fn otherwise(&mut self, at: usize, else_at: usize, word: &'static str) -> Result<Vec<Node<'a>>, Fault> {
        if let TokenKind::Name(next @ ("if" | "with")) = self.peek().kind {
            self.next();
            // `{{ else if }}` shares the `{{ end }}` of what it belongs to.
            return match (word, next) {
                ("if", "if") => Ok(vec![Node::If(self.branch(else_at, "if")?)]),
                ("with", "with") => Ok(vec![Node::With(self.branch(else_at, "with")?)]),
                _ => Err(Fault::new(else_at, format!("`else {next}` inside `{word}`"))),
            };
        }
        self.close()?;
        let (nodes, end) = self.list()?;
        match end {
            ListEnd::End(_) => Ok(nodes),
            ListEnd::Else(at) => Err(Fault::new(at, format!("a second `else` in one `{word}`"))),
            ListEnd::File => Err(unclosed(at, word)),
        }
    }

    fn template(&mut self, at: usize) -> Result<Node<'a>, Fault> {
        let name = self.template_name()?;
        let data = if self.peek().kind == TokenKind::Close {
            None
        } else {
            Some(self.pipeline(false)?)
        };
        self.close()?;
        Ok(Node::Template { at, name, data })
    }

    fn define(&mut self, at: usize) -> Result<Action<'a>, Fault> {
        let name = self.template_name()?;
        self.close()?;
        let body = self.body(at, "define")?;
        self.defined.insert(name, body);
        Ok(Action::Nothing)
    }

    /// `define` and `template` in one; a definition elsewhere wins.
    fn block(&mut self, at: usize) -> Result<Node<'a>, Fault> {
        let name = self.template_name()?;
        let data = self.pipeline(false)?;
        self.close()?;
        let body = self.body(at, "block")?;
        self.defined.entry(name.clone()).or_insert(body);
        Ok(Node::Template {
            at,
            name,
            data: Some(data),
        })
    }

    /// A template of its own: it sees none of the variables around it.
    fn body(&mut self, at: usize, word: &'static str) -> Result<Vec<Node<'a>>, Fault> {
        self.descend(at)?;
        let outer = std::mem::replace(&mut self.variables, Scope::with_root(()));
        let loops = std::mem::take(&mut self.loops);
        let (nodes, end) = self.list()?;
        match end {
            ListEnd::End(_) => {}
            ListEnd::Else(at) => return Err(Fault::new(at, format!("`else` in `{word}`"))),
            ListEnd::File => return Err(unclosed(at, word)),
        }
        self.variables = outer;
        self.loops = loops;
        self.depth -= 1;
        Ok(nodes)
    }

    fn template_name(&mut self) -> Result<String, Fault> {
        let token = self.next();
        match token.kind {
            TokenKind::Literal(name) => Ok(name),
            other => Err(unexpected(token.at, &other, "the name of a template, in quotes")),
        }
    }

    /// Variables, `:=` or `=`, and commands between `|`.
    fn pipeline(&mut self, ranges: bool) -> Result<Pipeline, Fault> {
        let at = self.peek().at;
        let (variables, binding) = self.declaration(ranges)?;
        let mut commands = vec![self.command()?];
        while self.peek().kind == TokenKind::Pipe {
            self.next();
            let command = self.command()?;
            if !matches!(command.first.term, Term::Function(_)) {
                return Err(Fault::new(command.first.at, "only a function can follow `|`"));
            }
            commands.push(command);
        }
        if binding == Binding::Declare {
            variables.iter().for_each(|name| self.variables.declare(name, ()));
        }
        Ok(Pipeline {
            at,
            variables,
            binding,
            commands,
        })
    }

    /// `$x :=`, `$x =`, and in `range` `$i, $x :=`, if that is what comes.
    fn declaration(&mut self, ranges: bool) -> Result<(Vec<String>, Binding), Fault> {
        let none = (Vec::new(), Binding::None);
        let TokenKind::Variable(first) = self.peek().kind else {
            return Ok(none);
        };
        // A variable that begins an expression looks the same so far.
        let mut ahead = self.tokens.as_slice().iter().skip(1);
        let mut names = vec![first.to_owned()];
        let mut read = 1;
        let mut next = ahead.next();
        if ranges
            && let Some(Token {
                kind: TokenKind::Comma,
                ..
            }) = &next
        {
            let Some(Token {
                kind: TokenKind::Variable(second),
                ..
            }) = ahead.next()
            else {
                return Ok(none);
            };
            names.push((*second).to_owned());
            read += 2;
            next = ahead.next();
        }
        let binding = match next.map(|token| &token.kind) {
            Some(TokenKind::Declare) => Binding::Declare,
            Some(TokenKind::Assign) => Binding::Assign,
            _ => return Ok(none),
        };
        let at = self.peek().at;
        for _ in 0..=read {
            self.next();
        }
        if names.iter().any(String::is_empty) {
            return Err(Fault::new(at, "`$` alone cannot be given a value"));
        }
        if binding == Binding::Assign {
            names.iter().try_for_each(|name| self.known(at, name))?;
        }
        Ok((names, binding))
    }

    fn known(&self, at: usize, name: &str) -> Result<(), Fault> {
        if self.variables.get(name).is_some() {
            return Ok(());
        }
        Err(Fault::new(at, format!("the variable `${name}` is not declared")))
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let first = self.operand()?.ok_or_else(|| {
            let token = self.peek_owned();
            unexpected(token.0, &token.1, "a value or a function")
        })?;
        let mut arguments = Vec::new();
        while let Some(operand) = self.operand()? {
            arguments.push(operand);
        }
        if !arguments.is_empty() && !matches!(first.term, Term::Function(_)) {
            return Err(Fault::new(
                first.at,
                "only a function takes arguments, and this is none",
            ));
        }
        if matches!(first.term, Term::Nil) {
            return Err(Fault::new(first.at, "`nil` alone is no command"));
        }
        Ok(Command { first, arguments })
    }

    /// `None`: what comes is no operand.
    fn operand(&mut self) -> Result<Option<Operand>, Fault> {
        let token = self.peek();
        let at = token.at;
        let mut fields = Vec::new();
        let term = match token.kind.clone() {
            TokenKind::Dot => Term::Dot,
            TokenKind::Field(name) => {
                fields.push(name.to_owned());
                Term::Dot
            }
            TokenKind::Variable(name) => {
                self.known(at, name)?;
                Term::Variable(name.to_owned())
            }
            TokenKind::Literal(text) => Term::Value(Value::text(text)),
            TokenKind::Integer(number) => Term::Value(Value::Integer(number)),
            TokenKind::Float(number) => Term::Value(Value::Float(number)),
            TokenKind::Name("true") => Term::Value(Value::Bool(true)),
            TokenKind::Name("false") => Term::Value(Value::Bool(false)),
            TokenKind::Name("nil") => Term::Nil,
            TokenKind::Name(name) => Term::Function(
                functions::find(name)
                    .map_err(|unknown| Fault::new(at, unknown.message).hint(unknown.hint))?,
            ),
            TokenKind::OpenParen => {
                self.next();
                self.descend(at)?;
                let pipeline = self.pipeline(false)?;
                self.depth -= 1;
                if self.peek().kind != TokenKind::CloseParen {
                    let (at, kind) = self.peek_owned();
                    return Err(unexpected(at, &kind, "`)`"));
                }
                Term::Parenthesised(pipeline)
            }
            _ => return Ok(None),
        };
        self.next();
        while let Token {
            spaced: false,
            kind: TokenKind::Field(name),
            ..
        } = self.peek()
        {
            fields.push((*name).to_owned());
            self.next();
        }
        Ok(Some(Operand { at, term, fields }))
    }

    fn close(&mut self) -> Result<(), Fault> {
        let token = self.next();
        match token.kind {
            TokenKind::Close => Ok(()),
            other => Err(unexpected(token.at, &other, "`}}`")),
        }
    }

    fn descend(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(at, "actions are nested more than 64 deep"));
        }
        Ok(())
    }

    fn peek(&self) -> &Token<'a> {
        self.tokens.as_slice().first().unwrap_or(&END)
    }

    fn peek_owned(&self) -> (usize, TokenKind<'a>) {
        let token = self.peek();
        (token.at, token.kind.clone())
    }

    fn next(&mut self) -> Token<'a> {
        self.tokens.next().unwrap_or_else(|| END.clone())
    }
}

enum Action<'a> {
    Node(Node<'a>),
    Nothing,
    End(ListEnd),
}

fn unclosed(at: usize, word: &str) -> Fault {
    Fault::new(at, format!("`{word}` has no `{{{{ end }}}}`"))
}

fn unexpected(at: usize, got: &TokenKind<'_>, wanted: &str) -> Fault {
    Fault::new(at, format!("{wanted} expected, {} found", got.describe()))
}

/// The lexer's list ends with one; this stands behind it.
static END: Token<'static> = Token {
    at: usize::MAX,
    spaced: false,
    kind: TokenKind::End,
};

const MAX_DEPTH: usize = 64;
