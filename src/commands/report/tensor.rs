//! `aees report tensor`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_report::tensor::{Tensor, csv, npz, parse_axes, safetensors, tensor};
use aees_run::output::{OutputKind, write_output};
use clap::Args;

use crate::failure::Failure;
use crate::force::ForceFlag;
use crate::sources::{Sources, exit_code};
use crate::stdout;

const CONTENTS: &str = "\
Files: .npz holds the arrays values and mask and the coordinates setting, step and seed, with axes and metric; numpy.load \
reads it without pickles. .safetensors holds the same; its texts are in the metadata. .csv has one row for each value.
Steps are epochs, from 1. A setting is a JSON object of what differs between the settings. mask is true where there is a \
value; elsewhere values is NaN.";

/// One array of a metric with the axes setting, step and seed
#[derive(Args)]
#[command(after_help = CONTENTS)]
pub(crate) struct TensorFlags {
    #[command(flatten)]
    sources: Sources,
    /// val_accuracy, train_accuracy, train_loss, epoch_seconds, epoch_tflops, or a name from the results
    #[arg(long, value_name = "NAME", default_value = "val_accuracy")]
    metric: String,
    /// The order of the axes
    #[arg(long, value_name = "AXES", default_value = "setting,step,seed")]
    axes: String,
    /// A .npz, .safetensors or .csv file [default: the .csv on stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: ForceFlag,
}

pub(super) fn run(typed: &TensorFlags) -> Result<ExitCode, Failure> {
    let axes = parse_axes(&typed.axes)?;
    let out = typed.out.as_deref();
    let kind = out.map(kind).transpose()?;
    let found = typed.sources.read()?;
    let array = tensor(&found.runs, &typed.metric, axes)?;
    array.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    match out.zip(kind) {
        None => stdout::line(csv(&array).trim_end()),
        Some((path, (_, kind, bytes))) => {
            let bytes = bytes(&array).map_err(|error| Failure::new(error.to_string()))?;
            write_output(path, kind, &bytes, typed.force.force)?;
            let [one, two, three] = array.shape();
            let [first, second, third] = array.axes;
            eprintln!("wrote {}: {one} {first} x {two} {second} x {three} {third}", path.display());
        }
    }
    Ok(exit_code(&found.skipped))
}

/// How a file's name ends, what it is known by, and what is written.
type ArrayFile = (&'static str, OutputKind, fn(&Tensor) -> std::io::Result<Vec<u8>>);

const FILES: [ArrayFile; 3] = [
    ("npz", OutputKind::BINARY, npz),
    ("safetensors", OutputKind::ARRAY, |array| Ok(safetensors(array))),
    ("csv", OutputKind::TEXT, |array| Ok(csv(array).into_bytes())),
];

/// What kind of file a name asks for.
fn kind(path: &Path) -> Result<ArrayFile, Failure> {
    let known = |ending: &std::ffi::OsStr| FILES.into_iter().find(|(known, ..)| ending == *known);
    path.extension().and_then(known).ok_or_else(|| {
        let message = format!("{}: no kind of file that an array can be written to", path.display());
        Failure::with_help(message, "let its name end in .npz, .safetensors or .csv")
    })
}
