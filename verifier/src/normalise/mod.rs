#![deny(clippy::disallowed_methods)]
//! What may vary by nature becomes a token that asserts something about the value it stands for.

pub mod instant;
pub mod mask;
pub mod personal;
pub mod select;
