//! `common` (Traefik's) and `genericCLF` (the combined format).

use http::header::{HeaderName, REFERER, USER_AGENT};

use super::clock::Clock;
use super::escape::{clf_bare, clf_quoted};
use super::fields::Field;
use super::options::{Mode, Options};
use crate::record::Record;

/// `host - user [time] "request" status size "referer" "agent" count "router" "server" 12ms`.
pub(super) fn common(out: &mut Vec<u8>, clock: &mut Clock, options: &Options, record: &Record<'_>) {
    combined(out, clock, options, record);
    out.push(b' ');
    field(out, options, Field::RequestCount, |out| number(out, record.count));
    for (name, text) in [
        (Field::RouterName, record.router),
        (Field::ServiceURL, record.server_url),
    ] {
        out.extend_from_slice(b" \"");
        field(out, options, name, |out| or_dash(out, text.map(str::as_bytes)));
        out.push(b'"');
    }
    out.push(b' ');
    let millis = match options.fields.mode(Field::Duration) {
        Mode::Keep => record.duration.as_millis(),
        Mode::Drop | Mode::Redact => 0,
    };
    number(out, u64::try_from(millis).unwrap_or(u64::MAX));
    out.extend_from_slice(b"ms\n");
}

/// `host - user [time] "request" status size "referer" "agent"`.
pub(super) fn generic(out: &mut Vec<u8>, clock: &mut Clock, options: &Options, record: &Record<'_>) {
    combined(out, clock, options, record);
    out.push(b'\n');
}

fn combined(out: &mut Vec<u8>, clock: &mut Clock, options: &Options, record: &Record<'_>) {
    field(out, options, Field::ClientHost, |out| client(out, record));
    out.extend_from_slice(b" - ");
    field(out, options, Field::ClientUsername, |out| {
        clf_bare(
            out,
            record
                .client_user
                .filter(|user| !user.is_empty())
                .unwrap_or("-")
                .as_bytes(),
        );
    });
    out.extend_from_slice(b" [");
    field(out, options, Field::StartUTC, |out| {
        out.extend_from_slice(clock.start(record.start).0.clf.as_bytes());
    });
    out.extend_from_slice(b"] \"");
    field(out, options, Field::RequestMethod, |out| {
        clf_quoted(out, record.method.as_bytes());
    });
    out.push(b' ');
    field(out, options, Field::RequestPath, |out| {
        clf_quoted(out, options.path(record.path).as_bytes());
    });
    out.push(b' ');
    field(out, options, Field::RequestProtocol, |out| {
        out.extend_from_slice(record.protocol.as_bytes());
    });
    out.extend_from_slice(b"\" ");
    field(out, options, Field::DownstreamStatus, |out| {
        number(out, u64::from(record.status));
    });
    out.push(b' ');
    field(out, options, Field::DownstreamContentSize, |out| {
        number(out, record.response_bytes);
    });
    for name in [REFERER, USER_AGENT] {
        out.push(b' ');
        header(out, options, record, &name);
    }
}

/// A field, or what stands for it.
fn field(out: &mut Vec<u8>, options: &Options, name: Field, write: impl FnOnce(&mut Vec<u8>)) {
    match options.fields.mode(name) {
        Mode::Keep => write(out),
        Mode::Drop => out.push(b'-'),
        Mode::Redact => out.extend_from_slice(b"REDACTED"),
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

fn header(out: &mut Vec<u8>, options: &Options, record: &Record<'_>, name: &HeaderName) {
    let value = record.request_headers.get(name);
    let value = match options.headers.mode(name) {
        Mode::Drop => None,
        Mode::Keep => value.map(|value| value.as_bytes()),
        Mode::Redact => value.map(|_| b"REDACTED".as_slice()),
    };
    out.push(b'"');
    or_dash(out, value);
    out.push(b'"');
}

fn or_dash(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) if !text.is_empty() => clf_quoted(out, text),
        _ => out.push(b'-'),
    }
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
