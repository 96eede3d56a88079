//! GLUE's tab-separated files: a header (`sentence<TAB>label`), one row a line, no quoting. Columns are found by name.

use std::path::Path;

use super::csv_table;
use super::error::{RowPlace, TextError};
use super::format::TextFormat;
use super::rows::Rows;
use super::split::TextSplit;
use crate::error::Result;

/// The layout, for messages where another task's file should be.
const DESCRIPTION: &str = "GLUE's TSV of SST-2";

const LABEL: &str = "label";

/// Whether a file begins like one of GLUE's.
pub(super) fn may_be_tsv(text: &str) -> bool {
    text.lines().next().is_some_and(|header| header.contains('\t') && header.contains("sentence"))
}

/// That a TSV file was found where `format` has none.
pub(super) fn other_task(path: &Path, format: &TextFormat) -> TextError {
    TextError::OtherTask { path: path.to_owned(), found: DESCRIPTION, expected: format.layouts }
}

/// The rows of a file; `text` is its content without a byte order mark.
pub(super) fn decode(path: &Path, format: &TextFormat, text: &str) -> Result<TextSplit> {
    // Blank lines at the end are no rows. `lines` takes a carriage return before a line's end for a part of that end.
    let mut lines = (1_u64..).zip(text.trim_end_matches(['\r', '\n']).lines());
    let header = lines.next().map_or("", |(_, header)| header);
    let columns: Vec<&str> = header.split('\t').map(str::trim).collect();
    let find = |column: &'static str| {
        let found = columns.iter().position(|name| name.eq_ignore_ascii_case(column));
        found.ok_or_else(|| missing_column(path, format, column, text, &columns))
    };
    let (text_column, label_column) = (find(format.text_column)?, find(LABEL)?);
    let mut rows = Rows::new(path, format, 0);
    for (line, row) in lines {
        let (mut text, mut label, mut fields) = ("", "", 0);
        for field in row.split('\t') {
            if fields == text_column {
                text = field;
            } else if fields == label_column {
                label = field;
            }
            fields += 1;
        }
        let place = RowPlace::Line(line);
        if fields != columns.len() && !row.trim().is_empty() {
            return Err(wrong_field_count(path, place, columns.len(), fields).into());
        }
        rows.push_written(place, text, label)?;
    }
    rows.finish()
}

fn missing_column(path: &Path, format: &TextFormat, column: &'static str, text: &str, columns: &[&str]) -> TextError {
    if csv_table::may_be_csv(text) {
        return csv_table::other_task(path, format);
    }
    let unlabelled = column == LABEL && columns.iter().any(|name| name.eq_ignore_ascii_case("index"));
    TextError::MissingColumn {
        path: path.to_owned(),
        line: 1,
        column,
        found: columns.iter().filter(|name| !name.is_empty()).map(|&name| name.to_owned()).collect(),
        hint: unlabelled.then_some("index and sentence are the columns of GLUE's test file, which has no labels"),
    }
}

fn wrong_field_count(path: &Path, place: RowPlace, expected: usize, found: usize) -> TextError {
    TextError::WrongFieldCount { path: path.to_owned(), place, expected, found, layout: "separated by tabs" }
}
