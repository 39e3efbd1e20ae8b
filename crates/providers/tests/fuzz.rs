//! The check of the fuzz target `template`, on its seeds and on random input, without a fuzzer.

#[path = "../../../fuzz/bodies/template.rs"]
mod template;

use std::path::Path;

use proptest::prelude::*;

/// Every seed, whole and cut short anywhere.
#[test]
fn a10_2_seeds_of_template() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/template");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("the seeds are part of the repository") {
        let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
        for end in 0..=seed.len() {
            template::template(seed.get(..end).expect("a prefix"));
        }
        count += 1;
    }
    assert!(count > 0);
}

/// Pieces of the language, so that random input gets past the first action.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "{{ end }}",
        "{{ else }}",
        "{{ range until 3 }}",
        "{{ if $x }}",
        "{{ $x := ",
        "{{/*",
        "*/}}",
        "$x",
        "$",
        ".",
        ".a",
        "(",
        ")",
        "|",
        ",",
        ":=",
        "=",
        "\"",
        "\"a\"",
        "`",
        "`b`",
        "'c'",
        "1",
        "-2",
        "1.5",
        "0x",
        "nil",
        "true",
        " ",
        "\n",
        "é",
        "env \"HOST\"",
        "list 1 2",
        "dict \"k\" \"v\"",
        "printf ",
        "\"%05.2f%q%\"",
        "index ",
        "slice ",
        "split ",
        "until 4 ",
        "repeat 3 ",
        "set ",
        "define \"t\"",
        "template \"t\"",
        "break",
        "continue",
        "eq ",
        "add ",
        "div 1 0 ",
        "b64dec ",
        "fromJson ",
        "trunc -1 ",
        "substr 1 2 ",
        "substr 2 1 ",
        "join ",
        "toJson ",
        "ternary 1 2 ",
        "with ",
        "block \"b\" .",
    ]);
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a10_2_random_templates_are_answered(text in prop_oneof![pieces(), any::<String>()]) {
        template::template(text.as_bytes());
        template::template(format!("{{{{ {text} }}}}").as_bytes());
    }
}
