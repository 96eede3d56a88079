//! `aees export`: a trained model in a folder that other programs read.

use std::path::PathBuf;
use std::process::ExitCode;

use aees_train::session::{SavedModel, export};
use clap::Args;

use crate::failure::Failure;
use crate::force::ForceFlag;
use crate::progress::preparations;
use crate::stdout;
use crate::words::words;

/// Writes a trained model for other programs: model.safetensors, and for text what transformers loads
#[derive(Args)]
pub(crate) struct ExportFlags {
    /// The folder of the run
    #[arg(value_name = "RUN_DIR")]
    run: PathBuf,
    /// Where to write
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The model of the best epoch, or the newest
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "best",
        value_parser = words([("best", SavedModel::Best), ("last", SavedModel::Last)]),
    )]
    checkpoint: SavedModel,
    #[command(flatten)]
    force: ForceFlag,
}

impl ExportFlags {
    /// Writes the model, and says where.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let step = export(&self.run, self.checkpoint, (&self.to, self.force.force), &mut preparations())?;
        eprintln!("the model after step {step}");
        stdout::line(self.to.display());
        Ok(ExitCode::SUCCESS)
    }
}
