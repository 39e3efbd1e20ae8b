//! `providers`: where dynamic configuration comes from.

use serde::{Deserialize, Serialize};

use super::{Map, section};
use crate::duration::GoDuration;
use crate::dynamic::Secret;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Providers {
    /// Changes that follow each other faster are applied together. Default 2 s.
    pub providers_throttle_duration: GoDuration,
    /// Among routers of equal priority, those of the provider named first win.
    pub precedence: Vec<String>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub file: Option<FileProvider>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProvider>,
    #[serde(
        rename = "kubernetesCRD",
        deserialize_with = "section::read",
        skip_serializing_if = "Option::is_none"
    )]
    pub kubernetes_crd: Option<KubernetesCrd>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub kubernetes_ingress: Option<KubernetesIngress>,
}

impl Default for Providers {
    fn default() -> Self {
        Self {
            providers_throttle_duration: GoDuration::from_secs(2),
            precedence: PRECEDENCE.map(str::to_owned).to_vec(),
            file: None,
            http: None,
            kubernetes_crd: None,
            kubernetes_ingress: None,
        }
    }
}

/// `providers.file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileProvider {
    /// Every file below it is read. Not together with `filename`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub directory: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// Apply changes as they happen. Default true.
    pub watch: bool,
    /// Log the text that a template comes to, at debug. Default false.
    pub debug_log_generated_template: bool,
}

impl Default for FileProvider {
    fn default() -> Self {
        Self {
            directory: String::new(),
            filename: String::new(),
            watch: true,
            debug_log_generated_template: false,
        }
    }
}

/// `providers.http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpProvider {
    /// A URL.
    pub endpoint: String,
    /// Default 5 s.
    pub poll_interval: GoDuration,
    /// Default 5 s.
    pub poll_timeout: GoDuration,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<Secret>,
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Bytes. Default -1: no bound of Traefik's.
    pub max_response_body_size: i64,
}

impl Default for HttpProvider {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            poll_interval: GoDuration::from_secs(5),
            poll_timeout: GoDuration::from_secs(5),
            headers: Map::new(),
            tls: None,
            max_response_body_size: -1,
        }
    }
}

/// `providers.kubernetesCRD`: Traefik's kinds in a Kubernetes cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesCrd {
    /// The API server's URL, over what the environment says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// A bearer token, or the absolute path of a file with one.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub token: Secret,
    /// PEM file: the CA of the API server's certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_auth_file_path: String,
    /// Empty: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Which objects of Traefik's own kinds. Empty: all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label_selector: String,
    /// Only routes of this class. Empty: those of no class, and of class `traefik`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ingress_class: String,
    /// The least time between two configurations of this provider. Default 0.
    pub throttle_duration: GoDuration,
    /// Default false.
    pub allow_cross_namespace: bool,
    /// Default false.
    pub allow_external_name_services: bool,
    /// Default false.
    pub allow_empty_services: bool,
    /// Whose objects may refer to elements of other providers. Empty: those of every namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cross_provider_namespaces: Vec<String>,
    /// Default false.
    #[serde(rename = "nativeLBByDefault")]
    pub native_lb_by_default: bool,
    /// Do not ask for kinds that belong to no namespace. Default false.
    pub disable_cluster_scope_resources: bool,
}

/// `providers.kubernetesIngress`: Ingresses of a Kubernetes cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesIngress {
    /// The API server's URL, over what the environment says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// A bearer token, or the absolute path of a file with one.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub token: Secret,
    /// PEM file: the CA of the API server's certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_auth_file_path: String,
    /// Empty: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Which Ingresses. Empty: all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label_selector: String,
    /// Only Ingresses of this class. Empty: those of no class, of class `traefik`, and of every IngressClass of
    /// Traefik's controller.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ingress_class: String,
    /// What the status of Ingresses says. Default: it is not written.
    #[serde(deserialize_with = "section::read", skip_serializing_if = "Option::is_none")]
    pub ingress_endpoint: Option<IngressEndpoint>,
    /// The least time between two configurations of this provider. Default 0.
    pub throttle_duration: GoDuration,
    /// Default false.
    pub allow_empty_services: bool,
    /// Default false.
    pub allow_external_name_services: bool,
    /// IngressClasses are not looked up, and Ingresses that name one are not served. Default false.
    pub disable_ingress_class_lookup: bool,
    /// Do not ask for kinds that belong to no namespace: IngressClasses and Nodes. Default false.
    pub disable_cluster_scope_resources: bool,
    /// Default false.
    #[serde(rename = "nativeLBByDefault")]
    pub native_lb_by_default: bool,
    /// Prefixes of paths end where a segment ends. Default false.
    pub strict_prefix_matching: bool,
    /// Whose objects may refer to elements of other providers. Empty: those of every namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cross_provider_namespaces: Vec<String>,
}

/// `providers.kubernetesIngress.ingressEndpoint`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressEndpoint {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// `namespace/service`; wins over the others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub published_service: String,
}

/// TLS towards a provider or a collector.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientTls {
    /// PEM, or the name of a file. Empty: the system's roots.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ca: String,
    /// PEM, or the name of a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert: String,
    /// PEM, or the name of a file.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub key: Secret,
    /// Default false.
    pub insecure_skip_verify: bool,
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A file that holds certificate and key may be pasted into either.
        let told = |text: &str| {
            if text.contains("PRIVATE KEY") {
                "REDACTED".to_owned()
            } else {
                text.to_owned()
            }
        };
        f.debug_struct("ClientTls")
            .field("ca", &told(&self.ca))
            .field("cert", &told(&self.cert))
            .field("key", &self.key)
            .field("insecure_skip_verify", &self.insecure_skip_verify)
            .finish()
    }
}

/// Traefik's own order.
const PRECEDENCE: [&str; 17] = [
    "kubernetesgateway",
    "kubernetescrd",
    "kubernetes",
    "kubernetesingressnginx",
    "swarm",
    "docker",
    "file",
    "redis",
    "knative",
    "consul",
    "consulcatalog",
    "nomad",
    "etcd",
    "ecs",
    "http",
    "zookeeper",
    "rest",
];
