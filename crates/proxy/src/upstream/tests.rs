//! The backend leg over TLS: a server that says over which connection and protocol it was asked.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_tls::{CertificateStore, ClientAuth, ClientPolicy, Identity, ServerTls};

use crate::runtime::LocalExecutor;
use crate::testing::{Origin, Proxy, http2, run, text};

struct Server {
    url: String,
    ca: Ca,
}

impl Server {
    /// For `web.example.com`, on loopback.
    async fn start(policy: ClientPolicy) -> Self {
        let ca = Ca::new("backend");
        let issued = ca.issue(Leaf::server("web.example.com"));
        let identity = Identity::from_pem(issued.chain_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap();
        let store = Arc::new(CertificateStore::new(Vec::new(), Arc::new(identity)));
        let tls = Rc::new(ServerTls::new(&policy, &store, None).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        drop(tokio::task::spawn_local(accept(listener, tls)));
        Self { url, ca }
    }

    /// A servers transport that verifies this server, and `more`.
    fn transport(&self, more: Value) -> Value {
        let mut transport = json!({ "rootCAs": [self.ca.pem()], "serverName": "web.example.com" });
        if let (Value::Object(transport), Value::Object(more)) = (&mut transport, more) {
            transport.extend(more);
        }
        transport
    }
}

async fn accept(listener: TcpListener, tls: Rc<ServerTls>) {
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        number += 1;
        drop(tokio::task::spawn_local(serve(stream, Rc::clone(&tls), number)));
    }
}

async fn serve(stream: TcpStream, tls: Rc<ServerTls>, number: usize) {
    let Ok((stream, handshake)) = viaduct_tls::stream::accept(stream, &[], &tls).await else {
        return;
    };
    let resumed = handshake.resumed;
    let requests = Rc::new(Cell::new(0));
    let service = service_fn(move |request: Request<Incoming>| {
        requests.set(requests.get() + 1);
        let said = format!(
            "connection {number}, request {}, {:?}, resumed {resumed}",
            requests.get(),
            request.version()
        );
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(said)))) }
    });
    let io = TokioIo::new(stream);
    let _ended = if handshake.alpn_h2 {
        hyper::server::conn::http2::Builder::new(LocalExecutor)
            .serve_connection(io, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .serve_connection(io, service)
            .await
    };
}

async fn ask(proxy: &Proxy) -> String {
    proxy.get("/").await.response().await.1
}

#[test]
fn a6_15_alpn_chooses_http2_and_all_share_it() {
    run(async {
        let server = Server::start(ClientPolicy::default()).await;
        let proxy = Proxy::with_transport(&server.url, server.transport(json!({}))).await;
        assert_eq!(
            ask(&proxy).await,
            "connection 1, request 1, HTTP/2.0, resumed false"
        );
        assert_eq!(
            ask(&proxy).await,
            "connection 1, request 2, HTTP/2.0, resumed false"
        );
    });
}

#[test]
fn r7_a_herd_of_first_requests_makes_one_http2_connection() {
    run(async {
        let server = Server::start(ClientPolicy::default()).await;
        let proxy = Proxy::with_transport(&server.url, server.transport(json!({}))).await;
        let answers = futures_util::future::join_all((0..20).map(|_| ask(&proxy))).await;
        for answer in answers {
            assert!(answer.starts_with("connection 1, "), "{answer}");
        }
    });
}

#[test]
fn a6_15_http1_when_the_server_has_nothing_else() {
    run(async {
        let http1 = ClientPolicy {
            alpn: vec![b"http/1.1".to_vec()],
            ..ClientPolicy::default()
        };
        let server = Server::start(http1).await;
        let proxy = Proxy::with_transport(&server.url, server.transport(json!({}))).await;
        assert_eq!(
            ask(&proxy).await,
            "connection 1, request 1, HTTP/1.1, resumed false"
        );
        assert_eq!(
            ask(&proxy).await,
            "connection 1, request 2, HTTP/1.1, resumed false"
        );
    });
}

#[test]
fn a7_9_no_http2_when_told_so() {
    run(async {
        let server = Server::start(ClientPolicy::default()).await;
        let transport = server.transport(json!({ "disableHTTP2": true }));
        let proxy = Proxy::with_transport(&server.url, transport).await;
        assert_eq!(
            ask(&proxy).await,
            "connection 1, request 1, HTTP/1.1, resumed false"
        );
    });
}

