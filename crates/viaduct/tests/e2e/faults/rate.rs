//! The log at its default level: a new cause at once, and few lines whatever the number of failures.

use viaduct_testkit::http1;
use viaduct_testkit::manifest::{Manifests, Route};
use viaduct_testkit::port::closed_port;
use viaduct_testkit::viaduct::Viaduct;
use viaduct_testkit::wait::wait_until;

use super::faults;
use crate::fixture::up;

fn ask(viaduct: &Viaduct, host: &str) {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(http1::once(viaduct.web(), request).status, 502);
}

fn lines(viaduct: &Viaduct) -> Vec<String> {
    let log = viaduct.log();
    let told = log.lines().filter(|line| line.contains("backend leg failed"));
    told.map(str::to_owned).collect()
}

/// Those that the lines say were not told.
fn suppressed(lines: &[String]) -> u64 {
    let counts = lines.iter().filter_map(|line| {
        let (_, rest) = line.split_once("suppressed=")?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    });
    counts.sum()
}

#[test]
fn c2_a_thousand_failures_are_a_few_lines_and_a_new_cause_is_told_at_once() {
    let (one, other) = (closed_port(), closed_port());
    let manifests = Manifests::new()
        .backend("one", one)
        .backend("other", other)
        .route(Route::plain("one", "Host(`one.example`)", "one", "http"))
        .route(Route::plain("other", "Host(`other.example`)", "other", "http"));
    let viaduct = up()
        .api()
        .arg("--workers=1")
        .file("b.yaml", manifests.yaml())
        .start();
    for _ in 0..1000 {
        ask(&viaduct, "one.example");
    }
    viaduct.wait_log("service=\"web-one-");
    let told = lines(&viaduct).len();
    assert!((1..=5).contains(&told), "{told} lines:\n{}", viaduct.log());

    // Another cause does not wait for the first one's pause.
    ask(&viaduct, "other.example");
    let line = viaduct.wait_log("service=\"web-other-");
    assert!(!line.contains("suppressed"), "{line}");

    // The pause of ten seconds over, the next failure says how many were not told: all are accounted for.
    let mut asked = 1000;
    wait_until("a line with the number of those before", || {
        ask(&viaduct, "one.example");
        asked += 1;
        suppressed(&lines(&viaduct)) > 0
    });
    let lines = lines(&viaduct);
    let of_one: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("service=\"web-one-"))
        .cloned()
        .collect();
    assert!(of_one.len() <= 8, "{of_one:#?}");
    let counted = faults(viaduct.address("traefik"))
        .into_iter()
        .find(|fault| {
            fault["service"]
                .as_str()
                .is_some_and(|name| name.starts_with("web-one-"))
        })
        .expect("the fault");
    assert_eq!(counted["count"], asked, "the API counts each of them");
    let unsaid = asked - of_one.len() as u64 - suppressed(&of_one);
    assert!(unsaid <= 100, "{unsaid} are in no line yet: {of_one:#?}");
}
