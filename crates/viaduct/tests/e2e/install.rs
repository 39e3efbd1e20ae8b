//! The install configuration from outside: where it comes from, what is done with it, what is said of mistakes.

pub(crate) mod commands;
mod mistakes;
pub(crate) mod serving;
pub(crate) mod sources;
