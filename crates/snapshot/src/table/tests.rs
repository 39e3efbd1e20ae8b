//! The index against a plain evaluation of every rule, and the matchers against Traefik's meaning.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use viaduct_config::Finding;
use viaduct_config::finding::Code;
use viaduct_config::rule::{Expr, HostPattern, Matcher, Rule};

use super::{Outcome, RoutingTable};
use crate::entry_point::RouteRequest;
use crate::router::{Router, RouterState};
use crate::rule::RouteRule;
use crate::service::Slot;

fn router(name: &str, rule: Rule, priority: i64) -> Arc<Router> {
    Arc::new(Router {
        name: name.into(),
        written_name: name.into(),
        rule_text: rule.text().into(),
        rule: Some(Arc::new(RouteRule::new(rule))),
        entry_point: None,
        priority,
        tls: false,
        demanded_policy: None,
        service_name: "none@test".into(),
        named_service: None,
        middlewares: Box::default(),
        state: RouterState::OutOfService {
            status: 503,
            finding: Arc::new(Finding::error(Code::NoServers, "a test has none")),
        },
        observability: Default::default(),
        origin: None,
        slot: Slot(0),
    })
}

/// A request whose parts live on their own.
#[derive(Debug, Clone)]
struct Request {
    host: String,
    path: String,
    query: Option<String>,
    method: String,
    headers: HeaderMap,
    client_ip: IpAddr,
}

impl Request {
    fn get(host: &str, path: &str) -> Self {
        Self {
            host: host.into(),
            path: path.into(),
            query: None,
            method: "GET".into(),
            headers: HeaderMap::new(),
            client_ip: IpAddr::from([192, 0, 2, 1]),
        }
    }

    fn query(mut self, query: &str) -> Self {
        self.query = Some(query.into());
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers
            .append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    fn from(mut self, ip: &str) -> Self {
        self.client_ip = ip.parse().expect("an address");
        self
    }

    fn view(&self) -> RouteRequest<'_> {
        RouteRequest {
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            method: &self.method,
            headers: &self.headers,
            client_ip: self.client_ip,
        }
    }
}

fn matches(rule: &str, request: &Request) -> bool {
    let rule = Rule::parse_http(rule).expect("a good rule");
    RoutingTable::new(vec![router("r@test", rule, 1)])
        .find(&request.view())
        .is_some()
}

#[test]
fn a3_1_host_is_exact_or_one_label_below_a_wildcard() {
    let at = |host| Request::get(host, "/");
    assert!(matches("Host(`web.example.com`)", &at("web.example.com")));
    assert!(matches("Host(`WEB.example.com.`)", &at("web.example.com")));
    assert!(!matches("Host(`web.example.com`)", &at("www.example.com")));
    assert!(!matches("Host(`web.example.com`)", &at("")));
    assert!(matches("Host(`*.example.com`)", &at("web.example.com")));
    assert!(!matches("Host(`*.example.com`)", &at("example.com")));
    assert!(!matches("Host(`*.example.com`)", &at(".example.com")));
    assert!(!matches("Host(`*.example.com`)", &at("a.b.example.com")));
    assert!(matches("Host(`*`)", &at("anything")));
    assert!(matches(
        "HostRegexp(`^w.+\\.example\\.com$`)",
        &at("web.example.com")
    ));
    assert!(!matches(
        "HostRegexp(`^w.+\\.example\\.com$`)",
        &at("example.com")
    ));
}

#[test]
fn a3_1_path_prefix_is_a_plain_prefix() {
    let at = |path| Request::get("a", path);
    assert!(matches("PathPrefix(`/api`)", &at("/api")));
    assert!(matches("PathPrefix(`/api`)", &at("/apis/x")));
    assert!(!matches("PathPrefix(`/api/`)", &at("/api")));
    assert!(matches("Path(`/api`)", &at("/api")));
    assert!(!matches("Path(`/api`)", &at("/api/")));
    assert!(matches("PathRegexp(`^/v[0-9]+/`)", &at("/v12/x")));
    assert!(!matches("PathRegexp(`^/v[0-9]+/`)", &at("/vx/")));
}

#[test]
fn c66_reserved_characters_are_matched_escaped_and_others_decoded() {
    let at = |path| Request::get("a", path);
    assert!(matches("PathPrefix(`/foo bar`)", &at("/foo%20bar/x")));
    assert!(matches("Path(`/caf\u{e9}`)", &at("/caf%C3%A9")));
    assert!(matches("PathRegexp(`^/caf.$`)", &at("/caf%C3%A9")));
    assert!(!matches("Path(`/a/b`)", &at("/a%2Fb")));
    assert!(!matches("PathPrefix(`/a/`)", &at("/a%2fb")));
    assert!(matches("Path(`/a%2Fb`)", &at("/a%2Fb")));
    assert!(matches("Path(`/100%25`)", &at("/100%25")));
}

