//! What a cluster needs for Viaduct to run in it, as manifests: generated from what the code reads, so that
//! neither can forget the other.

pub mod crds;
pub mod deployment;
pub mod rbac;
mod structural;
#[cfg(test)]
mod tests;
mod yaml;

use serde_json::{Value, json};

pub use yaml::to_yaml;

/// Where it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Namespace of the process.
    pub namespace: String,
    /// Whose objects it serves. Empty: those of all namespaces.
    pub namespaces: Vec<String>,
    /// Whether Namespaces may demand more of the routes in them (`bridge.namespaceLabels`).
    pub namespace_labels: bool,
}

/// What is installed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    pub place: Place,
    pub image: String,
    pub replicas: u16,
}

/// Who reads a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    Crd,
    Ingress,
}

impl Provider {
    const ALL: [Self; 2] = [Self::Crd, Self::Ingress];

    /// Its install option, below `providers`.
    const fn option(self) -> &'static str {
        match self {
            Self::Crd => "kubernetesCRD",
            Self::Ingress => "kubernetesIngress",
        }
    }
}

/// What every object of an installation has, and its pods are found by.
fn labels() -> Value {
    json!({ "app.kubernetes.io/name": NAME })
}

/// Of every object.
const NAME: &str = "viaduct";
