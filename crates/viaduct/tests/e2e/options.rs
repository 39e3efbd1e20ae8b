//! The honesty of `viaduct options`: whatever it calls supported has an effect that a test of the real binary sees.
//!
//! [`observed`] names the test for each option, as a function: it cannot be renamed or removed without this
//! ceasing to compile, and [`a1_2_every_supported_option_has_an_effect_that_a_test_sees`] fails where an option has
//! none, where the function is no test, and where an entry is about an option that is not supported.

/// `seen!(path::of::test => "option", "option")`
macro_rules! seen {
    ($test:path => $($option:expr),+ $(,)?) => {
        $crate::options::Seen {
            test: $crate::options::test_name($test as fn(), ::std::any::type_name_of_val(&$test)),
            options: vec![$($option.to_string()),+],
        }
    };
}

mod access_log;
mod entry_points;
mod internal;
mod kubernetes_ingress;
mod log;
mod metrics;
mod otlp;
mod providers;
mod servers_transport;
mod tracing;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use viaduct_testkit::child::run;

use crate::fixture::BINARY;

/// A test, and the options whose effect it sees.
struct Seen {
    /// The test's path, as the compiler knows it.
    test: &'static str,
    options: Vec<String>,
}

/// The function is taken to see that it is one without arguments, as tests are.
fn test_name(_: fn(), path: &'static str) -> &'static str {
    path.split_once("::").map_or(path, |(_, path)| path)
}

fn observed() -> Vec<Seen> {
    let mut all = Vec::new();
    for of_section in [
        entry_points::seen(),
        access_log::seen(),
        log::seen(),
        metrics::seen(),
        tracing::seen(),
        otlp::seen(),
        providers::seen(),
        servers_transport::seen(),
        internal::seen(),
        kubernetes_ingress::seen(),
    ] {
        all.extend(of_section);
    }
    all
}

/// What the binary says of its options: the supported ones, in small letters.
fn supported() -> BTreeSet<String> {
    let finished = run(Command::new(BINARY).arg("options"), b"");
    assert!(finished.status.success(), "{}", finished.output);
    let lines = finished.output.lines();
    lines
        .filter_map(|line| line.strip_suffix("\tsupported").map(str::to_owned))
        .collect()
}

/// The tests of this binary, as it lists them.
fn tests() -> BTreeSet<String> {
    let own = std::env::current_exe().expect("this binary");
    let finished = run(Command::new(own).args(["--list", "--format=terse"]), b"");
    let lines = finished.output.lines();
    lines
        .filter_map(|line| line.strip_suffix(": test").map(str::to_owned))
        .collect()
}

#[test]
fn a1_2_every_supported_option_has_an_effect_that_a_test_sees() {
    let (supported, tests) = (supported(), tests());
    assert!(supported.len() > 150, "{supported:?}");
    let mut seen: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for Seen { test, options } in observed() {
        assert!(tests.contains(test), "{test} is no test");
        for option in options {
            seen.entry(option.to_lowercase()).or_default().push(test);
        }
    }
    let unseen: Vec<_> = supported
        .iter()
        .filter(|option| !seen.contains_key(*option))
        .collect();
    assert!(
        unseen.is_empty(),
        "{} supported options have no test that sees their effect: {unseen:#?}",
        unseen.len()
    );
    let stale: Vec<_> = seen
        .iter()
        .filter(|(option, _)| !supported.contains(*option))
        .collect();
    assert!(stale.is_empty(), "not supported, and yet seen: {stale:#?}");
}
