//! The flags of `aees report figures`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};

use super::sources;
use aees_report::figures::FigureKind;

/// The command.
pub(super) fn command() -> Command {
    sources(Command::new("figures"))
        .about("Figures as SVG and PNG, each with the CSV of its data")
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Where the figures go"),
        )
        .arg(
            Arg::new("figure")
                .long("figure")
                .value_name("NAME,..")
                .value_delimiter(',')
                .value_parser(PossibleValuesParser::new(FigureKind::ALL.map(FigureKind::name)))
                .help("Draw only these; without it, all that there is data for"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT,..")
                .value_delimiter(',')
                .value_parser(["svg", "png"])
                .default_value("svg,png")
                .help("The kinds of files"),
        )
        .arg(
            Arg::new("width")
                .long("width")
                .value_name("WIDTH")
                .default_value("column")
                .help("column (85 mm), page (175 mm), or millimetres from 60 to 400"),
        )
        .arg(Arg::new("theme").long("theme").value_parser(["light", "dark"]).default_value("light").help("The ground"))
        .arg(
            Arg::new("smooth")
                .long("smooth")
                .value_name("EPOCHS")
                .value_parser(value_parser!(u16).range(1..))
                .help("Centred rolling mean of the learning curves; the reference takes 5"),
        )
        .arg(
            Arg::new("group-by")
                .long("group-by")
                .value_name("KEY,..")
                .value_delimiter(',')
                .help("Group the strips by these settings instead of by what runs are"),
        )
        .arg(
            Arg::new("allow-partial")
                .long("allow-partial")
                .action(ArgAction::SetTrue)
                .help("Also draw groups that lack a seed or an epoch"),
        )
}
