//! The flags of `aees report best`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use super::sources;

const DEFINITIONS: &str = "\
Measures, of a curve with one value for each epoch: final, the last epoch's, whatever the length of an episode; best, the \
best epoch's, which is biased upward; last_k(n), the mean of the last n epochs; auc, the mean of all epochs.
A setting with a diverged run never wins: it is listed below the others, with the step. Of two results for one seed the \
mean counts, and both are named. Ties go to the setting whose text comes first.
Metrics: val_accuracy, train_accuracy, train_loss, epoch_seconds, epoch_tflops, or a name from the results.";

/// The command.
pub(super) fn command() -> Command {
    sources(Command::new("best"))
        .about("The best setting of each group, by its mean over seeds; --confirm measures it again on fresh seeds")
        .after_help(DEFINITIONS)
        .arg(
            Arg::new("group-by")
                .long("group-by")
                .value_name("KEY,...")
                .value_delimiter(',')
                .default_value("task,optimizer")
                .help("What makes a group: task, optimizer, scheduler, method, label_noise or any setting"),
        )
        .arg(Arg::new("metric").long("metric").value_name("NAME").default_value("val_accuracy").help("The metric"))
        .arg(
            Arg::new("measure")
                .long("measure")
                .value_name("MEASURE")
                .default_value("final")
                .help("final, best, last_k(n) or auc"),
        )
        .arg(
            Arg::new("goal")
                .long("goal")
                .value_name("GOAL")
                .value_parser(["max", "min"])
                .help("Which direction is better [default: min for losses and times, max otherwise]"),
        )
        .arg(
            Arg::new("top")
                .long("top")
                .value_name("K")
                .value_parser(value_parser!(usize))
                .default_value("5")
                .help("Show so many settings of each group"),
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print one JSON document on stdout"))
        .arg(
            Arg::new("confirm")
                .long("confirm")
                .value_name("N")
                .requires("out")
                .help("Write a study with the winners and N seeds that no run had"),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("STUDY.yaml")
                .requires("confirm")
                .value_parser(value_parser!(PathBuf))
                .help("The file of --confirm"),
        )
}
