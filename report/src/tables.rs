//! Tables from results: those of the thesis, and a general one; as Markdown, LaTeX and CSV.
//!
//! Runs are put into rows by what they are (their settings), never by what their files are called. A row shows mean and sample
//! standard deviation over seeds. One that lacks runs, has two results for a seed, or lost a run to divergence is left out and
//! named, with the commands that complete it. Methods are compared on the seeds that both have ([`super::statistics`]).
//!
//! A table kind makes a plan: groups, quantities, and which rows are compared. The plan makes [`Table`]s; a writer for each
//! format puts them down. Files and the terminal are the caller's.

mod ablations;
mod checkpoints;
mod cifar;
mod comparison;
mod control_health;
mod csv;
mod general;
mod group;
pub(crate) mod html;
mod latex;
mod markdown;
mod options;
mod overhead;
mod plan;
mod selection;
mod table;
mod text;

#[cfg(test)]
mod tests;

pub use general::general_flags;
pub use options::{DuplicateRule, TableOptions};
pub use table::{Cell, Column, ColumnKind, Emphasis, Row, Table, TableWarning};

use self::text::TextTableKind;
use crate::error::ReportError;
use crate::record::RunRecord;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Markdown.
    Markdown,
    /// LaTeX with booktabs.
    Latex,
    /// CSV with raw numbers.
    Csv,
}

impl TableFormat {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Markdown, Self::Latex, Self::Csv];

    /// The file extension, which is also its name on the command line.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Latex => "tex",
            Self::Csv => "csv",
        }
    }

    /// Writes a table.
    pub fn write(self, table: &Table) -> String {
        match self {
            Self::Markdown => markdown::write(table),
            Self::Latex => latex::write(table),
            Self::Csv => csv::write(table),
        }
    }
}

/// A kind of table.
#[derive(Debug, Clone, Copy)]
pub struct TableKind {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    build: fn(&[RunRecord], &TableOptions) -> Vec<Table>,
}

/// Every kind of table, in the order in which `all` writes them.
pub const KINDS: &[TableKind] = &[
    kind("clean", "CIFAR-100 without label noise", cifar::clean),
    kind("noisy", "CIFAR-100, one table for each noise setting", |runs, options| cifar::noisy(runs, options, false)),
    kind("noisy-combined", "all noise settings side by side", cifar::combined),
    kind("noisy-detailed", "with what was memorised", |runs, options| cifar::noisy(runs, options, true)),
    kind("fixed", "the best fixed multiplier and AEES", |runs, options| cifar::fixed(runs, options, false)),
    kind("fixed-detailed", "all fixed multipliers", |runs, options| cifar::fixed(runs, options, true)),
    kind("nlp", "SST-2 and AG News", |runs, options| text::nlp(runs, options, TextTableKind::Main)),
    kind("nlp-axis", "one axis and both", |runs, options| text::nlp(runs, options, TextTableKind::Axis)),
    kind("nlp-detailed", "with costs and settings", |runs, options| text::nlp(runs, options, TextTableKind::Detailed)),
    kind("noise-ablation", "gradient noise without feedback, AG News", text::noise_ablation),
    kind("overhead", "seconds and percent over the baseline", |runs, _| overhead::overhead(runs, false, true)),
    kind("overhead-detailed", "everything that was timed", |runs, _| overhead::overhead(runs, true, true)),
    kind("checkpoints", "what is memorised at the peak", |runs, options| checkpoints::tables(runs, options, false)),
    kind("checkpoints-detailed", "the same, each run", |runs, options| checkpoints::tables(runs, options, true)),
    kind("penalty", "with and without the penalty on unsteady losses", ablations::penalty),
    kind("trend", "with and without the trend context", ablations::trend),
    kind("cifar-noise", "gradient noise on CIFAR-100", ablations::cifar_noise),
    kind("ablations", "what else a study calls an ablation", ablations::others),
    kind("control-health", "whether controllers learn, and whether they could have", control_health::control_health),
    kind("attribution", "AEES beside multipliers without feedback", ablations::attribution),
];

const fn kind(
    name: &'static str,
    about: &'static str,
    build: fn(&[RunRecord], &TableOptions) -> Vec<Table>,
) -> TableKind {
    TableKind { name, about, build }
}

/// The tables of one kind; none when there are no runs for it.
pub fn build(kind: &TableKind, runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    warned((kind.build)(runs, options), runs)
}

/// The tables with what their results contradict above their numbers.
fn warned(mut tables: Vec<Table>, runs: &[RunRecord]) -> Vec<Table> {
    let warnings: Vec<_> = runs.iter().flat_map(RunRecord::warnings).map(TableWarning::Contradiction).collect();
    tables.iter_mut().for_each(|table| table.warnings.extend_from_slice(&warnings));
    tables
}

/// Every table that there are runs for. Times of runs that nobody repeated are no table of overhead.
pub fn build_all(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let made = |kind: &TableKind| match kind.name {
        "overhead" => warned(overhead::overhead(runs, false, false), runs),
        "overhead-detailed" => warned(overhead::overhead(runs, true, false), runs),
        _ => build(kind, runs, options),
    };
    KINDS.iter().flat_map(made).collect()
}

/// Groups runs by any fields (what a run is, or a key of its configuration) and shows any numbers of theirs.
///
/// # Errors
/// A field or a number that no run has.
pub fn general(
    runs: &[RunRecord],
    group_by: &[String],
    metrics: &[String],
    options: &TableOptions,
) -> Result<Vec<Table>, ReportError> {
    Ok(warned(general::general(runs, group_by, metrics, options)?, runs))
}
