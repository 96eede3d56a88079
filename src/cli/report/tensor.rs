//! The flags of `aees report tensor`.

use std::path::PathBuf;

use clap::{Arg, Command, value_parser};

use super::sources;

const CONTENTS: &str = "\
Files: .npz holds the arrays values and mask and the coordinates setting, step and seed, with axes and metric; numpy.load \
reads it without pickles. .safetensors holds the same; its texts are in the metadata. .csv has one row for each value.
Steps are epochs, from 1. A setting is a JSON object of what differs between the settings. mask is true where there is a \
value; elsewhere values is NaN.";

/// The command.
pub(super) fn command() -> Command {
    sources(Command::new("tensor"))
        .about("One array of a metric with the axes setting, step and seed")
        .after_help(CONTENTS)
        .arg(
            Arg::new("metric").long("metric").value_name("NAME").default_value("val_accuracy").help(
                "val_accuracy, train_accuracy, train_loss, epoch_seconds, epoch_tflops, or a name from the results",
            ),
        )
        .arg(
            Arg::new("axes")
                .long("axes")
                .value_name("AXES")
                .default_value("setting,step,seed")
                .help("The order of the axes"),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A .npz, .safetensors or .csv file [default: the .csv on stdout]"),
        )
}
