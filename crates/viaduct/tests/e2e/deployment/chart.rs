//! `deploy/helm/viaduct`, by the real Helm: what it makes of values, and whether the binary takes that.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use viaduct_testkit::child::{Finished, run};
use viaduct_testkit::port::closed_port;
use viaduct_testkit::tool::Tool;

use super::manifests::{printed, read};
use crate::fixture::root;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/helm/viaduct");

/// Values, beside the defaults.
const DEFAULTS: &str = "{}";

const NAMESPACED: &str = "
rbac: {namespaced: true}
providers:
  kubernetesCRD: {namespaces: [shop, blog]}
  kubernetesIngress: {enabled: false}
";

/// As much as can be turned on.
const MUCH: &str = r#"
commonLabels: {team: edge}
deployment:
  kind: Deployment
  replicas: null
  podAnnotations: {prometheus.io/scrape: "true"}
autoscaling: {enabled: true}
ports:
  web:
    http:
      redirections: {entryPoint: {to: websecure, scheme: https, permanent: true}}
    forwardedHeaders: {trustedIPs: [10.0.0.0/8, 192.168.0.0/16]}
    proxyProtocol: {trustedIPs: [10.0.0.0/8]}
  websecure:
    nodePort: 30443
    http:
      tls: {enabled: true, options: default}
      middlewares: [edge-secured@kubernetescrd]
      maxHeaderBytes: 65536
    transport:
      respondingTimeouts: {readTimeout: 60s, idleTimeout: 3m}
      keepAliveMaxRequests: 10000
  internal: {port: 8444, exposedPort: 8444, expose: {default: true}, http: {tls: {enabled: true}}}
  metrics: {port: 9200}
service: {type: NodePort, spec: {externalTrafficPolicy: Local}}
providers:
  kubernetesCRD: {allowCrossNamespace: true, ingressClass: edge, labelSelector: "tier=edge", throttleDuration: 1s}
  kubernetesIngress: {ingressClass: edge, publishedService: {enabled: true, pathOverride: lb/edge}}
  file: {enabled: true, content: "http: {}"}
logs:
  general: {level: DEBUG, format: common}
  access:
    enabled: true
    bufferingSize: 100
    filters: {statuscodes: "400-599", retryattempts: true, minduration: 10ms}
    fields: {general: {defaultmode: keep, names: {ClientUsername: drop}}, headers: {defaultmode: drop, names: {User-Agent: keep}}}
metrics:
  prometheus: {buckets: "0.1,0.3,1.2", addRoutersLabels: true}
  otlp: {enabled: true, http: {endpoint: "http://collector:4318/v1/metrics"}}
tracing: {otlp: {enabled: true, grpc: {endpoint: "collector:4317", insecure: true}}, sampleRate: 0.5}
ocsp: {enabled: true}
api: {dashboard: true}
ingressRoute: {dashboard: {enabled: true}}
bridge: {require: verified, exceptions: [{router: shop/legacy, until: 2999-12-31, reason: moves}]}
viaduct: {workers: 2, exposeFaults: true}
global: {checkNewVersion: false, sendAnonymousUsage: false}
additionalArguments: [--serversTransport.maxIdleConnsPerHost=100]
podDisruptionBudget: {minAvailable: 1}
extraObjects: ["{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .Release.Name }}-extra'}}"]
"#;

pub(super) const CASES: [&str; 3] = [DEFAULTS, NAMESPACED, MUCH];

#[track_caller]
fn helm(command: &[&str], values: &str, arguments: &[&str]) -> Finished {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("values.yaml");
    std::fs::write(&file, values).expect("a file of values");
    let mut helm = Command::new(Tool::Helm.path());
    helm.args(command)
        .args([CHART, "--namespace", "edge", "--values"])
        .arg(&file)
        .args(arguments)
        .env("HOME", home.path())
        .env_remove("KUBECONFIG");
    run(&mut helm, b"")
}

