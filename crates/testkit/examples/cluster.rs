//! A cluster of some size as a process of its own, for benchmarks: `cluster ROUTES PORT` serves as many IngressRoutes,
//! each with a Service, three EndpointSlices and a Secret with a certificate of its own; the endpoints of the first and of
//! the last are on PORT of 127.0.0.1, all others where nobody is.
//!
//! The first line of the output says where it is. Each line of the input is an order and gets one line of output; at
//! the input's end the process ends.
//! - `listed`: when the last page of a list of Secrets, which are listed last, was asked for.
//! - `endpoint PORT`: moves the endpoints of the first route; says when.
//!
//! Times are seconds since 1970.

use std::io::{BufRead as _, Write as _};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use viaduct_testkit::apiserver::ApiServer;
use viaduct_testkit::manifest::{Manifests, NAMESPACE};
use viaduct_testkit::pki::{Ca, Leaf};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [routes, port] = arguments.as_slice() else {
        panic!("cluster ROUTES PORT");
    };
    let port = port.parse().expect("a port");
    let server = ApiServer::start();
    server.define_traefik("traefik.io");
    server.create_namespace(NAMESPACE);
    let authority = Ca::new("cluster CA");
    let routes = routes.parse().expect("how many routes");
    for index in 0..routes {
        let tried = index == 0 || index + 1 == routes;
        put(&server, &authority, index, tried.then_some(port));
    }
    let token = server.directory().join("token");
    std::fs::write(&token, server.admin_token()).expect("writing the token");
    let file = server.directory().join("front-ca.crt");
    std::fs::write(&file, authority.pem()).expect("writing the CA");
    say(&json!({"url": server.url(), "token": token, "ca": server.ca_file(), "front": file}));
    for order in std::io::stdin().lock().lines().map_while(Result::ok) {
        match order.split_once(' ') {
            None if order == "listed" => say(&json!({ "at": listed(&server) })),
            Some(("endpoint", port)) => {
                let port: u16 = port.parse().expect("a port");
                let at = since_epoch(SystemTime::now());
                server.edit("endpointslices", NAMESPACE, &slice_name(0, 0), |slice| {
                    slice["ports"][0]["port"] = json!(port);
                });
                say(&json!({ "at": at }));
            }
            _ => panic!("not an order: {order}"),
        }
    }
}

/// One route with all that it refers to.
fn put(server: &ApiServer, authority: &Ca, index: usize, tried: Option<u16>) {
    let (host, service) = (format!("r{index}.bench.test"), format!("service-{index}"));
    let certificate = format!("certificate-{index}");
    let secret = Manifests::new().tls_secret(&certificate, &authority.issue(Leaf::server(&host)));
    server.apply(&secret.yaml().replace("data:", "type: kubernetes.io/tls\ndata:"));
    server.put(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata(&service, &service),
        "spec": {"clusterIP": address(index, 9), "selector": {"app": service},
                 "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }));
    for slice in 0..SLICES {
        let mut labelled = metadata(&slice_name(index, slice), &service);
        labelled["labels"]["kubernetes.io/service-name"] = json!(service);
        // What is tried has one endpoint, lest another one answers.
        let (port, endpoints) = match tried {
            Some(port) if slice == 0 => (port, endpoints("127.0.0.1", index * SLICES)),
            Some(port) => (port, json!([])),
            None => (
                8080,
                endpoints(&address(index, 10 + slice), index * SLICES + slice),
            ),
        };
        server.put(&json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": labelled,
            "addressType": "IPv4", "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
            "endpoints": endpoints,
        }));
    }
    server.put(&json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute",
        "metadata": metadata(&format!("route-{index}"), &service),
        "spec": {
            "entryPoints": ["websecure"],
            "routes": [{"kind": "Rule", "match": format!("Host(`{host}`)"),
                        "services": [{"name": service, "port": "http"}]}],
            "tls": {"secretName": certificate},
        },
    }));
}

fn slice_name(index: usize, slice: usize) -> String {
    format!("service-{index}-{slice}")
}

fn metadata(name: &str, app: &str) -> Value {
    json!({"name": name, "namespace": NAMESPACE, "labels": {"app": app, "team": "bench"}})
}

/// One endpoint, as the controllers of a cluster write it.
fn endpoints(address: &str, number: usize) -> Value {
    json!([{
        "addresses": [address], "conditions": {"ready": true, "serving": true, "terminating": false},
        "nodeName": format!("node-{}", number % 50), "zone": format!("zone-{}", number % 3),
        "targetRef": {"kind": "Pod", "name": format!("pod-{number}"), "namespace": NAMESPACE,
                      "uid": format!("00000000-0000-4000-8000-{number:012}")},
    }])
}

fn address(number: usize, first: usize) -> String {
    format!(
        "{first}.{}.{}.{}",
        number >> 16,
        (number >> 8) & 0xff,
        number & 0xff
    )
}

fn listed(server: &ApiServer) -> f64 {
    let asked = server.requests().into_iter();
    let lists = asked.filter(|request| request.verb == "list" && request.resource == "secrets");
    let age = lists.map(|request| request.at.elapsed()).min();
    since_epoch(SystemTime::now() - age.unwrap_or_else(|| Instant::now().elapsed()))
}

fn since_epoch(moment: SystemTime) -> f64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since: Duration| since.as_secs_f64())
}

fn say(line: &Value) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").expect("standard output");
    output.flush().expect("standard output");
}

const SLICES: usize = 3;
