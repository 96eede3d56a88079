//! The Hugging Face hub's version: parquet tables with a column of text (`sentence` or `text`) and one of labels from 0.

use std::path::Path;

use parquet::file::reader::FileReader;
use parquet::record::{Field, Row};

use super::format::TextFormat;
use super::rows::RowReader;
use super::split::TextSplit;
use super::task::TextTask;
use crate::error::{DataError, DataResult, RowPlace};
use crate::parquet_file::{self, column};

const LABEL: &str = "label";

pub(super) fn decode(path: &Path, format: &TextFormat, bytes: Vec<u8>) -> DataResult<TextSplit> {
    let (table, columns) = parquet_file::open(path, bytes)?;
    for column in [format.text_column, LABEL] {
        if !columns.iter().any(|name| name == column) {
            return Err(missing_column(path, format, column, &columns));
        }
    }
    let mut rows = RowReader::new(path, format, 0);
    let records = table.get_row_iter(None).map_err(|error| parquet_file::damaged(path, &error))?;
    for (record, row) in records.enumerate() {
        let row = row.map_err(|error| parquet_file::damaged(path, &error))?;
        let label = column(&row, LABEL).unwrap_or(&Field::Null);
        rows.push(
            RowPlace::Record(record),
            text(path, format, record, &row)?,
            parquet_file::whole_number(label),
            label,
        )?;
    }
    rows.finish()
}

fn missing_column(path: &Path, format: &TextFormat, column: &str, found: &[String]) -> DataError {
    let other = TextTask::ALL.into_iter().map(TextTask::format).find(|other| {
        let has = |name| found.iter().any(|column| column == name);
        other.text_column != format.text_column && has(other.text_column) && has(LABEL)
    });
    match other {
        Some(other) => format.other_task(path, other.hub_table),
        None => parquet_file::no_column(path, column, found),
    }
}

fn text<'a>(path: &Path, format: &TextFormat, record: usize, row: &'a Row) -> DataResult<&'a str> {
    match column(row, format.text_column) {
        Some(Field::Str(text)) => Ok(text),
        // The row has no text, and is refused as such.
        Some(Field::Null) | None => Ok(""),
        Some(other) => Err(parquet_file::wrong_value(path, record, format.text_column, "text", &other.to_string())),
    }
}
