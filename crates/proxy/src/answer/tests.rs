use std::sync::Arc;

use http::StatusCode;
use http::header::{CONNECTION, CONTENT_TYPE};
use viaduct_config::Finding;
use viaduct_config::finding::{Code, Severity};
use viaduct_tls::{Fault, Reason};

use super::{Accepts, BlamedLeg, ProxyError, Retry, write};
use crate::body::Answer;
use crate::request::BadRequest;

fn fault(reason: Reason) -> ProxyError {
    Fault {
        reason,
        wanted: "a certificate for `web.example.com`".to_owned(),
        got: "DNS names `other.example.com`".to_owned(),
        presented: Arc::default(),
        remedy: None,
    }
    .into()
}

fn out_of_service(status: u16) -> ProxyError {
    ProxyError::OutOfService {
        status,
        finding: Arc::new(Finding::new(
            Severity::Error,
            Code::MissingTrust,
            "secret web/ca is missing",
        )),
    }
}

fn body(error: &ProxyError, as_problem: bool, expose: bool) -> (http::Response<()>, String) {
    let accepts = if as_problem {
        Accepts::Problem
    } else {
        Accepts::Text
    };
    said(error, accepts, expose.then_some(Some("set this to that")))
}

fn said(error: &ProxyError, accepts: Accepts, expose: Option<Option<&str>>) -> (http::Response<()>, String) {
    let (parts, answer) = write(error, accepts, expose).into_parts();
    let Answer::Text(text) = answer else {
        panic!("an error is answered with text");
    };
    let text = String::from_utf8(text.to_vec()).unwrap();
    (http::Response::from_parts(parts, ()), text)
}

#[test]
fn a13_5_status_leg_and_text_of_every_failure() {
    use BlamedLeg::{Backend, Client, Own};
    for (error, status, leg, text) in [
        (
            ProxyError::BadRequest(BadRequest::Host),
            400,
            Client,
            "Bad Request",
        ),
        (
            ProxyError::HeadersTooLarge,
            431,
            Client,
            "Request Header Fields Too Large",
        ),
        (ProxyError::Expectation, 417, Client, "Expectation Failed"),
        (ProxyError::ConnectMethod, 501, Client, "Not Implemented"),
        (ProxyError::NotFound, 404, Own, "404 page not found\n"),
        (ProxyError::Misdirected, 421, Client, "Misdirected Request"),
        (out_of_service(404), 404, Own, "404 page not found\n"),
        (out_of_service(503), 503, Own, "Service Unavailable"),
        (ProxyError::NoServers, 503, Own, "no available server"),
        (ProxyError::Loop, 508, Own, "Loop Detected"),
        (ProxyError::ClientGone, 499, Client, "Client Closed Request"),
        (ProxyError::Panicked, 500, Own, "Internal Server Error"),
        (fault(Reason::UnknownCa), 502, Backend, "Bad Gateway"),
        (fault(Reason::ConnectTimeout), 504, Backend, "Gateway Timeout"),
    ] {
        let (response, said) = body(&error, false, false);
        assert_eq!(response.status().as_u16(), status, "{error}");
        assert_eq!(error.leg(), leg, "{error}");
        assert_eq!(said, text, "{error}");
        assert!(!error.reason().is_empty());
    }
}

#[test]
fn c1_time_outs_are_504_and_every_other_fault_502() {
    for reason in Reason::ALL {
        let expected = if reason.code().ends_with("timeout") {
            StatusCode::GATEWAY_TIMEOUT
        } else {
            StatusCode::BAD_GATEWAY
        };
        assert_eq!(fault(*reason).status(), expected, "{reason}");
        assert_eq!(fault(*reason).reason(), reason.code());
    }
}

#[test]
fn c1_the_reason_is_for_operators_unless_exposed() {
    let error = fault(Reason::NameMismatch);
    for as_problem in [false, true] {
        let (response, text) = body(&error, as_problem, false);
        assert!(
            !text.contains("name_mismatch") && !text.contains("example.com"),
            "{text}"
        );
        assert!(!response.headers().contains_key("x-viaduct-fault"));
        let (response, text) = body(&error, as_problem, true);
        assert!(
            text.contains("name_mismatch") && text.contains("other.example.com"),
            "{text}"
        );
        assert_eq!(
            response.headers().get("x-viaduct-fault").unwrap(),
            "name_mismatch"
        );
    }
}

#[test]
fn a13_5_problem_details() {
    let (response, text) = body(&fault(Reason::Expired), true, true);
    assert_eq!(
        response.headers().get(CONTENT_TYPE).unwrap(),
        "application/problem+json"
    );
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (member, wanted) in [
        ("type", "tag:viaduct.io,2026:fault:expired"),
        ("title", "a certificate has expired"),
        (
            "detail",
            "wanted a certificate for `web.example.com`, got DNS names `other.example.com`",
        ),
        ("code", "expired"),
        ("leg", "backend"),
        ("wanted", "a certificate for `web.example.com`"),
        ("got", "DNS names `other.example.com`"),
        ("fix", "set this to that"),
    ] {
        assert_eq!(problem[member], wanted, "{member}");
    }
    assert_eq!(problem["status"], 502);
}

#[test]
fn a13_5_json_is_enough_where_there_is_something_to_say() {
    let error = ProxyError::NotFound;
    let (response, text) = said(&error, Accepts::Json, Some(None));
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&problem["code"], &problem["leg"]),
        (&"no_router".into(), &"own".into())
    );
    assert_eq!(problem.get("fix"), None);
    assert_eq!(response.status(), 404);
    let (_, text) = said(&error, Accepts::Json, None);
    assert_eq!(text, "404 page not found\n", "as in Traefik");
}

#[test]
fn a13_5_problem_details_are_for_who_wants_them() {
    for (accept, wanted) in [
        ("application/problem+json", true),
        ("application/json, application/problem+json;q=0.9", true),
        ("application/problem+json; q=0.5, text/plain;q=0.5", true),
        ("application/problem+json;q=0", false),
        ("application/problem+json;q=0.000, */*", false),
        ("application/problem+json;q=0.2, text/plain", false),
        ("application/problem+json;q=NaN", false),
        ("application/problem+json;q=x", false),
        ("application/problem+jsonx", false),
        ("x-application/problem+json", false),
        ("text/html,*/*;q=0.8", false),
    ] {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::ACCEPT, accept.parse().unwrap());
        assert_eq!(Accepts::of(&headers) == Accepts::Problem, wanted, "{accept}");
    }
}

#[test]
fn a13_6_a_malformed_request_ends_its_connection() {
    let (response, _) = body(&ProxyError::BadRequest(BadRequest::Port), false, false);
    assert_eq!(response.headers().get(CONNECTION).unwrap(), "close");
    let (response, _) = body(&ProxyError::NotFound, false, false);
    assert!(!response.headers().contains_key(CONNECTION));
}

#[test]
fn c68_only_a_closed_connection_is_worth_another() {
    assert_eq!(fault(Reason::ClosedBeforeResponse).retry(), Retry::Connection);
    assert_eq!(fault(Reason::BadResponse).retry(), Retry::Server);
    assert_eq!(ProxyError::BadRequest(BadRequest::Path).retry(), Retry::Never);
}
