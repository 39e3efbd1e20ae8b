//! The plain application: says what reached it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Plain HTTP on loopback; it ends with its task.
pub(super) async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    connections.spawn(async move {
                        let server = hyper::server::conn::http1::Builder::new();
                        let answer = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
                        drop(server_with_timer(server).serve_connection(TokioIo::new(socket), answer).await);
                    });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

fn server_with_timer(mut server: hyper::server::conn::http1::Builder) -> hyper::server::conn::http1::Builder {
    server.timer(TokioTimer::new());
    server
}

pub(super) async fn listen() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut text = format!(
        "Hello from the plain application.\n\n{} {}\n",
        request.method(),
        request.uri()
    );
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        // Writing to a `String` does not fail.
        writeln!(text, "{name}: {value}").unwrap_or_default();
    }
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
