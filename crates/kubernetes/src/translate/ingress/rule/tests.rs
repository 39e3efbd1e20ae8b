use super::*;

fn path(path: &str, path_type: PathType) -> IngressPath {
    IngressPath {
        path: path.to_owned(),
        path_type,
        backend: crate::api::ingress::IngressBackend::Nothing,
    }
}

const PLAIN: Matching<'_> = Matching {
    strict: false,
    syntax: Syntax::V3,
    matcher: None,
};

const STRICT: Matching<'_> = Matching {
    strict: true,
    ..PLAIN
};

fn text(host: &str, written: &str, path_type: PathType, matching: Matching<'_>) -> String {
    match build(host, &path(written, path_type), matching) {
        Ok(placed) => placed.rule.text().to_owned(),
        Err(misfit) => panic!("{host} {written}: {misfit:?}"),
    }
}

#[test]
fn a9_10_path_types_become_matchers() {
    use PathType::{Exact, ImplementationSpecific, Prefix};
    for (host, written, path_type, matching, rule) in [
        ("a.test", "/x", Exact, PLAIN, "Host(`a.test`) && Path(`/x`)"),
        (
            "a.test",
            "/x",
            Prefix,
            PLAIN,
            "Host(`a.test`) && PathPrefix(`/x`)",
        ),
        (
            "A.Test.",
            "/x",
            ImplementationSpecific,
            PLAIN,
            "Host(`a.test`) && PathPrefix(`/x`)",
        ),
        (
            "*.a.test",
            "/",
            Prefix,
            PLAIN,
            "Host(`*.a.test`) && PathPrefix(`/`)",
        ),
        ("", "/x", Prefix, PLAIN, "PathPrefix(`/x`)"),
        ("a.test", "", ImplementationSpecific, PLAIN, "Host(`a.test`)"),
        ("", "", ImplementationSpecific, PLAIN, "PathPrefix(`/`)"),
        ("", "/x", Prefix, STRICT, "Path(`/x`) || PathPrefix(`/x/`)"),
        (
            "a.test",
            "/x/",
            Prefix,
            STRICT,
            "Host(`a.test`) && (Path(`/x`) || PathPrefix(`/x/`))",
        ),
        ("a.test", "/", Prefix, STRICT, "Host(`a.test`) && PathPrefix(`/`)"),
        ("a.test", "/x", Exact, STRICT, "Host(`a.test`) && Path(`/x`)"),
    ] {
        assert_eq!(text(host, written, path_type, matching), rule);
    }
}

#[test]
fn a9_10_the_path_matcher_is_for_implementation_specific_paths() {
    let with = |matcher| Matching {
        matcher: Some(matcher),
        ..PLAIN
    };
    let specific = PathType::ImplementationSpecific;
    assert_eq!(text("", "/x", specific.clone(), with("Path")), "Path(`/x`)");
    assert_eq!(
        text("", "/x[0-9]+", specific.clone(), with("PathRegexp")),
        "PathRegexp(`/x[0-9]+`)"
    );
    assert_eq!(text("", "/x", PathType::Prefix, with("Path")), "PathPrefix(`/x`)");
    let v2 = Matching {
        syntax: Syntax::V2,
        ..with("Path")
    };
    assert_eq!(
        text("", "/{id:[0-9]+}", specific.clone(), v2),
        "PathRegexp(`^/(?:[0-9]+)$`)"
    );
    // What Kubernetes calls a path is one, whatever the syntax of the rest.
    assert_eq!(text("", "/{id}", PathType::Prefix, v2), "PathPrefix(`/{id}`)");
    for matcher in ["Host", "ClientIP", "Path`) || Host(`b", ""] {
        let misfit = build("", &path("/x", specific.clone()), with(matcher)).unwrap_err();
        assert!(matches!(misfit.why, Why::Matcher(_)), "{misfit:?}");
    }
}

/// Texts that would be syntax if the rule were made by joining text.
const HOSTILE: [&str; 10] = [
    "/`) || Host(`b.test",
    "/\") || Host(\"b.test",
    "/`",
    "/\"",
    "/\\",
    "/\\`\"'",
    "/a\r\nb\u{0}",
    "/\u{feff}ü",
    "/*) || PathPrefix(/*",
    "/{x:.*}",
];

