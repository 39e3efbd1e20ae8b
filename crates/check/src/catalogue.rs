//! Everything that can be diagnosed, each with its code: what the command's explanations, its notes and
//! `docs/reference/diagnostics.md` are made of.

mod codes;
mod explain;
mod faults;
mod page;
mod table;

use viaduct_config::Severity;

pub use explain::{Unknown, explain};
pub use page::page;
pub use table::Diagnosis;

/// What is known of a diagnosis, whatever it is about.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Stable: `V0104`.
    pub code: &'static str,
    pub severity: Severity,
    pub title: &'static str,
    /// What the mistake is, and why it is made.
    pub why: &'static str,
    /// What happens when it is served.
    pub here: &'static str,
    /// What Traefik does with it.
    pub traefik: &'static str,
    /// How to mend it.
    pub mend: &'static str,
    /// A text with the mistake in it.
    pub example: &'static str,
    /// What is said of that.
    pub output: &'static str,
}

impl Entry {
    /// What follows from the mistake, and what to do about it, each under its heading.
    const fn consequences(&self) -> [(&'static str, &'static str); 3] {
        [
            ("When served", self.here),
            ("In Traefik", self.traefik),
            ("To mend it", self.mend),
        ]
    }
}
