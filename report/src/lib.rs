//! Reports: from the results of runs to tables, figures, replays and pages for a paper.
//!
//! Everything here starts from [`ResultSet`], one reader for our results and the reference's, old and new. Runs are grouped by
//! what they *are* ([`RunRecord`]), never by what their files are called. Nothing here trains, and nothing prints.

#![warn(missing_docs)]

pub mod best;
pub mod figures;
pub mod html;
pub mod overhead;
mod read;
mod record;
pub mod replay;
pub mod statistics;
pub mod tables;
pub mod tensor;

pub use read::{Duplicates, ReadError, ResultSet, Skipped, Source};
pub use record::{Axes, Episodes, Layout, Method, NoiseSetting, RunRecord, SubsetAccuracies};
