//! What the rule of a study that prunes says of a claimed run: where it is to stop.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::RegistryResult;
use super::usage::stored;
use crate::study::PruneRule;

/// The rule of a study, from its specification.
pub(super) fn rule(connection: &Connection, study_id: i64) -> RegistryResult<Option<PruneRule>> {
    let find = "SELECT spec_json FROM studies WHERE study_id = ?1";
    let spec: Option<String> = connection.query_row(find, [study_id], |row| row.get(0)).optional()?;
    Ok(spec.and_then(|spec| rule_of(&spec)))
}

/// The rule of a study that may not be there yet.
pub(super) fn rule_of_study(connection: &Connection, study: &str) -> RegistryResult<Option<PruneRule>> {
    let find = "SELECT study_id FROM studies WHERE name = ?1";
    let study_id = connection.query_row(find, [study], |row| row.get(0)).optional()?;
    study_id.map_or(Ok(None), |study_id| rule(connection, study_id))
}

fn rule_of(spec_json: &str) -> Option<PruneRule> {
    let mut spec: Value = serde_json::from_str(spec_json).ok()?;
    serde_json::from_value(spec["policy"]["prune"].take()).ok()
}

/// Where a claimed run of a study is to stop; none for one that goes to its end.
pub(super) fn next_rung(
    connection: &Connection,
    study_id: i64,
    run_no: i64,
    rule: &PruneRule,
) -> RegistryResult<Option<u64>> {
    let mut find = connection.prepare_cached(
        "SELECT m.race, r.config_id FROM study_runs m JOIN runs r ON r.run_no = m.run_no
         WHERE m.study_id = ?1 AND m.run_no = ?2 AND m.race IS NOT NULL AND m.kept = 0",
    )?;
    let found = find.query_row([study_id, run_no], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((race, config_id)): Option<(String, String)> = found else { return Ok(None) };
    let mut promoted = connection.prepare_cached(
        "SELECT verdict IS 'promoted' FROM rung_entries WHERE study_id = ?1 AND race = ?2 AND at = ?3 AND config_id = ?4",
    )?;
    for at in rule.ladder() {
        let passed = promoted.query_row(params![study_id, race, stored(at), config_id], |row| row.get(0)).optional()?;
        if passed != Some(true) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}
