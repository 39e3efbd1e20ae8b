//! What the fuzz targets of the configuration's parsers check. Ordinary tests run the same functions
//! (`crates/config/tests/fuzz.rs`).
//!
//! Each function takes any bytes. A panic, or more time or memory than a text of that size can explain, is a
//! finding.

#![allow(dead_code, reason = "a fuzz target uses one of the functions")]

use viaduct_config::document::{self, Node, Value};
use viaduct_config::duration::GoDuration;
use viaduct_config::dynamic::Dynamic;
use viaduct_config::install::{LoadError, Loaded, from_environment, from_file, from_flags};
use viaduct_config::regexp::GoRegexp;
use viaduct_config::render::{self, Format, Secrets, render};
use viaduct_config::rule::{Rule, Syntax};

/// A rule that parses is printed as text that parses to the same tree; a fault lies inside the text.
pub(crate) fn rule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Rule::parse_http(text) {
        Ok(rule) => {
            assert_eq!(rule.text(), text);
            let printed = Rule::from_expr(rule.expr().clone());
            assert_eq!(printed.expr(), rule.expr());
            assert_eq!(Rule::parse_http(printed.text()).as_ref(), Ok(&printed));
            assert!(rule.hosts().len() <= text.len());
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{error:?}");
            assert!(!error.to_string().is_empty());
            error.hint();
        }
    }
}

/// A document that parses can be read as anything; a configuration that is read survives being rendered.
pub(crate) fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let documents = match document::parse("fuzz", text) {
        Ok(documents) => documents,
        Err(error) => {
            assert!(error.location.line >= 1 && error.location.column >= 1);
            return;
        }
    };
    for document in documents {
        assert!(!matches!(document.root.value, Value::Null));
        check(&document.root);
    }
}

fn check(root: &Node) {
    assert!(root.read::<serde_json::Value>().is_ok());
    if let Err(error) = root.read::<Dynamic>() {
        assert!(root.at(&error.path).is_some(), "{error}");
    }
    if let Ok(read) = root.read_like_traefik::<Dynamic>() {
        for format in [Format::Yaml, Format::Json] {
            let text = render(&read.value, format, Secrets::Shown);
            let again = document::parse("rendered", &text).map(|documents| {
                let root = documents.into_iter().next().map(|document| document.root);
                root.and_then(|root| root.read::<Dynamic>().ok())
            });
            let again = again.unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(again.map(|again| again.value), Some(read.value.clone()), "{text}");
            render(&read.value, format, Secrets::Redacted);
        }
    }
}

/// The first line is an expression, the rest a text to match.
pub(crate) fn go_regexp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (pattern, subject) = text.split_once('\n').unwrap_or((text, ""));
    match GoRegexp::new(pattern) {
        Ok(regexp) => {
            assert_eq!(regexp.source(), pattern);
            regexp.is_match(subject);
        }
        Err(error) => {
            assert!(!error.why.is_empty());
            assert!(
                error.offset.is_none_or(|offset| pattern.is_char_boundary(offset)),
                "{error:?}"
            );
        }
    }
}

/// A duration is printed as text that parses to the same duration.
pub(crate) fn duration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(duration) = GoDuration::parse(text) {
        assert_eq!(GoDuration::parse(&duration.to_string()), Ok(duration));
    }
}

/// A v2 rule that parses becomes a tree that v3 can say; a fault lies inside the text.
pub(crate) fn rule_v2(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Rule::parse_http_as(Syntax::V2, text) {
        Ok(rule) => {
            assert_eq!((rule.text(), rule.syntax()), (text, Syntax::V2));
            Rule::from_expr(rule.expr().clone());
            assert!(rule.hosts().len() <= text.len());
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{error:?}");
            assert!(!error.to_string().is_empty());
            error.hint();
        }
    }
}

/// An install configuration, read as YAML, as TOML, as flags (one a line) and as environment variables (one a
/// line): whatever is read can be shown, and every fault has a message.
pub(crate) fn install(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    installed(from_file("fuzz.yml", text));
    installed(from_file("fuzz.toml", text));
    let flags: Vec<String> = text.lines().map(str::to_owned).collect();
    installed(from_flags(&flags));
    let variables = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    if let Some(loaded) = from_environment(variables) {
        installed(loaded);
    }
}

fn installed(loaded: Result<Loaded, LoadError>) {
    match loaded {
        Ok(loaded) => {
            assert!(!loaded.install.entry_points.is_empty());
            assert!(render::install(&loaded.install).starts_with('{'));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let LoadError::Faults(faults) = error {
                assert!(faults.iter().all(|fault| !fault.option.is_empty()), "{faults:?}");
            }
        }
    }
}

/// A TOML document that parses can be read as anything; a configuration that is read survives being rendered.
pub(crate) fn toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match document::parse_toml("fuzz", text) {
        Ok(document) => check(&document.root),
        Err(error) => assert!(error.location.line >= 1 && error.location.column >= 1),
    }
}
