//! The catalogue reader: refuses or accepts, never panics.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use verifier::catalogue::Catalogue;

fuzz_target!(|text: &str| {
    let _ = Catalogue::parse(Path::new("c.yaml"), text, jiff::civil::date(2026, 11, 23));
});
