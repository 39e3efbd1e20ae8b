use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

fn root(text: &str) -> Node {
    let mut documents = parse("f.yaml", text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0).root
}

fn json(text: &str) -> serde_json::Value {
    root(text).read().expect("any value").value
}

#[track_caller]
fn refused(text: &str) -> String {
    match parse("f.yaml", text) {
        Ok(documents) => panic!("{text:?} was accepted as {documents:?}"),
        Err(error) => error.to_string(),
    }
}

fn place(node: Option<&Node>) -> Option<(u32, u32)> {
    node.map(|node| (node.location.line, node.location.column))
}

// === the tree ===

#[test]
fn a10_1_values_know_their_place() {
    let root = root("a:\n  - b: 1\n    \"c.d\": [x, {e: \"é\", f: g}]\n  - |\n    text\n");
    assert_eq!(place(Some(&root)), Some((1, 1)));
    assert_eq!(place(root.at("a")), Some((2, 3)));
    assert_eq!(place(root.at("a[0].b")), Some((2, 8)));
    assert_eq!(place(root.at("a[0][\"c.d\"][1].f")), Some((3, 28)));
    // A block text begins where its first line does.
    assert_eq!(place(root.at("a[1]")), Some((5, 5)));
    assert_eq!(root.at("a[1]").and_then(Node::as_str), Some("text\n"));
    assert_eq!(place(root.at("")), Some((1, 1)));
    for path in [
        "b", "a[2]", "a.b", "a[0].b.c", "a[0]b", "a[", "a[x]", "a[\"b", "a..b", "[0]",
    ] {
        assert_eq!(place(root.at(path)), None, "{path}");
    }
}

