//! Judges whether one HTTP service answers as another does.

pub mod compare;
pub mod decode;
pub mod exchange;
pub mod json;
pub mod place;
pub mod relation;
pub mod rules;
pub mod severity;
pub mod verdict;
