//! The shadow proxy.
