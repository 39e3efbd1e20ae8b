//! Ingresses of a cluster: the root command against the API server of `testkit`.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use viaduct_testkit::apiserver::{Account, ApiServer, Request};
use viaduct_testkit::cluster::Api;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::{wait_at_most, wait_equal, wait_for};

use super::*;
use crate::fixture::root;

/// What both providers read.
const READ: [&str; 16] = [
    "services",
    "secrets",
    "configmaps",
    "nodes",
    "endpointslices.discovery.k8s.io",
    "ingresses.networking.k8s.io",
    "ingressclasses.networking.k8s.io",
    "ingressroutes.traefik.io",
    "ingressroutetcps.traefik.io",
    "ingressrouteudps.traefik.io",
    "middlewares.traefik.io",
    "middlewaretcps.traefik.io",
    "serverstransports.traefik.io",
    "serverstransporttcps.traefik.io",
    "tlsoptions.traefik.io",
    "tlsstores.traefik.io",
];

/// The API server of `testkit`, or a real one where [`Cluster::anywhere`] says so.
pub(super) struct Cluster<T: Api + ?Sized = ApiServer> {
    pub(super) server: Box<T>,
    account: Account,
    pub(super) work: tempfile::TempDir,
}

impl Cluster {
    pub(super) fn new() -> Self {
        Self::at(Box::new(ApiServer::start()))
    }
}

impl Cluster<dyn Api> {
    pub(super) fn anywhere() -> Self {
        Self::at(viaduct_testkit::cluster::anywhere())
    }
}

