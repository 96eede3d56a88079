//! `aees runs bg`: launches in the background.

use clap::{Arg, Command, value_parser};

use super::{path, switch};

/// `aees runs bg`.
pub(crate) fn command() -> Command {
    let list = Command::new("list")
        .about("Lists launches and what became of them")
        .arg(switch("all", "Also those that ended long ago, not only the last ten"))
        .arg(switch("json", "Print one JSON document on stdout"));
    let stop = Command::new("stop")
        .about("Stops launches and all that they started, after their runs have written checkpoints")
        .after_help(
            "Exit codes: 0 stopped, and nothing of it runs any more; 1 there was nothing to stop, or it failed.",
        )
        .arg(launch("ID|STUDY|all", "A launch, all launches of a study, or all"))
        .arg(
            Arg::new("grace")
                .long("grace")
                .value_name("SECONDS")
                .value_parser(value_parser!(u32))
                .default_value("60")
                .help("How long checkpoints may take; what runs then is killed"),
        )
        .arg(switch("now", "Kill at once, without checkpoints").conflicts_with("grace"));
    let attach = Command::new("attach")
        .about("Shows the log of a launch as it grows; Ctrl-C only ends the showing")
        .after_help("Exit codes: that of the launch if it ended; 1 if it was killed; 0 after Ctrl-C.")
        .arg(launch("ID|STUDY", "A launch, or the newest of a study"));
    Command::new("bg")
        .about("Launches in the background, as `aees sweep run --bg` makes them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help("An ID can be cut short, as long as it means one launch.")
        .subcommands([list, stop, attach].map(|command| {
            let root = path("root", "DIR", "The folder of results that the launches write to").default_value("results");
            command.infer_long_args(true).arg(root)
        }))
}

fn launch(value: &'static str, help: &'static str) -> Arg {
    Arg::new("launch").value_name(value).required(true).help(help)
}
