//! The expected answers were produced by Go 1.26's `regexp` package.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn assert_matches(pattern: &str, yes: &[&str], no: &[&str]) {
    let regexp = GoRegexp::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    for text in yes {
        assert!(regexp.is_match(text), "{pattern} should match {text:?}");
    }
    for text in no {
        assert!(!regexp.is_match(text), "{pattern} should not match {text:?}");
    }
}

#[test]
fn a3_2_unanchored_and_case_sensitive() {
    assert_matches("b+", &["abc"], &["ABC", ""]);
    assert_matches(
        r"^.+\.example\.com$",
        &["a.example.com", "a.b.example.com"],
        &["example.com", "a.example.com."],
    );
    assert_matches("(?i)example", &["EXAMPLE"], &["exampel"]);
    assert_matches("", &["", "anything"], &[]);
}

#[test]
fn a3_2_shorthand_classes_are_ascii() {
    assert_matches(r"^\d$", &["0"], &["٣"]);
    assert_matches(r"^\w$", &["a", "_"], &["é"]);
    assert_matches(r"^\W$", &["é"], &["a"]);
    assert_matches(r"^\s$", &[" ", "\t", "\r"], &["\u{b}", "\u{a0}"]);
    assert_matches(r"\bfoo\b", &["éfoo", "foo bar"], &["foobar"]);
    assert_matches(r"é\Bx", &[], &["éx"]);
    assert_matches(r"é\B", &["é"], &["éa"]);
}

#[test]
fn a3_2_class_operators_of_other_engines_are_literal() {
    assert_matches("^[a&&b]$", &["a", "b", "&"], &["c"]);
    assert_matches("^[a~~b]$", &["~"], &[]);
    assert_matches("^[!--a]$", &["!", "-", "a", ","], &["."]);
    assert_matches("^[[a]$", &["[", "a"], &["]"]);
    assert_matches("^[[a]]$", &["a]", "[]"], &["a"]);
    assert_matches("^[]a]$", &["]", "a"], &[]);
    assert_matches("^[^]a]$", &["b"], &["]", "a"]);
    assert_matches(r"^[\d-z]$", &["5", "-", "z"], &["a"]);
    assert_matches("^[a-]$", &["a", "-"], &["b"]);
}

#[test]
fn a3_2_posix_and_unicode_classes() {
    assert_matches("^[[:alpha:]_]$", &["a", "_"], &["é", "0"]);
    assert_matches("^[[:^digit:]]$", &["a", "٣"], &["0"]);
    assert_matches("^[[:word:]]+$", &["aZ0_"], &["é"]);
    assert_matches("^[[:foo]$", &["[", ":", "o"], &["x"]);
    assert_matches(r"^\pN$", &["0", "٣"], &["a"]);
    assert_matches(r"^\p{Greek}$", &["Ω"], &["O"]);
    assert_matches(r"^\P{^Lu}$", &["A"], &["a"]);
    assert_matches(r"^[\p{Lu}\d]$", &["É", "7"], &["é"]);
    assert_matches(r"^\p{Letter}$", &["é"], &["1"]);
    assert_matches(r"^\P{Cs}$", &["a"], &["ab"]);
}

#[test]
fn a3_2_quoting_and_escapes() {
    assert_matches(r"^\Qa.b\E$", &["a.b"], &["axb"]);
    assert_matches(r"\Q[", &["["], &["x"]);
    assert_matches(r"^\Qab\E+$", &["abb"], &["abab"]);
    assert_matches(r"^\x41\x{62}\103\012$", &["AbC\n"], &[]);
    assert_matches(r"^\x{10FFFF}$", &["\u{10ffff}"], &[]);
    assert_matches(r"^\x{0000000041}$", &["A"], &[]);
    assert_matches(r"^\<\_\-\/$", &["<_-/"], &[]);
    assert_matches(r"^\a\f\v\t$", &["\u{7}\u{c}\u{b}\t"], &[]);
    assert_matches(r"^#a b&$", &["#a b&"], &[]);
    assert_matches(r"\x{d800}|a", &["a"], &["b"]);
    assert_matches(r"^[^\x{d800}]$", &["a"], &[]);
}

#[test]
fn a3_2_braces_that_are_no_counts_are_literal() {
    assert_matches("^a{,2}$", &["a{,2}"], &["aa"]);
    assert_matches("^a{01}$", &["a{01}"], &["a"]);
    assert_matches("^{$", &["{"], &[]);
    assert_matches("^a{2,}$", &["aa", "aaa"], &["a"]);
    assert_matches("^a{1,2}?$", &["a", "aa"], &["aaa"]);
    assert_matches("^(?:a{100}){10}$", &[], &["a"]);
}

#[test]
fn a3_2_groups_and_flags() {
    assert_matches("^(?i:K)$", &["k", "\u{212a}"], &["x"]);
    assert_matches("^a(?i)b|c$", &["aB", "xC"], &["Ab"]);
    assert_matches("(?s)^a.b$", &["a\nb"], &["ab"]);
    assert_matches("(?m)^b$", &["a\nb\nc"], &["ab"]);
    assert_matches("(?s-i:A.)b", &["A\nb"], &["a\nb"]);
    assert_matches("(?ii)a", &["A"], &[]);
    assert_matches("(?i-i)a", &["a"], &["A"]);
    assert_matches("(?U)^a+?$", &["aa"], &[]);
    assert_matches("^(?P<a>x)(?<b>y)(?<1>z)$", &["xyz"], &[]);
    assert_matches("^(|a)()b$", &["b", "ab"], &["aab"]);
    assert_matches(r"\Aa\z", &["a"], &["a\n"]);
}

