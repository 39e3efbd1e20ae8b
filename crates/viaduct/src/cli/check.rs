//! The arguments of `check` and `explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use viaduct_check::Diagnosis;

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files or directories: manifests, files of the file provider, install configuration, in any mix
    ///
    /// What a document is, is told by its content. Of a directory, every .yaml, .yml, .json and .toml file is read,
    /// and those of the directories below it; names that begin with a dot are left alone.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: CheckFormat,

    /// Make edits, and tell which and what is left: the safe ones, or with `--fix=all` every one that is proposed
    #[arg(
        long,
        value_name = "WHICH",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "safe"
    )]
    pub(crate) fix: Option<CheckFix>,

    /// With --fix: write nothing, and show what would be written
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,

    /// Fail for warnings, too
    #[arg(long)]
    pub(crate) deny_warnings: bool,

    /// Leave a diagnosis out; may be repeated
    #[arg(long, value_name = "CODE", value_parser = diagnosis)]
    pub(crate) allow: Vec<Diagnosis>,

    /// Let templates of the file provider see this environment variable; may be repeated [default: none]
    ///
    /// Its value may be printed, as part of what a template gives. To `env` every other variable is empty.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Vec<String>,

    /// Look at certificates as of this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,

    /// How many days before its end a certificate is said to expire soon
    #[arg(long, value_name = "DAYS", default_value_t = 21, value_parser = clap::value_parser!(u16).range(0..=3650))]
    pub(crate) soon: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFix {
    /// Those that change nothing but what was meant already
    Safe,
    /// The first that is proposed for each diagnostic
    All,
}

impl From<CheckFix> for viaduct_check::Which {
    fn from(fix: CheckFix) -> Self {
        match fix {
            CheckFix::Safe => Self::Safe,
            CheckFix::All => Self::All,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Excerpts, with what is meant underlined, and the edits
    Human,
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// Workflow commands of GitHub
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// `V0104`, or a reason of failure such as `unknown_ca`
    #[arg(value_name = "CODE")]
    pub(crate) code: String,
}

fn diagnosis(code: &str) -> Result<Diagnosis, String> {
    Diagnosis::from_code(code).ok_or_else(|| format!("there is no diagnosis `{code}`"))
}
