//! `--ocsp` and `--ocsp-responder-override`.

use std::str::FromStr;

use clap::Args;

use crate::ocsp::{Responder, Settings};

#[derive(Debug, Args)]
pub(crate) struct Stapling {
    /// Staple OCSP answers to the certificates that name a responder
    ///
    /// Each responder is asked over plain HTTP, in the background, and again at half of its answer's life.
    /// Until there is an answer the certificate is served without one.
    #[arg(long)]
    ocsp: bool,

    /// Ask another OCSP responder than the one a certificate names; may be repeated
    ///
    /// FROM is the URL as it is written in the certificate, TO an `http://` URL.
    #[arg(
        id = "ocsp_responder_override",
        long = "ocsp-responder-override",
        value_name = "FROM=TO",
        requires = "ocsp"
    )]
    overrides: Vec<ResponderOverride>,
}

impl Stapling {
    /// `None`: stapling is off.
    pub(crate) fn settings(&self) -> Option<Settings> {
        let overrides = self.overrides.iter().cloned();
        self.ocsp.then(|| Settings {
            responder_overrides: overrides.map(|given| (given.from, given.to)).collect(),
        })
    }
}

/// One `--ocsp-responder-override`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ResponderOverride {
    from: String,
    to: Responder,
}

impl FromStr for ResponderOverride {
    type Err = String;

    /// URLs may have `=` in them; what stands before the second URL ends the first.
    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = match text.find("=http").and_then(|at| text.split_at_checked(at)) {
            Some((from, to)) if !from.is_empty() => (from, to.trim_start_matches('=')),
            Some(_) | None => return Err("two URLs are wanted, `FROM=http://TO`".to_owned()),
        };
        let to = to.parse().map_err(|error| format!("`{to}`: {error}"))?;
        Ok(Self {
            from: from.to_owned(),
            to,
        })
    }
}
