//! A client that sends what the test says and shows what comes back.

use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use viaduct_testkit::apiserver::ApiServer;
use viaduct_testkit::http1::{Connection, Response};
use viaduct_testkit::tls::dial_plain;

/// Requests of one user to a server without TLS.
pub(crate) struct Client {
    address: SocketAddr,
    token: String,
}

impl Client {
    /// Of someone who may do everything.
    pub(crate) fn admin(server: &ApiServer) -> Self {
        Self::with_token(server, &server.admin_token())
    }

    pub(crate) fn with_token(server: &ApiServer, token: &str) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], server.port())),
            token: token.to_owned(),
        }
    }

    /// Status and body, as JSON.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, media_type: &str, body: &Value) -> (u16, Value) {
        let response = self
            .raw(method, path, media_type, body)
            .expect("an answer to a request");
        (
            response.status,
            serde_json::from_slice(&response.body).expect("JSON"),
        )
    }

    pub(crate) fn raw(&self, method: &str, path: &str, media_type: &str, body: &Value) -> Option<Response> {
        let mut connection = self.send(method, path, media_type, body);
        connection.response()
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, "", &Value::Null)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, "application/json", body)
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("PUT", path, "application/json", body)
    }

    #[track_caller]
    pub(crate) fn merge(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("PATCH", path, "application/merge-patch+json", body)
    }

    #[track_caller]
    pub(crate) fn apply(&self, path: &str, manager: &str, body: &Value) -> (u16, Value) {
        let path = format!("{path}?fieldManager={manager}");
        self.ask("PATCH", &path, "application/apply-patch+yaml", body)
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str, options: &Value) -> (u16, Value) {
        self.ask("DELETE", path, "application/json", options)
    }

    /// Begins a watch, which has to be granted.
    #[track_caller]
    pub(crate) fn watch(&self, path: &str) -> Watch {
        let mut connection = self.send("GET", path, "", &Value::Null);
        let head = line_by_line(&mut connection);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        Watch {
            connection,
            text: Vec::new(),
        }
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &Value) -> Connection<TcpStream> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let token = match self.token.as_str() {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let mut connection = Connection::new(dial_plain(self.address));
        connection.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: api\r\nUser-Agent: test/1\r\n{token}Content-Type: {media_type}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        connection
    }
}

/// The events of a watch, one by one.
pub(crate) struct Watch {
    connection: Connection<TcpStream>,
    text: Vec<u8>,
}

/// How a watch went on.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    Event(Value),
    /// The body has ended properly; what was left of it.
    End(String),
    /// The connection has ended before the body.
    Broken(String),
}

impl Watch {
    pub(crate) fn next(&mut self) -> Next {
        loop {
            if let Some(at) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=at).collect();
                return Next::Event(serde_json::from_slice(&line).expect("JSON"));
            }
            match self.chunk() {
                Some(chunk) if chunk.is_empty() => return Next::End(self.left()),
                Some(chunk) => self.text.extend(chunk),
                None => return Next::Broken(self.left()),
            }
        }
    }

    /// The next event's type and object.
    #[track_caller]
    pub(crate) fn event(&mut self) -> (String, Value) {
        match self.next() {
            Next::Event(event) => (
                event["type"].as_str().unwrap_or_default().to_owned(),
                event["object"].clone(),
            ),
            other => panic!("the watch has ended: {other:?}"),
        }
    }

    /// Type and name of the next event.
    #[track_caller]
    pub(crate) fn told(&mut self) -> (String, String) {
        let (kind, object) = self.event();
        (
            kind,
            object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        )
    }

    fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.connection.exactly(1)?);
        }
        let size = std::str::from_utf8(&line).ok()?.trim_end();
        let size = usize::from_str_radix(size, 16).ok()?;
        let chunk = self.connection.exactly(size)?;
        self.connection.exactly(2)?;
        Some(chunk)
    }

    fn left(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.text)).expect("UTF-8")
    }
}

fn line_by_line(connection: &mut Connection<TcpStream>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(connection.exactly(1).expect("a head"));
    }
    String::from_utf8(head).expect("UTF-8")
}

/// A ConfigMap in `web`.
pub(crate) fn config_map(name: &str, text: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "web" }, "data": { "text": text },
    })
}

/// A server without TLS that has the namespace `web`, and its administrator.
pub(crate) fn server() -> (ApiServer, Client) {
    let server = ApiServer::start_plain();
    server.create_namespace("web");
    let client = Client::admin(&server);
    (server, client)
}

pub(crate) const MAPS: &str = "/api/v1/namespaces/web/configmaps";
