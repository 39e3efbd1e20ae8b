//! `--require` and `--require-mode`.

use clap::Args;
use viaduct_config::install::{Bridge, BridgeMode, BridgeRequirement};

#[derive(Debug, Args)]
pub(crate) struct Strict {
    /// Refuse every route whose backend leg is below this class
    ///
    /// `mtls`, `verified`, `name-skipped`, `unverified` or `plaintext`; each includes those before it. A route below is
    /// answered with 503, and the log says why and what to change.
    #[arg(long, value_name = "CLASS")]
    require: Option<BridgeRequirement>,

    /// What becomes of a route below: `enforce`, or `report`, which serves it and warns
    #[arg(long, value_name = "MODE", default_value = "enforce", requires = "require")]
    require_mode: BridgeMode,
}

impl Strict {
    /// As the section of the install configuration that says the same.
    pub(crate) fn section(&self) -> Bridge {
        Bridge {
            require: self.require.unwrap_or_default(),
            mode: self.require_mode,
            ..Bridge::default()
        }
    }
}
