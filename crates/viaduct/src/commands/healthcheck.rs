//! `viaduct healthcheck`: asks a running process through `ping`, for container health checks.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use viaduct_config::Install;

use crate::failure::Failure;
use crate::install::{Surroundings, load};
use crate::{output, serving};

/// Status 0 if the process that has the same configuration answers 200.
pub(super) fn run(arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    let told = load(&Surroundings::own(arguments))?;
    let address = ping_address(&told.install)?;
    let runtime = serving::control_runtime()?;
    let url = format!("http://{address}/ping");
    let answer = runtime.block_on(async {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s");
        let asked = tokio::time::timeout(PATIENCE, ask(&address)).await;
        asked.unwrap_or_else(|_| Err(late().into()))
    });
    match answer {
        Ok(StatusCode::OK) => {
            output::result(format_args!("OK: {url}\n"));
            Ok(ExitCode::SUCCESS)
        }
        Ok(status) => Err(Failure::new(format!("bad health check status: {status} from {url}")).into()),
        Err(error) => Err(Failure::new(format!("cannot ask {url}")).because(error).into()),
    }
}

/// `host:port` of the entry point that serves ping.
fn ping_address(install: &Install) -> Result<String, Failure> {
    let ping = install.ping.as_ref().ok_or_else(|| {
        Failure::new("ping is not enabled in the configuration, so there is nothing to ask")
            .hint("start the process and the health check with `--ping`, or with the same configuration file")
    })?;
    let name = &ping.entry_point;
    let entry_point = install
        .entry_points
        .get(name)
        .ok_or_else(|| Failure::new(format!("ping: there is no entry point `{name}`")))?;
    let address = &entry_point.address;
    let address = address
        .split_once('/')
        .map_or(address.as_str(), |(address, _)| address);
    // Every address: this machine will do.
    Ok(match address.strip_prefix(':') {
        Some(port) => format!("localhost:{port}"),
        None => address
            .replace("0.0.0.0:", "127.0.0.1:")
            .replace("[::]:", "[::1]:"),
    })
}

async fn ask(address: &str) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let stream = connect(address).await?;
    let (mut requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::HEAD)
        .uri(Uri::from_static("/ping"))
        .header(hyper::header::HOST, address)
        .body(Empty::<Bytes>::new())?;
    Ok(requests.send_request(request).await?.status())
}

/// The first address of the name that takes a connection.
async fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in lookup_host(address).await?.collect::<Vec<SocketAddr>>() {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// As long as Traefik's.
const PATIENCE: Duration = Duration::from_secs(5);
