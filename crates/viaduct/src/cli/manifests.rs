//! `viaduct manifests`.

use clap::{Args, Subcommand};
use viaduct_kubernetes::manifests::Installation;

#[derive(Debug, Args)]
pub(crate) struct Manifests {
    #[command(subcommand)]
    pub(crate) printed: Printed,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Printed {
    /// CustomResourceDefinitions: the kinds of traefik.io/v1alpha1
    Crds,
    /// Roles of the ServiceAccount, and their bindings
    Rbac(Place),
    /// Namespace, ServiceAccount, Deployment, Service, IngressClass, PodDisruptionBudget
    Deployment(Deployment),
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Namespace of the process
    #[arg(long, value_name = "NAME", default_value = "viaduct", value_parser = namespace)]
    pub(crate) namespace: String,

    /// Serve these namespaces only, with Roles in each instead of a ClusterRole
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = namespace)]
    pub(crate) namespaces: Vec<String>,

    /// Let Namespaces demand more of their routes (`bridge.namespaceLabels`), with the right to read them
    #[arg(long)]
    pub(crate) namespace_labels: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Deployment {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Image of the container
    #[arg(long, value_name = "NAME", default_value = concat!("viaduct:", env!("CARGO_PKG_VERSION")))]
    pub(crate) image: String,

    /// How many pods
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) replicas: u16,
}

impl Place {
    pub(crate) fn place(&self) -> viaduct_kubernetes::manifests::Place {
        viaduct_kubernetes::manifests::Place {
            namespace: self.namespace.clone(),
            namespaces: self.namespaces.clone(),
            namespace_labels: self.namespace_labels,
        }
    }
}

impl Deployment {
    pub(crate) fn installation(&self) -> Installation {
        Installation {
            place: self.place.place(),
            image: self.image.clone(),
            replicas: self.replicas,
        }
    }
}

/// As Kubernetes names namespaces (RFC 1123 labels).
fn namespace(text: &str) -> Result<String, String> {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    if text.is_empty() || text.len() > 63 || !ends || !text.bytes().all(inner) {
        return Err("a namespace has 1 to 63 small letters, digits and inner `-`".to_owned());
    }
    Ok(text.to_owned())
}
