//! Headers that the proxy owns (I3) and hop-by-hop rules, in one place.
//!
//! Order matters: first the client's claims and the hop-by-hop headers go, nominated ones too, then
//! ours are set; so that no `Connection: x-real-ip` can delete what we say (CVE-2024-45410).

mod names;

use std::net::SocketAddr;
use std::sync::LazyLock;

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use smallvec::SmallVec;

use crate::config::{ForwardedTrust, Naming};

pub(crate) use names::{X_FORWARDED_TLS_CLIENT_CERT, X_FORWARDED_TLS_CLIENT_CERT_INFO};

use names::HOPS;
#[cfg(any(test, fuzzing))]
pub(crate) use names::OWNED;
use names::{
    Role, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO, X_FORWARDED_SERVER,
    X_REAL_IP,
};

/// What the owned headers say of one client connection; made once per connection.
pub(crate) struct Peer {
    /// Whether the client's own `X-Forwarded-*` headers are believed.
    pub(crate) trusted: bool,
    /// The client's address as text.
    address: HeaderValue,
    append_forwarded_for: bool,
    naming: Naming,
    /// Lower case; see [`ForwardedTrust::connection`].
    allowed_nominations: Vec<String>,
}

impl Peer {
    pub(crate) fn new(client: SocketAddr, trust: Option<&ForwardedTrust>) -> Self {
        let ip = client.ip().to_canonical();
        let trusted = trust.is_some_and(|trust| {
            trust.insecure || trust.trusted_ips.iter().any(|network| network.contains(&ip))
        });
        let address = HeaderValue::from_str(&ip.to_string());
        Self {
            trusted,
            // The text of an address is always a header value.
            address: address.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            append_forwarded_for: trust.is_none_or(|trust| !trust.not_append_x_forwarded_for),
            naming: trust.map_or_else(Naming::default, |trust| trust.naming),
            allowed_nominations: trust.map_or_else(Vec::new, |trust| {
                trust
                    .connection
                    .iter()
                    .map(|name| name.to_ascii_lowercase())
                    .collect()
            }),
        }
    }
}

impl Peer {
    /// The first `X-Forwarded-For` as it came, if its sender is believed.
    pub(crate) fn believed_chain<'h>(&self, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
        self.trusted.then(|| headers.get(X_FORWARDED_FOR)).flatten()
    }
}

/// The protocol a client asks to change to, such as `websocket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upgrade(pub(crate) HeaderValue);

impl Upgrade {
    /// Whether a server that changes to `offered` does what it was asked.
    pub(crate) fn allows(&self, offered: &HeaderValue) -> bool {
        let offered = offered.as_bytes().trim_ascii();
        !offered.is_empty() && tokens(&self.0).any(|wanted| wanted.eq_ignore_ascii_case(offered))
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.0.as_bytes().eq_ignore_ascii_case(b"websocket")
    }
}

/// What the hop-by-hop headers of a request asked of us.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) upgrade: Option<Upgrade>,
    /// How often the request has been here before.
    pub(crate) visits: u8,
}

/// Removes every spelling of `name`, then sets it: whoever reads one of them reads `value` (I3).
pub(crate) fn claim(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    disclaim(headers, &name);
    headers.insert(name, value);
}

/// Removes every spelling of `name`: `_` and `.` stand for `-` (CVE-2026-54763, CVE-2026-88011).
pub(crate) fn disclaim(headers: &mut HeaderMap, name: &HeaderName) {
    let doomed: Doomed = headers
        .keys()
        .filter(|other| names::same(other.as_str(), name.as_str()))
        .cloned()
        .collect();
    for other in doomed {
        headers.remove(other);
    }
}

/// Adds what was taken off the path to what others have taken off before.
pub(crate) fn append_prefix(headers: &mut HeaderMap, prefix: HeaderValue) {
    headers.append(names::X_FORWARDED_PREFIX, prefix);
}

/// What `X-Forwarded-Proto` says, as a scheme of HTTP.
pub(crate) fn told_scheme(headers: &HeaderMap) -> Option<&'static str> {
    match headers.get(X_FORWARDED_PROTO)?.as_bytes() {
        b"http" | b"ws" => Some("http"),
        b"https" | b"wss" => Some("https"),
        _ => None,
    }
}

/// `X-Forwarded-For` as it came, the nearest first. What is no text stands for an address that is none.
pub(crate) fn forwarded_chain(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines: SmallVec<[&str; 4]> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .map(|line| line.to_str().unwrap_or("?"))
        .collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.rsplit(',').map(str::trim))
}

pub(crate) fn has_underscored(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().contains('_'))
}

/// Removes headers with `_` in their names.
pub(crate) fn delete_underscored(headers: &mut HeaderMap) {
    let doomed: Doomed = headers
        .keys()
        .filter(|name| name.as_str().contains('_'))
        .cloned()
        .collect();
    for name in doomed {
        headers.remove(name);
    }
}

