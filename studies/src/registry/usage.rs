//! What an attempt used, and the summary numbers of a result.

use rusqlite::Row;
use serde::Serialize;

/// A summary number of a result, such as (`top1`, `final`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// What was measured.
    pub name: String,
    /// How it was reduced to one number: `final`, `best`, ...
    pub measure: String,
    /// The number; one that is not finite is stored as missing.
    pub value: f64,
}

impl Metric {
    /// Reads the columns `name, measure, value` from `first` on.
    pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let value = row.get::<_, Option<f64>>(first + 2)?.unwrap_or(f64::NAN);
        Ok(Self { name: row.get(first)?, measure: row.get(first + 1)?, value })
    }
}

/// What one attempt used. `None` is unknown, never zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Exit code of its process.
    pub exit_code: Option<i32>,
    /// Wall time, in milliseconds.
    pub wall_ms: Option<u64>,
    /// Time of the accelerator, in milliseconds.
    pub gpu_ms: Option<u64>,
    /// Floating-point operations.
    pub flops: Option<f64>,
    /// Energy.
    pub joules: Option<f64>,
    /// Episodes, as the program itself counts them.
    pub episodes: Option<u64>,
    /// Tokens sent to a service.
    pub tokens_in: Option<u64>,
    /// Tokens received from a service.
    pub tokens_out: Option<u64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Peak memory, in bytes.
    pub peak_bytes: Option<u64>,
}

impl Usage {
    /// The columns of `attempts`, in the order in which [`Usage::from_row`] reads them.
    pub(super) const COLUMNS: &str =
        "exit_code, wall_ms, gpu_ms, flops, joules, episodes, tokens_in, tokens_out, cost_usd, peak_bytes";

    /// Reads the columns from `first` on.
    pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            exit_code: row.get(first)?,
            wall_ms: row.get(first + 1)?,
            gpu_ms: row.get(first + 2)?,
            flops: row.get(first + 3)?,
            joules: row.get(first + 4)?,
            episodes: row.get(first + 5)?,
            tokens_in: row.get(first + 6)?,
            tokens_out: row.get(first + 7)?,
            cost_usd: row.get(first + 8)?,
            peak_bytes: row.get(first + 9)?,
        })
    }
}

/// An amount as SQLite stores it; what does not fit is as large as it can be.
pub(super) fn stored(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
