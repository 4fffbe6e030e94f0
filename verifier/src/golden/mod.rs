//! Golden files: what legacy answered, recorded once and held against a candidate.

pub mod compare;
pub mod contents;
pub mod files;
pub mod imported;
mod judged;
pub mod record;
pub mod replay;
pub mod request;
pub mod run;
pub mod snap;