impl<T: Api + ?Sized> Cluster<T> {
    fn at(server: Box<T>) -> Self {
        server.define_traefik("traefik.io");
        server.create_namespace("web");
        let account = server.account("edge", "viaduct");
        server.allow(&account, &["get", "list", "watch"], &READ, &[]);
        server.allow(
            &account,
            &["get", "list", "watch"],
            &["traefikservices.traefik.io"],
            &[],
        );
        Self {
            account,
            server,
            work: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// The least pauses, so that a test sees each change by itself.
    #[track_caller]
    pub(super) fn start(&self, providers: &[&str], more: &[&str]) -> Running {
        let mut command = root(self.work.path());
        command.args([
            "--entryPoints.web.address=127.0.0.1:0",
            "--entryPoints.websecure.address=127.0.0.1:0",
            "--accessLog=true",
            "--accessLog.format=json",
            "--providers.providersThrottleDuration=10ms",
            "--viaduct.allowLoopbackEndpoints=true",
        ]);
        for provider in providers {
            command.args([
                format!("--providers.{provider}=true"),
                format!("--providers.{provider}.endpoint={}", self.server.url()),
                format!(
                    "--providers.{provider}.token={}",
                    self.account.token_file.display()
                ),
                format!(
                    "--providers.{provider}.certAuthFilePath={}",
                    self.server.ca_file().display()
                ),
            ]);
        }
        command.args(more);
        Running::until_ready(&mut command)
    }

    /// May write the status of Ingresses, with one verb, and lead.
    fn allow_status(&self, verb: &str) {
        let status = ["ingresses.networking.k8s.io/status"];
        self.server.allow(&self.account, &[verb], &status, &[]);
        let lead = ["create", "get", "patch", "update"];
        self.server.allow(
            &self.account,
            &lead,
            &["leases.coordination.k8s.io"],
            &["default"],
        );
    }

    fn address_of(&self, name: &str) -> Option<String> {
        let ingress = self.server.get("ingresses", "web", name)?;
        let ip = ingress.pointer("/status/loadBalancer/ingress/0/ip")?;
        ip.as_str().map(str::to_owned)
    }
}

const BOTH: [&str; 2] = ["kubernetesCRD", "kubernetesIngress"];
const STATUS: &str = "ingresses.networking.k8s.io/status";

fn is_status_write(request: &Request) -> bool {
    request.is_write() && request.resource == STATUS && request.status == 200
}

/// curl's status for a certificate that nobody vouches for.
const UNTRUSTED: i32 = 60;

#[test]
pub(crate) fn s11_a9_10_an_ingress_of_the_cluster_is_the_same_bridge() {
    let pki = Pki::new();
    let application = Origin::http(echo);
    let nginx = Nginx::flow(&pki.backend, application.address());
    let cluster = Cluster::anywhere();
    cluster.server.apply(&base(&pki, nginx.port(), REFERENCE).yaml());
    cluster.server.apply(&trusting(&pki.backend_ca).yaml());
    cluster.server.put(&ingress("app", "/", secure()));
    let viaduct = cluster.start(&BOTH, &["--bridge.rotation.overlap=0"]);
    let curl = || Curl::secure(viaduct.address("websecure"), pki.edge_ca.pem());
    let answer = curl().get(HOST, "/flow");
    assert_eq!(answer.status, 200, "{answer:?}");

    // One watch for both providers.
    if let Some(server) = cluster.server.own() {
        assert_eq!(server.lists("services"), 1);
        assert_eq!(server.lists("ingresses.networking.k8s.io"), 1);
    }

    // And a bridge: another CA, and nobody is let through.
    cluster.server.apply(&trusting(&Ca::new("Other CA")).yaml());
    wait_until("the other CA to be trusted", || {
        curl().get(HOST, "/other").status == 502
    });

    // An annotation changes as the Service does, and back.
    let named = |transport: &str| {
        cluster.server.edit("services", "web", BACKEND, |service| {
            service["metadata"]["annotations"] =
                json!({ (format!("{P}/service.serverstransport")): transport });
        });
    };
    named("web-gone@kubernetescrd");
    wait_until("the reference to lead nowhere", || {
        matches!(curl().get(HOST, "/gone").status, 404 | 503)
    });
    named(REFERENCE);
    wait_equal(&502, || curl().get(HOST, "/back").status);

    // Nothing is left of an Ingress that is deleted: neither its router nor its certificate.
    assert!(cluster.server.delete("ingresses", "web", "app"));
    wait_equal(&404, || curl().args(&["--insecure"]).get(HOST, "/deleted").status);
    wait_equal(&UNTRUSTED, || curl().get(HOST, "/deleted").exit);
}

#[test]
pub(crate) fn a9_10_the_ingress_provider_serves_alone_and_by_its_own_options() {
    let application = Origin::http(echo);
    let cluster = Cluster::anywhere();
    let mut plain = ingress("app", "/api", json!({}));
    plain["spec"]["tls"] = json!([]);
    plain["metadata"]["labels"] = json!({ "served": "yes" });
    let mut unlabelled = ingress("other", "/other", json!({}));
    unlabelled["spec"]["tls"] = json!([]);
    let port = application.address().port();
    let plain_backend = Manifests::new()
        .backend(BACKEND, port)
        .yaml()
        .replace("\"port\": 443", "\"port\": 80");
    for object in [&mut plain, &mut unlabelled] {
        object["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["number"] = json!(80);
    }
    cluster.server.apply(&plain_backend);
    cluster.server.put(&plain);
    cluster.server.put(&unlabelled);
    let viaduct = cluster.start(
        &["kubernetesIngress"],
        &[
            "--providers.kubernetesIngress.strictPrefixMatching=true",
            "--providers.kubernetesIngress.labelSelector=served=yes",
            "--providers.kubernetesIngress.disableClusterScopeResources=true",
        ],
    );
    let get = |path: &str| Curl::plain(viaduct.address("web")).get(HOST, path).status;
    assert_eq!(
        (get("/api"), get("/api/x"), get("/apis"), get("/other")),
        (200, 200, 404, 404)
    );
    if let Some(server) = cluster.server.own() {
        let asked = |resource: &str| server.count(|request| request.resource == resource);
        assert_eq!(asked("nodes") + asked("ingressclasses.networking.k8s.io"), 0);
        assert_eq!(asked("ingressroutes.traefik.io"), 0);
    }
}

#[test]
pub(crate) fn r16_the_status_is_written_once_and_slowly() {
    let cluster = Cluster::new();
    cluster.allow_status("patch");
    let names: Vec<_> = (0..12).map(|number| format!("app-{number:02}")).collect();
    for name in &names {
        let mut object = ingress(name, &format!("/{name}"), json!({}));
        object["spec"]["tls"] = json!([]);
        cluster.server.put(&object);
    }
    let _viaduct = cluster.start(
        &BOTH,
        &[
            "--providers.kubernetesIngress.ingressEndpoint.ip=192.0.2.1",
            "--providers.kubernetesIngress.ingressEndpoint.hostname=edge.test",
        ],
    );
    wait_until("every status to be written", || {
        names
            .iter()
            .all(|name| cluster.address_of(name).as_deref() == Some("192.0.2.1"))
    });
    let first = cluster
        .server
        .get("ingresses", "web", "app-00")
        .unwrap_or_default();
    assert_eq!(
        first["status"]["loadBalancer"]["ingress"][0]["hostname"],
        "edge.test"
    );
    // A change of something else is no reason to write.
    cluster.server.edit("ingresses", "web", "app-00", |object| {
        object["metadata"]["labels"] = json!({ "changed": "yes" });
    });
    let mut late = ingress("late", "/late", json!({}));
    late["spec"]["tls"] = json!([]);
    cluster.server.put(&late);
    wait_until("the late one's status", || cluster.address_of("late").is_some());
    let writes = || -> Vec<_> {
        let requests = cluster.server.requests().into_iter();
        requests.filter(is_status_write).collect()
    };
    // A request is on record once it is answered.
    wait_until("its write to be on record", || writes().len() > 12);
    let writes = writes();
    assert_eq!(writes.len(), 13, "{writes:#?}");
    let span = writes[11].at.duration_since(writes[0].at);
    // Eleven pauses of a fifth of a second.
    assert!(span.as_millis() >= 2_150, "{span:?}");
}

#[test]
pub(crate) fn a9_10_with_traefiks_role_the_status_is_updated() {
    let cluster = Cluster::anywhere();
    cluster.allow_status("update");
    let mut object = ingress("app", "/", json!({}));
    object["spec"]["tls"] = json!([]);
    cluster.server.put(&object);
    cluster.server.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: edge, namespace: web}, \
          spec: {type: ClusterIP, externalIPs: [192.0.2.7], ports: [{port: 443}]}}",
    );
    let service = "--providers.kubernetesIngress.ingressEndpoint.publishedService=web/edge";
    let _viaduct = cluster.start(&["kubernetesIngress"], &[service]);
    wait_until("the status", || {
        cluster.address_of("app").as_deref() == Some("192.0.2.7")
    });
}

