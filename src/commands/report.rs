//! `aees report`: one file for each word.

mod best;
mod figures;
mod html;
mod overhead;
mod tables;
mod tensor;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// Tables, figures and pages from results, ours and the reference's
#[derive(Subcommand)]
#[command(after_help = "Exit code 2: one of the results that were found is damaged; the report is of the others.")]
pub(crate) enum ReportVerb {
    Tables(tables::TablesFlags),
    Figures(figures::FiguresFlags),
    Html(html::HtmlFlags),
    Best(best::BestFlags),
    Tensor(tensor::TensorFlags),
    Overhead(overhead::OverheadFlags),
}

impl ReportVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Tables(typed) => tables::run(&typed),
            Self::Figures(typed) => figures::run(&typed),
            Self::Html(typed) => html::run(&typed),
            Self::Best(typed) => best::run(&typed),
            Self::Tensor(typed) => tensor::run(&typed),
            Self::Overhead(typed) => overhead::run(&typed),
        }
    }
}
