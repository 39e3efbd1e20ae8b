use super::super::{excerpt, parse, parse_toml};
use super::*;

fn json(node: &Node) -> serde_json::Value {
    node.read().expect("any value").value
}

fn root(text: &str) -> Node {
    parse_toml("f.toml", text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .root
}

#[track_caller]
fn refused(text: &str) -> String {
    match parse_toml("f.toml", text) {
        Ok(document) => panic!("{text:?} was accepted as {document:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a10_1_toml_gives_the_tree_that_yaml_gives() {
    let toml = r#"
title = "é"
big = 123456789012345678901234567890
sum = 0x1f
half = 0.5
on = true
day = 2026-01-02
"a.b".c = [1, "x", {y = 2}]
[[list]]
  name = 'n'
[[list]]
  [list.inner]
  z = 1
"#;
    let yaml = r#"
title: "é"
big: "123456789012345678901234567890"
sum: 31
half: 0.5
on: true
day: "2026-01-02"
a.b: {c: [1, x, {y: 2}]}
list:
- name: n
- inner: {z: 1}
"#;
    let yaml = parse("f.yaml", yaml).expect("YAML").remove(0).root;
    assert_eq!(json(&root(toml)), json(&yaml));
}

#[test]
fn a10_1_toml_keeps_places_and_order() {
    let root = root("b = 1\n[a]\n  \"é\" = 2\n  c.d = 'x'\n");
    let Value::Mapping(entries) = &root.value else {
        panic!("{root:?}")
    };
    let keys: Vec<_> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
    assert_eq!(keys, ["b", "a"]);
    let place = |path: &str| {
        root.at(path)
            .map(|node| (node.location.line, node.location.column))
    };
    assert_eq!(place("b"), Some((1, 5)));
    assert_eq!(place("a"), Some((2, 1)));
    // Columns count characters.
    assert_eq!(place("a[\"é\"]"), Some((3, 9)));
    assert_eq!(place("a.c.d"), Some((4, 9)));
}

#[test]
fn a10_1_broken_toml_has_a_place() {
    assert!(
        refused("a = 1\n[b\nc = 2\n").starts_with("f.toml:2:3: "),
        "{}",
        refused("a = 1\n[b\nc = 2\n")
    );
    assert!(refused("a = 1\na = 2\n").starts_with("f.toml:2:1: duplicate key"));
    assert!(refused("a = nope\n").starts_with("f.toml:1:5: "));
}

#[test]
fn i5_toml_is_bounded_in_depth() {
    let nested = |levels: usize| format!("a = {}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_toml("f.toml", &nested(60)).is_ok());
    for levels in [65, 100, 100_000] {
        refused(&nested(levels));
    }
    refused(&format!("{}a = 1", "a.".repeat(100_000)));
    // Each level within the parser's own bound, all together beyond ours.
    let dotted = "k.".repeat(30);
    refused(&format!("[{dotted}k]\n{dotted}k = {{{dotted}k = 1}}\n"));
}

#[test]
fn c4_an_excerpt_shows_the_line_but_no_secret() {
    let text = "log:\n  levle: x\ntoken: hush\nMIIBhush+hush/hush==\n";
    let at = |line, column| Location {
        file: "f".into(),
        line,
        column,
    };
    assert_eq!(
        excerpt(text, &at(2, 3)).as_deref(),
        Some("   |\n 2 |   levle: x\n   |   ^")
    );
    for (line, column) in [(3, 1), (4, 1), (9, 1), (0, 0), (2, 10_000)] {
        assert_eq!(excerpt(text, &at(line, column)), None, "{line}:{column}");
    }
}

#[test]
fn a10_3_a_byte_order_mark_is_no_column() {
    let root = root("\u{feff}a = 1\n");
    let a = root.get("a").expect("the value");
    assert_eq!(a.location.to_string(), "f.toml:1:5");
    assert_eq!(refused("\u{feff}a = ?\n").split(": ").next(), Some("f.toml:1:5"));
}
