//! JSON Web Tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)): reading them without trusting
//! them, forging them, and showing that sessions survive a change between two services.
//!
//! ```text
//! login, twice → cell, cell, … → contract   what the tokens say       (pure)
//!              → corpus → forgery           who takes a forged one    (pure)
//!              → run                        asks both services
//!              → report                     table, findings, JSON
//! ```

pub mod cell;
pub mod contract;
pub mod corpus;
pub mod forgery;
pub mod hs256;
pub mod keys;
pub mod lines;
pub mod mint;
pub mod report;
pub mod run;
pub mod sheet;
mod token;

pub use token::{Parts, life, parts};
