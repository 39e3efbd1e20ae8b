//! Names in scope, the innermost last.

use std::collections::HashMap;
use std::rc::Rc;

/// Finds a name in one step, however many there are: a template may declare a hundred thousand.
#[derive(Debug)]
pub(super) struct Scope<V> {
    /// Of each name, its declarations; none is empty.
    declared: HashMap<Rc<str>, Vec<V>>,
    /// In the order of declaration.
    order: Vec<Rc<str>>,
}

impl<V> Scope<V> {
    /// With `$`, whose name is empty.
    pub(super) fn with_root(root: V) -> Self {
        let mut scope = Self {
            declared: HashMap::new(),
            order: Vec::new(),
        };
        scope.declare("", root);
        scope
    }

    pub(super) fn declare(&mut self, name: &str, value: V) {
        let name = match self.declared.get_key_value(name) {
            Some((known, _)) => Rc::clone(known),
            None => Rc::from(name),
        };
        self.declared.entry(Rc::clone(&name)).or_default().push(value);
        self.order.push(name);
    }

    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.declared.get(name)?.last()
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.declared.get_mut(name)?.last_mut()
    }

    /// How many declarations there are, for [`Self::leave`].
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Forgets what was declared after the first `len`.
    pub(super) fn leave(&mut self, len: usize) {
        while self.order.len() > len
            && let Some(name) = self.order.pop()
        {
            if let Some(values) = self.declared.get_mut(&name) {
                values.pop();
                if values.is_empty() {
                    self.declared.remove(&name);
                }
            }
        }
    }
}
