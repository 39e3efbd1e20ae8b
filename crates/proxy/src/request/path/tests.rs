use http::uri::PathAndQuery;

use super::super::BadRequest;
use super::{for_rules, normalize};

fn normal(raw: &str) -> String {
    let target: PathAndQuery = raw.parse().unwrap();
    let normal = normalize(&target).unwrap().unwrap_or(target);
    let again = normalize(&normal).unwrap();
    assert_eq!(again, None, "{raw}: the normal form is not stable");
    normal.as_str().to_owned()
}

#[test]
fn i1_clean_paths_are_not_copied() {
    for raw in [
        "/",
        "/a",
        "/a/b.c/",
        "/a;b=c",
        "/a%2Fb",
        "/%C3%A9",
        "/a?b=%zz&c=/../",
        "/.well-known/x",
        "/a:b@c[d]",
    ] {
        assert_eq!(normalize(&raw.parse().unwrap()), Ok(None), "{raw}");
    }
}

#[test]
fn cve_2025_32431_cve_2025_47952_dot_segments() {
    for (raw, expected) in [
        ("/public/../admin", "/admin"),
        ("/public/%2e%2e/admin", "/admin"),
        ("/public/%2E%2e/admin", "/admin"),
        ("/public/.%2e/admin", "/admin"),
        ("/public//admin", "/public/admin"),
        ("//admin", "/admin"),
        ("/./admin", "/admin"),
        ("/a/.", "/a"),
        ("/a/..", "/"),
        ("/a/b/../", "/a/"),
        ("/..", "/"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/a/./b/../../c/", "/c/"),
        // Not dot segments: they must stay different from them.
        ("/public/..;/admin", "/public/..;/admin"),
        ("/public/..%2fadmin", "/public/..%2Fadmin"),
        ("/public/%2e%2e%2fadmin", "/public/..%2Fadmin"),
        ("/public/..\\admin", "/public/..%5Cadmin"),
        ("/public/...", "/public/..."),
    ] {
        assert_eq!(normal(raw), expected, "{raw}");
    }
}

#[test]
fn cve_2025_66490_reserved_characters_stay_escaped() {
    for (raw, expected) in [
        ("/a%2fb", "/a%2Fb"),
        ("/a%5cb", "/a%5Cb"),
        ("/a%00b", "/a%00b"),
        ("/a%3bb", "/a%3Bb"),
        ("/a%25b", "/a%25b"),
        ("/a%3fb", "/a%3Fb"),
        ("/a%23b", "/a%23b"),
        ("/%41%7e", "/A~"),
    ] {
        assert_eq!(normal(raw), expected, "{raw}");
    }
}

#[test]
fn a3_7_what_may_not_stand_is_escaped() {
    assert_eq!(normal("/a\"b{c}"), "/a%22b%7Bc%7D");
    assert_eq!(normal("/\u{e9}"), "/%C3%A9");
}

#[test]
fn i1_bad_escapes_are_refused() {
    for raw in ["/%", "/%4", "/%zz", "/a%2", "/%-1"] {
        assert_eq!(normalize(&raw.parse().unwrap()), Err(BadRequest::Path), "{raw}");
    }
}

#[test]
fn i1_semicolons_in_a_query_are_ampersands() {
    assert_eq!(normal("/a;p?x=1;y=2"), "/a;p?x=1&y=2");
}

#[test]
fn a3_7_rules_see_reserved_escapes_only() {
    assert_eq!(for_rules("/a%20b").as_deref(), Some("/a b"));
    assert_eq!(for_rules("/%C3%A9%2Fx").as_deref(), Some("/\u{e9}%2Fx"));
    assert_eq!(for_rules("/a%2Fb"), None);
    assert_eq!(for_rules("/a"), None);
    // Not text: the rule sees what the backend sees.
    assert_eq!(for_rules("/%FF"), None);
}
