//! Answers of more than one row, read into values.

use rusqlite::{Connection, Params, Row};

use super::RegistryResult;

/// Reads all rows of an answer. The statement is kept for the next time.
pub(super) fn rows<T, All: FromIterator<T>>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> RegistryResult<All> {
    Ok(connection.prepare_cached(sql)?.query_map(values, read)?.collect::<Result<_, _>>()?)
}
