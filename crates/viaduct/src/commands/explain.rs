//! `viaduct explain CODE`.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::output;

pub(super) fn run(code: &str) -> anyhow::Result<ExitCode> {
    let text = viaduct_check::explain(code).map_err(|unknown| {
        let hint = if unknown.near.is_empty() {
            "codes of `viaduct check` are like `V0104`, those of findings in the log like `MissingReference`, reasons of failure like `unknown_ca`".to_owned()
        } else {
            format!("did you mean {}?", unknown.near.join(", "))
        };
        Failure::new(format!("there is no code `{}`", code.escape_debug())).hint(hint)
    })?;
    output::result(text);
    Ok(ExitCode::SUCCESS)
}
