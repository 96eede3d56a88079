//! Studies by name: exact, by a beginning that only one has, or by a pattern.

use rusqlite::{Connection, OptionalExtension, Row};

use super::rows::rows;
use super::{Reader, RegistryError, RegistryResult};

/// How many names a message suggests.
const SUGGESTIONS: usize = 5;

impl Reader {
    /// Reads all rows of an answer about the study with exactly this name, whose number is `?1`.
    pub(super) fn rows_of_study<T, All: FromIterator<T>>(
        &self,
        study: &str,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> RegistryResult<All> {
        self.read(|connection| rows(connection, sql, [exact(connection, study)?], read))
    }
}

/// The study with exactly this name.
pub(super) fn exact(connection: &Connection, name: &str) -> RegistryResult<i64> {
    let find = "SELECT study_id FROM studies WHERE name = ?1";
    let found = connection.query_row(find, [name], |row| row.get(0)).optional()?;
    found.map_or_else(|| Err(unknown(name, &names(connection)?)), Ok)
}

/// The studies that any of the patterns means, each once, oldest first; all studies if there is no pattern.
///
/// A name is tried as it is, then as the beginning of exactly one study, then, if it holds `*`, `?` or `[`, as a
/// pattern.
pub(super) fn matching(connection: &Connection, patterns: &[&str]) -> RegistryResult<Vec<(i64, String)>> {
    let all = names(connection)?;
    if patterns.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for pattern in patterns {
        chosen.extend(meant_by(connection, pattern, &all)?);
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

fn meant_by(connection: &Connection, pattern: &str, all: &[(i64, String)]) -> RegistryResult<Vec<(i64, String)>> {
    if let Some(study) = all.iter().find(|(_, name)| name == pattern) {
        return Ok(vec![study.clone()]);
    }
    if pattern.contains(['*', '?', '[']) {
        let sql = "SELECT study_id, name FROM studies WHERE name GLOB ?1 ORDER BY study_id";
        let found: Vec<_> = rows(connection, sql, [pattern], |row| row.try_into())?;
        return if found.is_empty() { Err(unknown(pattern, all)) } else { Ok(found) };
    }
    let beginning: Vec<_> = all.iter().filter(|(_, name)| name.starts_with(pattern)).cloned().collect();
    match beginning.len() {
        0 => Err(unknown(pattern, all)),
        1 => Ok(beginning),
        _ => Err(RegistryError::AmbiguousStudy {
            name: pattern.to_owned(),
            candidates: beginning.into_iter().map(|(_, name)| name).collect(),
        }),
    }
}

fn names(connection: &Connection) -> RegistryResult<Vec<(i64, String)>> {
    rows(connection, "SELECT study_id, name FROM studies ORDER BY study_id", [], |row| row.try_into())
}

/// Suggests the names that are nearest in spelling or hold what was asked for.
fn unknown(name: &str, all: &[(i64, String)]) -> RegistryError {
    let asked = name.trim_matches('*').to_lowercase();
    let mut scored: Vec<(usize, &String)> = all
        .iter()
        .map(|(_, known)| {
            let lower = known.to_lowercase();
            let distance = if lower.contains(&asked) { 0 } else { strsim::levenshtein(&asked, &lower) };
            (distance, known)
        })
        .collect();
    scored.sort();
    let near: Vec<_> = scored.iter().filter(|(distance, _)| *distance <= 2 + asked.len() / 3).collect();
    let shown = if near.is_empty() { scored.iter().collect() } else { near };
    let suggestions = shown.into_iter().take(SUGGESTIONS).map(|(_, name)| (*name).clone()).collect();
    RegistryError::UnknownStudy { name: name.to_owned(), suggestions }
}
