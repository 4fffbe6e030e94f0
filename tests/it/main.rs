//! What the whole house promises: the reference pair in process, the real catalogue, the real
//! golden files.

mod catalogue;
mod ci_examples;
mod cli;
mod conditions;
mod coverage;
mod explained;
mod gate;
mod gate_examples;
mod goldens;
mod harness;
mod import;
mod incumbent;
mod manifest;
mod minimise;
mod no_defects;
mod own_ids;
mod record;
mod replay;
mod routers;
mod schema;
mod shared_database;
mod side_by_side;
mod switches;
mod tokens;
mod trouble;
mod wrong_files;
