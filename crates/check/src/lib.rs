//! What is wrong with manifests, files of the file provider and install configuration, before anything is served.
//!
//! ```text
//!  Text --source--> Sources (documents, each known by its content)
//!   kubernetes: Index, translate --+
//!   providers: read_texts ---------+-> Updates -> snapshot::compile -> findings --findings--+
//!   config: install::from_file ------------------------------------> faults ----------------+-> Report
//!                                       objects, snapshot, certificates --lints-------------+
//!  Report --report--> text, JSON, SARIF, workflow commands;  edits --edit--> mended texts
//! ```
//! Translation and compilation are those of serving: what is said here is what would happen. [`catalogue`] has
//! one entry for each diagnosis, from which the command's explanations and the reference page are made. Nothing
//! here looks at clock, network or environment; PEM files that a configuration names are read by `providers`.

mod catalogue;
mod diagnostic;
mod edit;
mod findings;
mod installs;
mod lints;
mod mending;
mod place;
pub mod report;
mod serve;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use viaduct_config::Severity;
use viaduct_config::finding::Code;
use viaduct_kubernetes::{IngressPolicy, Policy, SecretView};
use viaduct_tls::Identity;

pub use catalogue::{Diagnosis, Entry, Unknown, explain, page};
pub use diagnostic::{Diagnostic, Help};
pub use edit::Edit;
pub use findings::code_of;
pub use mending::{Made, Mended, Which, mend};
pub use place::Place;
pub use source::{Sources, Text, Unreadable};

/// What a check depends on beside the texts.
pub struct Setting {
    /// Entry points and defaults of the process; `None`: every entry point that is named is there.
    pub routing: Option<viaduct_snapshot::Install>,
    /// What manifests may ask for.
    pub manifests: Policy,
    /// What Ingresses may ask for.
    pub ingresses: IngressPolicy,
    /// Which Secrets serving would take; the reason against one otherwise.
    pub admit: fn(&SecretView<'_>) -> Result<(), String>,
    /// What templates of the file provider find in the environment: variables that somebody else than the texts
    /// has chosen, as their values may be shown.
    pub env: BTreeMap<String, String>,
    /// Shown where no certificate matches.
    pub generated_default: std::sync::Arc<Identity>,
    /// The time that certificates are looked at.
    pub at: SystemTime,
    /// How long before its end a certificate is said to expire soon.
    pub soon: Duration,
    /// Options of the install configuration that the process would refuse, though they can be read, and why.
    pub refused: Vec<(String, String)>,
    /// Diagnoses that are not wanted.
    pub allowed: BTreeSet<Diagnosis>,
}

/// Everything that was found, in the order of files and lines.
#[derive(Debug)]
pub struct Report {
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub fn count(&self, severity: Severity) -> usize {
        let of = self.diagnostics.iter();
        of.filter(|diagnostic| diagnostic.severity == severity).count()
    }
}

/// Looks at everything.
pub fn check(sources: &Sources, setting: &Setting) -> Report {
    let mut diagnostics = source::strangers(sources);
    diagnostics.extend(installs::diagnostics(sources, setting));
    let served = serve::served(sources, setting);
    diagnostics.extend(findings::diagnostics(sources, &served));
    lints::look(sources, setting, &served, &mut diagnostics);
    diagnostics.retain(|diagnostic| !setting.allowed.contains(&diagnostic.diagnosis));
    for help in diagnostics.iter_mut().flat_map(|diagnostic| &mut diagnostic.help) {
        if help.edits.iter().any(|edit| sources.is_shared(edit)) {
            *help = Help::words(std::mem::take(&mut help.text));
        }
    }
    // What has no place comes first: it is about a whole file.
    diagnostics.sort_by(|one, other| {
        let key = |diagnostic: &Diagnostic| {
            let place = diagnostic.place.as_ref();
            (
                place.map(|place| (place.file, place.start)),
                diagnostic.diagnosis,
                diagnostic.field.clone(),
                diagnostic.message.clone(),
                diagnostic.subject.clone(),
            )
        };
        key(one).cmp(&key(other))
    });
    diagnostics.dedup_by(|one, other| {
        // Two routers may share what is written once.
        (one.diagnosis, &one.place, &one.message, &one.subject)
            == (other.diagnosis, &other.place, &other.message, &other.subject)
    });
    Report { diagnostics }
}

/// Codes that cannot be about texts that are read once.
pub(crate) const fn is_of_a_process(code: Code) -> bool {
    matches!(
        code,
        Code::ClusterAccess | Code::OcspStapling | Code::RevokedCertificate
    )
}