#[test]
fn a3_1_headers_match_on_any_value() {
    let request = Request::get("a", "/")
        .header("x-team", "red")
        .header("x-team", "blue");
    assert!(matches("Header(`X-Team`, `blue`)", &request));
    assert!(matches("Header(`x-team`, `red`)", &request));
    assert!(!matches("Header(`X-Team`, `Blue`)", &request));
    assert!(matches("HeaderRegexp(`X-Team`, `^b`)", &request));
    assert!(!matches("HeaderRegexp(`X-Other`, `.*`)", &request));
    assert!(matches("!Header(`X-Other`, `x`)", &request));
    // Go has taken `Host` out of the headers before rules see them.
    assert!(!matches("Header(`Host`, `a`)", &request.header("host", "a")));
}

#[test]
fn a3_1_query_matches_on_any_value() {
    let with = |query| Request::get("a", "/").query(query);
    assert!(matches("Query(`debug`, `on`)", &with("x=1&debug=off&debug=on")));
    assert!(!matches("Query(`debug`, `on`)", &with("debug=once")));
    // As Traefik: a key alone means the key with an empty value.
    assert!(matches("Query(`debug`)", &with("debug")));
    assert!(matches("Query(`debug`)", &with("debug=")));
    assert!(!matches("Query(`debug`)", &with("debug=on")));
    assert!(matches("QueryRegexp(`id`, `^[0-9]+$`)", &with("id=%31%32")));
    assert!(!matches("QueryRegexp(`id`, `^[0-9]+$`)", &with("id=x")));
    assert!(!matches("Query(`debug`, `on`)", &Request::get("a", "/")));
}

#[test]
fn ghsa_7jmw_client_ip_is_compared_in_its_plain_form() {
    let from = |ip| Request::get("a", "/").from(ip);
    assert!(matches("ClientIP(`10.0.0.0/8`)", &from("10.1.2.3")));
    assert!(matches("ClientIP(`10.0.0.0/8`)", &from("::ffff:10.1.2.3")));
    assert!(!matches("ClientIP(`10.0.0.0/8`)", &from("11.1.2.3")));
    assert!(matches("ClientIP(`10.1.2.3`)", &from("10.1.2.3")));
    assert!(matches("ClientIP(`2001:db8::/32`)", &from("2001:db8::1")));
    assert!(!matches("ClientIP(`::/0`)", &from("10.1.2.3")));
}

#[test]
fn a3_1_method() {
    let mut request = Request::get("a", "/");
    request.method = "POST".into();
    assert!(matches("Method(`post`)", &request));
    assert!(!matches("Method(`GET`)", &request));
    assert!(matches("Method(`GET`) || Method(`POST`)", &request));
}

#[test]
fn a3_4_priority_decides_over_all_kinds_of_hosts() {
    let parse = |rule| Rule::parse_http(rule).expect("a good rule");
    let table = RoutingTable::new(vec![
        router("exact", parse("Host(`a.example.com`)"), 5),
        router("wildcard", parse("Host(`*.example.com`)"), 7),
        router("regexp", parse("HostRegexp(`^a`) && PathPrefix(`/x`)"), 9),
        router("negative", parse("PathPrefix(`/`)"), -1),
    ]);
    let winner = |host, path| {
        let request = Request::get(host, path);
        table.find(&request.view()).map(|router| router.name.to_string())
    };
    assert_eq!(winner("a.example.com", "/").as_deref(), Some("wildcard"));
    assert_eq!(winner("a.example.com", "/x").as_deref(), Some("regexp"));
    assert_eq!(winner("other.org", "/x").as_deref(), Some("negative"));
}

#[test]
fn a3_4_equal_priorities_keep_the_order_given() {
    let parse = |rule| Rule::parse_http(rule).expect("a good rule");
    let table = RoutingTable::new(vec![
        router("first", parse("Host(`*`)"), 3),
        router("second", parse("Host(`a`)"), 3),
    ]);
    let request = Request::get("a", "/");
    assert_eq!(
        table.find(&request.view()).map(|router| &*router.name),
        Some("first")
    );
}

#[test]
fn c66_rules_with_thousands_of_hosts_are_indexed_by_each() {
    let rule = (0..9_000)
        .map(|n| format!("Host(`h{n}`)"))
        .collect::<Vec<_>>()
        .join(" || ");
    let rule = RouteRule::new(Rule::parse_http(&rule).expect("a good rule"));
    assert_eq!(rule.host_keys().map(<[_]>::len), Some(9_000));
    assert!(!rule.matches_unnamed_hosts());
}

// === the index equals a plain evaluation ===

