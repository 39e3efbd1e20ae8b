//! Middlewares over real connections: what the backend gets, and what the client gets.

use serde_json::{Value, json};

use crate::config::ForwardedTrust;
use crate::testing::{Origin, Proxy, Raw, run, service};

/// A proxy whose only router has these middlewares, `m0`, `m1`, ...; and its origin.
async fn behind(middlewares: &[Value]) -> (Proxy, Origin) {
    behind_trusting(middlewares, ForwardedTrust::default()).await
}

async fn behind_trusting(middlewares: &[Value], trust: ForwardedTrust) -> (Proxy, Origin) {
    let origin = Origin::listen().await;
    let proxy = Proxy::start(chain(&origin.url, middlewares), trust).await;
    (proxy, origin)
}

fn chain(url: &str, middlewares: &[Value]) -> Value {
    let mut dynamic = service([url], json!({}));
    let names: Vec<_> = (0..middlewares.len()).map(|index| format!("m{index}")).collect();
    dynamic["http"]["routers"]["web"]["middlewares"] = json!(names);
    for (name, middleware) in names.iter().zip(middlewares) {
        dynamic["http"]["middlewares"][name] = middleware.clone();
    }
    dynamic
}

/// The head that the origin gets of a request, and the head that the client gets of its answer.
async fn exchange(proxy: &Proxy, origin: &Origin, request: &str, answer: &str) -> (String, String) {
    let mut client = proxy.client().await;
    client.send(request).await;
    let mut server = origin.accept().await;
    let seen = server.head().await;
    server.send(answer).await;
    let (head, _) = client.response().await;
    (seen, head)
}

/// The answer to a request that no backend sees.
async fn refused(proxy: &Proxy, request: &str) -> (String, String) {
    let mut client = proxy.client().await;
    client.send(request).await;
    client.response().await
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: web.example.com\r\n{headers}\r\n")
}

fn trusting() -> ForwardedTrust {
    ForwardedTrust {
        insecure: true,
        ..ForwardedTrust::default()
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut found = head.lines().filter_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    });
    let first = found.next();
    assert_eq!(found.next(), None, "{name} twice in {head}");
    first
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a4_1_a4_22_a4_24_paths_are_rewritten() {
    run(async {
        for (middleware, from, to, told) in [
            (
                json!({ "addPrefix": { "prefix": "/api" } }),
                "/a?b=c",
                "/api/a?b=c",
                ("x-none", None),
            ),
            (
                json!({ "addPrefix": { "prefix": "api/" } }),
                "/a",
                "/api/a",
                ("x-none", None),
            ),
            (
                json!({ "stripPrefix": { "prefixes": ["/x", "/api"] } }),
                "/api/a?b=c",
                "/a?b=c",
                ("x-forwarded-prefix", Some("/api")),
            ),
            (
                json!({ "stripPrefix": { "prefixes": ["/api"] } }),
                "/api",
                "/",
                ("x-forwarded-prefix", Some("/api")),
            ),
            (
                json!({ "stripPrefix": { "prefixes": ["/api"] } }),
                "/other",
                "/other",
                ("x-forwarded-prefix", None),
            ),
            (
                json!({ "stripPrefix": { "prefixes": ["/a b/"] } }),
                "/a%20b/c%2Fd",
                "/c%2Fd",
                ("x-forwarded-prefix", Some("/a b/")),
            ),
            (
                json!({ "stripPrefixRegex": { "regex": ["^/v[0-9]+"] } }),
                "/v12/a%2Fb",
                "/a%2Fb",
                ("x-forwarded-prefix", Some("/v12")),
            ),
            (
                json!({ "stripPrefixRegex": { "regex": ["/v[0-9]+"] } }),
                "/a/v12",
                "/a/v12",
                ("x-forwarded-prefix", None),
            ),
            (
                json!({ "replacePath": { "path": "/new" } }),
                "/old?q",
                "/new?q",
                ("x-replaced-path", Some("/old")),
            ),
            (
                json!({ "replacePathRegex": { "regex": "^/users/(.*)", "replacement": "/people/$1" } }),
                "/users/7%2F8",
                "/people/7%2F8",
                ("x-replaced-path", Some("/users/7%2F8")),
            ),
            (
                json!({ "replacePathRegex": { "regex": "^/none/(.*)", "replacement": "/people/$1" } }),
                "/users/7",
                "/users/7",
                ("x-replaced-path", None),
            ),
        ] {
            let (proxy, origin) = behind(std::slice::from_ref(&middleware)).await;
            let (seen, _) = exchange(&proxy, &origin, &get(from, ""), OK).await;
            assert!(
                seen.starts_with(&format!("GET {to} ")),
                "{middleware}: {from}: {seen}"
            );
            assert_eq!(header(&seen, told.0), told.1, "{middleware}: {from}");
        }
    });
}

