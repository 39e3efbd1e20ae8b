//! Bodies as protocol buffers, which `kubectl create namespace`, `create secret`, `create role` and `auth can-i` send:
//! of these kinds the fields that kubectl sets. All other bodies of kubectl are JSON, and so are all answers.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde_json::{Value, json};

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// The same object as JSON; an error says what there is instead of one that is known here.
pub(crate) fn read(body: &[u8]) -> Result<Value, String> {
    let envelope = body.strip_prefix(MAGIC).ok_or("it does not begin as one")?;
    let envelope = Envelope::decode(envelope).map_err(|error| error.to_string())?;
    let kind = envelope.of.unwrap_or_default();
    let mut object = fields(&kind.kind, &envelope.raw)?;
    object["apiVersion"] = json!(kind.api_version);
    object["kind"] = json!(kind.kind);
    Ok(object)
}

fn fields(kind: &str, raw: &[u8]) -> Result<Value, String> {
    match kind {
        "Namespace" | "ServiceAccount" => {
            message::<Bare>(raw).map(|object| json!({ "metadata": metadata(object.metadata) }))
        }
        "Secret" => message::<Secret>(raw).map(|object| {
            json!({
                "metadata": metadata(object.metadata), "data": base64(object.data),
                "type": Some(object.r#type).filter(|kind| !kind.is_empty()),
                "stringData": object.string_data,
            })
        }),
        "ConfigMap" => message::<ConfigMap>(raw).map(|object| {
            json!({
                "metadata": metadata(object.metadata), "data": object.data,
                "binaryData": base64(object.binary_data),
            })
        }),
        "Role" | "ClusterRole" => message::<Role>(raw).map(|object| {
            json!({
                "metadata": metadata(object.metadata),
                "rules": object.rules.into_iter().map(|rule| json!({
                    "verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources,
                    "resourceNames": rule.resource_names,
                })).collect::<Vec<_>>(),
            })
        }),
        "RoleBinding" | "ClusterRoleBinding" => message::<Binding>(raw).map(|object| {
            let role = object.role.unwrap_or_default();
            json!({
                "metadata": metadata(object.metadata),
                "roleRef": { "apiGroup": role.api_group, "kind": role.kind, "name": role.name },
                "subjects": object.subjects.into_iter().map(|subject| json!({
                    "kind": subject.kind, "apiGroup": subject.api_group, "name": subject.name,
                    "namespace": Some(subject.namespace).filter(|namespace| !namespace.is_empty()),
                })).collect::<Vec<_>>(),
            })
        }),
        "SelfSubjectAccessReview" => message::<Review>(raw).map(|review| {
            let wish = review.spec.unwrap_or_default().resource.unwrap_or_default();
            json!({
                "spec": { "resourceAttributes": {
                    "namespace": wish.namespace, "verb": wish.verb, "group": wish.group,
                    "resource": wish.resource, "subresource": wish.subresource, "name": wish.name,
                } },
            })
        }),
        other => Err(format!("{MEDIA_TYPE} of kind {other}")),
    }
}

fn message<T: Message + Default>(raw: &[u8]) -> Result<T, String> {
    T::decode(raw).map_err(|error| error.to_string())
}

fn base64(data: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    data.into_iter()
        .map(|(key, bytes)| (key, STANDARD.encode(bytes)))
        .collect()
}

fn metadata(metadata: Option<Metadata>) -> Value {
    let metadata = metadata.unwrap_or_default();
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    json!({
        "name": text(metadata.name), "generateName": text(metadata.generate_name),
        "namespace": text(metadata.namespace), "labels": metadata.labels, "annotations": metadata.annotations,
    })
}

// Numbers are those of the `.proto` files in Kubernetes' API packages.

#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(message, optional, tag = "1")]
    of: Option<Kind>,
    #[prost(bytes = "vec", tag = "2")]
    raw: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Kind {
    #[prost(string, tag = "1")]
    api_version: String,
    #[prost(string, tag = "2")]
    kind: String,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    generate_name: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(btree_map = "string, string", tag = "11")]
    labels: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "12")]
    annotations: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Bare {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct Secret {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(btree_map = "string, bytes", tag = "2")]
    data: BTreeMap<String, Vec<u8>>,
    #[prost(string, tag = "3")]
    r#type: String,
    #[prost(btree_map = "string, string", tag = "4")]
    string_data: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct ConfigMap {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(btree_map = "string, string", tag = "2")]
    data: BTreeMap<String, String>,
    #[prost(btree_map = "string, bytes", tag = "3")]
    binary_data: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Role {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(message, repeated, tag = "2")]
    rules: Vec<Rule>,
}

#[derive(Clone, PartialEq, Message)]
struct Rule {
    #[prost(string, repeated, tag = "1")]
    verbs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    api_groups: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    resources: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    resource_names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Binding {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(message, repeated, tag = "2")]
    subjects: Vec<Subject>,
    #[prost(message, optional, tag = "3")]
    role: Option<RoleRef>,
}

#[derive(Clone, PartialEq, Message)]
struct Subject {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    api_group: String,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    namespace: String,
}

#[derive(Clone, PartialEq, Message)]
struct RoleRef {
    #[prost(string, tag = "1")]
    api_group: String,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(string, tag = "3")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Review {
    #[prost(message, optional, tag = "2")]
    spec: Option<ReviewSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct ReviewSpec {
    #[prost(message, optional, tag = "1")]
    resource: Option<Wish>,
}

#[derive(Clone, PartialEq, Message)]
struct Wish {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    verb: String,
    #[prost(string, tag = "3")]
    group: String,
    #[prost(string, tag = "5")]
    resource: String,
    #[prost(string, tag = "6")]
    subresource: String,
    #[prost(string, tag = "7")]
    name: String,
}

const MAGIC: &[u8] = b"k8s\0";
