#![no_main]

#[path = "../bodies/template.rs"]
mod template;

libfuzzer_sys::fuzz_target!(|data: &[u8]| template::template(data));
