//! What the fuzz target of Kubernetes manifests checks. `crates/kubernetes/tests/fuzz.rs` runs the same.

use viaduct_kubernetes::{Index, Policy, translate};

/// A file of manifests. Whatever it holds is translated or told of, the same text read twice says the same, and an
/// unreadable one after it changes nothing that is served.
pub(crate) fn manifests(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut index = Index::new(|_| Ok(()));
    index.apply("fuzz.yaml", text);
    let update = translate(&index, &Policy::directory());
    for (_, finding) in update.broken.iter() {
        assert!(!finding.message.is_empty());
    }
    index.apply("fuzz.yaml", text);
    assert_eq!(translate(&index, &Policy::directory()).dynamic, update.dynamic);
    index.apply("fuzz.yaml", "a: [");
    assert_eq!(translate(&index, &Policy::directory()).dynamic, update.dynamic);
}
