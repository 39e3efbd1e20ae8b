//! `viaduct audit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use viaduct_config::install::BridgeRequirement;

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) source: AuditSource,

    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub(crate) context: Option<String>,

    /// Namespace to read; may be repeated [default: all of them]
    #[arg(long = "namespace", value_name = "NAME", requires = "kubeconfig")]
    pub(crate) namespaces: Vec<String>,

    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: AuditFormat,

    /// End with status 1 if a route is below this class, and name each that is
    ///
    /// `mtls`, `verified`, `name-skipped`, `unverified` or `plaintext`; each includes those before it.
    #[arg(long, value_name = "CLASS")]
    pub(crate) require: Option<BridgeRequirement>,

    /// Install options of the process that would serve the objects of a directory or a cluster, such as --configFile=FILE
    /// [default: a directory is the operator's, a cluster its tenants']
    #[arg(last = true, value_name = "OPTION", conflicts_with_all = ["config_file", "api"])]
    pub(crate) options: Vec<String>,
}

/// Where the routes come from: one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AuditSource {
    /// Directory of manifests
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,

    /// Read the objects from a cluster instead
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Read what an install configuration and its providers say
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,

    /// Ask a running process by its API: `http://127.0.0.1:8080`
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For people
    Table,
    /// What `/api/bridges` says
    Json,
    Csv,
    /// The counts, as metrics in a text file
    Prometheus,
}
