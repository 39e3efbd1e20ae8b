//! The listening socket and its connections, on a thread of their own.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as blocking};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::access::User;
use super::failure::Failure;
use super::faults::Reply;
use super::handle::{Answer, Asked, handle};
use super::query::Query;
use super::record::Request;
use super::state::Shared;
use super::stream::Stream;
use super::target::Target;
use crate::port::free_port;

/// Starts, stops and resets the server; ends its thread when dropped.
pub(crate) struct Control {
    port: u16,
    tls: Option<Arc<ServerConfig>>,
    runtime: Handle,
    accepting: Mutex<Option<JoinHandle<()>>>,
    resetting: Mutex<Option<JoinHandle<()>>>,
    /// Dropped: the thread ends.
    _alive: oneshot::Sender<Infallible>,
}

impl Control {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) fn begin(shared: &Arc<Shared>, tls: Option<Arc<ServerConfig>>) -> Self {
        let (alive, ended) = oneshot::channel::<Infallible>();
        let (send_handle, handle) = blocking::sync_channel(1);
        std::thread::Builder::new()
            .name("api-server".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                send_handle.send(runtime.handle().clone()).ok();
                runtime.block_on(ended).ok();
            })
            .expect("a thread for the API server");
        let (listener, port) = listen();
        let control = Self {
            port,
            tls,
            runtime: handle.recv().expect("the thread has a runtime"),
            accepting: Mutex::new(None),
            resetting: Mutex::new(None),
            _alive: alive,
        };
        control.accept(shared, listener);
        control
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(crate) fn start(&self, shared: &Arc<Shared>) {
        if lock(&self.accepting).is_none() {
            let listener = TcpListener::bind(("127.0.0.1", self.port))
                .expect("the port is outside of what others are given");
            self.accept(shared, listener);
        }
    }

    /// Returns when the port refuses connections.
    pub(crate) fn stop(&self, shared: &Arc<Shared>) {
        let Some(accepting) = lock(&self.accepting).take() else {
            return;
        };
        accepting.abort();
        let (closed, is_closed) = blocking::sync_channel(1);
        self.runtime.spawn(async move {
            accepting.await.ok();
            closed.send(()).ok();
        });
        is_closed.recv().expect("the server's thread runs");
        shared.reset_connections();
    }

    pub(crate) fn reset_every(&self, shared: &Arc<Shared>, period: Option<Duration>) {
        let mut resetting = lock(&self.resetting);
        if let Some(before) = resetting.take() {
            before.abort();
        }
        let Some(period) = period else { return };
        let shared = Arc::clone(shared);
        *resetting = Some(self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                shared.reset_connections();
            }
        }));
    }

    fn accept(&self, shared: &Arc<Shared>, listener: TcpListener) {
        listener.set_nonblocking(true).expect("a socket option");
        let (shared, tls) = (Arc::clone(shared), self.tls.clone());
        let task = self.runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listening socket");
            loop {
                if let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(connection(Arc::clone(&shared), Arc::new(socket), tls.clone()));
                }
            }
        });
        *lock(&self.accepting) = Some(task);
    }
}

fn listen() -> (TcpListener, u16) {
    for _ in 0..100 {
        let port = free_port();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return (listener, port);
        }
    }
    panic!("no port for the API server")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until the peer goes or a reset comes.
async fn connection(shared: Arc<Shared>, socket: Arc<TcpStream>, tls: Option<Arc<ServerConfig>>) {
    let mut resets = shared.resets.subscribe();
    socket.set_nodelay(true).ok();
    tokio::select! {
        () = serve(Arc::clone(&shared), Arc::clone(&socket), tls) => {}
        _ = resets.changed() => {
            // What is queued is thrown away, and the close that follows is a reset.
            socket.set_zero_linger().ok();
        }
    }
}

async fn serve(shared: Arc<Shared>, socket: Arc<TcpStream>, tls: Option<Arc<ServerConfig>>) {
    let stream = match tls {
        None => Stream::plain(Arc::clone(&socket)),
        Some(config) => match Stream::accept(Arc::clone(&socket), config).await {
            Ok(stream) => stream,
            // The peer has been told by an alert.
            Err(_) => return,
        },
    };
    let (alpn, certificate) = stream.agreed();
    let is_http2 = alpn == Some(b"h2");
    let peer = Arc::new(Peer {
        shared,
        socket,
        user: certificate.and_then(User::of_certificate),
    });
    let service = service_fn(move |request| respond(Arc::clone(&peer), request));
    // A connection that breaks is the peer's affair, or the test's.
    if is_http2 {
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .serve_connection(stream, service)
            .await
            .ok();
    } else {
        http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(stream, service)
            .await
            .ok();
    }
}

struct Peer {
    shared: Arc<Shared>,
    socket: Arc<TcpStream>,
    /// By its certificate.
    user: Option<User>,
}

