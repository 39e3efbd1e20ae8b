use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Rule {
    Rule::parse_http(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn matcher(text: &str) -> Matcher {
    match parse(text).expr {
        Expr::Match(matcher) => matcher,
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn refused(text: &str) -> String {
    match Rule::parse_http(text) {
        Ok(rule) => panic!("{text} was accepted as {:?}", rule.expr()),
        Err(error) => error.to_string(),
    }
}

/// The tree as canonical text.
fn canonical(text: &str) -> String {
    Rule::from_expr(parse(text).expr).text().to_owned()
}

// === A3.1: matchers ===

#[test]
fn a3_1_every_matcher() {
    let host = |host: &str| Matcher::Host(HostPattern::Exact(host.to_owned()));
    let regexp = |source| GoRegexp::new(source).expect("a valid expression");
    let text = str::to_owned;
    let cases = [
        ("Host(`Example.COM`)", host("example.com")),
        ("Host(`example.com.`)", host("example.com")),
        ("Host(`::1`)", host("::1")),
        ("Host(`*`)", Matcher::Host(HostPattern::Any)),
        (
            "Host(`*.Example.com`)",
            Matcher::Host(HostPattern::Wildcard(text("example.com"))),
        ),
        ("HostRegexp(`^.+\\.a$`)", Matcher::HostRegexp(regexp("^.+\\.a$"))),
        ("Method(`get`)", Matcher::Method(text("GET"))),
        ("Path(`/a b`)", Matcher::Path(text("/a b"))),
        ("PathPrefix(`/`)", Matcher::PathPrefix(text("/"))),
        ("PathRegexp(`^/[0-9]+`)", Matcher::PathRegexp(regexp("^/[0-9]+"))),
        (
            "Header(`x-foo-bar`, `v`)",
            Matcher::Header {
                name: text("X-Foo-Bar"),
                value: text("v"),
            },
        ),
        (
            "Header(`no header`, `v`)",
            Matcher::Header {
                name: text("no header"),
                value: text("v"),
            },
        ),
        (
            "HeaderRegexp(`ACCEPT`, `^a`)",
            Matcher::HeaderRegexp {
                name: text("Accept"),
                value: regexp("^a"),
            },
        ),
        (
            "Query(`k`)",
            Matcher::Query {
                key: text("k"),
                value: None,
            },
        ),
        (
            "Query(`k`, `v`)",
            Matcher::Query {
                key: text("k"),
                value: Some(text("v")),
            },
        ),
        (
            "QueryRegexp(`k`)",
            Matcher::QueryRegexp {
                key: text("k"),
                value: None,
            },
        ),
        (
            "QueryRegexp(`k`, `v+`)",
            Matcher::QueryRegexp {
                key: text("k"),
                value: Some(regexp("v+")),
            },
        ),
    ];
    for (rule, wanted) in cases {
        assert_eq!(matcher(rule), wanted, "{rule}");
    }
}

#[test]
fn a3_1_client_ip_takes_addresses_and_networks() {
    let cases = [
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("::1", "::1/128"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:10.9.9.9/104", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ];
    for (text, net) in cases {
        let wanted = Matcher::ClientIp(net.parse().expect("a network"));
        assert_eq!(matcher(&format!("ClientIP(`{text}`)")), wanted, "{text}");
    }
    for text in [
        "10.0.0",
        "10.0.0.1/33",
        "fe80::1%eth0",
        "010.0.0.1",
        "10.0.0.1 ",
        "example.com",
        "/8",
    ] {
        let message = refused(&format!("ClientIP(`{text}`)"));
        assert_eq!(
            message,
            format!("`{text}` is neither an IP address nor a network at column 10")
        );
    }
}

#[test]
fn a3_1_number_of_values_is_exact() {
    for rule in [
        "Host(`a`, `b`)",
        "HostRegexp(`a`, `b`)",
        "Method(`GET`, `PUT`)",
        "Path(`/a`, `/b`)",
        "PathPrefix(`/a`, `/b`)",
        "PathRegexp(`a`, `b`)",
        "Header(`a`)",
        "Header(`a`, `b`, `c`)",
        "HeaderRegexp(`a`)",
        "Query(`a`, `b`, `c`)",
        "QueryRegexp(`a`, `b`, `c`)",
        "ClientIP(`::1`, `::2`)",
        "Host()",
        "Header()",
        "Query()",
        "Host",
        "Host(,)",
        "Host(`a`,,)",
    ] {
        refused(rule);
    }
    assert_eq!(
        refused("Host(`a`, `b`)"),
        "Host takes one value, not 2 at column 1"
    );
    assert_eq!(
        refused("Path(`/`) && Header(`a`)"),
        "Header takes two values, not 1 at column 14"
    );
    assert_eq!(parse("Host(`a`,)").expr, parse("Host(`a`)").expr);
}

#[test]
fn a3_1_four_spellings_of_a_name() {
    for name in ["PathPrefix", "pathprefix", "PATHPREFIX", "Pathprefix"] {
        assert_eq!(
            matcher(&format!("{name}(`/a`)")),
            Matcher::PathPrefix("/a".to_owned())
        );
    }
    for name in ["CLIENTIP", "clientip", "Clientip", "ClientIP"] {
        matcher(&format!("{name}(`::1`)"));
    }
    for name in [
        "pathPrefix",
        "PATHprefix",
        "ClientIp",
        "Headers",
        "HostHeader",
        "HostSNI",
        "hÖst",
    ] {
        assert_eq!(
            refused(&format!("{name}(`/a`)")),
            format!("unsupported function: {name} at column 1")
        );
    }
}

#[test]
fn a3_1_values_are_checked() {
    assert_eq!(
        refused("Path(`a`)"),
        "the value `a` of Path does not begin with `/` at column 6"
    );
    assert_eq!(
        refused("PathPrefix(``)"),
        "a value of PathPrefix is empty at column 12"
    );
    assert_eq!(
        refused("Header(`a`, ``)"),
        "a value of Header is empty at column 13"
    );
    assert_eq!(
        refused("Host(`ex\u{e4}mple`)"),
        "Host takes ASCII characters only, not `ex\u{e4}mple` at column 6"
    );
    assert_eq!(
        refused("HostRegexp(`\u{e4}`)"),
        "HostRegexp takes ASCII characters only, not `\u{e4}` at column 12"
    );
    assert_eq!(
        refused("PathRegexp(`^/(a`)"),
        "PathRegexp: `(` is not closed at column 15"
    );
    assert_eq!(
        refused("PathRegexp(\"^/(a\")"),
        "PathRegexp: `(` is not closed at column 12"
    );
}

// === A3.2: operators, literals, blanks ===

#[test]
fn a3_2_and_binds_tighter_than_or() {
    let cases = [
        (
            "Host(`a`) || Host(`b`) && Path(`/c`)",
            "Host(`a`) || Host(`b`) && Path(`/c`)",
        ),
        (
            "(Host(`a`) || Host(`b`)) && Path(`/c`)",
            "(Host(`a`) || Host(`b`)) && Path(`/c`)",
        ),
        ("!Host(`a`) && Path(`/c`)", "!Host(`a`) && Path(`/c`)"),
        ("!(Host(`a`) && Path(`/c`))", "!(Host(`a`) && Path(`/c`))"),
        ("!!Host(`a`)", "!!Host(`a`)"),
        ("((Host(`a`)))", "Host(`a`)"),
        ("!(Host(`a`))", "!Host(`a`)"),
        (
            "Host(`a`)&&(Path(`/b`)&&Path(`/c`))",
            "Host(`a`) && Path(`/b`) && Path(`/c`)",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(canonical(text), wanted, "{text}");
    }
    let pair = parse("Host(`a`) && !Path(`/b`)").expr;
    let Expr::And(left, right) = pair else {
        panic!("{pair:?}")
    };
    assert!(matches!(*left, Expr::Match(Matcher::Host(_))));
    assert!(matches!(*right, Expr::Not(_)));
}

#[test]
fn a3_2_go_string_literals() {
    let path = |literal: &str| match matcher(&format!("Path({literal})")) {
        Matcher::Path(path) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(path(r#""/a\"b\\c""#), "/a\"b\\c");
    assert_eq!(path(r#""/\a\b\f\n\r\t\v""#), "/\u{7}\u{8}\u{c}\n\r\t\u{b}");
    assert_eq!(
        path(r#""/\x41\101\u00e9\U0001F600\xc3\xa9""#),
        "/AA\u{e9}\u{1F600}\u{e9}"
    );
    assert_eq!(path("`/a\\n\"`"), "/a\\n\"");
    assert_eq!(path("`/a\r\nb`"), "/a\nb");
    assert_eq!(path("\"/\u{e9}\""), "/\u{e9}");
    for literal in [
        r#""/\'""#,
        r#""/\q""#,
        r#""/\400""#,
        r#""/\18""#,
        r#""/\x4""#,
        r#""/\u12""#,
        r#""/\ud800""#,
        r#""/\U00110000""#,
        r#""/\xff""#,
        r#""/a"#,
        "\"/a\nb\"",
        "`/a",
        "'/'",
        "'/a'",
        "\"/\0\"",
        "`/\u{feff}`",
        "1",
        "1.5",
        "a",
        "(`/a`)",
        "\"/a\" + \"b\"",
        "nil",
    ] {
        refused(&format!("Path({literal})"));
    }
    assert_eq!(
        refused(r#"Path("/a\q")"#),
        r"`\q` is not an escape sequence of a Go string at column 9"
    );
}

#[test]
fn a3_2_line_breaks_where_go_allows_them() {
    for text in [
        "Host(`a`) &&\n\tPath(`/b`)",
        "Host(\n`a`,\n)",
        "(\nHost(`a`) ||\r\n Host(`b`))",
        "\n\n Host(`a`)\n\n",
        "!\nHost(`a`)",
        "Host(`a`) // the site\n",
        "Host(`a`) /* or */ || /*\n*/ Host(`b`)",
        "// the site\nHost(`a`)",
        "\u{feff}Host(`a`)",
        "Host (`a`)",
    ] {
        parse(text);
    }
    for text in [
        "Host(`a`)\n&& Path(`/b`)",
        "Host(`a`\n)",
        "(Host(`a`)\n)",
        "Host\n(`a`)",
        "Host(`a`) // c\n || Host(`b`)",
        "Host(`a`) /*\n*/ || Host(`b`)",
        "Host(`a`)\n\nHost(`b`)",
    ] {
        let message = refused(text);
        assert!(
            message.starts_with("the line break ends the rule too early at "),
            "{text:?}: {message}"
        );
    }
    assert_eq!(
        refused("Host(`a`)\n&& Path(`/b`)"),
        "the line break ends the rule too early at column 10"
    );
}

#[test]
fn a3_2_malformed_rules_say_where() {
    let cases = [
        ("", "the rule is empty at column 1"),
        (" \n", "the rule is empty at line 2, column 1"),
        ("Host(`a`", "`,` or `)` expected, the end found at column 9"),
        (
            "Host(`a`))",
            "`&&`, `||` or the end expected, `)` found at column 10",
        ),
        ("(Host(`a`)", "`)` expected, the end found at column 11"),
        (
            "Host(`a`) Path(`/b`)",
            "`&&`, `||` or the end expected, `Path` found at column 11",
        ),
        ("Host(`a`) &&", "a matcher expected, the end found at column 13"),
        ("&& Host(`a`)", "a matcher expected, `&&` found at column 1"),
        ("`a`", "a matcher expected, a text found at column 1"),
        (
            "Host(`a`) & Host(`b`)",
            "operator `&` is not supported at column 11",
        ),
        (
            "Host(`a`) == Host(`b`)",
            "operator `==` is not supported at column 11",
        ),
        ("-Host(`a`)", "operator `-` is not supported at column 1"),
        (
            "Host(a)",
            "a text between back-ticks or double quotes expected, `a` found at column 6",
        ),
        ("Host('a')", "unexpected character '\\'' at column 6"),
        ("Host(`a`);", "unexpected character ';' at column 10"),
        ("Host(`a", "a text is not closed at column 6"),
        ("Host(`a`) // \0", "unexpected character '\\0' at column 14"),
        ("Host(`a`) /* x", "a comment is not closed at column 11"),
        (
            "Host(`a`) &&\n \u{a0}Path(`/`)",
            "unexpected character '\\u{a0}' at line 2, column 2",
        ),
        (
            "Host(`\u{e9}\u{e9}`) x",
            "Host takes ASCII characters only, not `\u{e9}\u{e9}` at column 6",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text), message, "{text:?}");
    }
}

#[test]
fn a3_2_hints_name_the_remedy() {
    let hint = |text| Rule::parse_http(text).err().and_then(|error| error.hint());
    assert_eq!(
        hint("Headers(`a`, `b`)").as_deref(),
        Some("did you mean `Header`? `Headers` belongs to the rule syntax v2")
    );
    assert_eq!(
        hint("PathPrefx(`/a`)").as_deref(),
        Some("did you mean `PathPrefix`?")
    );
    assert_eq!(
        hint("Host(`a`, `b`)").as_deref(),
        Some("write one matcher per value, such as Host(`a`) || Host(`b`)")
    );
    assert_eq!(hint("Path(`a`)").as_deref(), Some("write `/a`"));
    assert_eq!(hint("Host(`a`"), None);
}

#[test]
fn a3_4_the_text_is_kept_as_written() {
    let text = "  Host( \"a\" )||Host(`b`) // c\n";
    assert_eq!(parse(text).text(), text);
}

// === I4: rules from trees ===

#[test]
fn cve_2026_29777_values_never_become_syntax() {
    let hostile = [
        "/a`) || Host(`evil",
        "/a\") || Host(\"evil",
        "/\\\") || Host(`evil`)",
        "/\n\r\u{0}\u{feff}`",
        "/*",
    ];
    for path in hostile {
        let rule = Rule::from_expr(Expr::Match(Matcher::Path(path.to_owned())));
        assert_eq!(parse(rule.text()), rule, "{path:?}");
    }
}

#[test]
fn i5_size_and_depth_are_bounded() {
    let deep = |levels: usize| format!("{}Host(`a`){}", "(!".repeat(levels / 2), ")".repeat(levels / 2));
    parse(&deep(100));
    assert!(refused(&deep(102)).starts_with("parentheses and negations are nested more than 100 deep"));
    assert!(refused(&"(".repeat(200_000)).starts_with("parentheses and negations"));
    assert!(refused(&"!".repeat(200_000)).starts_with("parentheses and negations"));
    assert_eq!(
        refused(&" ".repeat(262_145)),
        "the rule is longer than 256 KiB at column 1"
    );

    let hosts = |count: usize| vec!["Host(`a`)"; count].join("||");
    assert_eq!(parse(&hosts(10_000)).hosts().len(), 10_000);
    assert!(refused(&hosts(10_001)).starts_with("the rule has more than 10000 matchers"));
}

#[test]
fn i5_a_long_chain_is_a_shallow_tree() {
    fn depth(expr: &Expr) -> usize {
        match expr {
            Expr::And(left, right) | Expr::Or(left, right) => 1 + depth(left).max(depth(right)),
            Expr::Not(inner) => 1 + depth(inner),
            Expr::Match(_) => 0,
        }
    }
    let host = |n: usize| Expr::Match(Matcher::Host(HostPattern::Exact(n.to_string())));
    let chain = (1..4096).fold(host(0), |left, n| Expr::Or(Box::new(left), Box::new(host(n))));
    let rule = Rule::from_expr(chain);
    assert_eq!(depth(rule.expr()), 12);
    let order: Vec<String> = rule.hosts().iter().map(ToString::to_string).collect();
    assert_eq!(order, (0..4096).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn cve_2026_114656_negated_hosts_are_not_collected() {
    let hosts = |text: &str| {
        parse(text)
            .hosts()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(hosts("Host(`a`) || Host(`*.b`) && Path(`/`)"), "a *.b");
    assert_eq!(hosts("Host(`a`) && !Host(`secure`)"), "a");
    assert_eq!(hosts("!(Host(`a`) || Path(`/`))"), "");
    assert_eq!(hosts("!(Path(`/`) && !Host(`a`))"), "a");
    assert_eq!(hosts("HostRegexp(`a`) || Host(`*`)"), "*");
}

fn expressions() -> impl Strategy<Value = Expr> {
    let text = "[ -~é`\"\\\\\\n\\r\\x00]{1,8}";
    let regexp = prop::sample::select(vec!["^a", "`", "\\d+\"", "[^/]+"])
        .prop_map(|source| GoRegexp::new(source).expect("a valid expression"));
    let matcher = prop_oneof![
        "[a-z0-9.-]{0,8}[a-z0-9`\"\\\\]".prop_map(|host| Matcher::Host(HostPattern::Exact(host))),
        "[a-z]{1,5}\\.[a-z]{1,3}".prop_map(|host| Matcher::Host(HostPattern::Wildcard(host))),
        Just(Matcher::Host(HostPattern::Any)),
        regexp.clone().prop_map(Matcher::HostRegexp),
        "[A-Z]{1,7}".prop_map(Matcher::Method),
        text.prop_map(|path| Matcher::Path(format!("/{path}"))),
        text.prop_map(|path| Matcher::PathPrefix(format!("/{path}"))),
        regexp.clone().prop_map(Matcher::PathRegexp),
        ("X-[A-Z][a-z]{0,5}", text).prop_map(|(name, value)| Matcher::Header { name, value }),
        ("X-[A-Z][a-z]{0,5}", regexp.clone()).prop_map(|(name, value)| Matcher::HeaderRegexp { name, value }),
        (text, proptest::option::of(text)).prop_map(|(key, value)| Matcher::Query { key, value }),
        (text, proptest::option::of(regexp)).prop_map(|(key, value)| Matcher::QueryRegexp { key, value }),
        any::<(u32, u8)>().prop_map(|(bits, length)| {
            let net = ipnet::Ipv4Net::new(bits.into(), length % 33).expect("a valid length");
            Matcher::ClientIp(IpNet::V4(net.trunc()))
        }),
        any::<(u128, u8)>().prop_map(|(bits, length)| {
            let net =
                ipnet::Ipv6Net::new((bits | 1 << 127).into(), length % 128 + 1).expect("a valid length");
            Matcher::ClientIp(IpNet::V6(net.trunc()))
        }),
    ];
    matcher.prop_map(Expr::Match).prop_recursive(6, 48, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Expr::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Expr::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|a| Expr::Not(Box::new(a))),
        ]
    })
}

proptest! {
    #[test]
    fn i4_printing_parses_back_to_the_same_tree(expr in expressions()) {
        let rule = Rule::from_expr(expr);
        let parsed = Rule::parse_http(rule.text());
        prop_assert_eq!(parsed.as_ref(), Ok(&rule), "{}", rule.text());
    }

    #[test]
    fn a3_2_any_text_is_answered(text in any::<String>()) {
        if let Err(error) = Rule::parse_http(&text) {
            prop_assert!(error.offset <= text.len());
            prop_assert!(text.is_char_boundary(error.offset));
        }
    }

    #[test]
    fn a3_2_any_tokens_are_answered(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "Host", "Path", "Query", "nope", "(", ")", ",", "`a`", "`/b`", "\"/\\x41\"", "`", "\"", "&&", "||",
                "!", "\n", " ", "//", "/*", "*/", "&", "é", "\u{feff}", "'",
            ]),
            0..16,
        ),
    ) {
        let text = parts.concat();
        match Rule::parse_http(&text) {
            Ok(rule) => {
                let printed = Rule::from_expr(rule.expr().clone());
                prop_assert_eq!(printed.expr(), rule.expr());
                let parsed = Rule::parse_http(printed.text());
                prop_assert_eq!(parsed.as_ref(), Ok(&printed));
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset)),
        }
    }
}

#[test]
fn i2_a_slip_of_the_pen_is_guessed_and_anything_else_is_not() {
    let guess = |text: &str| {
        assert!(Rule::parse_http(text).is_err(), "{text} parses");
        Rule::guess_http_as(Syntax::V3, text).map(|rule| {
            assert_eq!(rule.text(), text);
            rule.canonical()
        })
    };
    for (written, meant) in [
        (
            "Host(`a`) && PathPrefx(`/admin`)",
            "Host(`a`) && PathPrefix(`/admin`)",
        ),
        (
            "Hosts('a') && pathPrefix('/admin')",
            "Host(`a`) && PathPrefix(`/admin`)",
        ),
        (
            "Host(`a`) && PathPrefix(`admin`)",
            "Host(`a`) && PathPrefix(`/admin`)",
        ),
        (
            "Host(`a`) && PathPrefix(\"admin\")",
            "Host(`a`) && PathPrefix(`/admin`)",
        ),
        (
            "Host(`a`, \"b\" ) && PathPrefix(`/x`,`/y)`)",
            "(Host(`a`) || Host(`b`)) && (PathPrefix(`/x`) || PathPrefix(`/y)`))",
        ),
        ("!Host(`a`, `b`)", "!(Host(`a`) || Host(`b`))"),
        (
            "Headers(`X-A`, `1`) && Host(`a`)",
            "Header(`X-A`, `1`) && Host(`a`)",
        ),
        ("Host(`a`", "Host(`a`)"),
        ("(Host(`a`) || (Host(`b`)", "Host(`a`) || Host(`b`)"),
    ] {
        assert_eq!(guess(written).as_deref(), Some(meant), "{written}");
    }
    for written in [
        "Host(`a`) PathPrefix(`/x`)",
        "Host(`a`) && Wibble(`/x`)",
        "Host(`a` && PathPrefix(`/x`)",
        "Host(`a) && PathPrefix(`/x`)",
        "Host(a)",
        "",
        "'",
        "Host()",
        "ClientIP(`x`, `y`)",
    ] {
        assert_eq!(guess(written), None, "{written}");
    }
}

#[test]
fn hosts_are_found_in_a_text_that_does_not_parse() {
    let hosts = |text| -> Vec<String> {
        let hosts = Rule::hosts_mentioned(text).into_iter();
        hosts.map(|host| host.to_string()).collect()
    };
    assert_eq!(
        hosts("Host(`B.test.`) x Host( 'a.test') || Host(\"*.c.test\") || Host(`a.test`) || Host(`"),
        ["a.test", "b.test", "*.c.test"]
    );
    assert_eq!(hosts("PathPrefix(`/x`"), [""; 0]);
}

/// Texts that would be syntax if rules were made by joining text.
const HOSTILE: [&str; 12] = [
    "`) || Host(`b.test`",
    "\") || Host(\"b.test\"",
    "a.test`) || PathPrefix(`/",
    "`",
    "\"",
    "\\",
    "\\`\"",
    "a\r\nb",
    "\u{feff}",
    "\u{0}",
    "a b",
    "/* x */ // y",
];

#[test]
fn cve_2026_29777_a_value_is_a_value_whatever_it_holds() {
    for hostile in HOSTILE {
        for (name, value) in [
            ("Host", hostile.to_owned()),
            ("Path", format!("/{hostile}")),
            ("PathPrefix", format!("/{hostile}")),
        ] {
            let built = Expr::call(Syntax::V3, name, &value);
            if name == "Host" && !value.is_ascii() {
                assert!(matches!(built, Err(RuleErrorKind::NotAscii { .. })), "{value:?}");
                continue;
            }
            let other = Expr::call(Syntax::V3, "PathPrefix", "/x").unwrap();
            for expr in [
                built.clone().unwrap(),
                built.clone().unwrap().and(other.clone()),
                other.clone().or(built.unwrap()),
            ] {
                let rule = Rule::from_expr(expr.clone());
                assert_eq!(
                    Rule::parse_http(rule.text()).unwrap().expr(),
                    &expr,
                    "{value:?}: {}",
                    rule.text()
                );
            }
        }
    }
}

#[test]
fn a_call_is_checked_as_in_a_rule() {
    for (syntax, name, value) in [
        (Syntax::V3, "PathPrefix", "x"),
        (Syntax::V3, "PathRegexp", "("),
        (Syntax::V3, "Host", ""),
        (Syntax::V3, "Paths", "/x"),
        (Syntax::V2, "PathRegexp", "/x"),
        (Syntax::V2, "Path", "/{x"),
    ] {
        let in_rule = Rule::parse_http_as(syntax, &format!("{name}(`{value}`)"))
            .unwrap_err()
            .kind;
        assert_eq!(Expr::call(syntax, name, value), Err(in_rule), "{name} {value}");
    }
    let template = Expr::call(Syntax::V2, "Path", "/a/{id:[0-9]+}").unwrap();
    let in_rule = Rule::parse_http_as(Syntax::V2, "Path(`/a/{id:[0-9]+}`)").unwrap();
    assert_eq!(&template, in_rule.expr());
    assert_eq!(
        Rule::parse_http(Rule::from_expr(template.clone()).text())
            .unwrap()
            .expr(),
        &template
    );
}