#[test]
fn a3_2_what_go_refuses_is_refused() {
    for pattern in [
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        "(?>a)",
        "(?#c)",
        "(?R)",
        "(?P=n)",
        "(?P>n)",
        "(?x)a",
        "(?u)a",
        "(?-u:a)",
        "(?'n'a)",
        "(?i-)a",
        "(?",
        "(?i",
        "(?P<n",
        "(?P<>a)",
        "(?P<a-b>x)",
        "(?P<n>a)(?P<n>b)",
        r"\1",
        r"(a)\1",
        r"\8",
        r"\C",
        r"\Z",
        r"\h",
        r"\R",
        r"\X",
        r"\K",
        r"\G",
        r"\E",
        r"\e",
        r"\cA",
        r"\q",
        r"\u0041",
        r"\U00000041",
        r"\é",
        r"\",
        r"\x",
        r"\x4",
        r"\xg0",
        r"\x{}",
        r"\x{41",
        r"\x{110000}",
        r"\p",
        r"\p{",
        r"\p{Nope}",
        r"\p{Alphabetic}",
        r"\p{sc=Greek}",
        r"\p{gc:L}",
        r"\p{Grek}",
        r"\p{isGreek}",
        "(",
        ")",
        "a)",
        "(a",
        "[",
        "[a",
        "[]",
        "[^",
        "[z-a]",
        r"[a-\d]",
        r"[\b]",
        r"[\Qa\E]",
        "[[:foo:]]",
        "*",
        "+a",
        "?",
        "a|*",
        "(*a)",
        "(?i)*",
        "a**",
        "a*+",
        "a++",
        "a{2}{3}",
        "a{2}*",
        "a???",
        "a{1001}",
        "a{2,1}",
        "a{1001,}",
        "(a{100}){11}",
        "((a{10}){10}){11}",
        "a{99999999999}",
    ] {
        assert!(GoRegexp::new(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn a3_2_errors_say_where() {
    let error = |pattern| {
        GoRegexp::new(pattern)
            .map(|_| ())
            .map_err(|error| (error.offset, error.why))
    };
    assert_eq!(error("ab)"), Err((Some(2), "`)` without its `(`".to_owned())));
    assert_eq!(error("a(b[c"), Err((Some(3), "`[` is not closed".to_owned())));
    assert_eq!(error("a(b(c)"), Err((Some(1), "`(` is not closed".to_owned())));
    assert_eq!(
        error(r"x\1"),
        Err((
            Some(1),
            r"`\1` is not an escape sequence in Go (Go has no back-references)".to_owned()
        ))
    );
}

#[test]
fn i5_size_and_nesting_are_bounded() {
    assert!(GoRegexp::new(&"a".repeat(MAX_SOURCE_BYTES + 1)).is_err());
    assert!(GoRegexp::new(&"(".repeat(60_000)).is_err());
    let nested = |depth: usize| format!("{}a{}", "(b|c".repeat(depth), ")*".repeat(depth));
    assert!(GoRegexp::new(&nested(100)).is_ok());
    assert!(GoRegexp::new(&nested(101)).is_err());
    let large = GoRegexp::new(r"(\pL{30}){30}")
        .map(|_| ())
        .map_err(|error| error.why);
    assert_eq!(
        large,
        Err("the expression is too large once compiled (more than 4 MiB)".to_owned())
    );
}

#[test]
fn equality_is_that_of_the_source() {
    assert_eq!(GoRegexp::new("a").ok(), GoRegexp::new("a").ok());
    assert_ne!(GoRegexp::new("a").ok(), GoRegexp::new("(?:a)").ok());
}

proptest! {
    /// Whatever the translator accepts, the engine accepts too (or calls too large).
    #[test]
    fn a3_2_translation_is_always_well_formed(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "a", "é", ".", "^", "$", "[", "]", "[^", "[:alpha:]", "-", "\\d", "\\W", "\\b", "\\Q", "\\E",
                "\\pL", "\\x{d800}", "\\012", "{2}", "{2,", "}", "*", "+?", "|", "(", "(?:", "(?i)", "(?s-i:",
                "(?P<n>", ")", "&&", "~~", "--", "#", " ",
            ]),
            0..12,
        ),
    ) {
        let pattern = parts.concat();
        if let Ok(translated) = translate::translate(&pattern) {
            let built = regex::RegexBuilder::new(&translated).build();
            let fine = matches!(built, Ok(_) | Err(regex::Error::CompiledTooBig(_)));
            prop_assert!(fine, "{pattern} -> {translated}: {built:?}");
        }
    }

    #[test]
    fn a3_2_any_text_is_answered(pattern in any::<String>(), text in any::<String>()) {
        if let Ok(regexp) = GoRegexp::new(&pattern) {
            regexp.is_match(&text);
        }
    }

    /// A quoted text matches itself only.
    #[test]
    fn a3_2_quoted_text_matches_itself(text in "[^\\\\]{0,12}") {
        let regexp = GoRegexp::new(&format!(r"\A\Q{text}\E\z"));
        prop_assert!(regexp.is_ok_and(|regexp| regexp.is_match(&text)));
    }
}
