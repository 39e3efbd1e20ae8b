#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| viaduct_proxy::fuzzing::http3_frames(data));
