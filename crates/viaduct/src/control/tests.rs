use viaduct_config::finding::Code;
use viaduct_config::{Finding, Location, ObjectRef};

use super::report::{Report, text};

fn finding(message: &str) -> Finding {
    Finding::error(Code::InvalidRule, message)
        .object(ObjectRef::new("IngressRoute", "web", "a"))
        .field("spec.routes[0].match")
}

fn messages(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.message.as_str()).collect()
}

#[test]
fn a13_8_a_reload_tells_only_what_changed() {
    let mut report = Report::default();
    let (added, resolved) = report.replace(vec![finding("one"), finding("two")]);
    assert_eq!(
        (messages(&added), messages(&resolved)),
        (vec!["one", "two"], vec![])
    );
    let (added, resolved) = report.replace(vec![finding("two"), finding("three")]);
    assert_eq!(
        (messages(&added), messages(&resolved)),
        (vec!["three"], vec!["one"])
    );
    let (added, resolved) = report.replace(vec![]);
    assert_eq!(
        (messages(&added), messages(&resolved)),
        (vec![], vec!["three", "two"])
    );
}

#[test]
fn a13_8_a_fault_that_moved_in_its_file_is_not_told_again() {
    let at = |line| {
        finding("one").at(Some(Location {
            file: "a.yaml".into(),
            line,
            column: 1,
        }))
    };
    let mut report = Report::default();
    report.replace(vec![at(1)]);
    let (added, resolved) = report.replace(vec![at(7)]);
    assert_eq!((added, resolved), (vec![], vec![]));
}

#[test]
fn c2_a_finding_says_what_where_and_how_to_mend_it() {
    let finding = finding("the rule does not parse")
        .at(Some(Location {
            file: "web.yaml".into(),
            line: 9,
            column: 12,
        }))
        .wanted("`)`")
        .got("the end")
        .hint("close the parenthesis");
    assert_eq!(
        text(&finding),
        "error: IngressRoute web/a: the rule does not parse\n  at: web.yaml:9:12 (spec.routes[0].match)\n  \
         wanted: `)`\n  got: the end\n  hint: close the parenthesis"
    );
}
