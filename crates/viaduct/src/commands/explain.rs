//! `viaduct explain CODE`.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::output;

pub(super) fn run(code: &str) -> anyhow::Result<ExitCode> {
    let Some(text) = viaduct_check::explain(code) else {
        let hint = "codes of `viaduct check` are like `V0104`, reasons in the log like `unknown_ca`";
        return Err(
            Failure::new(format!("there is no code `{}`", code.escape_debug()))
                .hint(hint)
                .into(),
        );
    };
    output::result(text);
    Ok(ExitCode::SUCCESS)
}