#[test]
fn cve_2026_48020_cve_2026_40912_cve_2026_65600_no_rewrite_leaves_the_path() {
    run(async {
        for (middleware, path) in [
            (json!({ "stripPrefix": { "prefixes": ["/api"] } }), "/api../admin"),
            (json!({ "stripPrefix": { "prefixes": ["/api"] } }), "/api./admin"),
            (
                json!({ "stripPrefix": { "prefixes": ["/api"] } }),
                "/api%2e%2e/admin",
            ),
            (
                json!({ "stripPrefix": { "prefixes": ["/api"] } }),
                "/api/..%2fadmin",
            ),
            (
                json!({ "stripPrefixRegex": { "regex": ["^/api"] } }),
                "/api../admin",
            ),
            (
                json!({ "replacePathRegex": { "regex": "^/api(.*)", "replacement": "/v1/$1" } }),
                "/api../admin",
            ),
            (
                json!({ "replacePathRegex": { "regex": "%25", "replacement": "%" } }),
                "/%252e%252e/admin",
            ),
        ] {
            let (proxy, _origin) = behind(std::slice::from_ref(&middleware)).await;
            let (head, _) = refused(&proxy, &get(path, "")).await;
            assert!(head.starts_with("HTTP/1.1 400 "), "{middleware}: {path}: {head}");
        }
    });
}

