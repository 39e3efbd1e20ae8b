//! `viaduct trace`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// The request: `https://web.example.com/path`
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Directory of manifests: the request is followed from here, without a running process
    #[arg(value_name = "DIR", conflicts_with = "api")]
    pub(crate) directory: Option<PathBuf>,

    /// Have a running process follow it, asked by its API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) api: String,

    /// GET, HEAD or OPTIONS
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    pub(crate) method: String,

    /// Header of the request, `Name: value`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Entry point it comes in by [default: the one at the URL's port, else one with a router for it]
    #[arg(long = "entrypoint", value_name = "NAME")]
    pub(crate) entry_point: Option<String>,

    /// Server it goes to, by its URL [default: the first that takes new requests]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Only connect to the server: no request is sent
    #[arg(long)]
    pub(crate) no_request: bool,

    /// Print JSON, as `/api/trace` answers
    #[arg(long)]
    pub(crate) json: bool,
}
