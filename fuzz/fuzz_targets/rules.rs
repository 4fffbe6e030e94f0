//! Rules: whatever YAML says, compiling refuses or succeeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verifier::rules::{RuleSpec, Rules};

fuzz_target!(|text: &str| {
    if let Ok(specs) = serde_saphyr::from_str::<Vec<RuleSpec>>(text) {
        let _ = Rules::compile(&specs, Some(jiff::civil::date(2026, 11, 23)));
    }
});
