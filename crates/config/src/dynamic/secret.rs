//! Text that must not be printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, a key, a line of an htpasswd file. `Debug` hides it; serialising does not, because the
/// configuration it belongs to is handed over by serialising it: what people see goes through
/// [`render`](crate::render), which redacts.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}
