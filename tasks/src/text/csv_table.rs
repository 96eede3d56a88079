//! AG News' comma-separated files: class, title, description, all in quotes, an inner quote doubled; classes from 1.
//!
//! The original files have no header; one that names the three columns, in any order, is taken too. The text is the title,
//! a space and the description, as in the hub's table; titles may be empty. Fields may hold line ends.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::format::{TextFormat, missing_column, wrong_field_count};
use super::rows::RowReader;
use super::split::TextSplit;
use crate::error::{DataError, DataResult, RowPlace};

/// The layout, for messages where another task's file should be.
pub(super) const DESCRIPTION: &str = "AG News' CSV";

const FIRST_CLASS: i64 = 1;

/// The columns in the order of files without a header, and other names that they go by.
const COLUMNS: [(&str, &[&str]); 3] =
    [("class", &["class index", "class_index", "label"]), ("title", &[]), ("description", &[])];

/// Whether a file begins like one of AG News'.
pub(super) fn may_be_csv(text: &str) -> bool {
    let mut record = StringRecord::new();
    let first = text.lines().next().unwrap_or_default();
    let read = ReaderBuilder::new().has_headers(false).from_reader(first.as_bytes()).read_record(&mut record);
    read.is_ok_and(|there| there)
        && record.len() == COLUMNS.len()
        && (is_class(&record) || ColumnOrder::named(&record).is_some())
}

/// The rows of a file; `text` is its content without a byte order mark.
pub(super) fn decode(path: &Path, format: &TextFormat, text: &str) -> DataResult<TextSplit> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut rows = RowReader::new(path, format, FIRST_CLASS);
    let mut lines = LineCounter::new(text);
    let mut order = None;
    let mut joined = String::new();
    while reader.read_record(&mut record).map_err(|error| DataError::damaged(path, "CSV table", error))? {
        let start = record.position().map_or(0, csv::Position::byte) as usize;
        let place = lines.place(start);
        let order = match order {
            Some(order) => order,
            None => {
                let (first, is_header) = ColumnOrder::of_first(path, &record)?;
                order = Some(first);
                if is_header {
                    continue;
                }
                first
            }
        };
        if record.len() != COLUMNS.len() {
            return Err(wrong_length(path, text, lines.start, place, record.len()));
        }
        joined.clear();
        joined.push_str(&record[order.0[1]]);
        joined.push(' ');
        joined.push_str(&record[order.0[2]]);
        rows.push_written(place, &joined, &record[order.0[0]])?;
    }
    refuse_open_quote(path, text, &lines)?;
    rows.finish()
}

/// Where class, title and description stand in a record.
#[derive(Clone, Copy)]
struct ColumnOrder([usize; 3]);

impl ColumnOrder {
    /// From the first record, and whether that is a header.
    fn of_first(path: &Path, record: &StringRecord) -> DataResult<(Self, bool)> {
        if let Some(order) = Self::named(record) {
            return Ok((order, true));
        }
        // A first field that is neither a number nor empty is a header of something else.
        let is_header = record.len() > 1 && record[0].trim().chars().all(|letter| !letter.is_ascii_digit());
        if is_header && !record[0].trim().is_empty() {
            let found: Vec<&str> = record.iter().collect();
            let hint = " (AG News' files have class, title, description, and need no header)";
            return Err(missing_column(path, Self::first_missing(record), &found, hint));
        }
        Ok((Self([0, 1, 2]), false))
    }

    /// From a header that names all columns.
    fn named(record: &StringRecord) -> Option<Self> {
        let places = COLUMNS.map(|column| place_of(record, column));
        let [Some(class), Some(title), Some(description)] = places else { return None };
        Some(Self([class, title, description]))
    }

    fn first_missing(record: &StringRecord) -> &'static str {
        let missing = COLUMNS.into_iter().find(|column| place_of(record, *column).is_none());
        missing.map_or(COLUMNS[0].0, |(name, _)| name)
    }
}

fn place_of(record: &StringRecord, (name, others): (&str, &[&str])) -> Option<usize> {
    record.iter().position(|field| {
        let field = field.trim();
        field.eq_ignore_ascii_case(name) || others.iter().any(|other| field.eq_ignore_ascii_case(other))
    })
}

fn is_class(record: &StringRecord) -> bool {
    record.get(0).is_some_and(|field| field.trim().parse::<i64>().is_ok())
}

/// Turns byte positions, which rise, into line numbers.
struct LineCounter<'a> {
    text: &'a str,
    /// The first byte of the row last asked for.
    start: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, start: 0, line: 1 }
    }

    /// The line of the row that the reader found from `byte` on; line ends before the row are not part of it.
    fn place(&mut self, byte: usize) -> RowPlace {
        let bytes = self.text.as_bytes();
        let skipped = bytes[byte..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = &bytes[self.start..byte + skipped];
        self.line += passed.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.start = byte + skipped;
        RowPlace::Line(self.line)
    }
}

/// A row of the wrong length is what a missing quote looks like, so the message says which it is.
fn wrong_length(path: &Path, text: &str, start: usize, place: RowPlace, found: usize) -> DataError {
    if is_open(&text[start..]) {
        return open_quote(path, place);
    }
    wrong_field_count(path, place, COLUMNS.len(), found, "class, title, description")
}

/// The reader takes the end of the file for a closing quote; a download that was cut short would pass for data.
fn refuse_open_quote(path: &Path, text: &str, lines: &LineCounter<'_>) -> DataResult<()> {
    if is_open(&text[lines.start..]) { Err(open_quote(path, RowPlace::Line(lines.line))) } else { Ok(()) }
}

fn open_quote(path: &Path, place: RowPlace) -> DataError {
    let reason = "a quoted field is open at the end of the file; the file is cut short or lacks a quote";
    DataError::in_row(path, place, reason)
}

/// Quotes come in pairs, doubled ones too.
fn is_open(rest: &str) -> bool {
    rest.bytes().filter(|&byte| byte == b'"').count() % 2 == 1
}