#[test]
fn r16_only_the_leader_writes() {
    let cluster = Cluster::new();
    cluster.allow_status("patch");
    let endpoint = "--providers.kubernetesIngress.ingressEndpoint.ip=192.0.2.1";
    let _one = cluster.start(&["kubernetesIngress"], &[endpoint]);
    let _two = cluster.start(&["kubernetesIngress"], &[endpoint]);
    let is_lease = |request: &Request| request.resource == "leases.coordination.k8s.io";
    cluster.server.wait_request("a Lease to be taken", |request| {
        is_lease(request) && request.is_write()
    });
    let mut object = ingress("app", "/", json!({}));
    object["spec"]["tls"] = json!([]);
    cluster.server.put(&object);
    wait_until("the status", || cluster.address_of("app").is_some());
    // The other one looks at the Lease, and writes nothing: there are more looks than renewals.
    let looks = || {
        let renewals = cluster
            .server
            .count(|request| is_lease(request) && request.is_write());
        let all = cluster
            .server
            .count(|request| is_lease(request) && !request.is_write());
        all.saturating_sub(renewals)
    };
    let seen = looks();
    wait_until("the other one to look at the Lease again", || looks() >= seen + 2);
    assert_eq!(cluster.server.count(is_status_write), 1);
}

#[test]
fn r16_a_leader_that_is_stopped_lets_go_and_the_next_one_takes_over_at_once() {
    let cluster = Cluster::anywhere();
    cluster.allow_status("patch");
    let holder = || -> Option<String> {
        let lease = cluster
            .server
            .get("leases", "default", "viaduct-ingress-status")?;
        lease["spec"]["holderIdentity"].as_str().map(str::to_owned)
    };
    let endpoint = "--providers.kubernetesIngress.ingressEndpoint.ip=192.0.2.1";
    let mut one = cluster.start(&["kubernetesIngress"], &[endpoint]);
    let first = wait_for("a leader", holder);
    let stopped = Instant::now();
    one.child().signal(Signal::TERM);
    one.child().wait_exit(Duration::from_secs(10));
    assert_eq!(holder().as_deref(), Some(""), "after {first}");
    let _two = cluster.start(&["kubernetesIngress"], &[endpoint]);
    wait_until("the next leader", || {
        holder().is_some_and(|holder| !holder.is_empty())
    });
    // The Lease would have lasted 15 s.
    assert!(
        stopped.elapsed() < Duration::from_secs(10),
        "{:?}",
        stopped.elapsed()
    );
}

