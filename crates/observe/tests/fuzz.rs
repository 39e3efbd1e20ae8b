//! The check of the fuzz target `access_log`, on its seeds and on random input, without a fuzzer.

#[path = "../../../fuzz/bodies/access_log.rs"]
mod access_log;

use std::path::Path;

use proptest::prelude::*;

/// Every seed, whole and cut short anywhere.
#[test]
fn c67_seeds_of_access_log() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/access_log");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("the seeds are part of the repository") {
        let seed = std::fs::read(entry.expect("a seed").path()).expect("a seed");
        for end in 0..=seed.len() {
            access_log::access_log(seed.get(..end).expect("a prefix"));
        }
        count += 1;
    }
    assert!(count > 0);
}

/// Any bytes, between separators often enough to reach every field.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => any::<u8>(),
        1 => Just(0x1e),
        1 => prop::sample::select(vec![b'"', b'\\', b'\n', b'\r', 0x1b, 0x7f, 0x80, 0xff]),
    ];
    prop::collection::vec(byte, 0..128)
}

proptest! {
    #[test]
    fn c67_random_requests_are_one_line_each(bytes in bytes()) {
        access_log::access_log(&bytes);
    }
}
