//! Which runs a worker may claim.

use rusqlite::OptionalExtension;
use serde_json::Value;

use super::{Reader, RegistryError, Result, RunId};

/// Runs that a worker may claim, and the order in which it takes them.
#[derive(Clone, Debug)]
pub struct Selection {
    pub(super) source: Source,
    /// Run ids, as a JSON array.
    pub(super) excluded: String,
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    /// All members of a study that are not withdrawn, by index.
    Study(i64),
    /// These runs, in this order; run numbers as a JSON array.
    Runs(String),
}

impl Selection {
    /// The same without some runs, for example those whose directory another process holds. Replaces an earlier
    /// exclusion.
    #[must_use]
    pub fn without<'a>(&self, runs: impl IntoIterator<Item = &'a RunId>) -> Self {
        let excluded = runs.into_iter().map(|run| Value::from(run.full())).collect::<Vec<_>>();
        Self { source: self.source.clone(), excluded: Value::from(excluded).to_string() }
    }
}

impl Reader {
    /// The members of a study, by index. Runs that are planned later belong to it too.
    ///
    /// # Errors
    /// When there is no study with exactly this name.
    pub fn select_study(&self, study: &str) -> Result<Selection> {
        let study_id = self.read(|connection| super::studies::exact(connection, study))?;
        Ok(Selection { source: Source::Study(study_id), excluded: "[]".into() })
    }

    /// These runs, in this order.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn select_runs(&self, runs: &[RunId]) -> Result<Selection> {
        let numbers = self.read(|connection| {
            let mut find = connection.prepare_cached("SELECT run_no FROM runs WHERE run_id = ?1")?;
            let mut numbers = Vec::with_capacity(runs.len());
            for run in runs {
                let number: Option<i64> = find.query_row([run], |row| row.get(0)).optional()?;
                numbers.push(number.ok_or_else(|| RegistryError::UnknownRun { name: run.full().to_owned() })?);
            }
            Ok(numbers)
        })?;
        Ok(Selection { source: Source::Runs(Value::from(numbers).to_string()), excluded: "[]".into() })
    }
}
