//! What the surroundings of a process say of it to a collector: the pod, and `OTEL_RESOURCE_ATTRIBUTES`.

use percent_encoding::percent_decode_str;

/// In rising order of what counts: the pod's, then the variable's. `variable` looks one up.
pub(super) fn surroundings(variable: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut attributes = pod(&variable, NAMESPACE_FILE);
    attributes.extend(listed(&variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()));
    attributes
}

/// `k8s.namespace.name`, `k8s.pod.name` and `k8s.pod.uid`, inside a cluster. What is not known is left out.
fn pod(variable: impl Fn(&str) -> Option<String>, namespace_file: &str) -> Vec<(String, String)> {
    if variable("KUBERNETES_SERVICE_HOST").is_none() {
        return Vec::new();
    }
    let namespace = variable("POD_NAMESPACE").or_else(|| std::fs::read_to_string(namespace_file).ok());
    // A pod's host name is its name, but in the network of its node.
    let name = variable("POD_NAME").or_else(|| variable("HOSTNAME"));
    let known = [
        ("k8s.namespace.name", namespace),
        ("k8s.pod.name", name),
        ("k8s.pod.uid", variable("POD_UID")),
    ];
    known
        .into_iter()
        .filter_map(|(attribute, value)| Some((attribute.to_owned(), value?.trim().to_owned())))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// `name=value,name=value`, values percent-encoded: https://opentelemetry.io/docs/specs/otel/resource/sdk/. A list
/// that cannot be read is no list.
fn listed(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let pairs: Option<Vec<_>> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let name = name.trim();
            (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
        })
        .collect();
    pairs.unwrap_or_else(|| {
        tracing::warn!("OTEL_RESOURCE_ATTRIBUTES is not a list of `name=value`: it has no effect");
        Vec::new()
    })
}

const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

#[cfg(test)]
mod tests {
    use super::{listed, pod};

    fn pairs(attributes: &[(String, String)]) -> Vec<(&str, &str)> {
        let attributes = attributes.iter();
        attributes.map(|(name, value)| (&**name, &**value)).collect()
    }

    #[test]
    fn a11_5_a_pod_is_known_by_its_variables_and_files() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "edge\n").expect("a file");
        let path = file.path().to_str().expect("a path");
        let inside = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("10.0.0.1".to_owned()),
            "HOSTNAME" => Some("viaduct-0".to_owned()),
            _ => None,
        };
        assert_eq!(
            pairs(&pod(inside, path)),
            [("k8s.namespace.name", "edge"), ("k8s.pod.name", "viaduct-0")]
        );
        let outside = |name: &str| (name == "HOSTNAME").then(|| "laptop".to_owned());
        assert_eq!(pod(outside, path), []);
    }

    #[test]
    fn a11_5_attributes_are_listed_as_the_specification_says() {
        let read = |text: &str| listed(text);
        assert_eq!(pairs(&read("a=1, b.c = x%2Cy ,")), [("a", "1"), ("b.c", "x,y")]);
        for wrong in ["a", "=1", "a=%ff"] {
            assert_eq!(read(wrong), [], "{wrong}");
        }
    }
}
