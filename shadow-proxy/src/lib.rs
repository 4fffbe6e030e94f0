//! The shadow proxy: every client gets legacy's answer, untouched and undelayed; core gets a copy of
//! the request, and both answers are compared off the client's path.
//!
//! [`Proxy::start`] opens two ports. Each thread that serves clients is a lane (`lane.rs`) that shares
//! nothing another one could wait for: a client's connection and the connections to both services
//! stay on it. Bytes from clients pass [`framing`] before the HTTP parser sees them.

mod admin;
mod body;
mod capture;
mod client_io;
mod compare;
pub mod config;
pub mod counters;
pub mod evidence;
mod forward;
pub mod framing;
mod ids;
mod lane;
mod listen;
mod mirror;
mod own_request;
mod proxy;
mod race;
pub mod request_check;
pub mod route;
pub mod sample;
pub mod sentinel;
mod sink;
mod tls;
mod tunnel;
mod twin;
mod upstream;
mod usage;
mod versions;
mod watch;
mod wire;
pub mod writes;

pub use compare::Findings;
pub use config::{Config, ConfigError};
pub use proxy::{Proxy, StartError};
