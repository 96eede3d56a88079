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
mod csv;
mod general;
mod group;
mod latex;
mod markdown;
mod overhead;
mod plan;
mod quantity;
mod setting;
mod table;
mod text;
mod variant;

#[cfg(test)]
mod tests;

pub use quantity::Quantity;
pub use table::{Better, Cell, Column, Emphasis, Kind, Row, Table};

use super::RunRecord;

/// What to do with two different results for one seed of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// Leave the row out, and name them.
    #[default]
    Refuse,
    /// Take the first, by path.
    First,
    /// Take the last, by path.
    Last,
    /// Take their mean.
    Mean,
}

/// How strict tables are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableOptions {
    /// Runs that a row needs. When not given, those of `expected_seeds`, or else the most common number.
    pub expect_n: Option<usize>,
    /// The seeds of the studies that the runs are from; none when they are from no study.
    pub expected_seeds: Option<Vec<i64>>,
    /// Whether rows with fewer runs are averaged all the same, with their n beside the number.
    pub allow_partial: bool,
    /// What to do with two results for one seed.
    pub duplicates: Duplicates,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Markdown.
    Markdown,
    /// LaTeX with booktabs.
    Latex,
    /// CSV with raw numbers.
    Csv,
}

impl Format {
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

/// Why there is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No run has this field.
    #[error("no run has a field `{key}` to group by")]
    UnknownField {
        /// The field.
        key: String,
        /// The nearest one there is.
        nearest: Option<String>,
    },
    /// No run has this number.
    #[error("no run has a number `{name}`")]
    UnknownMetric {
        /// The number.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
}

impl TableError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownField { nearest, .. } => nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`?")),
            Self::UnknownMetric { known, .. } => Some(format!("numbers there are: {}", known.join(", "))),
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
pub const KINDS: [TableKind; 18] = [
    kind("clean", "CIFAR-100 without label noise", cifar::clean),
    kind("noisy", "CIFAR-100, one table for each noise setting", |runs, options| cifar::noisy(runs, options, false)),
    kind("noisy-combined", "all noise settings side by side", cifar::combined),
    kind("noisy-detailed", "with what was memorised", |runs, options| cifar::noisy(runs, options, true)),
    kind("fixed", "the best fixed multiplier and AEES", |runs, options| cifar::fixed(runs, options, false)),
    kind("fixed-detailed", "all fixed multipliers", |runs, options| cifar::fixed(runs, options, true)),
    kind("nlp", "SST-2 and AG News", |runs, options| text::nlp(runs, options, text::TextTable::Main)),
    kind("nlp-axis", "one axis and both", |runs, options| text::nlp(runs, options, text::TextTable::Axis)),
    kind("nlp-detailed", "with costs and settings", |runs, options| {
        text::nlp(runs, options, text::TextTable::Detailed)
    }),
    kind("noise-ablation", "gradient noise without feedback, AG News", text::noise_ablation),
    kind("overhead", "seconds and percent over the baseline", |runs, _| overhead::overhead(runs, false, true)),
    kind("overhead-detailed", "everything that was timed", |runs, _| overhead::overhead(runs, true, true)),
    kind("checkpoints", "what is memorised at the peak", |runs, options| {
        checkpoints::checkpoints(runs, options, false)
    }),
    kind("checkpoints-detailed", "the same, each run", |runs, options| checkpoints::checkpoints(runs, options, true)),
    kind("penalty", "with and without the penalty on unsteady losses", ablations::penalty),
    kind("trend", "with and without the trend context", ablations::trend),
    kind("cifar-noise", "gradient noise on CIFAR-100", ablations::cifar_noise),
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
    (kind.build)(runs, options)
}

/// Every table that there are runs for. Times of runs that nobody repeated are no table of overhead.
pub fn build_all(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let made = |kind: &TableKind| match kind.name {
        "overhead" => overhead::overhead(runs, false, false),
        "overhead-detailed" => overhead::overhead(runs, true, false),
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
) -> Result<Vec<Table>, TableError> {
    general::general(runs, group_by, metrics, options)
}
