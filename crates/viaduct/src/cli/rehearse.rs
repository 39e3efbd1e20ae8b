//! `viaduct rehearse`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// The CAs that are to be trusted, and no others (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: PathBuf,

    /// Only servers of this service: `name@provider`, `name`, or the name of the object that routes to it
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// Directory of manifests: servers are tried from here, without a running process
    #[arg(value_name = "DIR", conflicts_with = "api")]
    pub(crate) directory: Option<PathBuf>,

    /// Have a running process try its servers, asked by its API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) api: String,

    /// Print JSON, as `/api/rehearse` answers
    #[arg(long)]
    pub(crate) json: bool,
}
