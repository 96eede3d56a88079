//! Reports: from the results of runs to tables, figures, replays and pages for a paper.
//!
//! Everything here starts from [`ResultSet`], one reader for our results and the reference's, old and new. Runs are grouped by
//! what they *are* ([`Attributes`]), never by what their files are called. Nothing here trains, and nothing prints.

#![allow(missing_docs, reason = "a field whose name says all needs no sentence; what has a unit or a rule has one")]

pub mod attributes;
pub mod best;
pub mod board;
mod csv;
mod difference;
mod error;
pub mod experiment;
pub mod fields;
pub mod figures;
#[cfg(test)]
mod fixtures;
mod health;
pub mod html;
mod markup;
mod method;
pub mod names;
mod number;
pub mod overhead;
mod peak;
pub mod quantity;
mod read;
mod record;
pub mod replay;
pub mod statistics;
pub mod tables;
pub mod tensor;

pub use attributes::Attributes;
pub use csv::csv_of;
pub use difference::{Difference, RecordPart};
pub use error::ReportError;
pub use read::{Duplicates, ReadError, ReportSource, ResultSet, SkippedFile};
pub use record::{Control, ControlledAxes, Episodes, LabelNoiseAccuracies, Layout, NoiseSetting, RunRecord};
