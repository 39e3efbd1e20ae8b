use http::uri::PathAndQuery;

use super::super::BadRequest;
use super::{behind, for_rules, normalize, rewritten};
use crate::config::Hygiene;

fn normal(raw: &str) -> String {
    let target: PathAndQuery = raw.parse().unwrap();
    let normal = normalize(&target, &Hygiene::default()).unwrap().unwrap_or(target);
    let again = normalize(&normal, &Hygiene::default()).unwrap();
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
        assert_eq!(
            normalize(&raw.parse().unwrap(), &Hygiene::default()),
            Ok(None),
            "{raw}"
        );
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
        assert_eq!(
            normalize(&raw.parse().unwrap(), &Hygiene::default()),
            Err(BadRequest::Path),
            "{raw}"
        );
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

#[test]
fn cve_2026_48020_a_rewritten_path_is_normal_or_refused() {
    // The table of Traefik's migration notes, and relatives.
    for (path, result) in [
        ("/foo", Some("/foo")),
        ("/", Some("/")),
        ("", Some("")),
        ("/a b", Some("/a%20b")),
        ("/a%2Fb", Some("/a%2Fb")),
        ("/./foo", None),
        ("/../foo", None),
        ("/..", None),
        ("/.", None),
        ("/%2e%2e/foo", None),
        ("/..%2Ffoo", None),
        ("/a%2f..%5Cfoo", None),
        ("/a%2F.", None),
        ("/..a%2F.b..", Some("/..a%2F.b..")),
        ("//foo", None),
        ("/foo//", None),
        ("/foo/", Some("/foo/")),
        ("/%4", None),
        ("/%zz", None),
    ] {
        assert_eq!(rewritten(path, true).ok().as_deref(), result, "{path}");
    }
    // Where paths are not sanitized, empty segments are as good as others.
    assert_eq!(rewritten("//foo", false).as_deref(), Ok("//foo"));
    assert_eq!(rewritten("/../foo", false), Err(BadRequest::Rewritten));
}

#[test]
fn what_is_behind_a_readable_prefix_keeps_its_escapes() {
    assert_eq!(behind("/%C3%A9/x%2Fy", "/\u{e9}".len()), "/x%2Fy");
    assert_eq!(behind("/a%2Fb", "/a%2F".len()), "b");
    assert_eq!(behind("/a", 9), "");
    assert_eq!(behind("/a%FFb/x/y", "/a%FFb".len()), "/x/y");
}

#[test]
fn a2_7_escapes_that_are_not_allowed_are_refused() {
    let characters = [
        ("/", "%2f"),
        ("\\", "%5C"),
        ("\0", "%00"),
        (";", "%3b"),
        ("%", "%25"),
        ("?", "%3F"),
        ("#", "%23"),
    ];
    for (index, (_, escape)) in characters.iter().enumerate() {
        let mut allowed = [true; 7];
        let hygiene = |allowed| Hygiene {
            encoded_characters: viaduct_snapshot::middleware::EncodedCharacters::allowing(allowed),
            ..Hygiene::default()
        };
        let raw: PathAndQuery = format!("/a{escape}b?c={escape}").parse().unwrap();
        assert!(normalize(&raw, &hygiene(allowed)).is_ok());
        allowed[index] = false;
        assert_eq!(
            normalize(&raw, &hygiene(allowed)),
            Err(BadRequest::EncodedCharacter),
            "{escape}"
        );
        // Of the path alone.
        let query: PathAndQuery = format!("/ab?c={escape}").parse().unwrap();
        assert!(normalize(&query, &hygiene(allowed)).is_ok());
    }
}

#[test]
fn a2_8_query_semicolons_and_unsanitized_paths() {
    let raw: PathAndQuery = "/a/../b//%7ec?d;e".parse().unwrap();
    let written = |hygiene: Hygiene| normalize(&raw, &hygiene).unwrap().unwrap().to_string();
    assert_eq!(written(Hygiene::default()), "/b/~c?d&e");
    let encode = Hygiene {
        encode_query_semicolons: true,
        ..Hygiene::default()
    };
    assert_eq!(written(encode), "/b/~c?d%3Be");
    let as_it_came = Hygiene {
        sanitize_path: false,
        ..Hygiene::default()
    };
    assert_eq!(written(as_it_came), "/a/../b//~c?d&e");
}
