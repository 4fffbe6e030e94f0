//! Judges whether one HTTP service answers as another does.

#[allow(dead_code)] // pairing of arrays follows
pub mod compare;
pub mod decode;
pub mod exchange;
#[allow(dead_code)]
pub mod json;
pub mod place;
#[allow(dead_code)]
pub mod relation;
#[allow(dead_code, unused_imports)]
pub mod rules;
pub mod severity;
pub mod verdict;