#[test]
fn a6_15_upgrades_get_http1_of_their_own() {
    run(async {
        let server = Server::start(ClientPolicy::default()).await;
        let proxy = Proxy::with_transport(&server.url, server.transport(json!({}))).await;
        assert!(ask(&proxy).await.contains("HTTP/2.0"));
        let mut client = proxy.client().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .await;
        let (_, body) = client.response().await;
        assert!(body.contains("request 1, HTTP/1.1"), "{body}");
        // And the rest goes on over HTTP/2.
        assert_eq!(
            ask(&proxy).await,
            "connection 1, request 2, HTTP/2.0, resumed false"
        );
    });
}

#[test]
fn a14_5_new_connections_resume() {
    run(async {
        let http1 = ClientPolicy {
            alpn: vec![b"http/1.1".to_vec()],
            ..ClientPolicy::default()
        };
        let server = Server::start(http1).await;
        let transport = server.transport(json!({ "maxIdleConnsPerHost": -1 }));
        let proxy = Proxy::with_transport(&server.url, transport).await;
        assert!(ask(&proxy).await.ends_with("resumed false"));
        assert_eq!(
            ask(&proxy).await,
            "connection 2, request 1, HTTP/1.1, resumed true"
        );
    });
}

#[test]
fn c1_verification_failures_say_why() {
    run(async {
        let server = Server::start(ClientPolicy::default()).await;
        for (transport, reason) in [
            (
                json!({ "rootCAs": [Ca::new("other").pem()], "serverName": "web.example.com" }),
                "unknown_ca",
            ),
            (
                server.transport(json!({ "serverName": "other.example.com" })),
                "name_mismatch",
            ),
        ] {
            let proxy = Proxy::with_transport(&server.url, transport).await;
            let (head, body) = proxy.get("/").await.response().await;
            assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
            assert!(body.contains(reason), "{body}");
        }
    });
}

#[test]
fn a7_2_unverified_when_told_so() {
    run(async {
        let server = Server::start(ClientPolicy::default()).await;
        let transport = json!({ "insecureSkipVerify": true });
        let proxy = Proxy::with_transport(&server.url, transport).await;
        assert!(ask(&proxy).await.starts_with("connection 1"));
    });
}

#[test]
fn c1_a_client_certificate_refused_behind_the_handshake() {
    run(async {
        let demanding = ClientPolicy {
            client_auth: ClientAuth::RequireAny,
            ..ClientPolicy::default()
        };
        let server = Server::start(demanding).await;
        for more in [json!({}), json!({ "disableHTTP2": true })] {
            let proxy = Proxy::with_transport(&server.url, server.transport(more)).await;
            let body = ask(&proxy).await;
            assert!(body.contains("client_cert_missing"), "{body}");
        }
    });
}

#[test]
fn c1_plain_text_on_a_tls_port() {
    run(async {
        let origin = Origin::listen().await;
        let url = origin.url.replace("http:", "https:");
        let proxy = Proxy::to([&*url]).await;
        let mut client = proxy.get("/").await;
        let mut backend = origin.accept().await;
        backend.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let (_, body) = client.response().await;
        assert!(body.contains("plaintext_on_tls_port"), "{body}");
    });
}

#[test]
fn a13_1_http2_all_the_way() {
    run(async {
        let server = Server::start(ClientPolicy::default()).await;
        let proxy = Proxy::with_transport(&server.url, server.transport(json!({}))).await;
        let mut client = http2(proxy.address).await;
        for count in 1..3 {
            let request = Request::get("http://web.example.com/")
                .body(Full::default())
                .unwrap();
            let answer = client.send_request(request).await.unwrap();
            let said = text(answer.into_body()).await;
            assert_eq!(
                said,
                format!("connection 1, request {count}, HTTP/2.0, resumed false")
            );
        }
    });
}

#[test]
fn r7_first_requests_to_an_http1_server_dial_side_by_side() {
    run(async {
        let http1 = ClientPolicy {
            alpn: vec![b"http/1.1".to_vec()],
            ..ClientPolicy::default()
        };
        let server = Server::start(http1).await;
        let proxy = Proxy::with_transport(&server.url, server.transport(json!({}))).await;
        let answers = futures_util::future::join_all((0..20).map(|_| ask(&proxy))).await;
        for answer in answers {
            assert!(answer.contains("HTTP/1.1"), "{answer}");
        }
    });
}
