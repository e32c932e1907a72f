#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tower_completions_fuzz::encode(data));