/// The objects that the chart makes of values, as text.
#[track_caller]
pub(super) fn template(values: &str, arguments: &[&str]) -> String {
    let finished = helm(&["template", "edge"], values, arguments);
    assert!(finished.status.success(), "{}", finished.output);
    finished.printed
}

#[track_caller]
fn rendered(values: &str, arguments: &[&str]) -> Vec<Value> {
    read(&template(values, arguments))
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[track_caller]
pub(super) fn arguments(objects: &[Value]) -> Vec<String> {
    let deployment = of_kind(objects, "Deployment");
    let container = &deployment[0]["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().expect("arguments").iter();
    arguments.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn a9_21_helm_finds_nothing_wrong_with_the_chart() {
    for values in CASES {
        let finished = helm(&["lint", "--strict"], values, &[]);
        assert!(finished.status.success(), "{}", finished.output);
    }
}

/// `healthcheck` reads and checks the options of the process that it asks; here there is none at `port`, where
/// ping is to be.
#[track_caller]
fn taken(arguments: &[String], port: u16) {
    let work = tempfile::tempdir().expect("a temporary directory");
    let finished = run(root(work.path()).arg("healthcheck").args(arguments), b"");
    assert!(
        finished
            .output
            .starts_with(&format!("error: cannot ask http://localhost:{port}/ping")),
        "{arguments:#?}\n{}",
        finished.output
    );
}

#[test]
fn a9_21_the_arguments_that_the_chart_makes_are_taken() {
    for values in CASES {
        let port = closed_port();
        let objects = rendered(values, &["--set", &format!("ports.traefik.port={port}")]);
        taken(&arguments(&objects), port);
    }
}

#[test]
fn a9_21_the_arguments_of_the_plain_deployment_are_taken() {
    for asked in [&["deployment"][..], &["deployment", "--namespaces", "shop,blog"]] {
        let port = closed_port();
        let text = printed(asked).replace("traefik.address=:8080", &format!("traefik.address=:{port}"));
        taken(&arguments(&read(&text)), port);
    }
}

/// What Traefik's own chart makes of its default values.
#[test]
fn a9_21_the_arguments_of_traefiks_chart_are_taken() {
    let port = closed_port();
    let traefik = format!("--entryPoints.traefik.address=:{port}/tcp");
    let arguments = [
        "--entryPoints.metrics.address=:9100/tcp",
        &traefik,
        "--entryPoints.web.address=:8000/tcp",
        "--entryPoints.websecure.address=:8443/tcp",
        "--api.dashboard=true",
        "--ping=true",
        "--metrics.prometheus=true",
        "--metrics.prometheus.entrypoint=metrics",
        "--providers.kubernetescrd",
        "--providers.kubernetescrd.allowEmptyServices=true",
        "--providers.kubernetesingress",
        "--providers.kubernetesingress.allowEmptyServices=true",
        "--providers.kubernetesingress.ingressendpoint.publishedservice=default/traefik",
        "--entryPoints.websecure.http.tls=true",
        "--log.level=INFO",
    ];
    taken(&arguments.map(str::to_owned), port);
}

#[test]
fn a9_21_values_become_the_options_of_the_same_names() {
    let arguments = arguments(&rendered(MUCH, &[]));
    for argument in [
        "--entryPoints.internal.address=:8444/tcp",
        "--entryPoints.metrics.address=:9200/tcp",
        "--entryPoints.web.forwardedHeaders.trustedIPs=10.0.0.0/8,192.168.0.0/16",
        "--entryPoints.web.http.redirections.entryPoint.to=websecure",
        "--entryPoints.websecure.http.maxHeaderBytes=65536",
        "--entryPoints.websecure.http.middlewares=edge-secured@kubernetescrd",
        "--entryPoints.websecure.http.tls=true",
        "--entryPoints.websecure.http.tls.options=default",
        "--accessLog.fields.headers.names.User-Agent=keep",
        "--accessLog.fields.names.ClientUsername=drop",
        "--metrics.otlp=true",
        "--bridge.require=verified",
        "--bridge.exceptions[0].until=2999-12-31",
        "--ocsp=true",
        "--providers.file.directory=/etc/viaduct/dynamic",
        "--providers.kubernetesCRD.allowCrossNamespace=true",
        "--providers.kubernetesIngress.ingressEndpoint.publishedService=lb/edge",
        "--tracing.otlp.grpc.insecure=true",
        "--tracing.sampleRate=0.5",
        "--viaduct.workers=2",
    ] {
        assert!(
            arguments.iter().any(|known| known == argument),
            "{argument}: {arguments:#?}"
        );
    }
    assert_eq!(
        arguments.last().map(String::as_str),
        Some("--serversTransport.maxIdleConnsPerHost=100"),
        "the last word is the user's"
    );
}

#[test]
fn a9_21_a_value_that_does_not_exist_is_refused_by_its_name() {
    for (values, named) in [
        ("ports: {web: {redirectTo: websecure}}", "redirectTo"),
        ("certificatesResolvers: {le: {}}", "certificatesResolvers"),
        ("ports: {web: {expose: true}}", "/ports/web/expose"),
    ] {
        let finished = helm(&["template", "edge"], values, &[]);
        assert!(!finished.status.success());
        assert!(finished.output.contains(named), "{}", finished.output);
    }
}

#[test]
fn a9_21_the_class_that_the_chart_makes_is_the_class_that_it_serves() {
    // The class, and what the providers are told.
    for (values, class, told) in [
        ("{}", Some("traefik"), vec![]),
        ("ingressClass: {name: traefik}", Some("traefik"), vec![]),
        (
            "ingressClass: {name: edge}",
            Some("edge"),
            vec![
                "kubernetesCRD.ingressClass=edge",
                "kubernetesIngress.ingressClass=edge",
            ],
        ),
        (
            "providers: {kubernetesIngress: {ingressClass: inner}}",
            Some("inner"),
            vec!["kubernetesIngress.ingressClass=inner"],
        ),
        ("ingressClass: {enabled: false, name: edge}", None, vec![]),
        // Nobody could look it up.
        ("rbac: {namespaced: true}", None, vec![]),
    ] {
        let objects = rendered(values, &[]);
        let made = of_kind(&objects, "IngressClass");
        let names: Vec<_> = made
            .iter()
            .map(|made| made["metadata"]["name"].as_str())
            .collect();
        assert_eq!(names, class.map(Some).into_iter().collect::<Vec<_>>(), "{values}");
        let arguments = arguments(&objects);
        let classes: Vec<_> = arguments
            .iter()
            .filter(|argument| argument.contains(".ingressClass="))
            .filter_map(|argument| argument.strip_prefix("--providers."))
            .collect();
        assert_eq!(classes, told, "{values}");
    }
}

#[test]
fn a9_21_the_api_is_served_as_the_values_say() {
    let told = |values: &str| -> Vec<String> {
        let arguments = arguments(&rendered(values, &[])).into_iter();
        arguments
            .filter(|argument| argument.starts_with("--api"))
            .collect()
    };
    assert_eq!(told("{}"), Vec::<String>::new());
    let insecure = ["--api=true", "--api.dashboard=false", "--api.insecure=true"];
    assert_eq!(told("api: {insecure: true}"), insecure);
    let slip = helm(&["template", "edge"], "api: {insecur: true}", &[]);
    assert!(!slip.status.success());
    assert!(slip.output.contains("insecur"), "{}", slip.output);
}

/// (group, resource, verb) of every role of a kind.
fn grants(objects: &[&Value]) -> BTreeSet<(String, String, String)> {
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let rules = objects
        .iter()
        .flat_map(|role| role["rules"].as_array().into_iter().flatten());
    let mut grants = BTreeSet::new();
    for rule in rules {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let verbs = texts(&rule["verbs"]).into_iter();
                grants.extend(verbs.map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    grants
}

#[test]
fn r27_the_charts_roles_are_those_of_the_command() {
    let plain = read(&printed(&["rbac"]));
    let chart = rendered(DEFAULTS, &[]);
    for kind in ["ClusterRole", "Role"] {
        let (chart, plain) = (grants(&of_kind(&chart, kind)), grants(&of_kind(&plain, kind)));
        assert!(!plain.is_empty());
        assert_eq!(chart, plain, "{kind}");
    }
}

#[test]
fn c7_the_chart_grants_what_namespace_labels_take() {
    let granted = ["list", "watch"].map(|verb| (String::new(), "namespaces".to_owned(), verb.to_owned()));
    let granted = BTreeSet::from(granted);
    let of = |values: &str| grants(&of_kind(&rendered(values, &[]), "ClusterRole"));
    let asked = "{bridge: {namespaceLabels: true}}";
    assert!(of(DEFAULTS).is_disjoint(&granted));
    let more: BTreeSet<_> = of(asked).difference(&of(DEFAULTS)).cloned().collect();
    assert_eq!(more, granted);
    // As an argument it is the same; the last one counts.
    for (arguments, is_granted) in [
        ("[--bridge.namespaceLabels]", true),
        ("[--Bridge.namespaceLabels=TRUE]", true),
        (
            "[--bridge.namespaceLabels=true, --bridge.namespaceLabels=false]",
            false,
        ),
        ("[--bridge.namespaceLabelsOfOthers=true]", false),
    ] {
        for name in ["additionalArguments", "globalArguments"] {
            let values = format!("{{{name}: {arguments}}}");
            assert_eq!(of(&values).is_superset(&granted), is_granted, "{values}");
        }
    }
    let overruled =
        "{bridge: {namespaceLabels: true}, additionalArguments: [--bridge.namespaceLabels=false]}";
    assert!(of(overruled).is_disjoint(&granted));
    let namespaced = format!("{NAMESPACED}bridge: {{namespaceLabels: true}}\n");
    assert_eq!(of(&namespaced), granted, "and nothing else of the cluster");
    for values in [asked, namespaced.as_str()] {
        let arguments = arguments(&rendered(values, &[]));
        assert!(
            arguments
                .iter()
                .any(|argument| argument == "--bridge.namespaceLabels=true"),
            "{arguments:#?}"
        );
    }
    let plain = read(&printed(&["rbac", "--namespace-labels"]));
    assert_eq!(grants(&of_kind(&plain, "ClusterRole")), of(asked));
}

#[test]
fn c61_the_chart_can_do_without_a_cluster_role() {
    let objects = rendered(NAMESPACED, &[]);
    assert!(of_kind(&objects, "ClusterRole").is_empty());
    assert!(of_kind(&objects, "ClusterRoleBinding").is_empty());
    let namespaces: BTreeSet<&str> = of_kind(&objects, "Role")
        .iter()
        .filter_map(|role| role["metadata"]["namespace"].as_str())
        .collect();
    assert_eq!(namespaces, BTreeSet::from(["blog", "shop"]));
    let arguments = arguments(&objects);
    for argument in [
        "--providers.kubernetesCRD.namespaces=shop,blog",
        "--providers.kubernetesCRD.disableClusterScopeResources=true",
    ] {
        assert!(
            arguments.iter().any(|known| known == argument),
            "{argument}: {arguments:#?}"
        );
    }
    assert!(
        !arguments
            .iter()
            .any(|argument| argument.contains("kubernetesIngress")),
        "{arguments:#?}"
    );
}

#[test]
fn r27_the_charts_pods_are_confined_as_those_of_the_command() {
    let plain = read(&printed(&["deployment"]));
    let chart = rendered(DEFAULTS, &[]);
    let pod = |objects: &[Value]| of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"].clone();
    let (chart, plain) = (pod(&chart), pod(&plain));
    assert_eq!(chart["securityContext"], plain["securityContext"]);
    for field in ["securityContext", "resources", "startupProbe"] {
        assert!(!plain["containers"][0][field].is_null(), "{field}");
    }
    for field in ["securityContext", "resources"] {
        assert_eq!(
            chart["containers"][0][field], plain["containers"][0][field],
            "{field}"
        );
    }
    assert_eq!(chart.get("volumes"), None);
}
