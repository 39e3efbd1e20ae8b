//! The command line.

mod audit;
mod check;
mod entry_point;
mod help;
mod manifests;
mod preflight;
mod rehearse;
mod revoke;
mod stapling;
mod strict;
mod trace;
mod trusted;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use viaduct_config::duration::GoDuration;

use crate::failure::Failure;
use crate::logging::Level;
pub(crate) use audit::{Audit, AuditFormat};
pub(crate) use check::{Check, CheckFormat, Explain};
pub(crate) use entry_point::{EntryPoint, Listen, resolve};
pub(crate) use manifests::{Manifests, Printed};
pub(crate) use preflight::Preflight;
pub(crate) use rehearse::Rehearse;
pub(crate) use revoke::Revoke;
pub(crate) use stapling::Stapling;
pub(crate) use strict::Strict;
pub(crate) use trace::Trace;
pub(crate) use trusted::TrustedIps;

/// Edge proxy for end-to-end TLS: client == TLS ==> Viaduct == verified TLS ==> backend.
///
/// Without a command, it serves what Traefik's install configuration asks for.
#[derive(Debug, Parser)]
#[command(
    name = "viaduct",
    version,
    max_term_width = 100,
    override_usage = "viaduct [--OPTION[=VALUE]]...\n       viaduct COMMAND [ARGUMENTS]",
    help_template = "Usage: {usage}\n\n{about-with-newline}\nCommands:\n{subcommands}{after-help}",
    after_help = help::OPTIONS
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a directory of Kubernetes YAML; changes are applied as they happen
    Up(Up),
    /// Put TLS in front of a plain HTTP application (the pod's sidecar)
    Sidecar(Sidecar),
    /// Say what is wrong with manifests, configuration files and certificates, and which edit mends it
    Check(Check),
    /// Tell more of a code of `check`, or of a reason in the log
    Explain(Explain),
    /// Print the effective dynamic configuration of a directory of Kubernetes YAML
    Render(Render),
    /// List every way from a router to a backend, with how well it is secured
    Audit(Audit),
    /// Follow one request over both TLS legs, hop by hop: what happens, and why
    Trace(Trace),
    /// Try every server under other CAs, changing nothing: status 1 if one would fail
    Rehearse(Rehearse),
    /// Take certificates out of trust, in a file or in a cluster, and wait until a process has done so
    Revoke(Revoke),
    /// Run the whole bridge on this machine: application, sidecar, ingress, one request
    Demo(Demo),
    /// Ask the running process through `ping` whether it is well: status 0 or 1
    #[command(
        override_usage = "viaduct healthcheck [--OPTION[=VALUE]]...",
        disable_help_flag = true
    )]
    Healthcheck(Healthcheck),
    /// Print what a cluster needs to run Viaduct, for `kubectl apply -f -`
    Manifests(Manifests),
    /// Print what becomes of each of Traefik's install options
    Options,
    /// Print version and build
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Directory of manifests: YAML or JSON files, any number of documents in each
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Entry point to listen on; may be repeated
    ///
    /// NAME=ADDR, with `,tls` or `,http3` or both behind it. ADDR is `host:port`, `[v6]:port` or `:port` (every address, IPv6
    /// and IPv4); port 0 takes a free one. With `,tls`, or the name `websecure`, routers of the entry
    /// point have TLS on even where they do not say so. With `,http3`, clients may use HTTP/3 as well,
    /// on UDP at the same address. Giving any entry point replaces the whole default set, `web=:8000` and `websecure=:8443`.
    #[arg(long = "entrypoint", value_name = "NAME=ADDR[,tls][,http3]")]
    pub(crate) entry_points: Vec<EntryPoint>,

    /// Whose X-Forwarded-* headers are believed; may be repeated
    ///
    /// Addresses or CIDR ranges, for all entry points or for the one named.
    #[arg(long, value_name = "[ENTRYPOINT=]CIDR,...")]
    pub(crate) trusted_ips: Vec<TrustedIps>,

    /// Believe X-Forwarded-* headers of everyone
    #[arg(long, conflicts_with = "trusted_ips")]
    pub(crate) forwarded_headers_insecure: bool,

    /// Tell the client why the backend could not be reached, in the answer's body
    #[arg(long)]
    pub(crate) expose_faults: bool,

    /// Serve API and dashboard, to everyone who reaches the address [default: 127.0.0.1:8080]
    ///
    /// An entry point of its own, `traefik`, which no router of the manifests is served at unless it says so. What
    /// it shows holds no secrets, but the whole configuration.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = API)]
    pub(crate) api: Option<Listen>,

    #[command(flatten)]
    pub(crate) strict: Strict,

    /// For how long a CA that another one replaces stays trusted; 0: not at all
    ///
    /// A Go duration: `90s`, `10m`. At most a week.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    rotation_overlap: GoDuration,

    #[command(flatten)]
    pub(crate) stapling: Stapling,

    #[command(flatten)]
    pub(crate) preflight: Preflight,

    #[command(flatten)]
    pub(crate) run: Run,
}

