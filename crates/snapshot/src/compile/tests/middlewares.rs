use serde_json::{Value, json};
use viaduct_config::finding::Code;

use super::kit::{Outcome, World, routers, served};

/// One router for the host `a` with these middlewares.
fn with(references: Value, middlewares: Value) -> World {
    let mut dynamic = routers(json!({
        "r": { "rule": "Host(`a`)", "service": "app", "entryPoints": ["web"], "middlewares": references },
        "free": { "rule": "Host(`b`)", "service": "app", "entryPoints": ["web"] },
    }));
    dynamic["http"]["middlewares"] = middlewares;
    World::of(dynamic)
}

fn names(world: &World, router: &str) -> Vec<String> {
    let compiled = world.compile();
    compiled.assert_no_errors();
    let middlewares = compiled.router(router).middlewares.iter();
    middlewares
        .map(|middleware| middleware.name.to_string())
        .collect()
}

fn prefix(text: &str) -> Value {
    json!({ "addPrefix": { "prefix": text } })
}

#[test]
fn a4_4_chains_are_resolved_in_order() {
    let world = with(
        json!(["outer", "c"]),
        json!({
            "outer": { "chain": { "middlewares": ["inner", "b@file"] } },
            "inner": { "chain": { "middlewares": ["a"] } },
            "a": prefix("/a"), "b": prefix("/b"), "c": prefix("/c"),
        }),
    );
    assert_eq!(names(&world, "r@file"), ["a@file", "b@file", "c@file"]);
    assert_eq!(names(&world, "free@file"), [""; 0]);
}

#[test]
fn a2_6_middlewares_of_the_entry_point_come_first() {
    let mut world = with(
        json!(["own"]),
        json!({ "own": prefix("/own"), "all": prefix("/all") }),
    );
    world.install.entry_points[0].middlewares = vec!["all@file".to_owned()];
    assert_eq!(names(&world, "r@file"), ["all@file", "own@file"]);
    assert_eq!(names(&world, "free@file"), ["all@file"]);
    // One that is missing takes every router of the entry point out of service, and no other.
    world.install.entry_points[0].middlewares = vec!["gone@file".to_owned()];
    let compiled = world.compile();
    assert_eq!(
        compiled.plain("b", "/"),
        Outcome::Out(503, Code::MissingReference)
    );
}

#[test]
fn chains_that_lead_to_themselves_or_grow_without_end_are_refused() {
    let recursive = json!({
        "a": { "chain": { "middlewares": ["b"] } },
        "b": { "chain": { "middlewares": ["a"] } },
    });
    let compiled = with(json!(["a"]), recursive).compile();
    assert_eq!(
        compiled.only(Code::InvalidObject).message,
        "recursion detected in a@file->b@file->a@file"
    );
    assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, Code::InvalidObject));
    assert_eq!(compiled.plain("b", "/"), served("app@file"));

    let mut doubling = json!({ "m40": prefix("/x") });
    for level in 0..40 {
        let next = format!("m{}", level + 1);
        doubling[format!("m{level}")] = json!({ "chain": { "middlewares": [&next, &next] } });
    }
    let compiled = with(json!(["m0"]), doubling).compile();
    assert_eq!(compiled.plain("a", "/"), Outcome::Out(503, Code::InvalidObject));
}

#[test]
fn middlewares_that_cannot_be_built_say_why_and_take_their_router_out_of_service() {
    for (middleware, message) in [
        (json!({}), "the middleware does not have any type defined"),
        (
            json!({ "addPrefix": { "prefix": "/a" }, "replacePath": { "path": "/b" } }),
            "the middleware has several types: addPrefix, replacePath",
        ),
        (json!({ "addPrefix": {} }), "prefix cannot be empty"),
        (
            json!({ "stripPrefixRegex": { "regex": ["("] } }),
            "error compiling regular expression (: `(` is not closed",
        ),
        (
            json!({ "redirectScheme": {} }),
            "you must provide a target scheme",
        ),
        (
            json!({ "ipAllowList": {} }),
            "sourceRange is empty, IPAllowList not created",
        ),
        (
            json!({ "ipAllowList": { "sourceRange": ["10.0.0.0/33"] } }),
            "not an address or a network: 10.0.0.0/33",
        ),
        (
            json!({ "ipAllowList": { "sourceRange": ["10.0.0.0/8"], "rejectStatusCode": 999 } }),
            "invalid HTTP status code",
        ),
        (
            json!({ "inFlightReq": { "amount": 1, "sourceCriterion": {
                "requestHost": true, "requestHeaderName": "X-A",
            } } }),
            "iPStrategy, requestHeaderName and requestHost are mutually exclusive",
        ),
        (json!({ "basicAuth": {} }), "the users are missing"),
        (
            json!({ "basicAuth": { "users": ["a"] } }),
            "a user is written `name:hash`",
        ),
        (
            json!({ "basicAuth": { "users": ["a:plain"] } }),
            "the password of `a` is hashed in a way that is not known",
        ),
        (
            json!({ "basicAuth": { "usersFile": "/users" } }),
            "the users are missing",
        ),
        (
            json!({ "headers": {} }),
            "headers configuration not valid: it says nothing",
        ),
    ] {
        let compiled = with(json!(["m"]), json!({ "m": middleware.clone() })).compile();
        let said: Vec<_> = compiled
            .findings
            .iter()
            .map(|finding| finding.message.clone())
            .collect();
        let of_router = format!("middleware `m`: {message}");
        assert!(said.iter().any(|said| said == message), "{middleware}: {said:#?}");
        assert!(said.contains(&of_router), "{middleware}: {said:#?}");
        assert!(matches!(compiled.plain("a", "/"), Outcome::Out(503, _)));
        assert_eq!(compiled.plain("b", "/"), served("app@file"));
    }
}

#[test]
fn r24_hashes_of_passwords_are_in_no_message() {
    let world = with(
        json!(["m"]),
        json!({ "m": { "basicAuth": { "users": ["a:{SSHA}c2VjcmV0", "b:{SHA}c2VjcmV0"] } } }),
    );
    let compiled = world.compile();
    assert!(!format!("{:?} {:?}", compiled.findings, compiled.snapshot).contains("c2VjcmV0"));
}

#[test]
fn what_is_internal_is_for_internal_routers_alone() {
    let mut world = with(json!(["to-https@internal"]), json!({}));
    let redirect = json!({ "redirectScheme": { "scheme": "https" } });
    world.say(
        "internal",
        json!({ "http": {
        "middlewares": { "to-https": redirect },
        "services": { "none": { "loadBalancer": { "servers": [] } } },
    } }),
    );
    let compiled = world.compile();
    assert_eq!(
        compiled.plain("a", "/"),
        Outcome::Out(503, Code::ForbiddenReference)
    );
}

#[test]
fn unchanged_middlewares_are_shared_and_their_warnings_said_again() {
    let world = with(
        json!(["h", "p"]),
        json!({
            "h": { "headers": { "sslRedirect": true, "customRequestHeaders": { "X-A": "b" } } },
            "p": prefix("/a"),
        }),
    );
    let first = world.compile();
    let second = world.compile_after(Some(&first));
    assert_eq!(first.snapshot.generation, second.snapshot.generation);
    assert_eq!(first.findings, second.findings);
    assert_eq!(
        first.only(Code::InvalidObject).message,
        "sslRedirect has no effect since Traefik 3"
    );
    let changed = with(json!(["h", "p"]), json!({ "h": prefix("/b"), "p": prefix("/a") }));
    assert_ne!(
        changed.compile_after(Some(&first)).snapshot.generation,
        first.snapshot.generation
    );
}
