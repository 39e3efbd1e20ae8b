//! The real kubectl.

use serde_json::json;
use viaduct_testkit::apiserver::ApiServer;
use viaduct_testkit::kubectl::Kubectl;
use viaduct_testkit::wait::wait_until;

/// The flow's manifests that need no certificates.
const MANIFESTS: &str = concat!(
    include_str!("../../../../examples/end-to-end-tls/as-it-should-be/backend.yaml"),
    "---\n",
    include_str!("../../../../examples/end-to-end-tls/as-it-should-be/ingress-route.yaml"),
    "---\n",
    include_str!("../../../../examples/end-to-end-tls/as-it-should-be/nginx-conf.yaml"),
    "---\n",
    include_str!("../../../../examples/end-to-end-tls/as-it-should-be/servers-transport.yaml"),
);
const ROUTE: [&str; 4] = ["ingressroute", "web-ingressroute", "-n", "web"];

fn cluster() -> (ApiServer, Kubectl) {
    let server = ApiServer::start();
    server.define_traefik("traefik.io");
    let kubectl = Kubectl::new(&server.kubeconfig());
    server.create_namespace("web");
    (server, kubectl)
}

#[test]
fn kubectl_applies_the_manifests_of_the_flow_and_nothing_changes_the_second_time() {
    let (server, kubectl) = cluster();
    let printed = kubectl.apply(MANIFESTS);
    assert_eq!(
        printed.lines().filter(|line| line.ends_with(" created")).count(),
        5,
        "{printed}"
    );
    let revision = server.revision();
    let printed = kubectl.apply(MANIFESTS);
    assert_eq!(
        printed
            .lines()
            .filter(|line| line.ends_with(" unchanged"))
            .count(),
        5,
        "{printed}"
    );
    assert_eq!(server.revision(), revision);
    assert_eq!(
        server.count(|request| request.verb == "create" && request.status == 201),
        5
    );
}

#[test]
fn kubectl_applies_a_change_with_the_patch_that_the_kind_takes() {
    let (server, kubectl) = cluster();
    kubectl.apply(MANIFESTS);
    kubectl.apply(
        &MANIFESTS
            .replace("9443", "9444")
            .replace("web.example.com", "other.example.com"),
    );
    let service = server.get("services", "web", "backend-svc").unwrap();
    assert_eq!(service["spec"]["ports"].as_array().unwrap().len(), 1);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], 9444);
    let route = server.get("ingressroutes", "web", "web-ingressroute").unwrap();
    assert_eq!(route["spec"]["routes"][0]["match"], "Host(`other.example.com`)");
    assert_eq!(route["metadata"]["generation"], 2);
    let patch_of = |resource: &str| {
        let patched = server.wait_request("a patch", |request| {
            request.verb == "patch" && request.resource == resource
        });
        patched.content_type
    };
    assert_eq!(patch_of("services"), "application/strategic-merge-patch+json");
    assert_eq!(
        patch_of("ingressroutes.traefik.io"),
        "application/merge-patch+json"
    );
}

#[test]
fn kubectl_applies_on_the_server_side_and_conflicts_are_conflicts() {
    let (server, kubectl) = cluster();
    let apply = ["apply", "--server-side", "-f", "-"];
    let printed = kubectl.run_with(&apply, MANIFESTS);
    assert_eq!(
        printed
            .lines()
            .filter(|line| line.ends_with(" serverside-applied"))
            .count(),
        5,
        "{printed}"
    );
    let revision = server.revision();
    kubectl.run_with(&apply, MANIFESTS);
    assert_eq!(server.revision(), revision, "the same again is no change");

    let other = [&apply[..], &["--field-manager", "other"]].concat();
    let changed = MANIFESTS.replace("web.example.com", "other.example.com");
    let refused = kubectl.refused(&other, &changed);
    assert!(refused.contains("conflict with \"kubectl\""), "{refused}");
    assert!(refused.contains(".spec.serverName"), "{refused}");
    assert!(refused.contains(".spec.routes"), "{refused}");
    kubectl.run_with(&[&other[..], &["--force-conflicts"]].concat(), &changed);
    let transport = server.get("serverstransports", "web", "web-transport").unwrap();
    assert_eq!(transport["spec"]["serverName"], "other.example.com");
}

#[test]
fn what_is_applied_no_longer_goes() {
    let (server, kubectl) = cluster();
    let apply = ["apply", "--server-side", "-f", "-"];
    kubectl.run_with(&apply, MANIFESTS);
    kubectl.run_with(&apply, &MANIFESTS.replace("  serverName: web.example.com\n", ""));
    let transport = server.get("serverstransports", "web", "web-transport").unwrap();
    assert_eq!(
        transport["spec"],
        json!({ "rootCAs": [{ "secret": "backend-ca" }] })
    );
}

