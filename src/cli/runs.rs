//! `aees runs`, and `aees sweep status`, which looks at the same runs from further away.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};

use super::registry::places;
use super::{background, switch};
use aees_studies::registry::RunState;

/// `aees runs`.
pub(super) fn command() -> Command {
    let verbs = [
        ls(),
        look("show", "Shows a run: what it is, where it is, its numbers and its folder"),
        look("why", "Tells how a run came to be where it is: claims, moves, reuse"),
        logs(),
        change("retry", "Makes failed, cancelled, invalid, interrupted and deferred runs pending again")
            .after_help("With --study and no --state, the failed ones."),
        change("cancel", "Takes runs out that are not done; a running one stops at its worker's next heartbeat"),
        change("invalidate", "Withdraws results: the runs become invalid, and retry computes them again"),
        change("withdraw", "Takes runs out of a study's results and claims, without touching the runs")
            .after_help("The study is that of --study, or the one a run is named by: study:17."),
    ];
    Command::new("runs")
        .about("Lists, explains and changes the runs of studies")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help("A RUN is the beginning of its id, at least 4 digits, or its place in a study: study:17.")
        .subcommands(verbs.map(|verb| places(verb.infer_long_args(true))))
        .subcommand(background::command())
}

/// `aees sweep status`.
pub(crate) fn status() -> Command {
    let command = Command::new("status")
        .about("Shows how studies stand: counts, what runs now, how fast, what failed")
        .infer_long_args(true)
        .after_help("A STUDY is a name, the beginning of one name, or a pattern such as 'noise_*'.")
        .arg(Arg::new("study").value_name("STUDY").num_args(0..).help("The studies [default: all]"))
        .arg(switch("watch", "Go on showing it, until nothing runs and nothing is left").conflicts_with("json"))
        .arg(
            Arg::new("every")
                .long("every")
                .value_name("SECONDS")
                .requires("watch")
                .value_parser(value_parser!(f64))
                .help("Seconds between two looks [default: 1 on a terminal, 5 elsewhere]"),
        )
        .arg(json());
    places(command)
}

fn ls() -> Command {
    let command = Command::new("ls").about("Lists runs").arg(
        Arg::new("study").value_name("STUDY").help("Of one study, or of those that a pattern means [default: all]"),
    );
    filters(command)
        .arg(Arg::new("limit").long("limit").value_name("N").value_parser(value_parser!(usize)).help("At most so many"))
        .arg(
            switch("costs", "What the attempts used, failed ones included, by how they ended")
                .conflicts_with_all(["state", "only", "limit"]),
        )
        .arg(json())
}

fn look(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).arg(run().required(true)).arg(json())
}

fn logs() -> Command {
    Command::new("logs")
        .about("Prints the log of a run")
        .arg(run().required(true))
        .arg(switch("follow", "Go on as it grows, until the run is no longer running").short('f'))
        .arg(switch("worker", "What the worker process said on its standard error, instead"))
}

fn change(name: &'static str, about: &'static str) -> Command {
    let reason = Arg::new("reason").long("reason").value_name("TEXT").help("Why, for `aees runs why`");
    let runs = run().num_args(0..).help("The runs");
    let study = Arg::new("study").long("study").value_name("STUDY").help("Runs of this study");
    let of_study = |command: Command| {
        if name == "withdraw" { command } else { command.mut_arg("run", |run| run.conflicts_with("study")) }
    };
    let command = Command::new(name).about(about).arg(runs).arg(study).arg(reason.required(name == "invalidate"));
    of_study(
        filters(command).mut_arg("state", |arg| arg.requires("study")).mut_arg("only", |arg| arg.requires("study")),
    )
    .group(ArgGroup::new("which").args(["run", "study"]).required(true).multiple(true))
    .arg(switch("yes", "Do not ask"))
    .arg(json())
}

fn run() -> Arg {
    Arg::new("run").value_name("RUN").help("The run")
}

fn filters(command: Command) -> Command {
    command
        .arg(
            Arg::new("state")
                .long("state")
                .value_name("STATE,..")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(RunState::ALL.map(RunState::name)))
                .help("Only those in one of these states"),
        )
        .arg(
            Arg::new("only")
                .long("only")
                .value_name("KEY=VALUE,..")
                .action(ArgAction::Append)
                .help("Only those with one of these values on an axis; given again, both must hold"),
        )
}

fn json() -> Arg {
    switch("json", "Print one JSON document on stdout")
}
