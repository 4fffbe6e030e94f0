//! The whole gate over a router that is a file, with time that is ours.

mod crash;
mod rig;
mod safety;
mod simulation;
mod traps;
