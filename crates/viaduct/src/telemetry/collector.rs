//! Speaks to one OpenTelemetry collector: HTTP with protobuf, or gRPC, each with or without TLS.

use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, TE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use viaduct_tls::backend_leg::Offer;
use viaduct_tls::names::NameError;
use viaduct_tls::{BackendTls, Fault};

/// Where a kind of records goes, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) authority: Authority,
    pub(crate) protocol: Protocol,
    /// `None`: in plain text.
    pub(crate) tls: Option<BackendTls>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A POST to this path; empty: the one of the records' kind.
    Http {
        path: String,
    },
    Grpc,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
    Logs,
    AccessLogs,
}

impl Signal {
    /// For messages.
    fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "log",
            Self::AccessLogs => "access log",
        }
    }

    fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs | Self::AccessLogs => "/v1/logs",
        }
    }

    fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs | Self::AccessLogs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

/// Sends one kind of records, over a connection that it keeps.
#[derive(Debug)]
pub(crate) struct Collector {
    target: Target,
    signal: Signal,
    connection: Option<Connection>,
    /// When a loss was last told, and how many exports were lost since.
    told: Option<Instant>,
    lost: u64,
}

#[derive(Debug)]
enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    #[error("{0}")]
    Tls(#[source] Box<Fault>),
    #[error("the collector's name cannot be used: {0}")]
    Name(#[from] NameError),
    #[error("the collector does not speak HTTP/2, which gRPC needs")]
    NoHttp2,
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    #[error("the answer is not understood")]
    Answer,
    #[error("the collector answered {0}")]
    Status(StatusCode),
    #[error("the collector answered with the gRPC status {status}: {message}")]
    Grpc { status: String, message: String },
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Late,
}

impl Collector {
    pub(crate) fn new(target: Target, signal: Signal) -> Self {
        Self {
            target,
            signal,
            connection: None,
            told: None,
            lost: 0,
        }
    }

    /// Sends one export, within a bounded time. What fails is lost, and told now and then.
    pub(crate) async fn send(&mut self, message: Vec<u8>) {
        let message = Bytes::from(message);
        let outcome = tokio::time::timeout(DEADLINE, self.deliver(message)).await;
        if let Err(error) = outcome.unwrap_or(Err(ExportError::Late)) {
            self.connection = None;
            self.lost += 1;
            self.tell(&error);
        }
    }

    /// `records` had no room in the queue.
    pub(crate) fn overflowed(&self, records: u64) {
        if records > 0 {
            tracing::warn!(
                collector = %self.target.authority,
                records,
                "{} for the collector were dropped: it is slower than the traffic",
                self.signal.name()
            );
        }
    }

    fn tell(&mut self, error: &ExportError) {
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        tracing::error!(
            collector = %self.target.authority,
            exports = self.lost,
            %error,
            "the collector does not take the {}",
            self.signal.name()
        );
        (self.told, self.lost) = (Some(Instant::now()), 0);
    }

    async fn deliver(&mut self, message: Bytes) -> Result<(), ExportError> {
        // A connection that has rested may be gone: then once more over a new one.
        if self.connection.is_some() && self.exchange(message.clone()).await.is_ok() {
            return Ok(());
        }
        self.connection = Some(self.connect().await?);
        self.exchange(message).await
    }

    async fn exchange(&mut self, message: Bytes) -> Result<(), ExportError> {
        let request = self.request(message)?;
        let response = match &mut self.connection {
            Some(Connection::Http1(sender)) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Some(Connection::Http2(sender)) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            None => return Err(ExportError::Answer),
        };
        judge(response, &self.target.protocol).await
    }

    fn request(&self, message: Bytes) -> Result<Request<Full<Bytes>>, ExportError> {
        let Target {
            authority,
            protocol,
            tls,
            headers,
        } = &self.target;
        let (path, media_type, body) = match protocol {
            Protocol::Http { path } if path.is_empty() => (self.signal.http_path(), PROTOBUF, message),
            Protocol::Http { path } => (&**path, PROTOBUF, message),
            Protocol::Grpc => (self.signal.grpc_path(), GRPC, frame(&message)),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let uri = match protocol {
            Protocol::Http { .. } => Uri::builder().path_and_query(path).build()?,
            Protocol::Grpc => Uri::builder()
                .scheme(scheme)
                .authority(authority.clone())
                .path_and_query(path)
                .build()?,
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let map = request.headers_mut();
        map.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if *protocol == Protocol::Grpc {
            map.insert(TE, HeaderValue::from_static("trailers"));
        } else if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            map.insert(http::header::HOST, host);
        }
        for (name, value) in headers {
            map.insert(name.clone(), value.clone());
        }
        Ok(request)
    }

    async fn connect(&self) -> Result<Connection, ExportError> {
        let Target {
            authority,
            protocol,
            tls,
            ..
        } = &self.target;
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let usual = match (protocol, tls) {
            (Protocol::Grpc, _) => 4317,
            (Protocol::Http { .. }, Some(_)) => 443,
            (Protocol::Http { .. }, None) => 80,
        };
        let port = authority.port_u16().unwrap_or(usual);
        let stream = TcpStream::connect((bare.unwrap_or(host), port))
            .await
            .map_err(ExportError::Connect)?;
        let Some(tls) = tls else {
            return speak(stream, *protocol == Protocol::Grpc).await;
        };
        let grpc = *protocol == Protocol::Grpc;
        let offer = if grpc { Offer::H2OrHttp1 } else { Offer::Http1 };
        let endpoint = tls.endpoint(host, offer)?;
        let (stream, handshake) = viaduct_tls::stream::connect(stream, &endpoint)
            .await
            .map_err(|fault| ExportError::Tls(Box::new(fault)))?;
        if grpc && !handshake.alpn_h2 {
            return Err(ExportError::NoHttp2);
        }
        speak(stream, grpc).await
    }
}

async fn speak<IO>(io: IO, http2: bool) -> Result<Connection, ExportError>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(io);
    if http2 {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        drive(connection);
        Ok(Connection::Http2(sender))
    } else {
        let (sender, connection) = http1::handshake(io).await?;
        drive(connection);
        Ok(Connection::Http1(sender))
    }
}

/// A connection's task ends with its sender.
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
    drop(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a collector ended");
        }
    }));
}