/// Takes what only this hop may say out of a request, then says it.
/// `X-Forwarded-For` waits for [`append_forwarded_for`], so that rules and middlewares see the chain
/// that came (as Traefik).
/// `secure`: the client came by TLS.
pub(crate) fn own(parts: &mut Parts, host_port: Option<u16>, peer: &Peer, secure: bool) -> Hop {
    let hop = remove_foreign(parts, peer);
    set_owned(
        &mut parts.headers,
        host_port,
        (peer, secure),
        hop.upgrade.as_ref(),
    );
    hop
}

/// Marks a request that goes over a connection which leads back to us.
pub(crate) fn mark_visit(headers: &mut HeaderMap, visits: u8) {
    headers.insert(HOPS, HeaderValue::from(u16::from(visits) + 1));
}

/// Adds the client's address to the chain.
pub(crate) fn append_forwarded_for(headers: &mut HeaderMap, peer: &Peer) {
    if !peer.append_forwarded_for {
        return;
    }
    let mut chain: Vec<u8> = Vec::new();
    for link in headers.get_all(X_FORWARDED_FOR) {
        chain.extend_from_slice(link.as_bytes());
        chain.extend_from_slice(b", ");
    }
    let value = if chain.is_empty() {
        peer.address.clone()
    } else {
        chain.extend_from_slice(peer.address.as_bytes());
        HeaderValue::from_maybe_shared(bytes::Bytes::from(chain)).unwrap_or_else(|_| peer.address.clone())
    };
    headers.insert(X_FORWARDED_FOR, value);
}

/// Cookies that HTTP/2 and HTTP/3 may send in pieces become one line again (RFC 9113, 8.2.3), as Go's server does.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(b"; ".as_slice())) {
        headers.insert(COOKIE, cookie);
    }
}

/// Hop-by-hop headers of an answer. With `upgraded` (101) the two that say so stay.
pub(crate) fn clean_response(headers: &mut HeaderMap, upgraded: bool) {
    let mut doomed = Doomed::new();
    for name in headers.keys() {
        match names::role(name) {
            Role::HopByHop | Role::Te => doomed.push(name.clone()),
            Role::Connection | Role::Upgrade if !upgraded => doomed.push(name.clone()),
            Role::Connection | Role::Upgrade | Role::Owned { .. } | Role::Hops | Role::EndToEnd => {}
        }
    }
    if doomed.contains(&CONNECTION) {
        nominated(headers, &[], &mut doomed);
    }
    for name in doomed {
        headers.remove(name);
    }
}

/// Trailers carry no header that a head may not: neither owned ones nor those that frame a message.
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    let doomed: Doomed = trailers
        .keys()
        .filter(|name| {
            !matches!(names::role(name), Role::EndToEnd) || **name == HOST || **name == CONTENT_LENGTH
        })
        .cloned()
        .collect();
    for name in doomed {
        trailers.remove(name);
    }
}

type Doomed = SmallVec<[HeaderName; 6]>;

/// Removes owned headers that the client may not set, and everything hop-by-hop.
pub(crate) fn remove_foreign(parts: &mut Parts, peer: &Peer) -> Hop {
    let headers = &mut parts.headers;
    let mut doomed = Doomed::new();
    let mut hop = Hop::default();
    let (mut has_connection, mut has_upgrade, mut has_te) = (false, false, false);
    for (name, value) in headers.iter() {
        match names::role(name) {
            Role::EndToEnd => continue,
            Role::Hops => hop.visits = visits(value),
            Role::Owned { alias: false } if peer.trusted => continue,
            Role::Owned { .. } | Role::HopByHop => {}
            Role::Connection => has_connection = true,
            Role::Upgrade => has_upgrade = true,
            Role::Te => has_te = true,
        }
        doomed.push(name.clone());
    }
    if has_connection {
        // Before the Upgrade header goes.
        if has_upgrade && parts.version == Version::HTTP_11 {
            hop.upgrade = wanted_upgrade(headers);
        }
        let kept = nominated(headers, &peer.allowed_nominations, &mut doomed);
        if let Some(kept) = kept {
            headers.insert(CONNECTION, kept);
            doomed.retain(|name| *name != CONNECTION);
        }
    }
    let wants_trailers = has_te && has_token(headers, &TE, b"trailers");
    for name in doomed {
        headers.remove(name);
    }
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    hop
}

fn visits(value: &HeaderValue) -> u8 {
    value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(u8::MAX)
}

/// Adds the headers that `Connection` nominates to `doomed`; owned ones and those that frame a message
/// cannot be nominated away. Returns the `Connection` value that is left when some are allowed to stay.
fn nominated(headers: &HeaderMap, allowed: &[String], doomed: &mut Doomed) -> Option<HeaderValue> {
    let mut kept = String::new();
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|&byte| byte == b',') {
            let token = token.trim_ascii();
            // What servers say most often; the header of this name is hop-by-hop, nominated or not.
            if allowed.is_empty() && token.eq_ignore_ascii_case(b"keep-alive") {
                continue;
            }
            let Ok(name) = HeaderName::from_bytes(token) else {
                continue;
            };
            if matches!(names::role(&name), Role::Owned { .. }) || name == HOST || name == CONTENT_LENGTH {
                continue;
            }
            if allowed.iter().any(|allowed| *allowed == name.as_str()) {
                if !kept.is_empty() {
                    kept.push(',');
                }
                kept.push_str(name.as_str());
            } else if headers.contains_key(&name) {
                doomed.push(name);
            }
        }
    }
    (!kept.is_empty())
        .then(|| HeaderValue::from_str(&kept).ok())
        .flatten()
}

