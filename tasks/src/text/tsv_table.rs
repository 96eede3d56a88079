//! GLUE's tab-separated files: a header (`sentence<TAB>label`), one row a line, no quoting. Columns are found by name.

use std::path::Path;

use super::format::{TextFormat, missing_column, wrong_field_count};
use super::rows::RowReader;
use super::split::TextSplit;
use crate::error::{DataResult, RowPlace};

/// The layout, for messages where another task's file should be.
pub(super) const DESCRIPTION: &str = "GLUE's TSV of SST-2";

const LABEL: &str = "label";

/// Whether a file begins like one of GLUE's.
pub(super) fn may_be_tsv(text: &str) -> bool {
    text.lines().next().is_some_and(|header| header.contains('\t') && header.contains("sentence"))
}

/// The rows of a file; `text` is its content without a byte order mark.
pub(super) fn decode(path: &Path, format: &TextFormat, text: &str) -> DataResult<TextSplit> {
    // Blank lines at the end are no rows. `lines` takes a carriage return before a line's end for a part of that end.
    let mut lines = (1_u64..).zip(text.trim_end_matches(['\r', '\n']).lines());
    let header = lines.next().map_or("", |(_, header)| header);
    let columns: Vec<&str> = header.split('\t').map(str::trim).collect();
    let find = |column: &'static str| {
        let found = columns.iter().position(|name| name.eq_ignore_ascii_case(column));
        found.ok_or_else(|| missing_column(path, column, &named(&columns), hint(column, &columns)))
    };
    let (text_column, label_column) = (find(format.text_column)?, find(LABEL)?);
    let mut rows = RowReader::new(path, format, 0);
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
            return Err(wrong_field_count(path, place, columns.len(), fields, "separated by tabs"));
        }
        rows.push_written(place, text, label)?;
    }
    rows.finish()
}

fn named<'a>(columns: &[&'a str]) -> Vec<&'a str> {
    columns.iter().copied().filter(|name| !name.is_empty()).collect()
}

fn hint(column: &str, columns: &[&str]) -> &'static str {
    if column == LABEL && columns.iter().any(|name| name.eq_ignore_ascii_case("index")) {
        return " (index and sentence are the columns of GLUE's test file, which has no labels)";
    }
    ""
}