#[test]
fn a4_21_redirect_scheme() {
    run(async {
        let permanent = json!({ "redirectScheme": { "scheme": "https", "permanent": true } });
        let to_port = json!({ "redirectScheme": { "scheme": "https", "port": "8443" } });
        for (middleware, method, host, status, location) in [
            (
                &permanent,
                "GET",
                "a.example.com",
                301,
                "https://a.example.com/p?q=1",
            ),
            (
                &permanent,
                "POST",
                "a.example.com:8080",
                308,
                "https://a.example.com/p?q=1",
            ),
            (&permanent, "GET", "[::1]:80", 301, "https://[::1]/p?q=1"),
            (
                &to_port,
                "GET",
                "a.example.com:80",
                302,
                "https://a.example.com:8443/p?q=1",
            ),
            (
                &to_port,
                "PUT",
                "a.example.com",
                307,
                "https://a.example.com:8443/p?q=1",
            ),
        ] {
            let (proxy, _origin) = behind(std::slice::from_ref(middleware)).await;
            let request = format!("{method} /p?q=1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
            let (head, _) = refused(&proxy, &request).await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert_eq!(header(&head, "location"), Some(location), "{host}");
        }
        // Who is there already goes on; a trusted proxy may say so (A2.15).
        let (proxy, origin) = behind_trusting(&[permanent], trusting()).await;
        let (seen, _) = exchange(&proxy, &origin, &get("/p", "X-Forwarded-Proto: https\r\n"), OK).await;
        assert!(seen.starts_with("GET /p "));
    });
}

#[test]
fn cve_2026_88877_a_redirect_never_forwards_a_host_that_is_none() {
    run(async {
        let (proxy, _origin) = behind(&[json!({ "redirectScheme": { "scheme": "https" } })]).await;
        for host in ["www.example.com:x", "www.example.com:", "a b"] {
            let (head, _) = refused(&proxy, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            assert!(head.starts_with("HTTP/1.1 400 "), "{host}: {head}");
        }
    });
}

#[test]
fn a4_20_redirect_regex() {
    run(async {
        let rule = json!({ "redirectRegex": {
            "regex": "^http://web\\.example\\.com/(.*)", "replacement": "https://new.example.com/${1} x",
        } });
        let (proxy, _origin) = behind(&[rule]).await;
        let (head, body) = refused(&proxy, &get("/a/b?c", "")).await;
        assert!(head.starts_with("HTTP/1.1 302 "), "{head}");
        assert_eq!(
            header(&head, "location"),
            Some("https://new.example.com/a/b?c%20x")
        );
        assert_eq!(body, "Found");
        let same = json!({ "redirectRegex": { "regex": "^(.*)$", "replacement": "${1}" } });
        let (proxy, origin) = behind(&[same]).await;
        let (seen, _) = exchange(&proxy, &origin, &get("/a", ""), OK).await;
        assert!(seen.starts_with("GET /a "));
    });
}

#[test]
fn a4_13_custom_headers_are_set_and_removed() {
    run(async {
        let (proxy, origin) = behind(&[json!({ "headers": {
            "customRequestHeaders": { "X-User": "me", "X-Gone": "", "Host": "other.example.com" },
            "customResponseHeaders": { "X-Served-By": "viaduct", "Server": "" },
        } })])
        .await;
        let sent = "X_User: you\r\nX.User: you\r\nx-user: you\r\nX-Gone: 1\r\n";
        let answer = "HTTP/1.1 200 OK\r\nServer: secret\r\nContent-Length: 0\r\n\r\n";
        let (seen, head) = exchange(&proxy, &origin, &get("/", sent), answer).await;
        assert_eq!(header(&seen, "x-user"), Some("me"));
        assert!(!seen.contains("you"), "{seen}");
        assert_eq!(header(&seen, "x-gone"), None);
        assert_eq!(header(&seen, "host"), Some("other.example.com"));
        assert_eq!(header(&head, "x-served-by"), Some("viaduct"));
        assert_eq!(header(&head, "server"), None);
    });
}

#[test]
fn a4_14_cors() {
    run(async {
        let (proxy, origin) = behind(&[json!({ "headers": {
            "accessControlAllowMethods": ["GET", "PUT"],
            "accessControlAllowHeaders": ["X-A", "X-B"],
            "accessControlAllowOriginList": ["https://a.example.com"],
            "accessControlAllowOriginListRegex": ["^https://[a-z]+\\.b\\.example\\.com$"],
            "accessControlExposeHeaders": ["X-C"],
            "accessControlAllowCredentials": true,
            "accessControlMaxAge": 100,
            "addVaryHeader": true,
        } })])
        .await;
        let preflight = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://x.b.example.com\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";
        let (head, body) = refused(&proxy, preflight).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        for (name, value) in [
            ("access-control-allow-methods", "GET,PUT"),
            ("access-control-allow-headers", "X-A,X-B"),
            ("access-control-allow-origin", "https://x.b.example.com"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "100"),
        ] {
            assert_eq!(header(&head, name), Some(value));
        }
        assert_eq!(body, "");
        for (from, allowed) in [
            ("https://a.example.com", Some("https://a.example.com")),
            ("https://evil.example.com", None),
        ] {
            let request = get("/", &format!("Origin: {from}\r\n"));
            let (seen, head) = exchange(&proxy, &origin, &request, OK).await;
            assert_eq!(header(&seen, "origin"), Some(from));
            assert_eq!(header(&head, "access-control-allow-origin"), allowed);
            assert_eq!(header(&head, "access-control-expose-headers"), Some("X-C"));
            assert_eq!(header(&head, "vary"), Some("Origin"));
        }
    });
}

#[test]
fn a4_15_security_headers_and_hosts() {
    run(async {
        let rules = |more: Value| {
            let mut headers = json!({
                "stsSeconds": 60, "stsIncludeSubdomains": true, "stsPreload": true,
                "frameDeny": true, "contentTypeNosniff": true, "browserXssFilter": true,
                "contentSecurityPolicy": "default-src 'self'", "contentSecurityPolicyReportOnly": "x",
                "referrerPolicy": "same-origin", "permissionsPolicy": "camera=()", "publicKey": "pin",
                "allowedHosts": ["WEB.example.com"],
            });
            headers
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            [json!({ "headers": headers })]
        };
        let (proxy, origin) = behind(&rules(json!({ "forceSTSHeader": true }))).await;
        let (_, head) = exchange(&proxy, &origin, &get("/", ""), OK).await;
        for (name, value) in [
            (
                "strict-transport-security",
                "max-age=60; includeSubDomains; preload",
            ),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("x-xss-protection", "1; mode=block"),
            ("content-security-policy", "default-src 'self'"),
            ("content-security-policy-report-only", "x"),
            ("referrer-policy", "same-origin"),
            ("permissions-policy", "camera=()"),
            ("public-key-pins", "pin"),
        ] {
            assert_eq!(header(&head, name), Some(value));
        }
        let (head, body) = refused(&proxy, "GET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        assert!(body.starts_with("Bad Host\n"), "{body}");

        // Plain text gets no STS, unless a header says that TLS ended before us.
        let by_header =
            json!({ "sslProxyHeaders": { "X-Tls": "yes" }, "customFrameOptionsValue": "SAMEORIGIN" });
        let (proxy, origin) = behind(&rules(by_header)).await;
        let (_, head) = exchange(&proxy, &origin, &get("/", ""), OK).await;
        assert_eq!(header(&head, "strict-transport-security"), None);
        assert_eq!(header(&head, "x-frame-options"), Some("SAMEORIGIN"));
        let (_, head) = exchange(&proxy, &origin, &get("/", "X-Tls: yes\r\n"), OK).await;
        assert!(header(&head, "strict-transport-security").is_some());

        let (proxy, origin) = behind(&rules(json!({ "isDevelopment": true, "forceSTSHeader": true }))).await;
        let (_, head) = exchange(&proxy, &origin, "GET / HTTP/1.1\r\nHost: other\r\n\r\n", OK).await;
        assert_eq!(header(&head, "strict-transport-security"), None);
        assert_eq!(header(&head, "x-frame-options"), Some("DENY"));
    });
}

#[test]
fn a4_13_our_own_answers_have_the_headers_too() {
    run(async {
        let dynamic = chain(
            "http://127.0.0.1:1",
            &[json!({ "headers": { "customResponseHeaders": { "X-A": "b" } } })],
        );
        let proxy = Proxy::start(dynamic, ForwardedTrust::default()).await;
        let (head, _) = refused(&proxy, &get("/", "")).await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert_eq!(header(&head, "x-a"), Some("b"));
    });
}

#[test]
fn a4_16_addresses_that_are_not_in_the_list_are_refused() {
    run(async {
        let list = |strategy: Value| json!({ "ipAllowList": { "sourceRange": ["10.0.0.0/8", "2001:db8::/32"], "ipStrategy": strategy } });
        let depth = list(json!({ "depth": 2 }));
        let excluded = list(json!({ "excludedIPs": ["192.168.0.0/16", "::ffff:172.16.0.1"] }));
        for (middleware, chain, allowed) in [
            (&depth, "10.1.2.3, 1.1.1.1", true),
            (&depth, "1.1.1.1, 10.1.2.3", false),
            (&depth, "10.1.2.3", false),
            (&depth, "::ffff:10.1.2.3, 1.1.1.1", true),
            (&depth, "2001:0db8:0:0::1%eth0, 1.1.1.1", true),
            (&depth, "10.1.2.3:80, 1.1.1.1", false),
            (&depth, "garbage, 1.1.1.1", false),
            (&excluded, "1.1.1.1, 10.1.2.3, 192.168.1.1, 172.16.0.1", true),
            (&excluded, "10.1.2.3, garbage, 192.168.1.1", false),
            (&excluded, "192.168.1.1", false),
            (&excluded, "", false),
        ] {
            let (proxy, origin) = behind_trusting(std::slice::from_ref(middleware), trusting()).await;
            let request = get("/", &format!("X-Forwarded-For: {chain}\r\n"));
            if allowed {
                exchange(&proxy, &origin, &request, OK).await;
            } else {
                let (head, _) = refused(&proxy, &request).await;
                assert!(head.starts_with("HTTP/1.1 403 "), "{chain}: {head}");
            }
        }
        // A client that is not trusted says nothing of its address (I3).
        let (proxy, _origin) = behind(&[depth]).await;
        let (head, _) = refused(&proxy, &get("/", "X-Forwarded-For: 10.1.2.3, 10.1.2.3\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    });
}

#[test]
fn a4_16_the_connection_counts_and_the_status_can_be_chosen() {
    run(async {
        let own = json!({ "ipAllowList": { "sourceRange": ["127.0.0.1"] } });
        let (proxy, origin) = behind(&[own]).await;
        exchange(&proxy, &origin, &get("/", ""), OK).await;
        let other = json!({ "ipWhiteList": { "sourceRange": ["127.0.0.2/32"], "rejectStatusCode": 404 } });
        let (proxy, _origin) = behind(&[other]).await;
        let (head, _) = refused(&proxy, &get("/", "")).await;
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    });
}

/// `name:password` in base64.
fn authorization(credentials: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
    format!("Authorization: Basic {encoded}\r\n")
}

#[test]
fn a4_2_basic_auth_with_every_kind_of_hash() {
    run(async {
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        let (proxy, origin) = behind(&[json!({ "basicAuth": {
            "users": [
                "md5:$apr1$8sFt66rZ$CwW5jnBTcCMb9M9VZMRdm/",
                "sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
                format!("bcrypt:{bcrypt}"),
            ],
            "realm": "the \"realm\"", "removeHeader": true, "headerField": "X-Auth-User",
        } })])
        .await;
        for credentials in ["md5:password", "sha:password", "bcrypt:secret", "bcrypt:secret"] {
            // CVE-2026-33433: exactly one, ours.
            let spoofed = "x_auth_user: root\r\nX-AUTH-USER: root\r\nX.Auth.User: root\r\n";
            let request = get("/", &format!("{spoofed}{}", authorization(credentials)));
            let (seen, _) = exchange(&proxy, &origin, &request, OK).await;
            assert_eq!(header(&seen, "x-auth-user"), credentials.split(':').next());
            assert!(!seen.contains("root"), "{seen}");
            assert_eq!(header(&seen, "authorization"), None);
        }
        for wrong in [
            "md5:secret",
            "sha:secret",
            "bcrypt:password",
            "nobody:password",
            ":",
            "md5:",
        ] {
            let (head, body) = refused(&proxy, &get("/", &authorization(wrong))).await;
            assert!(head.starts_with("HTTP/1.1 401 "), "{wrong}: {head}");
            assert_eq!(
                header(&head, "www-authenticate"),
                Some("Basic realm=\"the \\\"realm\\\"\"")
            );
            assert!(body.starts_with("401 Unauthorized\n"));
        }
        for headers in [
            "",
            "Authorization: Basic !!\r\n",
            "Authorization: Bearer x\r\n",
            "Authorization: Basic\r\n",
        ] {
            let (head, _) = refused(&proxy, &get("/", headers)).await;
            assert!(head.starts_with("HTTP/1.1 401 "), "{headers}: {head}");
        }
    });
}

#[test]
fn a4_17_requests_in_flight_are_counted_until_their_answers_end() {
    run(async {
        let (proxy, origin) = behind(&[json!({ "inFlightReq": { "amount": 1 } })]).await;
        let mut first = proxy.client().await;
        first.send(&get("/", "")).await;
        let mut server = origin.accept().await;
        server.head().await;
        let (head, body) = refused(&proxy, &get("/", "")).await;
        assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
        assert!(body.contains("too_many_in_flight"), "{body}");
        // Another host is another source.
        let mut other = proxy.client().await;
        other.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n").await;
        let mut other_server = origin.accept().await;
        other_server.head().await;
        other_server.send(OK).await;
        other.response().await;
        // The head is not the end.
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na").await;
        first.until("\r\n\r\na").await;
        let (head, _) = refused(&proxy, &get("/", "")).await;
        assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
        server.send("b").await;
        first.until("b").await;
        let mut again = proxy.client().await;
        again.send(&get("/", "")).await;
        answer_any(&origin, &mut server).await;
        let (head, _) = again.response().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    });
}

/// Answers the next request, on the connection that is open or a new one.
async fn answer_any(origin: &Origin, open: &mut Raw) {
    tokio::select! {
        _ = open.head() => open.send(OK).await,
        mut new = origin.accept() => {
            new.head().await;
            new.send(OK).await;
        }
    }
}

#[test]
fn a4_9_encoded_characters_of_one_router() {
    run(async {
        let (proxy, origin) = behind(&[json!({ "encodedCharacters": { "allowEncodedSlash": true } })]).await;
        let (seen, _) = exchange(&proxy, &origin, &get("/a%2Fb", ""), OK).await;
        assert!(seen.starts_with("GET /a%2Fb "), "{seen}");
        let (head, _) = refused(&proxy, &get("/a%5Cb", "")).await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    });
}

#[test]
fn a4_4_a_chain_is_its_middlewares_in_their_order() {
    run(async {
        let (proxy, origin) = behind(&[
            json!({ "chain": { "middlewares": ["m1", "m2"] } }),
            json!({ "addPrefix": { "prefix": "/one" } }),
            json!({ "addPrefix": { "prefix": "/two" } }),
        ])
        .await;
        let (seen, _) = exchange(&proxy, &origin, &get("/", ""), OK).await;
        // The chain, and then the two for themselves.
        assert!(seen.starts_with("GET /two/one/two/one/ "), "{seen}");
    });
}

#[test]
fn a4_7_answers_without_a_type_get_one() {
    run(async {
        let (proxy, origin) = behind(&[json!({ "contentType": {} })]).await;
        for (answer, wanted) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
                Some("text/html; charset=utf-8"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 6\r\n\r\n<html>",
                Some("a/b"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 6\r\n\r\n<html>",
                None,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        ] {
            let mut client = proxy.client().await;
            client.send(&get("/", "")).await;
            let mut server = origin.accept().await;
            server.head().await;
            server.send(answer).await;
            drop(server);
            let (head, body) = client.response().await;
            assert_eq!(header(&head, "content-type"), wanted, "{answer}");
            assert_eq!(body, if answer.ends_with("<html>") { "<html>" } else { "" });
        }
        // What follows the beginning follows it still.
        let mut client = proxy.client().await;
        client.send(&get("/", "")).await;
        let mut server = origin.accept().await;
        server.head().await;
        server
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            .await;
        client.until("3\r\nabc\r\n").await;
        server.send("2\r\nde\r\n0\r\n\r\n").await;
        client.until("2\r\nde\r\n0\r\n\r\n").await;
    });
}
