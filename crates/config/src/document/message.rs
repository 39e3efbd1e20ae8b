//! The parser's messages, in words that say what to look for.

use std::borrow::Cow;

/// Falls back to the parser's own words where they are good enough.
pub(super) fn explain(parser_says: &str) -> Cow<'_, str> {
    let found = MESSAGES
        .iter()
        .find(|(fragment, _)| parser_says.contains(fragment))
        .map(|(_, message)| Cow::Borrowed(*message));
    found
        .or_else(|| {
            let c = parser_says
                .strip_prefix("unexpected character: `")?
                .strip_suffix('\'')?;
            Some(Cow::Owned(format!(
                "a value cannot begin with `{c}`: put it in quotes"
            )))
        })
        .unwrap_or(Cow::Borrowed(parser_says))
}

/// The first fragment that occurs in the parser's message decides.
const MESSAGES: &[(&str, &str)] = &[
    // In front of `tab`, which is a part of it.
    (
        "unprintable character",
        "a control character, which YAML does not allow",
    ),
    (
        "in block scalar",
        "a line of a block text (`|` or `>`) is indented less than the first one",
    ),
    ("block scalar content cannot start with a tab", TABS),
    ("tab", TABS),
    ("unexpected end of stream", "a quoted text is not closed"),
    (
        "unexpected document indicator",
        "a quoted text is not closed before the next document",
    ),
    (
        "indentation in quoted scalar",
        "a quoted text goes on with too little indentation (is it closed?)",
    ),
    (
        "trailing content after double-quoted",
        "text after the closing quote (escape quotes inside the text as `\\\"`)",
    ),
    (
        "unknown escape character",
        "an unknown escape sequence: use single quotes to keep backslashes",
    ),
    (
        "hexadecimal number",
        "an escape sequence (`\\x`, `\\u` or `\\U`) lacks hexadecimal digits",
    ),
    (
        "Unicode character escape",
        "an escape sequence names no character",
    ),
    (
        "mapping values are not allowed",
        "`key: value` is not allowed here: check the indentation, and quote texts that hold `: `",
    ),
    ("simple key expect", "a `:` is missing after a key"),
    (
        "did not find expected key",
        "wrong indentation: this does not line up with the keys above",
    ),
    (
        "expected '-' indicator",
        "wrong indentation: this does not line up with the list items above",
    ),
    (
        "illegal placement of ':'",
        "a `:` where none is allowed (is a bracket or a quote before it not closed?)",
    ),
    (
        "block sequence entries are not allowed",
        "a list item (`- `) is not allowed here: check the indentation",
    ),
    (
        "mapping keys are not allowed",
        "a key is not allowed here: check the indentation",
    ),
    ("invalid indentation", "wrong indentation"),
    ("flow mapping, did not find", "`,` or `}` is missing"),
    ("flow sequence, expected", "`,` or `]` is missing"),
    ("misplaced bracket", "a closing bracket without its opening one"),
    ("recursion limit", "values are nested too deeply"),
    (
        "unknown anchor",
        "an alias (`*name`) without its anchor (`&name`) before it",
    ),
    (
        "expected alphabetic or numeric",
        "a value cannot begin with `&` or `*` unless it names an anchor: put it in quotes",
    ),
    ("handle wasn't declared", "an undeclared tag"),
    ("did not find expected node content", "a value is missing"),
    (
        "expected <document start>",
        "text after the end of the document: check the indentation",
    ),
    ("unexpected eof", "the text ends too early"),
];

const TABS: &str = "a tab where YAML wants spaces";