impl Up {
    pub(crate) fn rotation_overlap(&self) -> Result<Duration, Failure> {
        match self.rotation_overlap.to_std() {
            Some(overlap) if overlap <= LONGEST_OVERLAP => Ok(overlap),
            Some(_) | None => Err(Failure::new(format!(
                "--rotation-overlap {} is negative or more than a week",
                self.rotation_overlap
            ))),
        }
    }
}

fn duration(text: &str) -> Result<GoDuration, String> {
    GoDuration::parse(text).map_err(|error| error.to_string())
}

const LONGEST_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Debug, Args)]
pub(crate) struct Sidecar {
    /// Address to listen on with TLS: `:443`, `127.0.0.1:8443`, `[::1]:8443`
    #[arg(long, value_name = "ADDR", default_value = ":443")]
    pub(crate) listen: Listen,

    /// Certificate chain (PEM), leaf first; read again when the file changes
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,

    /// Private key of the certificate (PEM); read again when the file changes
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// The application: http://host:port
    #[arg(long, value_name = "URL", default_value = "http://localhost:80")]
    pub(crate) to: String,

    /// Demand a client certificate signed by one of these CAs (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) run: Run,
}

/// What every serving command understands.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Worker threads, each with its own listeners and pools [default: the CPUs it may run on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    #[command(flatten)]
    pub(crate) access_log: AccessLog,

    /// How much the log says
    #[arg(long, value_name = "LEVEL", default_value = "info", ignore_case = true)]
    pub(crate) log_level: Level,
}

impl Run {
    pub(crate) fn workers(&self) -> usize {
        match self.workers {
            Some(workers) => usize::from(workers),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AccessLog {
    /// Write an access log, to standard output or to a file (appended; SIGUSR1 reopens it)
    #[arg(
        id = "accesslog",
        long = "accesslog",
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = STDOUT,
    )]
    file: Option<String>,

    /// Format of the access log
    #[arg(
        id = "accesslog_format",
        long = "accesslog-format",
        value_name = "FORMAT",
        default_value = "common"
    )]
    format: AccessLogFormat,

    /// What the access log says of headers
    #[arg(
        id = "accesslog_headers",
        long = "accesslog-headers",
        value_name = "MODE",
        default_value = "drop"
    )]
    headers: AccessLogHeaders,
}

impl AccessLog {
    /// As [`output`](Self::output), for a file only if its directory is there: a slip of the pen would begin
    /// another log where nobody looks. (The options that are Traefik's make it, as Traefik does.)
    pub(crate) fn checked_output(&self) -> Result<Option<viaduct_observe::Output>, Failure> {
        let output = self.output();
        if let Some(viaduct_observe::Output::File(path)) = &output
            && let Some(directory) = path.parent()
            && !directory.as_os_str().is_empty()
            && !directory.is_dir()
        {
            let (path, directory) = (path.display(), directory.display());
            return Err(Failure::new(format!(
                "cannot open the access log `{path}`: there is no directory `{directory}`"
            ))
            .hint("make the directory first, or name another file"));
        }
        Ok(output)
    }

