#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quiltd::fuzz::run("packages", data));
