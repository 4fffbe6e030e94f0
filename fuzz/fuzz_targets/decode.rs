//! Content decoding: hostile input ends in an error or within the cap.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verifier::decode::{codings, decode};

const CAP_BYTES: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, body)) = data.split_first() else { return };
    let field: &[u8] = [&b"gzip"[..], b"deflate", b"br", b"zstd", b"gzip, br", b"identity", b"x"]
        [usize::from(choice) % 7];
    if let Ok(plain) = decode(body, &codings(std::iter::once(field)), CAP_BYTES) {
        assert!(plain.len() <= CAP_BYTES.max(body.len()));
    }
});
