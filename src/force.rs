//! `--force`, for verbs that write files where a user says.

use clap::Args;

#[derive(Args)]
pub(crate) struct ForceFlag {
    /// Also replace files that aees did not write as the same kind
    #[arg(long)]
    pub(crate) force: bool,
}