#[test]
fn kubectl_gets_what_was_applied_in_every_form() {
    let (_server, kubectl) = cluster();
    kubectl.apply(MANIFESTS);
    let route = kubectl.json(&[&["get"], &ROUTE[..]].concat());
    assert_eq!(route["apiVersion"], "traefik.io/v1alpha1");
    assert_eq!(route["spec"]["entryPoints"], json!(["websecure"]));
    let yaml = kubectl.run(&[&["get", "-o", "yaml"], &ROUTE[..]].concat());
    assert!(
        yaml.contains("  - kind: Rule\n    match: Host(`web.example.com`)"),
        "{yaml}"
    );
    let table = kubectl.run(&["get", "services,ingressroutes", "-A"]);
    assert!(table.contains("service/backend-svc"), "{table}");
    assert!(
        table.contains("ingressroute.traefik.io/web-ingressroute"),
        "{table}"
    );
    let missing = kubectl.refused(&["get", "service", "nobody", "-n", "web"], "");
    assert!(
        missing.contains("Error from server (NotFound): services \"nobody\" not found"),
        "{missing}"
    );
}

#[test]
fn kubectl_selects_by_labels_and_fields() {
    let (_server, kubectl) = cluster();
    kubectl.apply(MANIFESTS);
    kubectl.run(&[&["label"], &ROUTE[..], &["tier=edge"]].concat());
    let found = |selector: &[&str]| {
        let arguments = [&["get", "ingressroutes", "-A", "-o", "name"], selector].concat();
        kubectl.run(&arguments).lines().count()
    };
    assert_eq!(found(&["-l", "tier=edge"]), 1);
    assert_eq!(found(&["-l", "tier in (edge, core),!absent"]), 1);
    assert_eq!(found(&["-l", "tier notin (edge)"]), 0);
    assert_eq!(found(&["-l", "tier!=edge"]), 0);
    assert_eq!(found(&["--field-selector", "metadata.name=web-ingressroute"]), 1);
    assert_eq!(found(&["--field-selector", "metadata.name!=web-ingressroute"]), 0);
    let refused = kubectl.refused(
        &["get", "ingressroutes", "-A", "--field-selector", "spec.tls=1"],
        "",
    );
    assert!(refused.contains("field label not supported"), "{refused}");
}

