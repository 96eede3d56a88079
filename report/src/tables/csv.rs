//! A table as CSV: a section column where there are sections, and as many columns for a cell as it has numbers.

use super::table::{Cell, ColumnKind, Table};
use crate::csv::Csv;

/// Writes a table.
pub(super) fn write(table: &Table) -> String {
    let section = (!table.section_key.is_empty()).then_some(table.section_key.as_str());
    let mut header: Vec<String> = section.iter().map(|key| (*key).to_owned()).collect();
    for column in &table.columns {
        header.extend(suffixes(column.kind).iter().map(|suffix| format!("{}{suffix}", column.key)));
    }
    let mut csv = Csv::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for row in &table.rows {
        let mut fields: Vec<String> = section.iter().map(|_| row.section.clone()).collect();
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            let mut written = match cell {
                // Counts are whole.
                Cell::Number { value, .. } if column.decimals == 0 => vec![value.to_string()],
                _ => fields_of(cell),
            };
            written.resize(suffixes(column.kind).len(), String::new());
            fields.append(&mut written);
        }
        csv.row(fields);
    }
    csv.into_text()
}

/// What the columns of a cell's numbers are called.
fn suffixes(kind: ColumnKind) -> &'static [&'static str] {
    match kind {
        ColumnKind::Text | ColumnKind::Value | ColumnKind::PValue => &[""],
        ColumnKind::MeanSd => &["_mean", "_std"],
        ColumnKind::Interval => &["", "_low", "_high"],
    }
}

fn fields_of(cell: &Cell) -> Vec<String> {
    // Python's way: a whole number is a float all the same.
    let number = |value: &f64| format!("{value:?}");
    match cell {
        Cell::Text(text) => vec![text.clone()],
        Cell::Missing(_) => Vec::new(),
        Cell::Number { value, sd, .. } => vec![number(value), sd.as_ref().map(number).unwrap_or_default()],
        Cell::Interval { value, low, high } => [value, low, high].map(number).to_vec(),
    }
}
