//! What is demanded of the routes of a namespace (C7).

use serde_json::Value;
use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::wait_until;

use super::{Cluster, plain, status};
use crate::fixture::{BACKEND, root};

#[test]
fn c7_a_namespace_raises_what_is_required_of_its_routes_and_an_exception_is_for_an_object() {
    let cluster = Cluster::anywhere();
    let origin = Origin::http(|_| ok("hello"));
    for namespace in ["pay", "shop"] {
        cluster.server.create_namespace(namespace);
        let all = Manifests::new().backend(BACKEND, origin.port()).yaml();
        for text in [
            all,
            plain("one", &format!("one.{namespace}.test")).yaml(),
            plain("two", &format!("two.{namespace}.test")).yaml(),
        ] {
            cluster.server.apply(&text.replace(
                "\"namespace\": \"web\"",
                &format!("\"namespace\": \"{namespace}\""),
            ));
        }
    }
    let demand = [
        "--bridge.namespaces.pay.require=verified",
        "--bridge.exceptions[0].router=pay/two",
        "--bridge.exceptions[0].until=2999-12-31",
        "--bridge.exceptions[0].reason=moved in May",
    ];
    let running = Running::until_ready(&mut cluster.command(&demand));
    let found = ["one.pay.test", "two.pay.test", "one.shop.test"].map(|host| status(&running, host));
    assert_eq!(found, [503, 200, 200]);
}

#[test]
pub(crate) fn c7_a_label_of_a_namespace_counts_where_that_is_asked_for() {
    let cluster = Cluster::new();
    let reading = ["get", "list", "watch"];
    cluster
        .server
        .allow(&cluster.account, &reading, &["namespaces"], &[]);
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "one.test"));
    let heeding = Running::until_ready(&mut cluster.command(&["--bridge.namespaceLabels=true"]));
    let others = cluster.start();
    assert_eq!(
        [&heeding, &others].map(|running| status(running, "one.test")),
        [200, 200]
    );
    let label = |label: &str| {
        let finished = cluster.kubectl(&["label", "--overwrite", "namespace", "web", label], "");
        assert!(finished.status.success(), "{finished:?}");
    };
    label("viaduct.io/require=verified");
    wait_until("the route to be refused", || status(&heeding, "one.test") == 503);
    assert_eq!(status(&others, "one.test"), 200);
    label("viaduct.io/require-");
    wait_until("the route to be back", || status(&heeding, "one.test") == 200);
    // What names no class might be any, and is told on the object, which is of no namespace.
    let writing = ["create", "patch"];
    cluster
        .server
        .allow(&cluster.account, &writing, &["events.events.k8s.io"], &[]);
    label("viaduct.io/require=best");
    wait_until("the route to be refused", || status(&heeding, "one.test") == 503);
    wait_until("an Event about the Namespace", || {
        let mut events = cluster.server.list("events").into_iter();
        events.any(|event| {
            event["involvedObject"]["kind"] == "Namespace"
                && event["metadata"]["namespace"] == "default"
                && event["message"]
                    .as_str()
                    .is_some_and(|said| said.contains("names no class"))
        })
    });
}

#[test]
fn c7_without_the_right_to_read_namespaces_each_might_demand_anything() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "one.test"));
    cluster.apply(&plain("two", "two.test"));
    let mut running = Running::until_ready(&mut cluster.command(&[
        "--bridge.namespaceLabels=true",
        "--bridge.exceptions[0].router=web/two",
        "--bridge.exceptions[0].until=2999-12-31",
        "--bridge.exceptions[0].reason=moved in May",
    ]));
    let found = ["one.test", "two.test"].map(|host| status(&running, host));
    assert_eq!(found, [503, 200]);
    let log = running.child().output();
    for said in [
        "namespaces may not be listed and watched: each of them might demand anything",
        "viaduct.io/require of Namespace web, which may not be read",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    // With the right it is asked again by itself.
    let reading = ["get", "list", "watch"];
    cluster
        .server
        .allow(&cluster.account, &reading, &["namespaces"], &[]);
    wait_until("the route to be served", || status(&running, "one.test") == 200);
}

#[test]
fn c6_the_audit_of_a_cluster_names_the_objects() {
    let cluster = Cluster::anywhere();
    let _origin = cluster.bridge();
    let kubeconfig = cluster.server.kubeconfig();
    let audit = |more: &[&str]| {
        let output = root(cluster.work.path())
            .args(["audit", "--format=json", "--kubeconfig"])
            .arg(&kubeconfig)
            .args(more)
            .output()
            .expect("the binary runs");
        let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (rows, output.status.code())
    };
    let loopback = ["--", "--viaduct.allowLoopbackEndpoints=true"];
    let (rows, code) = audit(&[&["--require=verified"], &loopback[..]].concat());
    let row = &rows[0];
    assert_eq!(
        (&row["class"], &row["owner"], &row["transportOwner"], code),
        (
            &"bridged+verified".into(),
            &"IngressRoute web/web-ingressroute".into(),
            &"ServersTransport web/web-transport".into(),
            Some(0)
        ),
        "{rows}"
    );
    assert_eq!(audit(&[&["--require=mtls"], &loopback[..]].concat()).1, Some(1));

    let install = format!(
        "providers: {{kubernetesCRD: {{endpoint: '{}', token: '{}', certAuthFilePath: '{}'}}}}\nviaduct: {{allowLoopbackEndpoints: true}}\nentryPoints: {{web: {{address: ':0'}}, websecure: {{address: ':0'}}}}\nbridge: {{namespaces: {{web: {{require: mtls}}}}}}\n",
        cluster.server.url(),
        cluster.account.token_file.display(),
        cluster.server.ca_file().display()
    );
    std::fs::write(cluster.work.path().join("traefik.yml"), install).expect("a file");
    let output = root(cluster.work.path())
        .args(["audit", "--config-file=traefik.yml", "--format=json"])
        .output()
        .expect("the binary runs");
    let by_install: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = &by_install[0];
    let stated = (&row["class"], &row["status"], &row["required"]);
    let expected = (
        &"bridged+verified".into(),
        &"refused".into(),
        &"bridged+mTLS".into(),
    );
    assert_eq!(stated, expected, "{by_install}");
    assert_eq!(audit(&["--namespace=default"]).0, Value::Array(Vec::new()));
}
