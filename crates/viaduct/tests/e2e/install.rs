//! The install configuration from outside: where it comes from, what is done with it, what is said of mistakes.

mod commands;
mod mistakes;
mod serving;
mod sources;
