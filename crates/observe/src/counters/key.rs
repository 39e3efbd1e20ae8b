//! Labels of requests. Closed sets: a client cannot invent a label.

use crate::record::Record;

/// Labels of one kind of request: code, method, protocol (A11.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// A status; below 100 it is a class of statuses: 5 for those of `5xx` that had no room of their own.
    pub code: u16,
    pub method: Method,
    pub protocol: Protocol,
    /// Told apart where [`Metering::conventions`](super::Metering) asks for it.
    pub(super) wire: Option<Wire>,
    /// Number of the header labels' values in one worker's [`super::extra::Extras`]; 0: none.
    pub(super) extra: u16,
}

/// How a request came: what OpenTelemetry's conventions tell apart beside [`RequestKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wire {
    pub version: HttpVersion,
    /// Over TLS.
    pub secure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpVersion {
    Http10,
    Http11,
    Http2,
    Http3,
}

/// The methods that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Patch,
    Options,
    Connect,
    Trace,
    /// `EXTENSION_METHOD`, as Traefik calls the rest.
    Extension,
}

/// Traefik's `protocol` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    Http,
    Websocket,
    /// The client accepts only an event stream.
    Sse,
}

impl RequestKey {
    pub fn new(code: u16, method: Method, protocol: Protocol) -> Self {
        Self {
            code,
            method,
            protocol,
            wire: None,
            extra: 0,
        }
    }

    pub(super) fn of(record: &Record<'_>, extra: u16) -> Self {
        Self {
            code: record.status,
            method: Method::of(record.method),
            protocol: Protocol::of(record),
            wire: None,
            extra,
        }
    }

    pub(super) fn with_wire(self, record: &Record<'_>) -> Self {
        let wire = Wire {
            version: HttpVersion::of_protocol(record.protocol),
            secure: record.scheme == "https",
        };
        Self {
            wire: Some(wire),
            ..self
        }
    }

    /// What stands for it where there is no room.
    pub(super) fn class(self) -> Self {
        let class = self.code / 100;
        Self::new(
            if class > 5 { 0 } else { class },
            Method::Extension,
            Protocol::Http,
        )
    }

    /// What Prometheus tells apart.
    pub(super) fn merged(self) -> Self {
        Self {
            wire: None,
            extra: 0,
            ..self
        }
    }

    /// The metric label: `200`, or `2xx` for a class.
    pub fn code_label(&self) -> String {
        match self.code {
            class @ 0..=5 => format!("{class}xx"),
            code => code.to_string(),
        }
    }
}

impl HttpVersion {
    fn of_protocol(protocol: &str) -> Self {
        match protocol {
            "HTTP/1.0" => Self::Http10,
            "HTTP/2.0" => Self::Http2,
            "HTTP/3.0" => Self::Http3,
            _ => Self::Http11,
        }
    }

    /// `network.protocol.name`, in Traefik's spelling.
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::Http10 => "http/1.0",
            Self::Http11 => "http/1.1",
            Self::Http2 => "http/2.0",
            Self::Http3 => "http/3.0",
        }
    }

    /// `network.protocol.version`.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
            Self::Http3 => "3",
        }
    }
}

impl From<http::Version> for HttpVersion {
    fn from(version: http::Version) -> Self {
        match version {
            http::Version::HTTP_09 | http::Version::HTTP_10 => Self::Http10,
            http::Version::HTTP_2 => Self::Http2,
            http::Version::HTTP_3 => Self::Http3,
            _ => Self::Http11,
        }
    }
}

impl Method {
    pub(super) fn of(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "PATCH" => Self::Patch,
            "OPTIONS" => Self::Options,
            "CONNECT" => Self::Connect,
            "TRACE" => Self::Trace,
            _ => Self::Extension,
        }
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Connect => "CONNECT",
            Self::Trace => "TRACE",
            Self::Extension => "EXTENSION_METHOD",
        }
    }

    /// `http.request.method` of OpenTelemetry's conventions.
    pub const fn convention(self) -> &'static str {
        match self {
            Self::Extension => "_OTHER",
            known => known.label(),
        }
    }
}

impl Protocol {
    fn of(record: &Record<'_>) -> Self {
        if record.status == 101 {
            return Self::Websocket;
        }
        if record.event_stream {
            Self::Sse
        } else {
            Self::Http
        }
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Websocket => "websocket",
            Self::Sse => "sse",
        }
    }
}