#[test]
fn cve_2026_29777_c60_hostile_values_are_matched_literally() {
    for hostile in HOSTILE {
        for (path_type, matching) in [
            (PathType::Exact, PLAIN),
            (PathType::Prefix, PLAIN),
            (PathType::Prefix, STRICT),
            (PathType::ImplementationSpecific, PLAIN),
        ] {
            let placed = build("a.test", &path(hostile, path_type), matching).unwrap();
            let read = Rule::parse_http(placed.rule.text()).unwrap();
            assert_eq!(read.expr(), placed.rule.expr(), "{}", placed.rule.text());
            let hosts: Vec<_> = read.hosts().into_iter().map(ToString::to_string).collect();
            assert_eq!(hosts, ["a.test"], "{}", placed.rule.text());
        }
        // A host is ASCII or nothing; and it, too, is a value.
        let host = hostile.trim_start_matches('/');
        match build(host, &path("/x", PathType::Prefix), PLAIN) {
            Ok(placed) => {
                let read = Rule::parse_http(placed.rule.text()).unwrap();
                assert_eq!(read.hosts().len(), 1, "{}", placed.rule.text());
                assert_eq!(read.expr(), placed.rule.expr());
            }
            Err(misfit) => assert!(!host.is_ascii() && misfit.kept.is_none(), "{host:?}: {misfit:?}"),
        }
    }
}

#[test]
fn decision_24_a_path_that_cannot_be_matched_keeps_its_place_where_it_can() {
    let misfit = |host, written, path_type, matching| {
        let misfit = build(host, &path(written, path_type), matching).unwrap_err();
        misfit.kept.map(|kept| kept.rule.text().to_owned())
    };
    let specific = PathType::ImplementationSpecific;
    let regexp = Matching {
        matcher: Some("PathRegexp"),
        ..PLAIN
    };
    assert_eq!(
        misfit("a.test", "admin", PathType::Prefix, PLAIN).as_deref(),
        Some("Host(`a.test`) && PathPrefix(`/admin`)")
    );
    assert_eq!(
        misfit("a.test", "/(", specific.clone(), regexp).as_deref(),
        Some("Host(`a.test`)")
    );
    assert_eq!(
        misfit("a.test", "/x", PathType::Other("exact".into()), PLAIN).as_deref(),
        Some("Host(`a.test`) && PathPrefix(`/x`)")
    );
    assert_eq!(misfit("", "/(", specific, regexp), None);
    assert_eq!(misfit(".", "/x", PathType::Prefix, PLAIN), None);
    assert_eq!(misfit("bücher.test", "/x", PathType::Prefix, PLAIN), None);
}

fn priority(host: &str, written: &str, path_type: PathType, matching: Matching<'_>) -> i64 {
    let placed = build(host, &path(written, path_type), matching).unwrap();
    let length = i64::try_from(placed.rule.text().len()).unwrap();
    placed.priority.unwrap_or(length)
}

#[test]
fn c64_an_exact_path_wins_over_the_same_prefix_and_a_host_over_a_wildcard() {
    use PathType::{Exact, Prefix};
    for matching in [PLAIN, STRICT] {
        for written in ["/", "/x", "/x/", "/a/rather/long/path"] {
            let [exact, prefix] = [Exact, Prefix].map(|of| priority("x.a.test", written, of, matching));
            let [exact_below, prefix_below] =
                [Exact, Prefix].map(|of| priority("*.a.test", written, of, matching));
            assert!(exact > prefix, "{written}");
            assert!(prefix > exact_below, "{written}");
            assert!(exact_below > prefix_below, "{written}");
        }
    }
    // As everywhere, more is more.
    assert!(priority("a.test", "/x/y", Prefix, PLAIN) > priority("a.test", "/x", Prefix, PLAIN));
    assert_eq!(
        build("a.test", &path("/x", Prefix), PLAIN).unwrap().priority,
        None
    );
    assert_eq!(default_backend().priority, Some(-2_147_483_648));
}
