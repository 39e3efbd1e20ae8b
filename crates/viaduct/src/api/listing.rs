//! Lists: what is asked for of them (`search`, `status`, `page`, ...), and their pages.

use std::cell::LazyCell;
use std::cmp::Ordering;

use bytes::Bytes;
use http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::catalogue::Object;
use super::reply;

/// A query, decoded. The first of several values of a name counts.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn new(text: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// `None` where it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        let (_, value) = pairs.find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, String> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        match text.parse() {
            Ok(0) | Err(_) => Err(format!("invalid request: {name}: {text}")),
            Ok(number) => Ok(number),
        }
    }
}

/// One page of what a search finds, by text in small letters; no more than the page is put together.
pub(super) fn paged<T>(
    items: &[T],
    query: &Query,
    has: impl Fn(&T, &str) -> bool,
    view: impl Fn(&T) -> Value,
) -> Response<Bytes> {
    let search = query.get("search").map(str::to_lowercase);
    let is_found = |item: &&T| search.as_ref().is_none_or(|text| has(item, text));
    let found: Vec<_> = items.iter().filter(is_found).collect();
    match page(found.len(), query) {
        Ok(page) => {
            let shown = found.get(page.range).unwrap_or_default();
            let values = shown.iter().map(|item| view(item)).collect();
            reply::page(&Value::Array(values), page.next)
        }
        Err(message) => reply::message(StatusCode::BAD_REQUEST, message),
    }
}

/// One page of the objects that a query wants, in its order.
pub(super) fn list(objects: &[Object], query: &Query) -> Response<Bytes> {
    let mut wanted: Vec<_> = objects.iter().filter(|object| wants(query, object)).collect();
    sort(&mut wanted, query);
    match page(wanted.len(), query) {
        Ok(page) => {
            let shown = wanted.get(page.range).unwrap_or_default();
            let values = shown.iter().map(|object| object.view()).collect();
            reply::page(&Value::Array(values), page.next)
        }
        Err(message) => reply::message(StatusCode::BAD_REQUEST, message),
    }
}

fn wants(query: &Query, object: &Object) -> bool {
    // Nothing is put together where nobody asks for it.
    let body = LazyCell::new(|| object.body());
    let search = query.get("search").map(str::to_lowercase);
    let found = search.is_none_or(|text| {
        let mut texts = std::iter::once(&*object.name).chain(body.searched());
        texts.any(|candidate| candidate.to_lowercase().contains(&text))
    });
    let is_status = |status: &str| status.eq_ignore_ascii_case(object.status_text());
    let names = |field: &str, wanted: &str| object.refers_to(&body, field, wanted);
    found
        && query.get("status").is_none_or(is_status)
        && query.get("serviceName").is_none_or(|name| names("service", name))
        && query
            .get("middlewareName")
            .is_none_or(|name| names("middlewares", name))
}

/// By the field that `sortBy` names, then by name; `direction=desc` turns all of it round.
fn sort(objects: &mut [&Object], query: &Query) {
    let by = query.get("sortBy").unwrap_or("name");
    let descending = query.get("direction") == Some("desc");
    let mut keyed: Vec<_> = objects
        .iter()
        .map(|object| (object.sort_key(by), *object))
        .collect();
    keyed.sort_by(|(a_key, a), (b_key, b)| {
        let order = compare(a_key, b_key).then_with(|| a.name.cmp(&b.name));
        if descending { order.reverse() } else { order }
    });
    for (place, (_, object)) in objects.iter_mut().zip(keyed) {
        *place = object;
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_i64().cmp(&b.as_i64()),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (a, b) => a.to_string().cmp(&b.to_string()),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Page {
    range: std::ops::Range<usize>,
    /// The number of the next page; 1 behind the last.
    next: usize,
}

fn page(count: usize, query: &Query) -> Result<Page, String> {
    let per_page = query.number("per_page", PER_PAGE)?;
    let page = query.number("page", 1)?;
    let start = (page - 1).saturating_mul(per_page);
    if start != 0 && start >= count {
        return Err(format!("invalid request: page: {page}, per_page: {per_page}"));
    }
    let end = start.saturating_add(per_page).min(count);
    Ok(Page {
        range: start..end,
        next: if end < count { page + 1 } else { 1 },
    })
}

const PER_PAGE: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a12_3_pages_are_counted_as_traefik_counts_them() {
        let ask = |count, query: &str| page(count, &Query::new(query));
        let is = |range, next| Ok(Page { range, next });
        assert_eq!(ask(0, ""), is(0..0, 1));
        assert_eq!(ask(3, "page=2&per_page=1"), is(1..2, 3));
        assert_eq!(ask(19, "page=3&per_page=7"), is(14..19, 1));
        assert_eq!(ask(250, ""), is(0..100, 2));
        for (count, page) in [(5, 2), (10, 2), (0, 2)] {
            assert_eq!(
                ask(count, &format!("page={page}&per_page=10")),
                Err(format!("invalid request: page: {page}, per_page: 10"))
            );
        }
        for (query, message) in [
            ("page=0", "invalid request: page: 0"),
            ("page=-1", "invalid request: page: -1"),
            ("per_page=x", "invalid request: per_page: x"),
        ] {
            assert_eq!(ask(5, query), Err(message.to_owned()));
        }
        assert_eq!(
            ask(5, "page=18446744073709551615&per_page=18446744073709551615"),
            Err("invalid request: page: 18446744073709551615, per_page: 18446744073709551615".to_owned())
        );
    }

    #[test]
    fn a12_3_queries_are_decoded() {
        let query = Query::new("search=Host%28%60a%60%29+%26%26&status=&x");
        assert_eq!(query.get("search"), Some("Host(`a`) &&"));
        assert_eq!(query.get("status"), None);
        assert_eq!(query.get("x"), None);
    }
}
