//! Golden files: reading never panics, and what reads is written back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verifier::golden::contents;
use verifier::golden::snap::Snapshot;

fuzz_target!(|text: &str| {
    let Ok(snapshot) = Snapshot::parse(text) else { return };
    let _ = Snapshot::parse(&snapshot.render());
    if let Ok(masked) = contents::parse(&snapshot.contents) {
        let written = contents::render(&masked.answer, &masked.tokens, None, None);
        let again = contents::parse(&written).expect("what was written reads back");
        assert_eq!(written, contents::render(&again.answer, &again.tokens, None, None));
    }
});