async fn respond(peer: Arc<Peer>, request: hyper::Request<Incoming>) -> io::Result<Response<AnswerBody>> {
    let (head, body) = request.into_parts();
    let text = |name: HeaderName| header_text(&head.headers, &name);
    let media_type = text(header::CONTENT_TYPE);
    let asked = Asked {
        target: Target::parse(head.uri.path()),
        query: Query::parse(head.uri.query().unwrap_or_default()),
        accept: text(header::ACCEPT),
        media_type: media_type.split(';').next().unwrap_or_default().trim().to_owned(),
        user_agent: text(header::USER_AGENT),
        body: Limited::new(body, LARGEST_BODY)
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes()
            .to_vec(),
        method: head.method,
    };
    let token = head
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let delay = peer.shared.look().plan.slow_lists;
    let record = record(&asked, head.uri.path());
    if !delay.is_zero() && (asked.verb() == "list" || asked.query.is_set("sendInitialEvents")) {
        tokio::time::sleep(delay).await;
    }
    answer(&peer, &asked, token, record)
}

/// Decides and notes the answer.
fn answer(
    peer: &Peer,
    asked: &Asked,
    token: Option<&str>,
    mut record: Request,
) -> io::Result<Response<AnswerBody>> {
    let mut user = User::anonymous();
    let result = peer.shared.serve(|state| {
        if let Some(reply) = state.plan.reply(asked.verb(), &asked.resource()) {
            return Err(Refusal::Planned(reply));
        }
        user = state
            .tokens
            .identify(token, peer.user.as_ref())
            .map_err(Refusal::Failed)?;
        handle(state, &user, asked).map_err(Refusal::Failed)
    });
    let response = match result {
        Ok(answer) => Ok(answered(&peer.shared, answer)),
        Err(Refusal::Failed(failure)) => Ok(refused(&failure)),
        Err(Refusal::Planned(reply)) => planned(reply, peer),
    };
    record.user = user.name;
    record.status = response.as_ref().map_or(0, |response| response.status().as_u16());
    peer.shared.look().requests.push(record);
    response
}

enum Refusal {
    Failed(Failure),
    Planned(Reply),
}

fn record(asked: &Asked, path: &str) -> Request {
    let (namespace, name) = match &asked.target {
        Target::Object(path) => (path.namespace.clone(), path.name.clone()),
        _ => (None, None),
    };
    Request {
        at: Instant::now(),
        method: asked.method.to_string(),
        path: path.to_owned(),
        query: asked.query.clone(),
        verb: asked.verb(),
        resource: asked.resource(),
        namespace,
        name,
        user: String::new(),
        user_agent: asked.user_agent.clone(),
        content_type: asked.media_type.clone(),
        body: String::from_utf8_lossy(&asked.body).into_owned(),
        status: 0,
    }
}

fn answered(shared: &Arc<Shared>, answer: Answer) -> Response<AnswerBody> {
    match answer {
        Answer::Text(text, media_type) => response(StatusCode::OK, media_type, AnswerBody::whole(text)),
        Answer::Json {
            code,
            value,
            media_type,
            warnings,
        } => {
            let mut response = response(code, media_type, AnswerBody::whole(value.to_string()));
            for warning in warnings {
                if let Ok(value) = HeaderValue::from_str(&format!("299 - {warning:?}")) {
                    response.headers_mut().append(header::WARNING, value);
                }
            }
            response
        }
        Answer::Watch(watch) => {
            let (out, body) = mpsc::channel(16);
            tokio::spawn(watch.run(Arc::clone(shared), out));
            response(StatusCode::OK, "application/json", AnswerBody::Events(body))
        }
    }
}

fn refused(failure: &Failure) -> Response<AnswerBody> {
    let body = AnswerBody::whole(failure.status().to_string());
    let mut response = response(failure.code(), "application/json", body);
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn planned(reply: Reply, peer: &Peer) -> io::Result<Response<AnswerBody>> {
    Ok(match reply {
        Reply::InternalError => refused(&Failure::Internal("the storage is gone".to_owned())),
        Reply::Unauthorized => refused(&Failure::Unauthorized),
        Reply::Forbidden => refused(&Failure::Forbidden {
            of: super::failure::Named::default(),
            why: "not now".to_owned(),
        }),
        Reply::Expired => refused(&Failure::Expired {
            why: "too old resource version".to_owned(),
            continue_token: None,
        }),
        Reply::TooManyRequests { retry_after } => refused(&Failure::TooManyRequests { retry_after }),
        Reply::Html(code) => response(
            StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY),
            "text/html",
            AnswerBody::whole("<html><body><h1>Bad Gateway</h1></body></html>\n"),
        ),
        Reply::Raw(code, body) => response(
            StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            "application/json",
            AnswerBody::whole(body),
        ),
        Reply::Reset => {
            peer.socket.set_zero_linger().ok();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    })
}

fn response(code: StatusCode, media_type: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn header_text(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// A body that is there, or a watch's.
enum AnswerBody {
    Whole(Option<Bytes>),
    Events(mpsc::Receiver<io::Result<Bytes>>),
}

impl AnswerBody {
    fn whole(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => events
                .poll_recv(cx)
                .map(|event| event.map(|event| event.map(Frame::data))),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(bytes) => {
                hyper::body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Events(_) => hyper::body::SizeHint::default(),
        }
    }
}

/// As a cluster's, in bytes.
const LARGEST_BODY: usize = 3 * 1024 * 1024;