#[test]
fn kubectl_patches_in_three_ways_and_deletes() {
    let (server, kubectl) = cluster();
    kubectl.apply(MANIFESTS);
    let service = ["patch", "service", "backend-svc", "-n", "web", "-p"];
    let patch = |kind: &str, patch: &str| kubectl.run(&[&service[..], &[patch, "--type", kind]].concat());
    patch("strategic", r#"{"spec":{"ports":[{"port":80,"name":"http"}]}}"#);
    let ports = || server.get("services", "web", "backend-svc").unwrap()["spec"]["ports"].clone();
    assert_eq!(ports().as_array().unwrap().len(), 2);
    patch("json", r#"[{"op":"remove","path":"/spec/ports/1"}]"#);
    assert_eq!(ports().as_array().unwrap().len(), 1);
    patch("merge", r#"{"spec":{"ports":[{"port":8443,"name":"tls"}]}}"#);
    assert_eq!(ports()[0]["port"], 8443);
    kubectl.run(&["delete", "service", "backend-svc", "-n", "web"]);
    assert_eq!(server.get("services", "web", "backend-svc"), None);
    kubectl.run(&["delete", "namespace", "web"]);
    assert_eq!(server.list("ingressroutes"), Vec::<serde_json::Value>::new());
}

#[test]
fn kubectl_is_refused_what_no_role_allows() {
    let (server, admin) = cluster();
    admin.apply(MANIFESTS);
    let mut account = server.account("web", "viaduct");
    server.allow(&account, &["get", "list"], &["services"], &["web"]);
    let kubectl = Kubectl::new(&server.kubeconfig_of(&account));
    kubectl.run(&["get", "services"]);
    let refused = kubectl.refused(&["get", "services", "-A"], "");
    assert!(
        refused.contains(
            "services is forbidden: User \"system:serviceaccount:web:viaduct\" cannot list resource \
             \"services\" in API group \"\" at the cluster scope"
        ),
        "{refused}"
    );
    let refused = kubectl.refused(&["delete", "service", "backend-svc"], "");
    assert!(
        refused.contains("cannot delete resource \"services\" in API group \"\" in the namespace \"web\""),
        "{refused}"
    );
    server.deny(&account, &["list"], &["services"], &[]);
    kubectl.refused(&["get", "services"], "");
    server.clear_denials();
    server.rotate_token(&mut account);
    let refused = kubectl.refused(&["get", "services"], "");
    assert!(refused.contains("Unauthorized"), "{refused}");
    Kubectl::new(&server.kubeconfig_of(&account)).run(&["get", "services"]);
}

#[test]
fn kubectl_creates_what_it_has_commands_for() {
    let (server, admin) = cluster();
    admin.run(&["create", "namespace", "shop"]);
    let secret = [
        "create",
        "secret",
        "generic",
        "ca",
        "-n",
        "shop",
        "--from-literal",
        "ca.crt=x",
    ];
    admin.run(&secret);
    let stored = server.get("secrets", "shop", "ca").unwrap();
    assert_eq!(
        (&stored["type"], &stored["data"]),
        (&json!("Opaque"), &json!({ "ca.crt": "eA==" }))
    );
    let refused = admin.refused(&secret, "");
    assert!(refused.contains("secrets \"ca\" already exists"), "{refused}");
    admin.run(&[
        "create",
        "configmap",
        "nginx",
        "-n",
        "shop",
        "--from-literal",
        "a=b",
    ]);
    admin.run(&[
        "create",
        "role",
        "reader",
        "-n",
        "shop",
        "--verb",
        "get,list",
        "--resource",
        "secrets",
    ]);
    let account = server.account("shop", "viaduct");
    let bind = [
        "--role",
        "reader",
        "--serviceaccount",
        "shop:viaduct",
        "-n",
        "shop",
    ];
    admin.run(&[&["create", "rolebinding", "reader"][..], &bind].concat());
    let kubectl = Kubectl::new(&server.kubeconfig_of(&account));
    assert_eq!(kubectl.run(&["auth", "can-i", "list", "secrets"]).trim(), "yes");
    let no = kubectl.try_run(&["auth", "can-i", "delete", "secrets"], "");
    assert_eq!(no.printed.trim(), "no");
    kubectl.run(&["get", "secret", "ca"]);
}

#[test]
fn kubectl_watches() {
    let (server, kubectl) = cluster();
    let watching = kubectl.start(&["get", "services", "-n", "web", "--watch", "-o", "name"]);
    server.wait_request("a watch", |request| request.verb == "watch");
    kubectl.apply(MANIFESTS);
    watching.wait_line("service/backend-svc");
    kubectl.run(&["delete", "service", "backend-svc", "-n", "web"]);
    let seen = || watching.output().matches("service/backend-svc").count();
    wait_until("its end", || seen() == 2);
}

#[test]
fn a_definition_serves_its_kind_and_prunes_by_its_schema() {
    let server = ApiServer::start();
    let kubectl = Kubectl::new(&server.kubeconfig());
    let route = include_str!("../../../../examples/end-to-end-tls/as-published/ingress-route.yaml");
    let refused = kubectl.refused(&["apply", "-f", "-"], route);
    assert!(
        refused.contains("no matches for kind \"IngressRoute\""),
        "{refused}"
    );
    kubectl.apply(DEFINITION);
    kubectl.run(&[
        "wait",
        "--for=condition=Established",
        "crd/ingressroutes.traefik.containo.us",
    ]);
    server.create_namespace("web");
    let strict = kubectl.refused(&["create", "-f", "-"], route);
    assert!(
        strict.contains("unknown field \"spec.routes[0].secretName\""),
        "{strict}"
    );
    kubectl.run_with(&["create", "-f", "-", "--validate=ignore"], route);
    let stored = server.get("ingressroutes", "web", "web-ingressroute").unwrap();
    assert_eq!(stored["spec"]["routes"][0].get("secretName"), None);
    assert_eq!(stored["spec"]["routes"][0]["match"], "Host(`web.example.com`)");
    let refused = kubectl.refused(
        &["apply", "-f", "-", "--validate=ignore"],
        &route
            .replace("kind: Rule", "kind: Guess")
            .replace("entryPoints:", "entryPoints: text\n  more:"),
    );
    assert!(
        refused.contains("spec.entryPoints in body must be of type array: \"string\""),
        "{refused}"
    );
    assert!(
        refused.contains("spec.routes[0].kind: Unsupported value: \"Guess\": supported values: \"Rule\""),
        "{refused}"
    );
    kubectl.run(&["delete", "crd", "ingressroutes.traefik.containo.us"]);
    kubectl.refused(&["get", "ingressroutes"], "");
}

/// As small as a definition of an IngressRoute can be.
const DEFINITION: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ingressroutes.traefik.containo.us}
spec:
  group: traefik.containo.us
  scope: Namespaced
  names: {kind: IngressRoute, plural: ingressroutes}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [routes]
            properties:
              entryPoints: {type: array, items: {type: string}}
              routes:
                type: array
                items:
                  type: object
                  required: [match]
                  properties:
                    kind: {type: string, enum: [Rule]}
                    match: {type: string}
                    services:
                      type: array
                      items: {type: object, x-kubernetes-preserve-unknown-fields: true}
              tls: {type: object, properties: {secretName: {type: string}}}
";
