use std::sync::Arc;

use viaduct_snapshot::middleware::{AddPrefix, Prefix, RedirectScheme, StripPrefix};

use super::*;

fn preview(url: &str) -> Preview {
    let head = http::Request::get(url).body(()).unwrap();
    Preview::new(
        head,
        &Hygiene::default(),
        "192.0.2.7:1000".parse().unwrap(),
        None,
        true,
    )
    .unwrap()
}

fn middleware(kind: MiddlewareKind) -> Middleware {
    Middleware {
        name: Arc::from("m@file"),
        kind,
    }
}

#[test]
fn c10_rules_see_what_they_see_of_a_request() {
    let preview = preview("https://Web.Example.com:8443/a/./b/%7Eme?q=1");
    let seen = preview.for_rules();
    assert_eq!(
        (seen.host, seen.path, seen.query),
        ("web.example.com", "/a/b/~me", Some("q=1"))
    );
    assert_eq!(seen.client_ip.to_string(), "192.0.2.7");
    assert_eq!(
        seen.headers.get("x-forwarded-port").map(|port| port.as_bytes()),
        Some(b"8443".as_slice())
    );
    assert_eq!(
        seen.headers
            .get("x-forwarded-proto")
            .map(|proto| proto.as_bytes()),
        Some(b"https".as_slice())
    );
}

#[test]
fn c10_what_is_no_request_is_refused_as_the_proxy_refuses_it() {
    let head = http::Request::get("https://web.example.com/%zz")
        .body(())
        .unwrap();
    let refused = Preview::new(
        head,
        &Hygiene::default(),
        "192.0.2.7:1000".parse().unwrap(),
        None,
        true,
    );
    let refused = refused.err().unwrap();
    assert_eq!(
        (refused.status, refused.code),
        (StatusCode::BAD_REQUEST, "bad_path")
    );
}

#[test]
fn c10_middlewares_change_the_path_answer_or_are_left_open() {
    let mut preview = preview("https://web.example.com/api/v1");
    let strip = middleware(MiddlewareKind::StripPrefix(StripPrefix {
        prefixes: vec![Prefix {
            escaped: "/api".into(),
            told: http::HeaderValue::from_static("/api"),
        }],
        force_slash: false,
    }));
    assert_eq!(preview.meet(&strip), Ok(Step::Path("/v1".to_owned())));
    assert_eq!(preview.meet(&strip), Ok(Step::Unchanged));
    let add = middleware(MiddlewareKind::AddPrefix(AddPrefix {
        prefix: "/app".into(),
    }));
    assert_eq!(preview.meet(&add), Ok(Step::Path("/app/v1".to_owned())));
    let there = middleware(MiddlewareKind::RedirectScheme(RedirectScheme {
        scheme: "https".into(),
        port: None,
        permanent: false,
    }));
    assert_eq!(preview.meet(&there), Ok(Step::Unchanged));
    let elsewhere = middleware(MiddlewareKind::RedirectScheme(RedirectScheme {
        scheme: "https".into(),
        port: Some("9443".into()),
        permanent: false,
    }));
    let Ok(Step::Answers { status, location }) = preview.meet(&elsewhere) else {
        panic!("it leads elsewhere");
    };
    assert_eq!(
        (status, location.as_deref()),
        (StatusCode::FOUND, Some("https://web.example.com:9443/app/v1"))
    );
}
