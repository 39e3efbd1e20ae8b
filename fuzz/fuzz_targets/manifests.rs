#![no_main]

#[path = "../bodies/manifests.rs"]
mod manifests;

libfuzzer_sys::fuzz_target!(|data: &[u8]| manifests::manifests(data));
