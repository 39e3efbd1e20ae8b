//! The API as its users see it: a path goes in, JSON comes out.

mod sample;
mod secrets;

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use viaduct_config::install::from_flags;
use viaduct_config::{Dynamic, EntryPointName, Install, ProviderName, Update};
use viaduct_proxy::Internal;
use viaduct_proxy::internal::Asked;
use viaduct_snapshot::{EntryPointInstall, Inputs, InternalService, compile};
use viaduct_tls::CertificateStore;

use super::{Api, Published};

/// An API over a configuration.
pub(super) struct World {
    api: Api,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl World {
    /// `flags` of the install configuration; what the file provider says.
    pub(super) fn new(flags: &[&str], file: Dynamic) -> Self {
        let mut arguments: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        arguments.push("--entrypoints.web.address=:80".to_owned());
        arguments.push("--entrypoints.websecure.address=:443".to_owned());
        let install = from_flags(&arguments).unwrap().install;
        let (api, board) = Api::new(&install).unwrap();
        let updates = vec![
            Arc::new(Update::new(ProviderName::new("file"), file)),
            Arc::new(viaduct_providers::internal(&install)),
        ];
        let routing = routing(&install);
        let inputs = Inputs {
            install: &routing,
            updates: &updates,
            generated_default: Arc::new(CertificateStore::generate_default()),
            staples: None,
            overlaps: None,
        };
        let (snapshot, _) = compile(&inputs, None);
        board.send_replace(Some(Arc::new(Published::new(updates, snapshot))));
        Self { api }
    }

    pub(super) fn of(file: Value) -> Self {
        Self::new(&["--api.insecure"], serde_json::from_value(file).unwrap())
    }

    pub(super) fn ask(
        &self,
        service: InternalService,
        method: Method,
        path: &str,
        terminating: bool,
    ) -> Reply {
        let asked = Asked {
            service,
            method,
            uri: path.parse().unwrap(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            terminating,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (parts, body) = runtime.block_on(self.api.answer(asked)).into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
        }
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.ask(InternalService::Api, Method::GET, path, false)
    }

    /// The names in a list.
    #[track_caller]
    fn names(&self, path: &str) -> Vec<String> {
        let list = self.get(path).json();
        let names = list.as_array().unwrap().iter();
        names
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn routing(install: &Install) -> viaduct_snapshot::Install {
    let entry_points = install.entry_points.keys().map(|name| EntryPointInstall {
        as_default: name != "traefik",
        ..entry_point(name)
    });
    viaduct_snapshot::Install {
        entry_points: entry_points.collect(),
        ..viaduct_snapshot::Install::default()
    }
}

fn entry_point(name: &str) -> EntryPointInstall {
    crate::settings::entry_points::routing(
        &from_flags(&[format!("--entrypoints.{name}.address=:1")])
            .unwrap()
            .install,
    )
    .into_iter()
    .find(|entry_point| entry_point.name == EntryPointName::new(name))
    .unwrap()
}

/// Two good routers, one whose service is missing, one that names a middleware and an entry point that are not
/// there.
fn two_good_two_bad() -> World {
    let service = json!({ "loadBalancer": { "servers": [{ "url": "http://10.0.0.1:80" }] } });
    World::of(json!({ "http": {
        "routers": {
            "alpha": { "rule": "Host(`alpha.example.com`)", "service": "app", "entryPoints": ["web"] },
            "beta": { "rule": "Host(`beta.example.com`)", "service": "app", "entryPoints": ["web"], "priority": 7 },
            "gamma": { "rule": "Host(`gamma.example.com`)", "service": "nowhere", "entryPoints": ["web"] },
            "delta": { "rule": "Host(`delta.example.com`)", "service": "app", "middlewares": ["gone"],
                       "entryPoints": ["web", "elsewhere"], "tls": {} },
        },
        "services": { "app": service, "empty": {} },
        "middlewares": { "slash": { "addPrefix": { "prefix": "/a" } } },
    } }))
}

#[test]
fn a12_2_version_and_overview() {
    let world = two_good_two_bad();
    let version = world.get("/api/version").json();
    assert_eq!(version["Version"], env!("CARGO_PKG_VERSION"));
    assert!(version["startDate"].as_str().unwrap().ends_with('Z'));
    let overview = world.get("/api/overview").json();
    // api and dashboard are routers too.
    assert_eq!(
        overview["http"]["routers"],
        json!({ "total": 6, "warnings": 0, "errors": 2 })
    );
    assert_eq!(
        overview["http"]["services"],
        json!({ "total": 5, "warnings": 0, "errors": 1 })
    );
    assert_eq!(
        overview["tcp"]["routers"],
        json!({ "total": 0, "warnings": 0, "errors": 0 })
    );
    assert_eq!(overview["udp"].get("middlewares"), None);
    assert_eq!(
        overview["features"],
        json!({ "accessLog": false, "metrics": "", "tracing": "" })
    );
}

#[test]
fn a12_3_a_router_says_what_it_is_and_what_became_of_it() {
    let world = two_good_two_bad();
    assert_eq!(
        world.get("/api/http/routers/beta@file").json(),
        json!({
            "name": "beta@file", "provider": "file", "status": "enabled", "using": ["web"],
            "rule": "Host(`beta.example.com`)", "service": "app", "entryPoints": ["web"], "priority": 7,
            "observability": { "accessLogs": true, "metrics": true, "tracing": true, "traceVerbosity": "minimal" },
        })
    );
    let alpha = world.get("/api/http/routers/alpha@file").json();
    assert_eq!(alpha["priority"], json!("Host(`alpha.example.com`)".len()));
    let gamma = world.get("/api/http/routers/gamma@file").json();
    assert_eq!(gamma["status"], "disabled");
    assert_eq!(
        gamma["error"],
        json!(["the service \"nowhere@file\" does not exist"])
    );
    let delta = world.get("/api/http/routers/delta@file").json();
    assert_eq!(delta["status"], "disabled");
    assert_eq!(delta["tls"], json!({ "options": "default" }));
    assert_eq!(delta["using"], json!(["web"]));
    let errors = delta["error"].as_array().unwrap();
    assert!(
        errors.contains(&json!("middleware \"gone@file\" does not exist")),
        "{errors:?}"
    );
    assert!(
        errors.contains(&json!("entryPoint \"elsewhere\" doesn't exist")),
        "{errors:?}"
    );
}

#[test]
fn a12_3_services_and_middlewares_say_who_uses_them() {
    let world = two_good_two_bad();
    assert_eq!(
        world.get("/api/http/services/app@file").json(),
        json!({
            "name": "app@file", "provider": "file", "type": "loadbalancer", "status": "enabled",
            "loadBalancer": {
                "servers": [{ "url": "http://10.0.0.1:80" }], "strategy": "wrr", "passHostHeader": true,
                "responseForwarding": { "flushInterval": "100ms" },
            },
            "serverStatus": { "http://10.0.0.1:80": "UP" },
            "usedBy": ["alpha@file", "beta@file", "delta@file"],
        })
    );
    let empty = world.get("/api/http/services/empty@file").json();
    assert_eq!(empty["status"], "disabled");
    assert_eq!(
        empty["error"],
        json!(["the service \"empty@file\" does not have any type defined"])
    );
    let api = world.get("/api/http/services/api@internal").json();
    assert_eq!(api["usedBy"], json!(["api@internal"]));
    let slash = world.get("/api/http/middlewares/slash@file").json();
    assert_eq!(slash["type"], "addprefix");
    assert_eq!(slash["addPrefix"], json!({ "prefix": "/a" }));
}

#[test]
fn a12_3_lists_are_filtered_sorted_and_paged() {
    let world = two_good_two_bad();
    let routers = |query: &str| world.names(&format!("/api/http/routers?{query}"));
    assert_eq!(routers("search=GAMMA"), ["gamma@file"]);
    assert_eq!(routers("search=beta.example"), ["beta@file"]);
    assert_eq!(routers("status=disabled"), ["delta@file", "gamma@file"]);
    assert_eq!(routers("serviceName=nowhere@file"), ["gamma@file"]);
    assert_eq!(routers("middlewareName=gone@file"), ["delta@file"]);
    assert_eq!(routers("middlewareName=gone"), ["delta@file"]);
    assert_eq!(
        routers("search=@file&direction=desc").first().unwrap(),
        "gamma@file"
    );
    assert_eq!(
        routers("search=@file&sortBy=priority").first().unwrap(),
        "beta@file"
    );
    assert_eq!(
        routers("search=@file&sortBy=status&direction=desc"),
        ["beta@file", "alpha@file", "gamma@file", "delta@file"]
    );
    let page = world.get("/api/http/routers?per_page=2&page=2");
    assert_eq!(page.headers["x-next-page"], "3");
    assert_eq!(page.json().as_array().unwrap().len(), 2);
    assert_eq!(world.get("/api/http/routers").headers["x-next-page"], "1");
    assert_eq!(world.get("/api/tcp/routers").json(), json!([]));
}

#[test]
fn a12_3_what_is_not_there_is_said_in_traefiks_form() {
    let world = two_good_two_bad();
    for (path, message) in [
        ("/api/http/routers/x@file", "router not found: x@file"),
        ("/api/http/services/x@file", "service not found: x@file"),
        ("/api/http/middlewares/x", "middleware not found: x"),
        ("/api/tcp/routers/a%2Fb@file", "router not found: a/b@file"),
        ("/api/udp/services/x", "service not found: x"),
        ("/api/entrypoints/x", "entry point not found: x"),
        ("/api/certificates/x", "certificate not found: x"),
    ] {
        let reply = world.get(path);
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        assert_eq!(reply.text(), json!({ "message": message }).to_string());
        assert_eq!(reply.headers["content-type"], "application/json");
    }
    let reply = world.get("/api/http/routers?page=9");
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        reply.text(),
        json!({ "message": "invalid request: page: 9, per_page: 100" }).to_string()
    );
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/udp/middlewares",
        "/api/http/routers/",
    ] {
        assert_eq!(world.get(path).status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn a12_2_entry_points() {
    let world = two_good_two_bad();
    assert_eq!(world.names("/api/entrypoints"), ["traefik", "web", "websecure"]);
    let web = world.get("/api/entrypoints/web").json();
    assert_eq!((&web["address"], &web["name"]), (&json!(":80"), &json!("web")));
    assert_eq!(web["transport"]["lifeCycle"]["graceTimeOut"], "10s");
}

#[test]
fn a12_8_ping_is_ok_until_the_process_ends() {
    let ping = |flags: &[&str], terminating| {
        let world = World::new(flags, Dynamic::default());
        let reply = world.ask(InternalService::Ping, Method::GET, "/ping", terminating);
        (reply.status.as_u16(), reply.text().to_owned())
    };
    assert_eq!(ping(&["--ping"], false), (200, "OK".to_owned()));
    assert_eq!(ping(&["--ping"], true).0, 503);
    assert_eq!(ping(&["--ping.terminatingStatusCode=204"], true).0, 204);
}

#[test]
fn c74_other_sites_can_neither_change_nor_frame_nor_read() {
    let world = two_good_two_bad();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let reply = world.ask(InternalService::Api, method, "/api/rawdata", false);
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(reply.headers["allow"], "GET, HEAD");
    }
    for path in [
        "/api/rawdata",
        "/dashboard/",
        "/dashboard/script.js",
        "/api/nothing",
    ] {
        let headers = world.get(path).headers;
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert!(
            !headers
                .keys()
                .any(|name| name.as_str().starts_with("access-control"))
        );
    }
}

#[test]
fn a12_7_the_dashboard_is_beside_the_api_below_the_base_path() {
    let world = World::new(&["--api.insecure", "--api.basePath=/edge"], Dynamic::default());
    assert_eq!(world.get("/edge/api/overview").status, StatusCode::OK);
    assert_eq!(world.get("/api/overview").status, StatusCode::NOT_FOUND);
    for path in ["/edge/", "/edge", "/edge/dashboard"] {
        let reply = world.get(path);
        assert_eq!(reply.status, StatusCode::FOUND, "{path}");
        assert_eq!(reply.headers["location"], "/edge/dashboard/");
    }
    let page = world.get("/edge/dashboard/");
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let off = World::new(&["--api.dashboard=false"], Dynamic::default());
    assert_eq!(off.get("/dashboard/").status, StatusCode::NOT_FOUND);
}

#[test]
fn a12_2_head_has_the_length_and_no_body() {
    let world = two_good_two_bad();
    let length = world.get("/api/version").body.len();
    let head = world.ask(InternalService::Api, Method::HEAD, "/api/version", false);
    assert_eq!(head.body, b"");
    assert_eq!(head.headers["content-length"], length.to_string().as_str());
}

#[test]
fn c6_bridges_are_listed_with_their_class_page_by_page() {
    let file = serde_json::from_value(json!({ "http": {
        "routers": {
            "plain": { "rule": "Host(`a`)", "service": "plain", "entryPoints": ["web"] },
            "good": { "rule": "Host(`b`)", "service": "good", "entryPoints": ["web"] },
            "gone": { "rule": "Host(`c`)", "service": "nowhere", "entryPoints": ["web"] },
        },
        "services": {
            "plain": { "loadBalancer": { "servers": [{ "url": "http://10.0.0.1" }] } },
            "good": { "loadBalancer": { "servers": [{ "url": "https://10.0.0.1" }, { "url": "http://10.0.0.2" }] } },
        },
    }}));
    let world = World::new(&["--api.insecure"], file.unwrap());
    let found = |path: &str| -> Vec<String> {
        let rows = world.get(path).json();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| {
            format!(
                "{} {}",
                row["router"].as_str().unwrap(),
                row["class"].as_str().unwrap()
            )
        })
        .collect()
    };
    let all = [
        "gone@file ",
        "good@file plaintext",
        "good@file bridged+verified",
        "plain@file plaintext",
    ];
    assert_eq!(found("/api/bridges"), all);
    assert_eq!(found("/api/bridges?class=PLAINTEXT"), [all[1], all[3]]);
    assert_eq!(
        found("/api/bridges?sortBy=server&direction=desc"),
        [all[2], all[1], all[3], all[0]],
    );
    assert_eq!(
        found("/api/bridges?sortBy=class&direction=desc"),
        [all[3], all[1], all[2], all[0]]
    );
    // Whatever is no field that sorts leaves them as they are.
    for field in ["caFingerprints", "trial", "nothing"] {
        assert_eq!(found(&format!("/api/bridges?sortBy={field}")), all);
    }
    assert_eq!(found("/api/bridges?serviceName=good&search=10.0.0.2"), &all[1..2]);
    assert_eq!(found("/api/bridges?status=out-of-service"), &all[..1]);
    assert_eq!(found("/api/bridges?search=PLAIN@"), &all[3..]);
    let page = world.get("/api/bridges?per_page=3");
    assert_eq!(page.headers["x-next-page"], "2");
    assert_eq!(page.json().as_array().unwrap().len(), 3);
    assert_eq!(world.get("/api/bridges?page=9").status, StatusCode::BAD_REQUEST);

    let page = world.get("/api/viaduct/bridges?per_page=2");
    assert_eq!(page.headers["x-next-page"], "2");
    let backends = world.get("/api/viaduct/bridges?search=Host(`b`)").json()[0]["backends"].clone();
    let classes: Vec<_> = backends
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["class"].as_str().unwrap())
        .collect();
    assert_eq!(classes, ["plaintext", "bridged+verified"]);
    let found = world.get("/api/viaduct/bridges?search=gone").json();
    assert_eq!(found.as_array().unwrap().len(), 1);
}