#[test]
fn a10_1_plain_scalars() {
    let cases = [
        ("", "null"),
        ("~", "null"),
        ("null", "null"),
        ("NULL", "null"),
        ("nUll", r#""nUll""#),
        ("true", "true"),
        ("False", "false"),
        ("tRue", r#""tRue""#),
        ("yes", r#""yes""#),
        ("off", r#""off""#),
        ("y", r#""y""#),
        ("42", "42"),
        ("-1", "-1"),
        ("+1", "1"),
        ("0", "0"),
        ("-0", "0"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0644", "420"),
        ("0899", r#""0899""#),
        ("1_000", r#""1_000""#),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", r#""9223372036854775808""#),
        (
            "123456789012345678901234567890",
            r#""123456789012345678901234567890""#,
        ),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1.", "1.0"),
        ("1e3", "1000.0"),
        ("-1.5E-2", "-0.015"),
        ("1e999", r#""1e999""#),
        ("12e4567", r#""12e4567""#),
        ("1.2.3", r#""1.2.3""#),
        ("01.5", r#""01.5""#),
        (".", r#"".""#),
        ("1e", r#""1e""#),
        ("e1", r#""e1""#),
        (".nan", "null"),
        ("2001-12-14", r#""2001-12-14""#),
        ("10.0.0.1", r#""10.0.0.1""#),
        ("1:30", r#""1:30""#),
        ("\"42\"", r#""42""#),
        ("'true'", r#""true""#),
        ("!!str 42", r#""42""#),
        ("! 42", r#""42""#),
        ("!!int \"42\"", "42"),
        ("!!float 1.5", "1.5"),
        ("!!bool yes", "true"),
        ("!!null ~", "null"),
        ("!!binary aGVsbG8=", r#""hello""#),
        ("!!binary |\n  aGVs\n  bG8=", r#""hello""#),
        ("!!seq [1]", "[1]"),
        ("!!map {a: 1}", r#"{"a":1}"#),
        ("!<tag:yaml.org,2002:str> 1", r#""1""#),
    ];
    for (text, wanted) in cases {
        let read = json(&format!("k: {text}\n"));
        assert_eq!(
            read.get("k").map(ToString::to_string).as_deref(),
            Some(wanted),
            "{text}"
        );
    }
    for text in [
        "!!int x",
        "!!float yes",
        "!!bool 1",
        "!!null x",
        "!!binary '*'",
        "!!binary gICA",
        "!!set {a}",
        "!custom x",
        "!!str [a]",
        "!!seq {a: b}",
        "!e!tag x",
    ] {
        refused(&format!("k: {text}\n"));
    }
}

#[test]
fn a10_1_keys_are_text_as_spelled() {
    assert_eq!(
        json("1: a\ntrue: b\n\"c d\": e\nnull: f\nyes: g"),
        serde_json::json!({
            "1": "a", "true": "b", "c d": "e", "null": "f", "yes": "g"
        })
    );
    assert_eq!(
        refused("a: 1\nb: 2\na: 3\n"),
        "f.yaml:3:1: the key `a` is repeated (first on line 1)"
    );
    assert_eq!(
        refused("{a: 1, 'a': 2}"),
        "f.yaml:1:8: the key `a` is repeated (first on line 1)"
    );
    assert_eq!(
        refused("? [a]\n: b"),
        "f.yaml:1:3: a key must be a text, not a list or a mapping"
    );
    assert_eq!(refused(": b"), "f.yaml:1:1: a key is missing before `:`");
}

#[test]
fn a10_1_json_is_read_too() {
    let text = "{\n\t\"a\": [1, 2.5, true, null, \"x\\u00e9\\/\\n\"],\n\t\"b\": {\"c\": {}}\n}";
    assert_eq!(
        json(text),
        serde_json::json!({"a": [1, 2.5, true, null, "x\u{e9}/\n"], "b": {"c": {}}})
    );
    assert_eq!(
        json("{\"a\":{\"b\":\"c\"}}"),
        serde_json::json!({"a": {"b": "c"}})
    );
}

#[test]
fn a10_1_documents_of_a_stream() {
    let count = |text: &str| parse("f", text).map(|documents| documents.len());
    assert_eq!(count(""), Ok(0));
    assert_eq!(count("# nothing\n"), Ok(0));
    assert_eq!(count("---\n---\n# nothing\n---\n"), Ok(0));
    assert_eq!(count("---\na: 1\n---\n---\nb: 2\n...\n"), Ok(2));
    assert_eq!(count("\u{feff}a: 1\r\nb: 2\r\n---\r\nc: 3\r\n"), Ok(2));
    assert!(count("a: 1\n---\nb: [").is_err());
}

#[test]
fn a10_1_anchors_aliases_and_merge_keys() {
    let text = "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\n\
                one: {<<: *base, b: 5}\nall: {<<: [*base, *more], d: 6}\nlist: [*base, &x y, *x]\n";
    let read = json(text);
    assert_eq!(read.get("one"), Some(&serde_json::json!({"a": 1, "b": 5})));
    assert_eq!(
        read.get("all"),
        Some(&serde_json::json!({"a": 1, "b": 2, "c": 4, "d": 6}))
    );
    assert_eq!(
        read.get("list"),
        Some(&serde_json::json!([{"a": 1, "b": 2}, "y", "y"]))
    );
    assert_eq!(json("\"<<\": 1"), serde_json::json!({"<<": 1}));
    assert_eq!(json("&k a: b\nc: *k"), serde_json::json!({"a": "b", "c": "a"}));
    assert_eq!(json("- &k a\n- *k : b"), serde_json::json!(["a", {"a": "b"}]));

    assert_eq!(
        refused("a: *nope"),
        "f.yaml:1:4: an alias (`*name`) without its anchor (`&name`) before it"
    );
    assert_eq!(
        refused("a: &a [*a]"),
        "f.yaml:1:8: an alias inside the value that it names"
    );
    assert_eq!(
        refused("a: &a 1\n---\nb: *a"),
        "f.yaml:3:4: an alias (`*name`) to an anchor (`&name`) of another document: anchors end with their document"
    );
    assert_eq!(
        refused("<<: 1"),
        "f.yaml:1:5: `<<` takes a mapping or a list of mappings"
    );
    assert_eq!(
        refused("a: &a {}\n<<: *a\n<<: *a"),
        "f.yaml:3:1: the key `<<` is repeated: write `<<: [*a, *b]`"
    );
}

#[test]
fn i5_alias_bombs_and_depth_are_bounded() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(refused(&bomb).contains("more than 1000000 values"));

    let long = format!(
        "a: &a {}\nb: [{}]",
        "x".repeat(1 << 20),
        vec!["*a"; 100].join(", ")
    );
    assert!(refused(&long).contains("more than 64 MiB of text"));

    assert!(parse("f", &format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
    assert!(refused(&format!("{}{}", "[".repeat(65), "]".repeat(65))).contains("nested too deeply"));
    assert!(refused(&"[".repeat(100_000)).contains("nested too deeply"));
    assert!(refused(&"- ".repeat(100_000)).contains("nested too deeply"));
    let inside = format!("a: &a {}{}\nb: [[*a]]", "[".repeat(62), "]".repeat(62));
    assert!(refused(&inside).contains("nested too deeply"));
}

#[test]
fn a10_3_messages_say_what_to_look_for() {
    let cases = [
        ("a:\n\tb: 1\n", "f.yaml:2:2: a tab where YAML wants spaces"),
        (
            "a:\n  \0b: 1\n",
            "f.yaml:2:3: a control character, which YAML does not allow",
        ),
        (
            "a: b\0",
            "f.yaml:1:5: a control character, which YAML does not allow",
        ),
        (
            "a: 1\n b: 2\n",
            "f.yaml:2:3: `key: value` is not allowed here: check the indentation, and quote texts that hold `: `",
        ),
        (
            "a:\n    b: 1\n  c: 2\n",
            "f.yaml:3:3: wrong indentation: this does not line up with the keys above",
        ),
        (
            "a: \"b\nc: d\n",
            "f.yaml:1:4: a quoted text goes on with too little indentation (is it closed?)",
        ),
        ("a: 'b", "f.yaml:1:4: a quoted text is not closed"),
        (
            "a: \"b\" c\n",
            "f.yaml:1:8: text after the closing quote (escape quotes inside the text as `\\\"`)",
        ),
        (
            "a: \"\\d\"\n",
            "f.yaml:1:4: an unknown escape sequence: use single quotes to keep backslashes",
        ),
        (
            "a: `b`\n",
            "f.yaml:1:4: a value cannot begin with ```: put it in quotes",
        ),
        (
            "a: @b\n",
            "f.yaml:1:4: a value cannot begin with `@`: put it in quotes",
        ),
        (
            "a: *.example.com\n",
            "f.yaml:1:4: an alias (`*name`) without its anchor (`&name`) before it",
        ),
        (
            "a: [1, 2\nb: 3\n",
            "f.yaml:2:2: a `:` where none is allowed (is a bracket or a quote before it not closed?)",
        ),
        ("a: {b: 1\n", "f.yaml:2:1: `,` or `}` is missing"),
        ("a: ]\n", "f.yaml:1:4: a closing bracket without its opening one"),
        (
            "a: b: c\n",
            "f.yaml:1:5: `key: value` is not allowed here: check the indentation, and quote texts that hold `: `",
        ),
        (
            "a: - b\n",
            "f.yaml:1:4: a list item (`- `) is not allowed here: check the indentation",
        ),
        ("a: 1\nb\n", "f.yaml:3:1: a `:` is missing after a key"),
        (
            "- a\nb: 1\n",
            "f.yaml:2:1: wrong indentation: this does not line up with the list items above",
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(text, message)| refused(text) != *message)
        .map(|(text, message)| format!("{text:?}\n  got  {}\n  want {message}", refused(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// === reading ===

#[derive(Debug, Deserialize, PartialEq, Default)]
#[serde(rename_all = "camelCase", default)]
struct Route {
    r#match: String,
    priority: Option<i32>,
    services: Vec<Target>,
    labels: BTreeMap<String, String>,
    kind: Kind,
    sticky: bool,
    pass_host_header: Option<bool>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Target {
    name: String,
    #[serde(default)]
    port: u16,
}

#[derive(Debug, Deserialize, PartialEq, Default)]
enum Kind {
    #[default]
    Rule,
    Weighted(u8),
    Named {
        name: String,
    },
}

#[test]
fn a10_3_unknown_fields_have_a_place_and_a_likely_name() {
    let text = "match: m\nservices:\n- name: a\n  prot: 1\nserivces: []\nlabels: {x: y}\nother: {match: 1}\n";
    let read = root(text).read::<Route>().expect("readable");
    let unknown: Vec<String> = read
        .unknown
        .iter()
        .enumerate()
        .map(|(index, (path, location))| format!("{path} {location} {:?}", read.meant(index)))
        .collect();
    assert_eq!(
        unknown,
        [
            "services[0].prot f.yaml:4:3 Some(\"port\")",
            "serivces f.yaml:5:1 Some(\"services\")",
            "other f.yaml:7:1 None",
        ]
    );
    assert_eq!(
        read.value.services,
        [Target {
            name: "a".to_owned(),
            port: 0
        }]
    );
}

#[test]
fn a10_3_errors_have_the_innermost_place() {
    let fault = |text: &str| {
        root(text)
            .read::<Route>()
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let cases = [
        (
            "match: 1",
            "f.yaml:1:8: match: invalid type: integer `1`, expected a string (put it in quotes)",
        ),
        (
            "services:\n- name: a\n  port: x",
            "f.yaml:3:9: services[0].port: invalid type: text, expected u16",
        ),
        (
            "services:\n- name: a\n  port: 70000",
            "f.yaml:3:9: services[0].port: invalid value: integer `70000`, expected u16",
        ),
        (
            "services:\n- {name: a}\n- port: 1",
            "f.yaml:3:3: services[1]: missing field `name`",
        ),
        (
            "services: a",
            "f.yaml:1:11: services: invalid type: text, expected a sequence",
        ),
        (
            "services: {a: b}",
            "f.yaml:1:11: services: invalid type: a mapping, expected a sequence",
        ),
        (
            "labels:\n  a.b/c: 1",
            "f.yaml:2:10: labels[\"a.b/c\"]: invalid type: integer `1`, expected a string (put it in quotes)",
        ),
        (
            "sticky: 'x'",
            "f.yaml:1:9: sticky: invalid type: text, expected a boolean",
        ),
        (
            "kind: Nope",
            "f.yaml:1:7: kind: unknown variant `Nope`, expected one of `Rule`, `Weighted`, `Named`",
        ),
        ("[]", "f.yaml:1:1: : invalid type: a list, expected a mapping"),
    ];
    for (text, message) in cases {
        assert_eq!(fault(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn a10_1_boolean_words_and_null_fields() {
    let route = |text: &str| root(text).read::<Route>().map(|read| read.value);
    assert_eq!(
        route("sticky: yes\npassHostHeader: Off"),
        Ok(Route {
            sticky: true,
            pass_host_header: Some(false),
            ..Route::default()
        })
    );
    assert_eq!(route("match: no").map(|route| route.r#match), Ok("no".to_owned()));
    assert_eq!(route("match:\nservices: ~\npriority: null"), Ok(Route::default()));
    assert_eq!(
        route("kind: {Weighted: 3}").map(|route| route.kind),
        Ok(Kind::Weighted(3))
    );
    let named = Kind::Named { name: "n".to_owned() };
    assert_eq!(
        route("kind: {Named: {name: n}}").map(|route| route.kind),
        Ok(named)
    );
}

#[test]
fn a10_1_scalars_as_traefik_takes_them_in_files() {
    let text = "MATCH: 8080\npriority: '5'\nservices: [{NAME: 1.5, port: \"80\"}]\nsticky: 'true'\nlabels: {a: , b: on, c: true}\n";
    assert!(root(text).read::<Route>().is_err());
    let read = root(text)
        .read_like_traefik::<Route>()
        .map(|read| (read.value, read.unknown));
    assert_eq!(
        read,
        Ok((
            Route {
                r#match: "8080".to_owned(),
                priority: Some(5),
                services: vec![Target {
                    name: "1.5".to_owned(),
                    port: 80
                }],
                sticky: true,
                labels: [("a", ""), ("b", "on"), ("c", "true")]
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
                ..Route::default()
            },
            Vec::new(),
        ))
    );
    let list = root("x: a, b").read_like_traefik::<BTreeMap<String, Vec<String>>>();
    assert_eq!(list.map(|read| read.value.get("x").map(Vec::len)), Ok(Some(2)));
}

#[test]
fn cve_2020_9321_errors_do_not_quote_values() {
    let key = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49\\n";
    for field in ["priority", "services", "labels", "sticky", "passHostHeader"] {
        let error = root(&format!("{field}: \"{key}\"")).read::<Route>().map(|_| ());
        let message = error.expect_err("the types differ").to_string();
        assert!(!message.contains("MIGH"), "{message}");
    }
}

proptest! {
    #[test]
    fn a10_3_any_text_is_answered(text in any::<String>()) {
        if let Err(error) = parse("f", &text) {
            prop_assert!(error.location.line >= 1 && error.location.column >= 1);
        }
    }

    #[test]
    fn a10_3_any_tokens_are_answered(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "a", "b: ", "- ", "\n", "  ", "    ", "\t", "[", "]", "{", "}", ",", ":", "? ", "&x ", "*x", "<<: ",
                "!!str ", "!!int ", "! ", "!x ", "|\n", ">-\n", "\"", "'", "\\", "#", "---\n", "...\n", "%YAML 1.2\n",
                "1", "~", "é", "\u{feff}", "\r", "\u{0}",
            ]),
            0..24,
        ),
    ) {
        let text = parts.concat();
        if let Ok(documents) = parse("f", &text) {
            for document in documents {
                let read = document.root.read::<serde_json::Value>();
                prop_assert!(read.is_ok(), "{text:?}: {read:?}");
            }
        }
    }

    /// What JSON says, we say.
    #[test]
    fn a10_1_json_reads_as_json(text in "[ -~é\\n\\t]{0,20}", number in any::<i64>(), float in -1e15..1e15_f64) {
        let value = serde_json::json!({"t": text, "n": [number, {"f": float}], "e": {}, "l": []});
        prop_assert_eq!(json(&value.to_string()), value);
    }

    #[test]
    fn paths_read_back(keys in proptest::collection::vec("[a-z.\\[\\]\"\\\\ é]{0,4}", 0..4), index in 0..9_usize) {
        let mut segments: Vec<PathSegment<'_>> = keys.iter().map(|key| PathSegment::Key(key.into())).collect();
        segments.push(PathSegment::Index(index));
        let text = path::write(&segments);
        prop_assert_eq!(path::parse(&text), Some(segments));
    }
}
