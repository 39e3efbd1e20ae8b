//! The process in a cluster: unprivileged pods, probed by ping, behind one Service.

use serde_json::{Value, json};

use super::{Installation, NAME, Provider, labels};

/// Namespace, ServiceAccount, Deployment, Service, IngressClass and PodDisruptionBudget. The roles of the
/// ServiceAccount are [`rbac`](super::rbac::rbac)'s.
pub fn deployment(installation: &Installation) -> Vec<Value> {
    let namespaced = json!({ "name": NAME, "namespace": installation.place.namespace, "labels": labels() });
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": installation.place.namespace,
                "labels": { "pod-security.kubernetes.io/enforce": "restricted" },
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": namespaced,
            // Pods that need the token ask for it.
            "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": namespaced,
            "spec": {
                "replicas": installation.replicas,
                "revisionHistoryLimit": 10,
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 },
                },
                "selector": { "matchLabels": labels() },
                "template": { "metadata": { "labels": labels() }, "spec": pod(installation) },
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": namespaced,
            "spec": {
                "type": "LoadBalancer",
                "selector": labels(),
                "ports": [
                    { "name": "web", "port": 80, "protocol": "TCP", "targetPort": "web" },
                    { "name": "websecure", "port": 443, "protocol": "TCP", "targetPort": "websecure" },
                ],
            },
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": { "name": NAME, "labels": labels() },
            "spec": { "controller": "traefik.io/ingress-controller" },
        }),
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": namespaced,
            "spec": { "maxUnavailable": 1, "selector": { "matchLabels": labels() } },
        }),
    ]
}

fn pod(installation: &Installation) -> Value {
    let port = |name| json!({ "name": name, "containerPort": port(name), "protocol": "TCP" });
    let ports = ["web", "websecure", "traefik", "metrics"].map(port);
    json!({
        "serviceAccountName": NAME,
        "automountServiceAccountToken": true,
        // Longer than the entry points take to go down.
        "terminationGracePeriodSeconds": 60,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": NAME,
            "image": installation.image,
            "imagePullPolicy": "IfNotPresent",
            "args": arguments(installation),
            "ports": ports,
            // Nothing is served before the first complete configuration, and the API server may be late: five
            // minutes.
            "startupProbe": probe(2, 150),
            "readinessProbe": probe(5, 1),
            "livenessProbe": probe(10, 3),
            "resources": {
                "requests": { "cpu": "100m", "memory": "64Mi" },
                "limits": { "memory": "512Mi" },
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
                "capabilities": { "drop": ["ALL"] },
            },
        }],
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": labels() },
        }],
    })
}

fn probe(seconds: u16, failures: u16) -> Value {
    json!({
        "httpGet": { "path": "/ping", "port": "traefik", "scheme": "HTTP" },
        "periodSeconds": seconds,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    })
}

/// Ports above 1023, which need no capability.
fn port(entry_point: &str) -> u16 {
    match entry_point {
        "web" => 8000,
        "websecure" => 8443,
        "metrics" => 9100,
        _ => 8080,
    }
}

/// The install options of the process.
fn arguments(installation: &Installation) -> Vec<String> {
    let mut arguments: Vec<String> = ["web", "websecure", "traefik", "metrics"]
        .map(|name| format!("--entryPoints.{name}.address=:{}", port(name)))
        .into();
    for name in ["web", "websecure"] {
        // Pods get requests for a moment after they are told to end.
        let life = format!("--entryPoints.{name}.transport.lifeCycle");
        arguments.push(format!("--entryPoints.{name}.asDefault=true"));
        arguments.push(format!("{life}.requestAcceptGraceTimeout=5s"));
        arguments.push(format!("{life}.graceTimeOut=30s"));
    }
    arguments.push("--entryPoints.websecure.http.tls=true".to_owned());
    arguments.push("--ping=true".to_owned());
    arguments.push("--metrics.prometheus.entryPoint=metrics".to_owned());
    for provider in Provider::ALL {
        let option = format!("--providers.{}", provider.option());
        arguments.push(format!("{option}=true"));
        if !installation.place.namespaces.is_empty() {
            let namespaces = installation.place.namespaces.join(",");
            arguments.push(format!("{option}.namespaces={namespaces}"));
            arguments.push(format!("{option}.disableClusterScopeResources=true"));
        }
        // The Service has to be among what is read.
        let own = &installation.place.namespace;
        let read = installation.place.namespaces.is_empty() || installation.place.namespaces.contains(own);
        if provider == Provider::Ingress && read {
            let service = format!("{own}/{NAME}");
            arguments.push(format!("{option}.ingressEndpoint.publishedService={service}"));
        }
    }
    if installation.place.namespace_labels {
        arguments.push("--bridge.namespaceLabels=true".to_owned());
    }
    arguments.push("--log.level=INFO".to_owned());
    arguments.push("--log.format=json".to_owned());
    arguments
}