/// Whether the collector took it.
async fn judge(response: hyper::Response<Incoming>, protocol: &Protocol) -> Result<(), ExportError> {
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(ExportError::Status(head.status));
    }
    let body = Limited::new(body, MOST_ANSWER).collect().await;
    let body = body.map_err(|_| ExportError::Answer)?;
    if *protocol != Protocol::Grpc {
        return Ok(());
    }
    let text = |map: &HeaderMap, name: &str| map.get(name)?.to_str().ok().map(str::to_owned);
    // An answer without a message has its status in the head.
    let from = |name: &str| {
        let behind = body.trailers().and_then(|trailers| text(trailers, name));
        behind.or_else(|| text(&head.headers, name))
    };
    match from("grpc-status") {
        Some(status) if status == "0" => Ok(()),
        Some(status) => Err(ExportError::Grpc {
            status,
            message: from("grpc-message").unwrap_or_default(),
        }),
        None => Err(ExportError::Answer),
    }
}

/// A gRPC message: not compressed, length, bytes.
fn frame(message: &Bytes) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = Vec::with_capacity(message.len() + 5);
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

const PROTOBUF: &str = "application/x-protobuf";
const GRPC: &str = "application/grpc";
/// For one export, connecting included (OTLP's usual time-out).
const DEADLINE: Duration = Duration::from_secs(10);
const MOST_ANSWER: usize = 64 * 1024;
const TELL_EVERY: Duration = Duration::from_secs(60);
