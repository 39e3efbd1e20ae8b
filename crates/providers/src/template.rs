//! Configuration files as Go templates, the way Traefik's file provider reads them.
//!
//! ```text
//!  text --lexer--> tokens --parser--> tree --run--> text, and where each part of it came from
//! ```
//! The language is that of Go's `text/template`: actions, pipelines, variables, `if`, `with`, `range`,
//! `define`, comparison, `printf`. The functions are Go's own, Traefik's `normalize` and `split`, and those of
//! the sprig library that configuration files are written with ([`functions`]); a function that is known but
//! not offered is told so. The data (`.`) is `false`, as in Traefik.
//!
//! A file may not make us work or grow without limit: 8 MiB of source, 16 MiB of output, 64 MiB of values made
//! on the way, 2,000,000 steps, 64 levels of nesting.
//!
//! Dictionaries are values here, not references: `set $d "k" "v"` changes the variable `$d` and nothing else.

mod functions;
mod lexer;
mod parser;
mod place;
mod run;
mod scope;
mod show;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use viaduct_config::Location;

pub use place::Rendered;

/// Why a template could not be rendered, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {message}")]
pub struct TemplateError {
    pub location: Location,
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// Renders `text`. `file` is what locations name; `env` looks up environment variables.
///
/// A text without `{{` is given back as it is.
pub fn render(
    file: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Rendered, TemplateError> {
    if !text.contains("{{") {
        return Ok(Rendered::verbatim(text));
    }
    let rendered = if text.len() > MAX_SOURCE_BYTES {
        Err(Fault::new(0, "a template may not be larger than 8 MiB"))
    } else {
        lexer::tokens(text)
            .and_then(parser::parse)
            .and_then(|templates| run::run(text, &templates, env))
    };
    match rendered {
        Ok((output, pieces)) => Ok(Rendered::new(file, text, output, pieces)),
        Err(fault) => Err(TemplateError {
            location: place::locate(file, text, fault.at),
            message: fault.message,
            hint: fault.hint,
        }),
    }
}

/// What is wrong, and the byte of the source where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    at: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

const MAX_SOURCE_BYTES: usize = 8 * 1024 * 1024;
