//! `viaduct options`: what becomes of each of Traefik's install options.

use std::fmt::Write as _;

use viaduct_config::install::options;

use crate::output;

/// One line per option, in the order and spelling of Traefik's reference: name, tab, disposition.
pub(super) fn run() {
    let mut text = String::new();
    for option in options::all() {
        // Writing to a `String` does not fail.
        writeln!(text, "{}\t{}", option.name.to_lowercase(), option.disposition).unwrap_or_default();
    }
    output::result(text);
}
