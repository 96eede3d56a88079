//! Opening the hub's parquet tables. Which columns a table has, and what they mean, is for the tasks' readers.

use std::path::Path;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use crate::error::{DataError, Result};

/// Whether a file begins like a parquet file.
pub(crate) fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(b"PAR1")
}

/// The table and the names of its columns.
pub(crate) fn open(path: &Path, bytes: Vec<u8>) -> Result<(SerializedFileReader<Bytes>, Vec<String>)> {
    let table = SerializedFileReader::new(Bytes::from(bytes)).map_err(|error| corrupt(path, &error))?;
    let fields = table.metadata().file_metadata().schema().get_fields().iter();
    let columns = fields.map(|field| field.name().to_owned()).collect();
    Ok((table, columns))
}

/// What parquet says of a damaged file.
pub(crate) fn corrupt(path: &Path, error: &ParquetError) -> DataError {
    DataError::Corrupt { path: path.to_owned(), layer: "parquet file", reason: error.to_string() }
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
