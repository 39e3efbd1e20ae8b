use http::request::Parts;

use crate::answer::ProxyError;
use crate::config::Hygiene;

use super::{BadRequest, normalize_head, prefixed};

fn parts(method: &str, uri: &str, host: Option<&str>) -> Parts {
    let mut request = http::Request::builder().method(method).uri(uri);
    if let Some(host) = host {
        request = request.header(http::header::HOST, host);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn i1_every_target_form_becomes_origin_form() {
    for (uri, host) in [
        ("/a/../b?c=d", Some("web.example.com")),
        ("http://web.example.com/a/../b?c=d", Some("web.example.com")),
        ("https://web.example.com/b?c=d", None),
    ] {
        let mut parts = parts("GET", uri, host);
        let (host, rule_path) = normalize_head(&mut parts, &Hygiene::default()).unwrap();
        assert_eq!(host.as_str(), "web.example.com");
        assert_eq!(rule_path, None);
        assert_eq!(parts.uri.to_string(), "/b?c=d", "{uri}");
    }
}

#[test]
fn c9_a_target_without_a_path_asks_for_the_root() {
    for uri in ["http://a", "http://a/", "http://a#b", "http://a#"] {
        let mut parts = parts("GET", uri, Some("a"));
        normalize_head(&mut parts, &Hygiene::default()).unwrap();
        assert_eq!(parts.uri.to_string(), "/", "{uri}");
    }
}

#[test]
fn c9_server_wide_options_only() {
    let mut options = parts("OPTIONS", "*", Some("a"));
    assert!(normalize_head(&mut options, &Hygiene::default()).is_ok());
    let mut get = parts("GET", "*", Some("a"));
    assert!(matches!(
        normalize_head(&mut get, &Hygiene::default()),
        Err(ProxyError::BadRequest(BadRequest::Path))
    ));
}

#[test]
fn c2_only_chunked_alone_is_a_transfer_coding() {
    for (lines, good) in [
        (&["chunked"][..], true),
        (&["Chunked"], true),
        (&["chunked, chunked"], false),
        (&["gzip, chunked"], false),
        (&["chunked", "identity"], false),
        (&["identity"], false),
        (&[""], false),
    ] {
        let mut parts = parts("POST", "/", Some("a"));
        for line in lines {
            parts.headers.append(
                http::header::TRANSFER_ENCODING,
                http::HeaderValue::from_static(line),
            );
        }
        assert_eq!(
            normalize_head(&mut parts, &Hygiene::default()).is_ok(),
            good,
            "{lines:?}"
        );
    }
}

#[test]
fn cve_2026_71324_connect_is_not_implemented() {
    let mut connect = parts("CONNECT", "web.example.com:443", Some("web.example.com"));
    let error = normalize_head(&mut connect, &Hygiene::default()).unwrap_err();
    assert!(matches!(error, ProxyError::ConnectMethod));
    assert_eq!(error.status(), http::StatusCode::NOT_IMPLEMENTED);
}

#[test]
fn a6_1_the_server_path_comes_first() {
    let uri = "/b%2Fc?d=e".parse().unwrap();
    assert_eq!(prefixed("/base", &uri).unwrap().to_string(), "/base/b%2Fc?d=e");
}
