//! The flags of `aees report tables`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};

use super::sources;
use aees_report::tables::{Format, KINDS};

/// The command.
pub(super) fn command() -> Command {
    let list = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_delimiter(',').action(ArgAction::Append).help(help)
    };
    let kinds = KINDS.iter().map(|kind| kind.name).chain(["all"]);
    let formats = Format::ALL.map(Format::extension);
    sources(Command::new("tables"))
        .about("Tables of results: mean and spread over seeds, paired comparisons; Markdown, LaTeX, CSV")
        .after_help(explanation())
        .arg(
            list("table", "NAME", "The tables to write [default: all that there are runs for]")
                .value_parser(PossibleValuesParser::new(kinds))
                .hide_possible_values(true),
        )
        .arg(
            list(
                "group-by",
                "KEY,..",
                "One table of any runs instead: a row for each value of these settings or fields",
            )
            .conflicts_with("table"),
        )
        .arg(list(
            "metric",
            "NAME,..",
            "Its numbers: best, final, same_epoch, a program's metric .. [default: best,final]",
        ))
        .arg(
            list("format", "FORMAT", "How to write: md, tex, csv [default: md on stdout, all three with --out]")
                .value_parser(PossibleValuesParser::new(formats))
                .hide_possible_values(true),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Write files NAME.md, NAME.tex and NAME.csv here instead of printing"),
        )
        .arg(
            Arg::new("expect-n")
                .long("expect-n")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..))
                .help("Runs that a row needs [default: one for each seed of the study, or else as many as most rows of its table have]"),
        )
        .arg(
            Arg::new("allow-partial")
                .long("allow-partial")
                .action(ArgAction::SetTrue)
                .help("Average also rows that lack runs, with their n beside the number"),
        )
        .arg(
            Arg::new("duplicates")
                .long("duplicates")
                .value_name("RULE")
                .value_parser(["refuse", "first", "last", "mean"])
                .default_value("refuse")
                .help("Two different results for one seed: leave the row out, or take the first, the last or the mean"),
        )
}

fn explanation() -> String {
    let width = KINDS.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
    let kinds = KINDS.iter().map(|kind| format!("  {:width$}  {}\n", kind.name, kind.about));
    format!("Tables:\n{}Most come with a second one, of differences paired by seed.", kinds.collect::<String>())
}
