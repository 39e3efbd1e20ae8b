//! What an API server adds to built-in objects, and what it refuses about them.

use serde_json::{Value, json};

use super::object::meta;
use super::resource::Resource;

/// Fills in the fields that a client may leave out.
pub(crate) fn fill(resource: &Resource, object: &mut Value, old: Option<&Value>) {
    match resource.storage.as_str() {
        "namespaces" => {
            let name = meta(object, "name").to_owned();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
            or(object, "/spec/finalizers", json!(["kubernetes"]));
            or(object, "/status/phase", json!("Active"));
        }
        "services" => service(object, old),
        "secrets" => or(object, "/type", json!("Opaque")),
        "pods" => {
            or(object, "/spec/restartPolicy", json!("Always"));
            or(object, "/spec/serviceAccountName", json!("default"));
            or(object, "/status/phase", json!("Pending"));
        }
        "endpointslices.discovery.k8s.io" | "endpoints" => ports(object),
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            for subject in items(object, "/subjects") {
                if subject["kind"] != "ServiceAccount" {
                    or(subject, "/apiGroup", json!("rbac.authorization.k8s.io"));
                }
            }
            or(object, "/roleRef/apiGroup", json!("rbac.authorization.k8s.io"));
        }
        "customresourcedefinitions.apiextensions.k8s.io" => definition(object),
        _ => {}
    }
}

fn service(object: &mut Value, old: Option<&Value>) {
    or(object, "/spec/type", json!("ClusterIP"));
    or(object, "/spec/sessionAffinity", json!("None"));
    for port in items(object, "/spec/ports") {
        or(port, "/protocol", json!("TCP"));
        let number = port["port"].clone();
        or(port, "/targetPort", number);
    }
    if object["spec"]["type"] == "ExternalName" {
        return;
    }
    or(object, "/spec/internalTrafficPolicy", json!("Cluster"));
    or(object, "/spec/ipFamilies", json!(["IPv4"]));
    or(object, "/spec/ipFamilyPolicy", json!("SingleStack"));
    let address = old
        .and_then(|old| old["spec"]["clusterIP"].as_str())
        .map_or_else(|| address(object), str::to_owned);
    or(object, "/spec/clusterIP", json!(address));
    let address = object["spec"]["clusterIP"].clone();
    or(object, "/spec/clusterIPs", json!([address]));
    if matches!(object["spec"]["type"].as_str(), Some("NodePort" | "LoadBalancer")) {
        or(object, "/spec/externalTrafficPolicy", json!("Cluster"));
        let start = node_port(object);
        for (port, number) in items(object, "/spec/ports").zip(start..) {
            let known = old.and_then(|old| {
                old["spec"]["ports"]
                    .as_array()?
                    .iter()
                    .find(|before| before["port"] == port["port"])?["nodePort"]
                    .as_u64()
            });
            or(port, "/nodePort", json!(known.unwrap_or(number)));
        }
    }
}

fn ports(object: &mut Value) {
    let subsets = items(object, "/subsets");
    for subset in subsets {
        for port in items(subset, "/ports") {
            or(port, "/protocol", json!("TCP"));
        }
    }
    for port in items(object, "/ports") {
        or(port, "/protocol", json!("TCP"));
        or(port, "/name", json!(""));
    }
}

fn definition(object: &mut Value) {
    let kind = object["spec"]["names"]["kind"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    or(object, "/spec/names/listKind", json!(format!("{kind}List")));
    or(object, "/spec/names/singular", json!(kind.to_ascii_lowercase()));
    or(object, "/spec/conversion/strategy", json!("None"));
}

/// The same for the same Service, and different for two of them in all likelihood.
fn address(object: &Value) -> String {
    let hash = hash(object);
    format!("10.96.{}.{}", hash / 250 % 250, 1 + hash % 250)
}

fn node_port(object: &Value) -> u64 {
    30_000 + u64::from(hash(object)) % 2_700
}

fn hash(object: &Value) -> u32 {
    let text = format!("{}/{}", meta(object, "namespace"), meta(object, "name"));
    text.bytes().fold(2_166_136_261_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
    })
}

/// The items of the list that a JSON pointer leads to; none where there is no list.
fn items<'a>(object: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = object.pointer_mut(pointer).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

