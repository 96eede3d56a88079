//! What a study used: every attempt counts, also those that failed.

use serde::Serialize;

use super::{Reader, RegistryResult};

/// What a study's attempts with one kind of ending used together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostRow {
    /// How they ended: `completed`, `failed`, `lease_expired`, ...; `running` for those that go on.
    pub ending: String,
    /// How many.
    pub attempts: u64,
    /// Wall time, in milliseconds; `None` if it is unknown for all.
    pub wall_ms: Option<u64>,
    /// Time of the accelerator, in milliseconds.
    pub gpu_ms: Option<u64>,
    /// Tokens sent.
    pub tokens_in: Option<u64>,
    /// Tokens received.
    pub tokens_out: Option<u64>,
    /// Energy.
    pub joules: Option<f64>,
    /// Cost of the attempts whose cost is known; `None` if it is known for none.
    pub cost_usd: Option<f64>,
    /// Attempts whose cost is unknown. Unknown is not zero.
    pub cost_unknown: u64,
}

impl Reader {
    /// What the attempts at a study's members used, by ending. A run in two studies is counted in both.
    pub fn costs(&self, study: &str) -> RegistryResult<Vec<CostRow>> {
        let sql =
            "SELECT coalesce(a.ending, 'running') AS ended, count(*), sum(a.wall_ms), sum(a.gpu_ms), sum(a.tokens_in),
                sum(a.tokens_out), sum(a.joules), sum(a.cost_usd), sum(a.cost_usd IS NULL)
            FROM study_runs m JOIN attempts a ON a.run_no = m.run_no WHERE m.study_id = ?1
            GROUP BY ended ORDER BY ended";
        self.rows_of_study(study, sql, |row| {
            Ok(CostRow {
                ending: row.get(0)?,
                attempts: row.get(1)?,
                wall_ms: row.get(2)?,
                gpu_ms: row.get(3)?,
                tokens_in: row.get(4)?,
                tokens_out: row.get(5)?,
                joules: row.get(6)?,
                cost_usd: row.get(7)?,
                cost_unknown: row.get(8)?,
            })
        })
    }
}
