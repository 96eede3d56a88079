//! Where a run is, as a transaction sees it, and what its attempts used.

use rusqlite::{Connection, OptionalExtension, params};

use super::usage::stored;
use super::{Claim, RegistryError, RegistryResult, RunId, RunState, Usage};

/// Where a run is, as the transaction sees it.
pub(super) struct CurrentRun {
    pub(super) run_id: RunId,
    pub(super) run_no: i64,
    pub(super) state: RunState,
    pub(super) epoch: i64,
    pub(super) result_sha: Option<String>,
}

impl CurrentRun {
    /// Where the run is; an unknown one is an error.
    pub(super) fn read(connection: &Connection, run_id: &RunId) -> RegistryResult<Self> {
        let mut find =
            connection.prepare_cached("SELECT run_no, state, epoch, result_sha FROM runs WHERE run_id = ?1")?;
        let found = find.query_row([run_id], |row| {
            Ok(Self {
                run_id: run_id.clone(),
                run_no: row.get(0)?,
                state: row.get(1)?,
                epoch: row.get(2)?,
                result_sha: row.get(3)?,
            })
        });
        found.optional()?.ok_or_else(|| RegistryError::UnknownRun { name: run_id.full().to_owned() })
    }

    pub(super) fn held_by(&self, claim: &Claim) -> bool {
        self.state == RunState::Running && self.epoch == claim.epoch
    }

    pub(super) fn fenced_out(&self, claim: &Claim) -> RegistryError {
        let run_id = self.run_id.clone();
        RegistryError::FencedOut { run_id, epoch: claim.epoch, now: self.epoch, state: self.state }
    }
}

/// Writes down what an attempt used. That it ended, and when, is for the trigger of the move. Also what a fenced-out
/// attempt used counts, but once: what is written is not written over.
pub(super) fn record_usage(
    transaction: &Connection,
    current_run: &CurrentRun,
    epoch: i64,
    usage: &Usage,
) -> RegistryResult<()> {
    let mut update = transaction.prepare_cached(
        "UPDATE attempts SET exit_code = coalesce(exit_code, ?3), wall_ms = coalesce(wall_ms, ?4),
             gpu_ms = coalesce(gpu_ms, ?5), flops = coalesce(flops, ?6), joules = coalesce(joules, ?7),
             episodes = coalesce(episodes, ?8), tokens_in = coalesce(tokens_in, ?9), tokens_out = coalesce(tokens_out, ?10),
             cost_usd = coalesce(cost_usd, ?11), peak_bytes = coalesce(peak_bytes, ?12)
         WHERE run_no = ?1 AND epoch = ?2",
    )?;
    update.execute(params![
        current_run.run_no,
        epoch,
        usage.exit_code,
        usage.wall_ms.map(stored),
        usage.gpu_ms.map(stored),
        usage.flops,
        usage.joules,
        usage.episodes.map(stored),
        usage.tokens_in.map(stored),
        usage.tokens_out.map(stored),
        usage.cost_usd,
        usage.peak_bytes.map(stored)
    ])?;
    Ok(())
}
