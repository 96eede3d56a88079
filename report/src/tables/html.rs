//! HTML: the same table as Markdown's, for the page. All text is escaped here.

use std::fmt::Write;

use super::markdown::shown;
use super::table::{Cell, ColumnKind, Emphasis, Table};
use crate::markup::{self, escaped};

/// Writes a table, with its notes below it.
pub(crate) fn write(table: &Table) -> String {
    let title = escaped(&table.title);
    let class = |kind: ColumnKind| if kind == ColumnKind::Text { "" } else { " class=\"n\"" };
    let warnings = table.warnings.iter().map(|warning| format!("<p class=\"bad\">{}</p>\n", escaped(warning.text())));
    let mut rows = String::new();
    for (section, row, marks) in table.lines() {
        if let Some(section) = section {
            let span = table.columns.len();
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(
                rows,
                "<tr class=\"part\"><th colspan=\"{span}\" scope=\"colgroup\">{}</th></tr>",
                escaped(section)
            );
        }
        rows.push_str("<tr>");
        for ((column, cell), mark) in table.columns.iter().zip(&row.cells).zip(marks) {
            let shown = escaped(&with_minus(cell, &shown(column, cell)));
            let shown = match mark {
                Emphasis::None => shown,
                Emphasis::Best => format!("<strong>{shown}</strong>"),
                Emphasis::Second => format!("<em>{shown}</em>"),
            };
            let _ = write!(rows, "<td{}>{shown}</td>", class(column.kind));
        }
        rows.push_str("</tr>\n");
    }
    let columns = table.columns.iter().map(|column| (escaped(&column.heading), column.kind != ColumnKind::Text));
    let mut text: String = warnings.collect();
    text += &markup::table((&title, " class=\"result\"", &title), columns, &rows);
    if !table.notes.is_empty() {
        let notes: String =
            table.notes.iter().map(|note| format!("<li>{}</li>", escaped(&note.replace('`', "")))).collect();
        let _ = writeln!(text, "<ul class=\"quiet notes\">{notes}</ul>");
    }
    text
}

/// A cell with the minus that print has: before numbers, and between the names of a difference.
fn with_minus(cell: &Cell, shown: &str) -> String {
    match cell {
        Cell::Text(_) => shown.replace(" - ", " − "),
        Cell::Missing(_) => shown.to_owned(),
        Cell::Number { .. } | Cell::Interval { .. } => shown.replace('-', "−"),
    }
}
