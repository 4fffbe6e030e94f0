//! Arguments that bind a report to the core that answered.

use crate::report::bound::{CoreClaim, ImageDigest};

/// Which core answers, for `verifier gate`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct CoreArgs {
    /// Digest of the image that runs as core (`sha256:…`), written into the report: the gate takes a
    /// report only for the core that runs.
    #[arg(long, value_name = "DIGEST")]
    core_digest: Option<ImageDigest>,
    /// Its build, as core itself tells it.
    #[arg(long, value_name = "BUILD")]
    core_build: Option<String>,
}

impl CoreArgs {
    /// As it stands in the report.
    pub fn claim(&self) -> CoreClaim {
        CoreClaim {
            digest: self.core_digest.as_ref().map(|digest| digest.0.clone()),
            build: self.core_build.clone(),
        }
    }
}