/// Sets what a JSON pointer leads to, unless it is there.
fn or(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for part in pointer.split('/').skip(1) {
        if place.is_null() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    if place.is_null() {
        *place = value;
    }
}

/// What is wrong with a built-in object beyond its types: path and message.
pub(crate) fn check(resource: &Resource, object: &Value, old: Option<&Value>) -> Vec<(String, String)> {
    let mut causes = Vec::new();
    let mut say = |path: &str, message: &str| causes.push((path.to_owned(), message.to_owned()));
    match resource.storage.as_str() {
        "services" => {
            let spec = &object["spec"];
            let no_ports = spec["ports"].as_array().is_none_or(Vec::is_empty);
            if no_ports && spec["type"] != "ExternalName" && spec["clusterIP"] != "None" {
                say("spec.ports", "Required value");
            }
            let ports = spec["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
            if ports.len() > 1
                && ports
                    .iter()
                    .any(|port| port["name"].as_str().unwrap_or_default().is_empty())
            {
                say("spec.ports[0].name", "Required value");
            }
            if spec["type"] == "ExternalName" && spec["externalName"].as_str().unwrap_or_default().is_empty()
            {
                say("spec.externalName", "Required value");
            }
        }
        "secrets" => {
            if object["type"] == "kubernetes.io/tls" {
                for key in ["tls.crt", "tls.key"] {
                    if object["data"][key].is_null() {
                        say(&format!("data[{key}]"), "Required value");
                    }
                }
            }
            if old.is_some_and(|old| old["type"] != object["type"]) {
                say("type", "Invalid value: field is immutable");
            }
        }
        "ingresses.networking.k8s.io" => ingress(object, &mut say),
        "endpointslices.discovery.k8s.io"
            if !matches!(object["addressType"].as_str(), Some("IPv4" | "IPv6" | "FQDN")) =>
        {
            say("addressType", "Required value");
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io"
            if old.is_some_and(|old| old["roleRef"] != object["roleRef"]) =>
        {
            say("roleRef", "Invalid value: cannot change roleRef");
        }
        "customresourcedefinitions.apiextensions.k8s.io" => {
            let wanted = format!(
                "{}.{}",
                object["spec"]["names"]["plural"].as_str().unwrap_or_default(),
                object["spec"]["group"].as_str().unwrap_or_default()
            );
            if meta(object, "name") != wanted {
                say(
                    "metadata.name",
                    "Invalid value: must be spec.names.plural+\".\"+spec.group",
                );
            }
        }
        _ => {}
    }
    causes
}

fn ingress(object: &Value, say: &mut impl FnMut(&str, &str)) {
    let spec = &object["spec"];
    if spec["rules"].as_array().is_none_or(Vec::is_empty) && spec["defaultBackend"].is_null() {
        say(
            "spec",
            "Invalid value: either `defaultBackend` or `rules` must be specified",
        );
    }
    for (rule, index) in spec["rules"].as_array().into_iter().flatten().zip(0..) {
        for (path, at) in rule["http"]["paths"].as_array().into_iter().flatten().zip(0..) {
            let place = format!("spec.rules[{index}].http.paths[{at}]");
            match path["pathType"].as_str() {
                Some("Exact" | "Prefix") if !path["path"].as_str().unwrap_or_default().starts_with('/') => {
                    say(
                        &format!("{place}.path"),
                        "Invalid value: must be an absolute path",
                    );
                }
                Some("Exact" | "Prefix" | "ImplementationSpecific") => {}
                _ => say(
                    &format!("{place}.pathType"),
                    "Unsupported value: supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\"",
                ),
            }
        }
    }
}

/// What is wrong with the names of any object.
pub(crate) fn check_names(resource: &Resource, object: &Value) -> Vec<(String, String)> {
    let name = meta(object, "name");
    let label = |text: &str| {
        !text.is_empty()
            && text.len() <= 63
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    let sound = match resource.storage.as_str() {
        "services" => label(name) && name.starts_with(|first: char| first.is_ascii_lowercase()),
        "namespaces" => label(name),
        storage if storage.ends_with("rbac.authorization.k8s.io") => {
            !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '%'])
        }
        _ => name.len() <= 253 && name.split('.').all(label),
    };
    let mut causes = Vec::new();
    if !sound {
        causes.push((
            "metadata.name".to_owned(),
            format!(
                "Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist of lower case \
                 alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
            ),
        ));
    }
    for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or("\u{0}");
        let ends = |text: &str| {
            text.is_empty()
                || (text.starts_with(|end: char| end.is_ascii_alphanumeric())
                    && text.ends_with(|end: char| end.is_ascii_alphanumeric()))
        };
        let clean = value.len() <= 63
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !clean || !ends(value) || key.is_empty() {
            causes.push(("metadata.labels".to_owned(), format!("Invalid value: {value:?}")));
        }
    }
    causes
}
