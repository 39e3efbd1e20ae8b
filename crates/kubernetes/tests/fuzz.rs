//! The check of the fuzz target `manifests`, on its seeds and on random input, without a fuzzer.

#[path = "../../../fuzz/bodies/manifests.rs"]
mod manifests;

use std::path::Path;

use proptest::prelude::*;

/// Every seed, whole and cut short anywhere.
#[test]
fn c63_seeds_of_manifests() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/manifests");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("the seeds are part of the repository") {
        let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
        for end in 0..=seed.len() {
            manifests::manifests(seed.get(..end).expect("a prefix"));
        }
        count += 1;
    }
    assert!(count > 0);
}

/// Lines of manifests in any order and depth.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "apiVersion: traefik.io/v1alpha1",
        "apiVersion: v1",
        "kind: IngressRoute",
        "kind: Secret",
        "kind: List",
        "kind: Service",
        "metadata: {name: a, namespace: b}",
        "metadata:",
        "  name: a",
        "spec:",
        "  routes:",
        "  - match: Host(`a`)",
        "    services: [{name: a, port: 443}]",
        "  rootCAsSecrets: [a]",
        "data: {tls.crt: '!', tls.key: YQ==}",
        "items: [{}, null, 1]",
        "---",
        "- a",
        "'",
        "{",
        "&x a: *x",
    ]);
    prop::collection::vec(line, 0..16).prop_map(|lines| lines.join("\n").into_bytes())
}

proptest! {
    #[test]
    fn c63_random_manifests(bytes in bytes()) {
        manifests::manifests(&bytes);
    }
}
