//! HTML: the same table as Markdown's, for the page. All text is escaped here.

use std::fmt::Write;

use super::markdown::shown;
use super::table::{Cell, ColumnKind, Emphasis, Table};
use crate::markup::escaped;

/// Writes a table, with its notes below it.
pub(crate) fn write(table: &Table) -> String {
    let title = escaped(&table.title);
    let class = |kind: ColumnKind| if kind == ColumnKind::Text { "" } else { " class=\"n\"" };
    let warnings = table.warnings.iter().map(|warning| format!("<p class=\"bad\">{}</p>\n", escaped(warning.text())));
    let mut text: String = warnings.collect();
    let _ = write!(
        text,
        "<div class=\"wide\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\"><table class=\"result\"><caption>{title}\
         </caption>\n<thead><tr>"
    );
    // Writing to a String cannot fail, here and below.
    for column in &table.columns {
        let _ = write!(text, "<th scope=\"col\"{}>{}</th>", class(column.kind), escaped(&column.heading));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for (section, row, marks) in table.lines() {
        if let Some(section) = section {
            let span = table.columns.len();
            let _ = writeln!(
                text,
                "<tr class=\"part\"><th colspan=\"{span}\" scope=\"colgroup\">{}</th></tr>",
                escaped(section)
            );
        }
        text.push_str("<tr>");
        for ((column, cell), mark) in table.columns.iter().zip(&row.cells).zip(marks) {
            let shown = escaped(&with_minus(cell, &shown(column, cell)));
            let shown = match mark {
                Emphasis::None => shown,
                Emphasis::Best => format!("<strong>{shown}</strong>"),
                Emphasis::Second => format!("<em>{shown}</em>"),
            };
            let _ = write!(text, "<td{}>{shown}</td>", class(column.kind));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
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