/// The protocols of `Connection: upgrade`. HTTP/2 in plain text is negotiated with nobody (C4), also where it
/// is one of several.
fn wanted_upgrade(headers: &HeaderMap) -> Option<Upgrade> {
    if !has_token(headers, &CONNECTION, b"upgrade") {
        return None;
    }
    let is_http = |token: &[u8]| {
        token.eq_ignore_ascii_case(b"h2c")
            || token
                .get(..5)
                .is_some_and(|name| name.eq_ignore_ascii_case(b"http/"))
    };
    let wanted = || headers.get_all(UPGRADE).iter().flat_map(tokens);
    if headers.get_all(UPGRADE).iter().count() == 1 && !wanted().any(is_http) {
        return headers.get(UPGRADE).cloned().map(Upgrade);
    }
    let rest: Vec<&[u8]> = wanted().filter(|token| !is_http(token)).collect();
    let rest = HeaderValue::from_bytes(&rest.join(b", ".as_slice())).ok()?;
    (!rest.is_empty()).then_some(Upgrade(rest))
}

/// Whether a message is the last of its connection (RFC 9112, 9.3).
pub(crate) fn ends_connection(version: Version, headers: &HeaderMap) -> bool {
    has_token(headers, &CONNECTION, b"close")
        || version < Version::HTTP_11 && !has_token(headers, &CONNECTION, b"keep-alive")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(tokens)
        .any(|part| part.eq_ignore_ascii_case(token))
}

/// The elements of a list.
fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let parts = value.as_bytes().split(|&byte| byte == b',');
    parts.map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

/// How the body of an HTTP/1 message is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferCoding {
    None,
    Chunked,
    /// Something beside `chunked`, or it twice: it would be lost on the way, and is how messages are hidden
    /// (C2).
    Other,
}

pub(crate) fn transfer_coding(headers: &HeaderMap) -> TransferCoding {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => TransferCoding::None,
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => TransferCoding::Chunked,
        (Some(_), _) => TransferCoding::Other,
    }
}

/// Ours, where a trusted client has not said them.
fn set_owned(
    headers: &mut HeaderMap,
    host_port: Option<u16>,
    (peer, secure): (&Peer, bool),
    upgrade: Option<&Upgrade>,
) {
    let websocket = upgrade.is_some_and(Upgrade::is_websocket);
    let proto = match (secure, websocket) {
        (true, false) => "https",
        (true, true) => "wss",
        (false, false) => "http",
        (false, true) => "ws",
    };
    let says = |headers: &HeaderMap, name: &HeaderName| {
        peer.trusted && headers.get(name).is_some_and(|value| !value.is_empty())
    };
    headers.reserve(6);
    if !says(headers, &X_REAL_IP) {
        headers.insert(X_REAL_IP, peer.address.clone());
    }
    if !says(headers, &X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    }
    if !says(headers, &X_FORWARDED_PORT) {
        // What a trusted client says of its own scheme counts.
        let says_tls = || {
            let proto = headers.get(X_FORWARDED_PROTO);
            proto.is_some_and(|proto| proto == "https" || proto == "wss")
        };
        let port = match host_port {
            Some(port) => HeaderValue::from(port),
            None if secure || says_tls() => HeaderValue::from_static("443"),
            None => HeaderValue::from_static("80"),
        };
        headers.insert(X_FORWARDED_PORT, port);
    }
    let host = headers.get(HOST).filter(|host| !host.is_empty()).cloned();
    if let Some(host) = host.filter(|_| !says(headers, &X_FORWARDED_HOST)) {
        headers.insert(X_FORWARDED_HOST, host);
    }
    if let Some(name) = machine_name() {
        headers.insert(X_FORWARDED_SERVER, name);
    }
    if peer.naming == Naming::Request {
        name_by_request(headers, if secure { "https" } else { "http" });
    }
}

/// See [`Naming::Request`].
fn name_by_request(headers: &mut HeaderMap, scheme: &'static str) {
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    let name = headers.get(HOST).and_then(|host| {
        let authority: http::uri::Authority = host.to_str().ok()?.parse().ok()?;
        HeaderValue::from_str(&authority.host().to_ascii_lowercase()).ok()
    });
    if let Some(name) = name {
        headers.insert(X_FORWARDED_HOST, name.clone());
        headers.insert(X_FORWARDED_SERVER, name);
    }
}

/// This machine's host name, as a value whose clones touch no counter.
fn machine_name() -> Option<HeaderValue> {
    static NAME: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        HeaderValue::from_str(&name)
            .ok()
            .filter(|name| !name.is_empty())?;
        Some(HeaderValue::from_static(name.leak()))
    });
    NAME.clone()
}

#[cfg(test)]
mod tests;
