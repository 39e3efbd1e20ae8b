//! Tree -> text.

use std::rc::Rc;

use super::Fault;
use super::functions::{self, Calling, Function};
use super::place::Piece;
use super::scope::Scope;
use super::show::text_of;
use super::tree::{Binding, Branch, Command, Node, Operand, Pipeline, Templates, Term};
use super::value::{List, Value};

/// The output, and where its parts come from.
pub(super) fn run(
    source: &str,
    templates: &Templates<'_>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, Vec<Piece>), Fault> {
    let mut run = Run {
        templates,
        env,
        variables: Scope::with_root(Value::Nil),
        output: String::with_capacity(source.len()),
        pieces: Vec::new(),
        steps: 0,
        made: 0,
        work: 0,
        depth: 0,
    };
    // Traefik's file provider hands its templates this.
    run.body(&templates.main, &Value::Bool(false))?;
    Ok((run.output, run.pieces))
}

struct Run<'t> {
    templates: &'t Templates<'t>,
    env: &'t dyn Fn(&str) -> Option<String>,
    variables: Scope<Value>,
    output: String,
    pieces: Vec<Piece>,
    steps: usize,
    /// Bytes of values made.
    made: usize,
    /// Bytes that functions were given.
    work: usize,
    /// Templates called by templates.
    depth: usize,
}

/// How a list of nodes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Run<'_> {
    /// A template with its own variables.
    fn body(&mut self, nodes: &[Node<'_>], data: &Value) -> Result<(), Fault> {
        let outer = std::mem::replace(&mut self.variables, Scope::with_root(data.clone()));
        let flow = self.list(nodes, data);
        self.variables = outer;
        flow.map(drop)
    }

    fn list(&mut self, nodes: &[Node<'_>], dot: &Value) -> Result<Flow, Fault> {
        for node in nodes {
            match self.node(node, dot)? {
                Flow::On => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node<'_>, dot: &Value) -> Result<Flow, Fault> {
        match node {
            Node::Text { at, text } => self.write(*at, text, true)?,
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.binding == Binding::None {
                    let text = match value {
                        Value::Nil => Ok("<no value>".to_owned()),
                        value => text_of(&value),
                    };
                    let text = text.map_err(|message| Fault::new(pipeline.at, message))?;
                    self.write(pipeline.at, &text, false)?;
                }
            }
            Node::If(branch) => return self.conditional(branch, dot, false),
            Node::With(branch) => return self.conditional(branch, dot, true),
            Node::Range(branch) => return self.range(branch, dot),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Template { at, name, data } => self.template(*at, name, data.as_ref(), dot)?,
        }
        Ok(Flow::On)
    }

    fn conditional(&mut self, branch: &Branch<'_>, dot: &Value, with: bool) -> Result<Flow, Fault> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.condition, dot)?;
        let flow = if value.is_true() {
            self.list(&branch.then, if with { &value } else { dot })
        } else {
            self.list(&branch.otherwise, dot)
        };
        self.variables.leave(scope);
        flow
    }

    fn range(&mut self, branch: &Branch<'_>, dot: &Value) -> Result<Flow, Fault> {
        let scope = self.variables.len();
        let condition = &branch.condition;
        let value = self.commands(condition, dot)?;
        let mut flow = Flow::On;
        let mut empty = true;
        let rounds = Rounds::of(value).map_err(|message| Fault::new(condition.at, message))?;
        for (key, item) in rounds {
            self.step(condition.at)?;
            empty = false;
            match condition.variables.as_slice() {
                [] => {}
                [name] => self.bind(condition, name, item.clone()),
                [first, second, ..] => {
                    self.bind(condition, first, key);
                    self.bind(condition, second, item.clone());
                }
            }
            flow = self.list(&branch.then, &item)?;
            self.variables.leave(scope);
            if flow == Flow::Break {
                return Ok(Flow::On);
            }
        }
        if empty {
            flow = self.list(&branch.otherwise, dot)?;
        } else if flow == Flow::Continue {
            flow = Flow::On;
        }
        self.variables.leave(scope);
        Ok(flow)
    }

    fn template(&mut self, at: usize, name: &str, data: Option<&Pipeline>, dot: &Value) -> Result<(), Fault> {
        let templates = self.templates;
        let Some(nodes) = templates.defined.get(name) else {
            return Err(Fault::new(at, format!("the template {name:?} is not defined")));
        };
        let data = match data {
            Some(pipeline) => self.pipeline(pipeline, dot)?,
            None => Value::Nil,
        };
        self.step(at)?;
        self.depth += 1;
        if self.depth > MAX_CALLS {
            return Err(Fault::new(at, "templates call each other more than 32 deep"));
        }
        self.body(nodes, &data)?;
        self.depth -= 1;
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Fault> {
        let value = self.commands(pipeline, dot)?;
        for name in &pipeline.variables {
            self.bind(pipeline, name, value.clone());
        }
        Ok(value)
    }

    fn bind(&mut self, pipeline: &Pipeline, name: &str, value: Value) {
        match pipeline.binding {
            Binding::None => {}
            Binding::Declare => self.variables.declare(name, value),
            Binding::Assign => self.assign(name, value),
        }
    }

    fn assign(&mut self, name: &str, value: Value) {
        if let Some(known) = self.variables.get_mut(name) {
            *known = value;
        }
    }

    fn commands(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Fault> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, value, dot)?);
        }
        Ok(value.unwrap_or(Value::Nil))
    }

    /// `piped`: what stands before the `|`.
    fn command(&mut self, command: &Command, piped: Option<Value>, dot: &Value) -> Result<Value, Fault> {
        match command.first.term {
            Term::Function(function) => {
                let value = self.call(function, command, piped, dot)?;
                fields(&command.first, value)
            }
            _ => self.operand(&command.first, dot),
        }
    }

    fn call(
        &mut self,
        function: &'static Function,
        command: &Command,
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, Fault> {
        let at = command.first.at;
        self.step(at)?;
        let given = command.arguments.len() + usize::from(piped.is_some());
        function
            .check_count(given)
            .map_err(|message| Fault::new(at, message))?;
        if let Some(decides) = function.decided_by() {
            return self.until_decided(decides, command, piped, dot);
        }
        let mut arguments = Vec::with_capacity(given);
        for operand in &command.arguments {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(piped);
        self.work += arguments.iter().map(Value::size).sum::<usize>();
        if self.work > MAX_WORK_BYTES {
            return Err(Fault::new(at, "the template's functions look at more than 1 GiB"));
        }
        let mut calling = Calling { env: self.env };
        let value = function
            .call(&mut calling, &arguments)
            .map_err(|message| Fault::new(at, format!("`{}`: {message}", function.name)))?;
        drop(arguments);
        self.made += value.weight();
        if self.made > MAX_MADE_BYTES {
            return Err(Fault::new(at, "the template makes more than 64 MiB of values"));
        }
        if function.changes_first()
            && let Some(Operand {
                term: Term::Variable(name),
                fields,
                ..
            }) = command.arguments.first()
            && fields.is_empty()
        {
            self.assign(name, value.clone());
        }
        Ok(value)
    }

    /// `and` and `or`: the first argument whose truth is `decides`, or the last one; what follows it is not
    /// looked at.
    fn until_decided(
        &mut self,
        decides: bool,
        command: &Command,
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, Fault> {
        let mut value = Value::Nil;
        for operand in &command.arguments {
            value = self.operand(operand, dot)?;
            if value.is_true() == decides {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        let value = match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil => Value::Nil,
            Term::Variable(name) => self.variables.get(name).cloned().unwrap_or(Value::Nil),
            Term::Value(value) => value.clone(),
            Term::Parenthesised(pipeline) => {
                let scope = self.variables.len();
                let value = self.pipeline(pipeline, dot)?;
                self.variables.leave(scope);
                value
            }
            // A function among arguments has none of its own.
            Term::Function(function) => {
                self.step(operand.at)?;
                function
                    .check_count(0)
                    .and_then(|()| function.call(&mut Calling { env: self.env }, &[]))
                    .map_err(|message| {
                        Fault::new(operand.at, message).hint(Some(functions::PARENTHESES.to_owned()))
                    })?
            }
        };
        fields(operand, value)
    }

    fn write(&mut self, at: usize, text: &str, verbatim: bool) -> Result<(), Fault> {
        self.step(at)?;
        if text.is_empty() {
            return Ok(());
        }
        if self.output.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(Fault::new(at, "the output is larger than 16 MiB"));
        }
        self.pieces.push(Piece {
            start: self.output.len(),
            source: at,
            verbatim,
        });
        self.output.push_str(text);
        Ok(())
    }

    fn step(&mut self, at: usize) -> Result<(), Fault> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Fault::new(at, "the template takes more than 2000000 steps"));
        }
        Ok(())
    }
}

