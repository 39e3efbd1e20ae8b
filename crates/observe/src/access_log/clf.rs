//! `common` (Traefik's) and `genericCLF` (the combined format).

use http::header::{HeaderName, REFERER, USER_AGENT};

use super::HeaderMode;
use super::clock::Clock;
use super::escape::{clf_bare, clf_quoted};
use crate::record::Record;

/// `host - user [time] "request" status size "referer" "agent" count "router" "server" 12ms`.
pub(super) fn common(out: &mut Vec<u8>, clock: &mut Clock, headers: HeaderMode, record: &Record<'_>) {
    combined(out, clock, headers, record);
    out.push(b' ');
    number(out, record.count);
    for text in [record.router, record.server_url] {
        out.push(b' ');
        quoted(out, text.map(str::as_bytes));
    }
    out.push(b' ');
    number(
        out,
        u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
    );
    out.extend_from_slice(b"ms\n");
}

/// `host - user [time] "request" status size "referer" "agent"`.
pub(super) fn generic(out: &mut Vec<u8>, clock: &mut Clock, headers: HeaderMode, record: &Record<'_>) {
    combined(out, clock, headers, record);
    out.push(b'\n');
}

fn combined(out: &mut Vec<u8>, clock: &mut Clock, headers: HeaderMode, record: &Record<'_>) {
    client(out, record);
    out.extend_from_slice(b" - ");
    clf_bare(out, record.client_user.unwrap_or("-").as_bytes());
    out.extend_from_slice(b" [");
    out.extend_from_slice(clock.start(record.start).0.clf.as_bytes());
    out.extend_from_slice(b"] \"");
    clf_quoted(out, record.method.as_bytes());
    out.push(b' ');
    clf_quoted(out, record.path.as_bytes());
    out.push(b' ');
    out.extend_from_slice(record.protocol.as_bytes());
    out.extend_from_slice(b"\" ");
    number(out, u64::from(record.status));
    out.push(b' ');
    number(out, record.response_bytes);
    for name in [REFERER, USER_AGENT] {
        out.push(b' ');
        header(out, headers, record, &name);
    }
}

/// The client as trusted proxies in front of us name it, else the peer. The list loses its blanks: the
/// field has no quotes.
fn client(out: &mut Vec<u8>, record: &Record<'_>) {
    match record.forwarded_for {
        Some(list) => list.split(' ').for_each(|part| clf_bare(out, part.as_bytes())),
        None => super::json::ip(out, record.client.ip()),
    }
}

fn header(out: &mut Vec<u8>, mode: HeaderMode, record: &Record<'_>, name: &HeaderName) {
    let value = match mode {
        HeaderMode::Drop => None,
        HeaderMode::Keep => record.request_headers.get(name).map(|value| value.as_bytes()),
        HeaderMode::Redact => record.request_headers.get(name).map(|_| b"REDACTED".as_slice()),
    };
    quoted(out, value);
}

fn quoted(out: &mut Vec<u8>, text: Option<&[u8]>) {
    out.push(b'"');
    match text {
        Some(text) if !text.is_empty() => clf_quoted(out, text),
        _ => out.push(b'-'),
    }
    out.push(b'"');
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
