//! Opening the hub's parquet tables. Which columns a table has, and what they mean, is for the tasks' readers.

use std::path::Path;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

use crate::error::{DataError, DataResult, names};

/// Whether a file begins like a parquet file.
pub(crate) fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(b"PAR1")
}

/// The table and the names of its columns.
pub(crate) fn open(path: &Path, bytes: Vec<u8>) -> DataResult<(SerializedFileReader<Bytes>, Vec<String>)> {
    let table = SerializedFileReader::new(Bytes::from(bytes)).map_err(|error| damaged(path, &error))?;
    let fields = table.metadata().file_metadata().schema().get_fields().iter();
    let columns = fields.map(|field| field.name().to_owned()).collect();
    Ok((table, columns))
}

/// What parquet says of a damaged file.
pub(crate) fn damaged(path: &Path, error: &ParquetError) -> DataError {
    DataError::damaged(path, "parquet file", error)
}

/// A table without a column that it needs.
pub(crate) fn no_column(path: &Path, column: &str, found: &[String]) -> DataError {
    DataError::unusable(path, format!("no field \"{column}\"; it has {}", names(found)))
}

/// A value of another type or shape than the layout says.
pub(crate) fn wrong_value(path: &Path, record: usize, column: &str, expected: &str, found: &str) -> DataError {
    DataError::unusable(path, format!("{column} of record {record}: expected {expected}, found {found}"))
}

/// The value in a column; nothing if there is no such column.
pub(crate) fn column<'a>(row: &'a Row, name: &str) -> Option<&'a Field> {
    row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field)
}

/// A whole number of any width.
pub(crate) fn whole_number(field: &Field) -> Option<i64> {
    match field {
        Field::Byte(value) => Some(i64::from(*value)),
        Field::Short(value) => Some(i64::from(*value)),
        Field::Int(value) => Some(i64::from(*value)),
        Field::Long(value) => Some(*value),
        Field::UByte(value) => Some(i64::from(*value)),
        Field::UShort(value) => Some(i64::from(*value)),
        Field::UInt(value) => Some(i64::from(*value)),
        _ => None,
    }
}