/// The meaning of a rule, written without any of the code under test.
fn holds(expr: &Expr, request: &Request) -> bool {
    match expr {
        Expr::And(a, b) => holds(a, request) && holds(b, request),
        Expr::Or(a, b) => holds(a, request) || holds(b, request),
        Expr::Not(a) => !holds(a, request),
        Expr::Match(matcher) => match matcher {
            Matcher::Host(HostPattern::Any) => true,
            Matcher::Host(HostPattern::Exact(host)) => request.host == *host,
            Matcher::Host(HostPattern::Wildcard(parent)) => request
                .host
                .strip_suffix(parent)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty() && !label.contains('.')),
            Matcher::HostRegexp(regexp) => regexp.is_match(&request.host),
            Matcher::Method(method) => request.method == *method,
            Matcher::Path(path) => request.path == *path,
            Matcher::PathPrefix(prefix) => request.path.starts_with(prefix),
            Matcher::PathRegexp(regexp) => regexp.is_match(&request.path),
            other => panic!("{other:?} is not generated"),
        },
    }
}

fn host() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "x.a", "y.a", "x.b", "z.x.a", "a.a"]).prop_map(String::from)
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "/"]), 0..5)
        .prop_map(|parts| format!("/{}", parts.concat()))
}

fn matcher() -> impl Strategy<Value = Matcher> {
    prop_oneof![
        4 => host().prop_map(|host| Matcher::Host(HostPattern::Exact(host))),
        2 => prop::sample::select(vec!["a", "b", "x.a"])
            .prop_map(|parent| Matcher::Host(HostPattern::Wildcard(parent.into()))),
        1 => Just(Matcher::Host(HostPattern::Any)),
        1 => prop::sample::select(vec!["a", "^x", "^$"])
            .prop_map(|regexp| Matcher::HostRegexp(viaduct_config::regexp::GoRegexp::new(regexp).expect("good"))),
        3 => path().prop_map(Matcher::Path),
        5 => path().prop_map(Matcher::PathPrefix),
        1 => Just(Matcher::PathRegexp(viaduct_config::regexp::GoRegexp::new("b$").expect("good"))),
        1 => prop::sample::select(vec!["GET", "PUT"]).prop_map(|method| Matcher::Method(method.into())),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    matcher().prop_map(Expr::Match).prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            4 => (inner.clone(), inner.clone()).prop_map(|(a, b)| Expr::And(Box::new(a), Box::new(b))),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| Expr::Or(Box::new(a), Box::new(b))),
            1 => inner.prop_map(|a| Expr::Not(Box::new(a))),
        ]
    })
}

fn request() -> impl Strategy<Value = Request> {
    (host(), path(), prop::sample::select(vec!["GET", "PUT"])).prop_map(|(host, path, method)| Request {
        method: method.into(),
        ..Request::get(&host, &path)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a3_4_index_equals_linear_evaluation(
        rules in prop::collection::vec((expr(), -2i64..3), 0..40),
        requests in prop::collection::vec(request(), 1..20),
    ) {
        let routers: Vec<_> = rules
            .iter()
            .enumerate()
            .map(|(n, (expr, priority))| router(&format!("{n}"), Rule::from_expr(expr.clone()), *priority))
            .collect();
        let table = RoutingTable::new(routers);
        for request in &requests {
            let expected = rules
                .iter()
                .enumerate()
                .filter(|(_, (expr, _))| holds(expr, request))
                .max_by_key(|(n, (_, priority))| (*priority, std::cmp::Reverse(*n)))
                .map(|(n, _)| n.to_string());
            let found = table.find(&request.view()).map(|router| router.name.to_string());
            prop_assert_eq!(found, expected, "{:?}", request);
        }
    }
}

#[test]
fn c10_who_was_considered_says_what_did_not_hold() {
    let router = |name: &str, rule: &str, priority| router(name, Rule::parse_http(rule).unwrap(), priority);
    let table = RoutingTable::new(vec![
        router("all@test", "Host(`a.test`)", 1),
        router(
            "api@test",
            "Host(`a.test`) && PathPrefix(`/api`) && Method(`POST`)",
            3,
        ),
        router("path@test", "PathPrefix(`/app`)", 2),
        router("other@test", "Host(`b.test`)", 9),
    ]);
    let request = Request::get("a.test", "/app");
    let seen = table.consider(&request.view(), 2);
    let told: Vec<_> = seen
        .routers
        .iter()
        .map(|considered| (&*considered.router.name, considered.outcome.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "api@test",
                Outcome::Unmet(vec!["PathPrefix(`/api`)".to_owned(), "Method(`POST`)".to_owned()])
            ),
            ("path@test", Outcome::Chosen),
        ]
    );
    assert_eq!((seen.more, seen.other_hosts), (1, 1));
}