#[test]
fn r16_a_leader_that_is_killed_is_succeeded_when_its_lease_has_run_out() {
    let cluster = Cluster::anywhere();
    cluster.allow_status("patch");
    let holder = || -> Option<String> {
        let lease = cluster
            .server
            .get("leases", "default", "viaduct-ingress-status")?;
        let holder = lease["spec"]["holderIdentity"].as_str()?;
        (!holder.is_empty()).then(|| holder.to_owned())
    };
    let endpoint = "--providers.kubernetesIngress.ingressEndpoint.ip=192.0.2.1";
    let mut replicas = [(); 2].map(|()| cluster.start(&["kubernetesIngress"], &[endpoint]));
    let first = wait_for("a leader", holder);
    let leads = replicas
        .each_mut()
        .map(|replica| first.contains(&format!("_{}_", replica.child().id())));
    let leader = leads.iter().position(|leads| *leads).expect("one of the two");
    replicas[leader].child().signal(Signal::KILL);
    let killed = Instant::now();
    let mut object = ingress("app", "/", json!({}));
    object["spec"]["tls"] = json!([]);
    cluster.server.put(&object);
    // The Lease lasts 15 s from when the other one saw it renewed, and it looks every 3 s.
    wait_at_most(Duration::from_secs(25), "the status", || {
        cluster.address_of("app")
    });
    assert!(
        killed.elapsed() < Duration::from_secs(20),
        "{:?}",
        killed.elapsed()
    );
    assert_ne!(wait_for("the next leader", holder), first);
}

#[test]
fn a9_10_an_ingress_endpoint_that_says_nothing_is_refused() {
    let cluster = Cluster::new();
    for (flags, told) in [
        (
            vec!["--providers.kubernetesIngress.ingressEndpoint.publishedService=edge"],
            "NAMESPACE/NAME",
        ),
        (
            vec!["--providers.kubernetesIngress.ingressEndpoint.ip="],
            "says nothing",
        ),
    ] {
        let mut command = root(cluster.work.path());
        command.args([
            "--providers.kubernetesIngress=true",
            "--entryPoints.web.address=127.0.0.1:0",
        ]);
        command.arg(format!(
            "--providers.kubernetesIngress.endpoint={}",
            cluster.server.url()
        ));
        let finished = command.args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&finished.stderr).into_owned();
        assert!(!finished.status.success(), "{said}");
        assert!(said.contains(told), "{said}");
    }
}
