//! The checks of the fuzz targets, on their seeds and on random input, without a fuzzer.

#[path = "../../../fuzz/bodies/config.rs"]
mod config;

use std::path::Path;

use proptest::prelude::*;

/// Every seed of `target`, whole and cut short anywhere: a half-written file is the commonest broken one.
fn seeds(target: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("the seeds are part of the repository") {
        let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
        for end in 0..=seed.len() {
            check(seed.get(..end).expect("a prefix"));
        }
        count += 1;
    }
    assert!(count > 0, "{target} has no seeds");
}

#[test]
fn a3_1_seeds_of_rule() {
    seeds("rule", config::rule);
}

#[test]
fn a3_3_seeds_of_rule_v2() {
    seeds("rule_v2", config::rule_v2);
}

#[test]
fn a10_3_seeds_of_document() {
    seeds("document", config::document);
}

#[test]
fn a10_1_seeds_of_toml() {
    seeds("toml", config::toml);
}

#[test]
fn a3_2_seeds_of_go_regexp() {
    seeds("go_regexp", config::go_regexp);
}

#[test]
fn a1_14_seeds_of_duration() {
    seeds("duration", config::duration);
}

#[test]
fn a1_4_seeds_of_install() {
    seeds("install", config::install);
}

/// Pieces of every notation, so that random input gets past the first character.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "Host",
        "Path",
        "Query",
        "HostRegexp",
        "Headers",
        "{n:",
        "(",
        ")",
        "`",
        "\"",
        "a",
        "/b",
        ",",
        " ",
        "&&",
        "||",
        "!",
        "\n",
        "\\",
        "\\x41",
        "http",
        "routers",
        "services",
        "loadBalancer",
        "servers",
        "middlewares",
        "chain",
        "rule",
        "url",
        "priority",
        "tls",
        "certificates",
        "keyFile",
        ": ",
        "- ",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "'",
        "|\n",
        ">\n",
        "#",
        "&x ",
        "*x",
        "<<: ",
        "~",
        "yes",
        "1.5",
        "42",
        "s",
        "h",
        "ms",
        ".",
        "-",
        "é",
        "\u{feff}",
        "\u{0}",
        "\u{85}",
        "\u{2028}",
        "\t",
        "\r",
        "^",
        "$",
        "*",
        "+?",
        "{2}",
        "(?i)",
        "\\d",
        "[:alpha:]",
        " = ",
        "[[",
        "]]",
        "\"\"\"",
        "--",
        "TRAEFIK_",
        "entryPoints",
        "address",
        "[0]",
        "_",
        "=",
        "api",
        "true",
        "\\Q",
        "\\E",
    ]);
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a10_3_random_input_is_answered(text in prop_oneof![pieces(), any::<String>()]) {
        config::rule(text.as_bytes());
        config::rule_v2(text.as_bytes());
        config::document(text.as_bytes());
        config::toml(text.as_bytes());
        config::go_regexp(text.as_bytes());
        config::duration(text.as_bytes());
        config::install(text.as_bytes());
    }

    /// A whole configuration out of random texts survives being rendered.
    #[test]
    fn a10_1_random_texts_survive_rendering(name in any::<String>(), text in prop_oneof![pieces(), any::<String>()]) {
        let text = serde_json::json!({"http": {
            "routers": {name.as_str(): {"rule": text, "entryPoints": [text]}},
            "middlewares": {name: {"headers": {"customRequestHeaders": {text.as_str(): text}}}},
        }, "tls": {"certificates": [{"certFile": text, "keyFile": text}]}});
        config::document(text.to_string().as_bytes());
    }
}
