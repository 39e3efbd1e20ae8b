//! One diagnostic, before it is text.

use std::borrow::Cow;

use viaduct_config::Severity;

use crate::catalogue::Diagnosis;
use crate::edit::Edit;
use crate::place::Place;

/// What is wrong, where, what comes of it, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    /// The object or element that it is about.
    pub subject: Option<String>,
    pub place: Option<Place>,
    /// For a text that is not among the sources: a file that is named, or nothing but a name.
    pub elsewhere: Option<String>,
    pub field: Option<String>,
    pub message: String,
    pub wanted: Option<String>,
    pub got: Option<String>,
    /// What was verified, where the message alone would be an assumption.
    pub proof: Option<String>,
    /// What happens when this is served.
    pub here: Cow<'static, str>,
    /// What Traefik does with it.
    pub traefik: &'static str,
    /// What is out of service because of it, beside its subject.
    pub affects: Vec<String>,
    pub help: Vec<Help>,
}

/// One way to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    pub text: String,
    /// None where words have to do.
    pub edits: Vec<Edit>,
    /// Whether `--fix` may make the edits: they change nothing but what was meant already.
    pub safe: bool,
}

impl Help {
    pub(crate) fn words(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            edits: Vec::new(),
            safe: false,
        }
    }

    pub(crate) fn edit(text: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self {
            text: text.into(),
            edits,
            safe: false,
        }
    }

    pub(crate) fn safe_edit(text: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self {
            safe: !edits.is_empty(),
            ..Self::edit(text, edits)
        }
    }
}

impl Diagnostic {
    /// With the severity and the consequences that the catalogue has.
    pub(crate) fn new(diagnosis: Diagnosis, message: impl Into<String>) -> Self {
        let entry = diagnosis.entry();
        Self {
            diagnosis,
            severity: entry.severity,
            subject: None,
            place: None,
            elsewhere: None,
            field: None,
            message: message.into(),
            wanted: None,
            got: None,
            proof: None,
            here: Cow::Borrowed(entry.here),
            traefik: entry.traefik,
            affects: Vec::new(),
            help: Vec::new(),
        }
    }

    #[must_use]
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    #[must_use]
    pub(crate) fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    #[must_use]
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub(crate) fn help(mut self, help: Help) -> Self {
        self.help.push(help);
        self
    }

    /// The first line of what is said.
    pub(crate) fn headline(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{subject}: {}", self.message),
            None => self.message.clone(),
        }
    }
}