fn fields(operand: &Operand, value: Value) -> Result<Value, Fault> {
    operand.fields.iter().try_fold(value, |value, name| {
        value
            .field(name)
            .map_err(|message| Fault::new(operand.at, message))
    })
}

/// What `range` goes over.
enum Rounds {
    List { list: Rc<List>, next: usize },
    Dict(std::vec::IntoIter<(Value, Value)>),
    Count { next: i64, end: i64 },
}

impl Rounds {
    fn of(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::List(list) => Self::List { list, next: 0 },
            Value::Dict(dict) => {
                let entries = dict.entries().iter();
                let entries: Vec<_> = entries
                    .map(|(key, value)| (Value::text(key.as_str()), value.clone()))
                    .collect();
                Self::Dict(entries.into_iter())
            }
            Value::Integer(end) => Self::Count { next: 0, end },
            Value::Nil => Self::Count { next: 0, end: 0 },
            other => return Err(format!("`range` cannot go over {}", other.noun())),
        })
    }
}

impl Iterator for Rounds {
    type Item = (Value, Value);

    fn next(&mut self) -> Option<(Value, Value)> {
        match self {
            Self::List { list, next } => {
                let item = list.items().get(*next)?.clone();
                let key = Value::Integer(i64::try_from(*next).unwrap_or(i64::MAX));
                *next += 1;
                Some((key, item))
            }
            Self::Dict(entries) => entries.next(),
            Self::Count { next, end } => {
                let number = (*next < *end).then_some(Value::Integer(*next))?;
                *next += 1;
                Some((number.clone(), number))
            }
        }
    }
}

const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;
const MAX_MADE_BYTES: usize = 64 * 1024 * 1024;
const MAX_WORK_BYTES: usize = 1024 * 1024 * 1024;
const MAX_STEPS: usize = 2_000_000;
const MAX_CALLS: usize = 32;