    /// Where the access log goes, if there is one. Traefik's `true` and `false` are understood.
    fn output(&self) -> Option<viaduct_observe::Output> {
        match self.file.as_deref()? {
            "false" => None,
            STDOUT | "true" => Some(viaduct_observe::Output::Stdout),
            file => Some(viaduct_observe::Output::File(file.into())),
        }
    }

    pub(crate) fn options(&self) -> viaduct_observe::Options {
        viaduct_observe::Options {
            format: match self.format {
                AccessLogFormat::Common => viaduct_observe::Format::Common,
                AccessLogFormat::GenericClf => viaduct_observe::Format::GenericClf,
                AccessLogFormat::Json => viaduct_observe::Format::Json,
            },
            headers: viaduct_observe::Headers::all(match self.headers {
                AccessLogHeaders::Drop => viaduct_observe::Mode::Drop,
                AccessLogHeaders::Keep => viaduct_observe::Mode::Keep,
                AccessLogHeaders::Redact => viaduct_observe::Mode::Redact,
            }),
            ..viaduct_observe::Options::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AccessLogFormat {
    /// Traefik's: combined, then request number, router, server URL and milliseconds
    Common,
    /// The combined format
    #[value(name = "genericCLF", alias = "genericclf")]
    GenericClf,
    /// One object a line, with the facts of both TLS legs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AccessLogHeaders {
    /// Nothing, Referer and User-Agent included
    Drop,
    Keep,
    /// Names only
    Redact,
}

#[derive(Debug, Args)]
pub(crate) struct Render {
    /// Directory of manifests
    #[arg(
        value_name = "DIR",
        required_unless_present = "kubeconfig",
        conflicts_with = "kubeconfig"
    )]
    pub(crate) directory: Option<PathBuf>,

    /// Read the objects from a cluster instead
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub(crate) context: Option<String>,

    /// Namespace to read; may be repeated [default: all of them]
    #[arg(long = "namespace", value_name = "NAME", requires = "kubeconfig")]
    pub(crate) namespaces: Vec<String>,

    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    pub(crate) format: RenderFormat,

    /// Write private keys out instead of REDACTED
    #[arg(long)]
    pub(crate) show_secrets: bool,

    /// Install options of the process that would serve the objects, such as --configFile=FILE; under the same options a
    /// directory and a cluster give the same answer [default: a directory is the operator's, a cluster its tenants']
    #[arg(last = true, value_name = "OPTION")]
    pub(crate) options: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Healthcheck {
    /// The options of the process that is asked
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    pub(crate) options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RenderFormat {
    Yaml,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to write certificates and manifests [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// End after the request, with status 0 if it went well
    #[arg(long)]
    pub(crate) once: bool,

    /// Port of the ingress on 127.0.0.1 [default: 8443, or a free one]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,

    /// How much the log says
    #[arg(long, value_name = "LEVEL", default_value = "warn", ignore_case = true)]
    pub(crate) log_level: Level,
}

/// Who reads a command line (without the program's name).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The root command: install options, or nothing.
    Root,
    /// The root command's `--help` or `--version`, wherever it stands among options.
    About(&'static str),
    /// A command, by clap.
    Command,
}

pub(crate) fn reader(arguments: &[String]) -> Reader {
    if arguments.first().is_some_and(|first| !first.starts_with('-')) {
        return Reader::Command;
    }
    let about = arguments.iter().find_map(|argument| match argument.as_str() {
        "-h" | "--help" => Some("--help"),
        "-V" | "--version" => Some("--version"),
        _ => None,
    });
    about.map_or(Reader::Root, Reader::About)
}

/// Stands for standard output where a file is named.
/// Only this machine.
const API: &str = "127.0.0.1:8080";
const STDOUT: &str = "-";
