//! Command line of the verifier.
fn main() {}
