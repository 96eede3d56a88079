//! The command line of `aees sweep`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use super::registry::places;
use super::{progress, switch};

/// `aees sweep`.
pub(super) fn command() -> Command {
    Command::new("sweep")
        .about("Runs the runs of a study, each exactly once")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(plan())
        .subcommand(run())
        .subcommand(resume())
        .subcommand(super::runs::status())
}

/// The hidden command that workers are.
pub(super) fn worker() -> Command {
    let job = Arg::new("job").long("job").value_name("FILE").value_parser(value_parser!(PathBuf));
    Command::new("worker")
        .hide(true)
        .about("One run of a study, for `aees sweep run`")
        .arg(job.help("The job, instead of the first line of standard input"))
}

fn plan() -> Command {
    let command = Command::new("plan")
        .about("Shows the runs of a study: what is done, what will run, how long it will take. Writes nothing")
        .arg(study("The study file"))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["table", "json", "jobs"])
                .default_value("table")
                .help("A table, one JSON document, or one shell line for each run"),
        )
        .arg(switch("json", "The same as --format json"));
    filters(places(command))
}

fn run() -> Command {
    let command = Command::new("run")
        .about("Plans a study and runs what is not done; continues interrupted runs from their checkpoints")
        .after_help(EXIT_CODES)
        .arg(study("The study file, or the name of a study that was planned before"))
        .arg(switch("yes", "Run also more than 10,000 runs, or more than budget.max_runs"));
    running(filters(places(command)))
}

fn resume() -> Command {
    let command = Command::new("resume")
        .about("Runs what is left of a planned study")
        .after_help(EXIT_CODES)
        .arg(study("The name of the study; the only one when there is one").required(false))
        .arg(switch("retry-failed", "Try failed runs again, too"));
    running(places(command))
}

const EXIT_CODES: &str = "Exit codes: 0 all selected runs are done, 1 wrong usage, study or environment, 2 finished and some \
                          runs failed, 3 stopped with work left, 130 interrupted.";

fn study(help: &'static str) -> Arg {
    Arg::new("study").value_name("STUDY").required(true).help(help)
}

fn filters(command: Command) -> Command {
    let list = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
    };
    let number = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").value_parser(value_parser!(usize)).help(help)
    };
    command
        .arg(list("override", "KEY=VALUE", "Set a key in every run, over everything the file says").short('o'))
        .arg(list("only", "KEY=A,B", "Only runs with one of these values; given again, both must hold"))
        .arg(list("except", "KEY=A,B", "Not the runs with one of these values"))
        .arg(list("case", "NAME", "Only this case of the study").value_delimiter(','))
        .arg(Arg::new("seeds").long("seeds").value_name("SEEDS").help("Of the study's seeds, these: 0-4,7"))
        .arg(Arg::new("shard").long("shard").value_name("I/N").help("Every N-th run, from the I-th on, counted from 0"))
        .arg(number("limit", "The first N settings, with all their seeds"))
        .arg(number("limit-runs", "The first N runs"))
}

fn running(command: Command) -> Command {
    command
        .arg(
            Arg::new("jobs")
                .long("jobs")
                .short('j')
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=1024))
                .help("Runs at the same time; one for each device when not given. Cores are shared out"),
        )
        .arg(
            Arg::new("devices")
                .long("devices")
                .value_name("LIST")
                .value_delimiter(',')
                .help("The devices to use, such as cuda:0,cuda:1"),
        )
        .arg(
            Arg::new("max-hours")
                .long("max-hours")
                .value_name("HOURS")
                .value_parser(value_parser!(f64))
                .help("Checkpoint everything and stop after this time"),
        )
        .arg(switch("fail-fast", "Stop at the first run that fails for good"))
        .arg(switch("bg", "Run in the background; see `aees runs bg`"))
        .arg(progress())
}
