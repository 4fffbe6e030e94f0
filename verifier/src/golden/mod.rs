//! Golden files: what legacy answered, recorded once and held against a candidate.

pub mod contents;
pub mod files;
pub mod record;
pub mod replay;
pub mod run;
pub mod snap;
