//! What the client is told of a failed bridge: nothing by default, the code when asked for, plain text
//! or `application/problem+json`.

use serde_json::{Value, json};
use viaduct_testkit::curl::Answer;
use viaduct_testkit::viaduct::Viaduct;

use super::{bridge, trusting};
use crate::fixture::{HOST, Pki, up};
use viaduct_testkit::port::closed_port;

fn ask(pki: &Pki, viaduct: &Viaduct, accept: &str) -> Answer {
    pki.curl(viaduct)
        .request(HOST, "/", &["--header", &format!("Accept: {accept}")])
}

#[test]
fn c1_by_default_the_client_learns_the_status_alone() {
    let pki = Pki::new();
    let manifests = bridge(&pki, closed_port(), trusting(json!({})));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    let plain = ask(&pki, &viaduct, "*/*");
    assert_eq!((plain.status, plain.body.trim()), (502, "Bad Gateway"));
    assert!(
        plain
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/plain")),
        "{plain:?}"
    );

    let problem = ask(&pki, &viaduct, "application/problem+json");
    assert_eq!(
        problem.header("content-type"),
        Some("application/problem+json"),
        "{problem:?}"
    );
    let problem: Value = serde_json::from_str(&problem.body).expect("JSON");
    assert_eq!(problem.pointer("/status"), Some(&json!(502)));
    assert_eq!(problem.pointer("/title"), Some(&json!("Bad Gateway")));
    assert!(!problem.to_string().contains("connect_refused"), "{problem}");
}

#[test]
fn c1_with_expose_faults_the_client_learns_the_code() {
    let pki = Pki::new();
    let manifests = bridge(&pki, closed_port(), trusting(json!({})));
    let viaduct = up()
        .arg("--expose-faults")
        .file("b.yaml", manifests.yaml())
        .start();
    let plain = ask(&pki, &viaduct, "*/*");
    assert!(
        plain.status == 502 && plain.body.contains("connect_refused"),
        "{plain:?}"
    );
    assert_eq!(plain.body.matches("connect_refused").count(), 1, "{plain:?}");
    assert!(
        plain.body.starts_with("Bad Gateway\nconnect_refused: wanted "),
        "{plain:?}"
    );
    let problem = ask(&pki, &viaduct, "application/problem+json");
    let body: Value = serde_json::from_str(&problem.body).expect("JSON");
    assert!(body.to_string().contains("connect_refused"), "{body}");
    assert_says_where_to_look(&viaduct);
}

fn assert_says_where_to_look(viaduct: &Viaduct) {
    let line = viaduct.wait_log("connect_refused");
    assert!(
        line.contains("compare `port` at the service of IngressRoute web/web-ingressroute"),
        "{line}"
    );
}

#[test]
fn c1_json_is_not_sent_to_who_prefers_something_else() {
    let pki = Pki::new();
    let manifests = bridge(&pki, closed_port(), trusting(json!({})));
    let viaduct = up().file("b.yaml", manifests.yaml()).start();
    for accept in ["text/html,application/xhtml+xml,*/*;q=0.8", "text/plain"] {
        let answer = ask(&pki, &viaduct, accept);
        assert!(
            answer
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("text/plain")),
            "{accept}: {answer:?}"
        );
    }
}
