//! Each v2 rule beside the v3 rule that means the same.

use crate::rule::{Rule, RuleErrorKind, Syntax};

fn v2(text: &str) -> Rule {
    Rule::parse_http_as(Syntax::V2, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn same(written: &str, v3: &str) {
    let wanted = Rule::parse_http(v3).unwrap_or_else(|error| panic!("{v3}: {error}"));
    assert_eq!(v2(written).expr(), wanted.expr(), "{written}");
}

#[track_caller]
fn refused(text: &str) -> RuleErrorKind {
    match Rule::parse_http_as(Syntax::V2, text) {
        Ok(rule) => panic!("{text} was accepted as {:?}", rule.expr()),
        Err(error) => error.kind,
    }
}

#[test]
fn a3_3_several_values_are_any_of_them() {
    same("Host(`A.test`, `b.test.`)", "Host(`a.test`) || Host(`b.test`)");
    same("HostHeader(`a.test`)", "Host(`a.test`)");
    same("Method(`get`, `POST`)", "Method(`GET`) || Method(`POST`)");
    same("Path(`/css`, `/js`)", "Path(`/css`) || Path(`/js`)");
    same(
        "PathPrefix(`/css`,`/js`)",
        "PathPrefix(`/css`) || PathPrefix(`/js`)",
    );
    same(
        "ClientIP(`127.0.0.1`, `10.0.0.0/8`)",
        "ClientIP(`127.0.0.1`) || ClientIP(`10.0.0.0/8`)",
    );
    same(
        "Host(`a`, `b`) && PathPrefix(`/x`) || !Method(`GET`)",
        "(Host(`a`) || Host(`b`)) && PathPrefix(`/x`) || !Method(`GET`)",
    );
}

#[test]
fn a3_3_pairs_are_all_of_them() {
    same("Headers(`x-a`, `1`)", "Header(`X-A`, `1`)");
    same(
        "Headers(`x-a`, `1`, `x-b`, `2`)",
        "Header(`X-A`, `1`) && Header(`X-B`, `2`)",
    );
    same("Headers(`x-a`, `1`, `X-A`, `2`)", "Header(`X-A`, `2`)");
    same(
        "HeadersRegexp(`x-a`, `^https?$`)",
        "HeaderRegexp(`X-A`, `^https?$`)",
    );
    // No braces here: the expression is the whole value.
    same("HeadersRegexp(`x-a`, `a{2}`)", "HeaderRegexp(`X-A`, `a{2}`)");
    same("Query(`a=1`)", "Query(`a`, `1`)");
    same("Query(`a=1=2`)", "Query(`a`, `1=2`)");
    same("Query(`a=1`, `b=2`)", "Query(`a`, `1`) && Query(`b`, `2`)");
    same("Query(`a`, `1`)", "Query(`a`, `1`)");
    same("Query(`a=`)", "QueryRegexp(`a`, `^.*$`)");
    same("Query(`a={v:x|y}`)", "QueryRegexp(`a`, `^(?:x|y)$`)");
}

#[test]
fn a3_3_expressions_stand_in_braces() {
    same(
        "HostRegexp(`{sub:[a-z]+}.Example.com`)",
        r"HostRegexp(`(?i)^(?:[a-z]+)\.example\.com$`)",
    );
    same(
        "HostRegexp(`{sub}.a.b`, `c.d`)",
        r"HostRegexp(`(?i)^(?:[^.]+)\.a\.b$`) || HostRegexp(`(?i)^c\.d$`)",
    );
    // What is no expression is literal, however much it looks like one.
    same("HostRegexp(`(a.b`)", r"HostRegexp(`(?i)^\(a\.b$`)");
    same(
        "Host(`{sub:[a-z]{2,3}}.a.b`)",
        r"HostRegexp(`(?i)^(?:[a-z]{2,3})\.a\.b$`)",
    );
    same("Path(`/css{rest:(/.*)?}`)", "PathRegexp(`^/css(?:(/.*)?)$`)");
    same("Path(`/{id}/x`)", "PathRegexp(`^/(?:[^/]+)/x$`)");
    same("PathPrefix(`/css-{n:[0-9]?}`)", "PathRegexp(`^/css-(?:[0-9]?)`)");
    same("PathPrefix(`/a.b{n:x}`)", r"PathRegexp(`^/a\.b(?:x)`)");
}

#[test]
fn a3_3_a_host_has_no_wildcard() {
    use crate::rule::HostPattern;
    for name in ["*", "*.example.com"] {
        let rule = v2(&format!("Host(`{name}`)"));
        assert_eq!(rule.hosts(), [&HostPattern::Exact(name.to_owned())]);
    }
}

#[test]
fn a3_3_what_traefik_refuses_is_refused() {
    use RuleErrorKind as Kind;
    assert_eq!(refused(""), Kind::Empty);
    for text in ["Host()", "Headers()", "Query()", "Path()"] {
        assert!(matches!(refused(text), Kind::WrongArity { got: 0, .. }), "{text}");
    }
    for text in [
        "Host(``)",
        "Headers(`a`, ``)",
        "Headers(``, `a`)",
        "Method(`GET`, ``)",
    ] {
        assert!(matches!(refused(text), Kind::EmptyValue { .. }), "{text}");
    }
    for text in ["Headers(`a`)", "HeadersRegexp(`a`, `b`, `c`)", "Query(`a`)"] {
        assert!(matches!(refused(text), Kind::OddArity { .. }), "{text}");
    }
    for text in ["Path(`css`)", "PathPrefix(`css`)"] {
        assert!(matches!(refused(text), Kind::PathWithoutSlash { .. }), "{text}");
    }
    for text in [
        "Path(`/{`)",
        "Path(`/}`)",
        "Path(`/{:a}`)",
        "Path(`/{a:}`)",
        "Query(`{a}=b`)",
    ] {
        assert!(matches!(refused(text), Kind::InvalidTemplate { .. }), "{text}");
    }
    for text in ["Path(`/{a:(}`)", "HeadersRegexp(`a`, `(`)"] {
        assert!(matches!(refused(text), Kind::InvalidRegexp { .. }), "{text}");
    }
    for text in ["Host(`é.test`)", "HostRegexp(`é.test`)"] {
        assert!(matches!(refused(text), Kind::NotAscii { .. }), "{text}");
    }
    assert!(matches!(refused("ClientIP(`1`)"), Kind::InvalidIp(_)));
}

#[test]
fn a3_3_the_other_syntax_is_named() {
    let hint = |syntax, text| Rule::parse_http_as(syntax, text).expect_err("refused").hint();
    let hint = |syntax, text| hint(syntax, text).unwrap_or_default();
    assert_eq!(
        hint(Syntax::V2, "Header(`a`, `b`)"),
        "did you mean `Headers`? `Header` belongs to the rule syntax v3"
    );
    assert_eq!(
        hint(Syntax::V3, "HostHeader(`a`)"),
        "`HostHeader` belongs to the rule syntax v2"
    );
    assert_eq!(hint(Syntax::V2, "Hots(`a`)"), "did you mean `Host`?");
}

#[test]
fn a3_3_text_and_priority_stay_those_written() {
    let text = "Host(`a`, `b`)";
    let rule = v2(text);
    assert_eq!((rule.text(), rule.syntax()), (text, Syntax::V2));
}

#[test]
fn a3_3_values_count_as_matchers() {
    let values = vec!["`a`"; 10_001].join(",");
    assert_eq!(
        refused(&format!("Host({values})")),
        RuleErrorKind::TooManyMatchers
    );
}
