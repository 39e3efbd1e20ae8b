//! `viaduct render DIR`.

use std::process::ExitCode;

use crate::cli::Render;

pub(super) fn run(_render: &Render) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
