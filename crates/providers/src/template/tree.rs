//! A template, parsed.

use std::collections::HashMap;

use super::functions::Function;
use super::value::Value;

/// The file's own template and those that it defines.
#[derive(Debug)]
pub(super) struct Templates<'a> {
    pub(super) main: Vec<Node<'a>>,
    pub(super) defined: HashMap<String, Vec<Node<'a>>>,
}

#[derive(Debug)]
pub(super) enum Node<'a> {
    Text {
        at: usize,
        text: &'a str,
    },
    /// `{{ pipeline }}`; prints, unless it declares.
    Action(Pipeline),
    If(Branch<'a>),
    With(Branch<'a>),
    Range(Branch<'a>),
    Break,
    Continue,
    /// `{{ template "name" pipeline }}`
    Template {
        at: usize,
        name: String,
        data: Option<Pipeline>,
    },
}

#[derive(Debug)]
pub(super) struct Branch<'a> {
    pub(super) condition: Pipeline,
    pub(super) then: Vec<Node<'a>>,
    pub(super) otherwise: Vec<Node<'a>>,
}

#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) at: usize,
    pub(super) variables: Vec<String>,
    pub(super) binding: Binding,
    pub(super) commands: Vec<Command>,
}

/// What a pipeline does with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// Nothing: it is printed or tested.
    None,
    /// `$x := ...`
    Declare,
    /// `$x = ...`
    Assign,
}

/// An operand, with arguments if it is a function.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) first: Operand,
    pub(super) arguments: Vec<Operand>,
}

#[derive(Debug)]
pub(super) struct Operand {
    pub(super) at: usize,
    pub(super) term: Term,
    /// `.a.b` behind it.
    pub(super) fields: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Term {
    Dot,
    Nil,
    Variable(String),
    Function(&'static Function),
    Parenthesised(Pipeline),
    Value(Value),
}
