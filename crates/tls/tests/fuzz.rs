//! The check of the fuzz target `certificates`, on its seeds and on random input, without a fuzzer.

#[path = "../../../fuzz/bodies/certificates.rs"]
mod certificates;

use std::path::Path;

use proptest::prelude::*;

/// Every seed, whole and cut short anywhere.
#[test]
fn c46_seeds_of_certificates() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/certificates");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("the seeds are part of the repository") {
        let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
        for end in 0..=seed.len() {
            certificates::certificates(seed.get(..end).expect("a prefix"));
        }
        count += 1;
    }
    assert!(count > 0);
}

/// A certificate with a few bytes changed: random bytes hardly ever get past the first tag.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let leaf = include_bytes!("../../../fuzz/seeds/certificates/leaf.der");
    prop::collection::vec((0..leaf.len(), any::<u8>()), 0..4).prop_map(|changes| {
        let mut bytes = leaf.to_vec();
        for (place, value) in changes {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn c46_random_changes_of_a_certificate(bytes in bytes()) {
        certificates::certificates(&bytes);
    }
}
