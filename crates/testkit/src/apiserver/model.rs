//! What the objects of a kind may hold. Built-in kinds are read with the types that are generated from
//! Kubernetes' own description of its API, custom ones by the schema of their definition.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, coordination::v1 as coordination, core::v1 as core,
    discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::resource::Resource;
use super::schema::Schema;

/// How an object of a kind is read.
#[derive(Debug, Clone)]
pub(crate) enum Model {
    Builtin(Reader),
    /// An event in the newer of its two groups; stored as the older one.
    NewEvent,
    /// Nothing is stored.
    Review,
    Custom(Arc<Schema>),
}

type Reader = fn(Value) -> Result<Read, String>;

/// An object as it will be stored.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) object: Value,
    /// Paths of what was dropped.
    pub(crate) unknown: Vec<String>,
    /// What the schema says against it: path and message.
    pub(crate) invalid: Vec<(String, String)>,
}

impl Model {
    /// Drops what is unknown; an error when it cannot be read at all.
    pub(crate) fn read(&self, object: Value) -> Result<Read, String> {
        match self {
            Self::Builtin(reader) => reader(object),
            Self::NewEvent => typed::<core::Event>(super::event::to_core(object)),
            Self::Review => Ok(Read {
                object,
                unknown: Vec::new(),
                invalid: Vec::new(),
            }),
            Self::Custom(schema) => {
                let mut object = object;
                let mut read = schema.apply(&mut object);
                read.object = object;
                Ok(read)
            }
        }
    }

    /// A stored object as this version shows it.
    pub(crate) fn show(&self, object: Value) -> Value {
        match self {
            Self::NewEvent => super::event::to_new(object),
            Self::Builtin(_) | Self::Review | Self::Custom(_) => object,
        }
    }
}

fn typed<T: DeserializeOwned + Serialize>(object: Value) -> Result<Read, String> {
    let mut unknown = Vec::new();
    let value: T = serde_ignored::deserialize(object, |path| unknown.push(field_path(&path.to_string())))
        .map_err(|error| error.to_string())?;
    Ok(Read {
        object: serde_json::to_value(value).map_err(|error| error.to_string())?,
        unknown,
        invalid: Vec::new(),
    })
}

/// Written as an API server writes it: without the `?` of optional fields, indices in brackets.
fn field_path(path: &str) -> String {
    path.split('.')
        .filter(|part| *part != "?")
        .fold(String::new(), |mut text, part| {
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                text.push('[');
                text.push_str(part);
                text.push(']');
            } else {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(part);
            }
            text
        })
}

/// Every kind that is always served.
pub(crate) fn builtin() -> Vec<Resource> {
    let mut kinds = core_kinds();
    kinds.extend(other_kinds());
    kinds
}

fn core_kinds() -> Vec<Resource> {
    let core = |kind, plural, short, reader| kind_of(("", "v1"), kind, plural, short, Model::Builtin(reader));
    vec![
        core(
            "Namespace",
            "namespaces",
            "ns",
            typed::<core::Namespace> as Reader,
        )
        .cluster_wide()
        .with_status(),
        core("Service", "services", "svc", typed::<core::Service>).with_status(),
        core("Endpoints", "endpoints", "ep", typed::<core::Endpoints>),
        core("Secret", "secrets", "", typed::<core::Secret>),
        core("ConfigMap", "configmaps", "cm", typed::<core::ConfigMap>),
        core("Node", "nodes", "no", typed::<core::Node>)
            .cluster_wide()
            .with_status(),
        core("Pod", "pods", "po", typed::<core::Pod>).with_status(),
        core("Event", "events", "ev", typed::<core::Event>),
        core(
            "ServiceAccount",
            "serviceaccounts",
            "sa",
            typed::<core::ServiceAccount>,
        ),
    ]
}

fn other_kinds() -> Vec<Resource> {
    let of = |group, kind, plural, short, reader| kind_of(group, kind, plural, short, Model::Builtin(reader));
    let slices = ("discovery.k8s.io", "v1");
    let net = ("networking.k8s.io", "v1");
    let roles = ("rbac.authorization.k8s.io", "v1");
    let apps = ("apps", "v1");
    let mut events = kind_of(("events.k8s.io", "v1"), "Event", "events", "ev", Model::NewEvent);
    events.storage = "events".to_owned();
    vec![
        events,
        of(
            slices,
            "EndpointSlice",
            "endpointslices",
            "",
            typed::<discovery::EndpointSlice> as Reader,
        )
        .generations(),
        of(net, "Ingress", "ingresses", "ing", typed::<networking::Ingress>)
            .with_status()
            .generations(),
        of(
            net,
            "IngressClass",
            "ingressclasses",
            "",
            typed::<networking::IngressClass>,
        )
        .cluster_wide()
        .generations(),
        of(
            ("coordination.k8s.io", "v1"),
            "Lease",
            "leases",
            "",
            typed::<coordination::Lease>,
        )
        .conditional(),
        of(roles, "Role", "roles", "", typed::<rbac::Role>),
        of(
            roles,
            "RoleBinding",
            "rolebindings",
            "",
            typed::<rbac::RoleBinding>,
        ),
        of(
            roles,
            "ClusterRole",
            "clusterroles",
            "",
            typed::<rbac::ClusterRole>,
        )
        .cluster_wide(),
        of(
            roles,
            "ClusterRoleBinding",
            "clusterrolebindings",
            "",
            typed::<rbac::ClusterRoleBinding>,
        )
        .cluster_wide(),
        of(
            ("apiextensions.k8s.io", "v1"),
            "CustomResourceDefinition",
            "customresourcedefinitions",
            "crd",
            typed::<CustomResourceDefinition>,
        )
        .cluster_wide()
        .with_status()
        .generations()
        .conditional(),
        of(
            apps,
            "Deployment",
            "deployments",
            "deploy",
            typed::<apps::Deployment>,
        )
        .with_status()
        .generations(),
        of(apps, "DaemonSet", "daemonsets", "ds", typed::<apps::DaemonSet>)
            .with_status()
            .generations(),
        of(
            ("policy", "v1"),
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            "pdb",
            typed::<policy::PodDisruptionBudget>,
        )
        .with_status()
        .generations(),
        of(
            ("autoscaling", "v2"),
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            "hpa",
            typed::<autoscaling::HorizontalPodAutoscaler>,
        )
        .with_status(),
        review("SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        review("SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    ]
}

fn review(kind: &str, plural: &str) -> Resource {
    kind_of(("authorization.k8s.io", "v1"), kind, plural, "", Model::Review).cluster_wide()
}

fn kind_of((group, version): (&str, &str), kind: &str, plural: &str, short: &str, model: Model) -> Resource {
    Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_ascii_lowercase(),
        short_names: Some(short)
            .filter(|short| !short.is_empty())
            .map(str::to_owned)
            .into_iter()
            .collect(),
        namespaced: true,
        status: false,
        generation: false,
        unconditional_update: true,
        storage: super::resource::qualified(group, plural),
        model,
    }
}

impl Resource {
    fn cluster_wide(mut self) -> Self {
        self.namespaced = false;
        self
    }

    fn with_status(mut self) -> Self {
        self.status = true;
        self
    }

    fn generations(mut self) -> Self {
        self.generation = true;
        self
    }

    fn conditional(mut self) -> Self {
        self.unconditional_update = false;
        self
    }
}
