#![no_main]

#[path = "../bodies/access_log.rs"]
mod access_log;

libfuzzer_sys::fuzz_target!(|data: &[u8]| access_log::access_log(data));
