//! Markdown: a pipe table with the notes as a list below it.

use super::table::{Cell, Column, ColumnKind, Emphasis, Table};

/// Writes a table.
pub(super) fn write(table: &Table) -> String {
    let mut text = format!("### {}\n\n", escape(&table.title));
    for warning in &table.warnings {
        text += &format!("> **Warning:** {}\n\n", escape(warning.text()));
    }
    let headings: Vec<String> = table.columns.iter().map(|column| escape(&column.heading)).collect();
    text += &line(&headings);
    let rules =
        table.columns.iter().map(|column| if column.kind == ColumnKind::Text { ":--" } else { "--:" }.to_owned());
    text += &line(&rules.collect::<Vec<_>>());
    for (section, row, marks) in table.lines() {
        if let Some(section) = section {
            let mut cells = vec![String::new(); table.columns.len()];
            cells[0] = format!("**{}**", escape(section));
            text += &line(&cells);
        }
        let cells = table.columns.iter().zip(&row.cells).zip(marks);
        text += &line(
            &cells.map(|((column, cell), mark)| emphasise(escape(&shown(column, cell)), mark)).collect::<Vec<_>>(),
        );
    }
    if !table.notes.is_empty() {
        text += "\n";
    }
    for note in &table.notes {
        text += &format!("- {note}\n");
    }
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn emphasise(text: String, mark: Emphasis) -> String {
    match mark {
        Emphasis::None => text,
        Emphasis::Best => format!("**{text}**"),
        Emphasis::Second => format!("*{text}*"),
    }
}

/// A cell as people read it.
pub(super) fn shown(column: &Column, cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Missing(mark) => format!("--{mark}"),
        Cell::Number { value, .. } if column.kind == ColumnKind::PValue => p_value(*value),
        Cell::Number { value, sd: Some(sd), mark } => format!("{} ± {}{mark}", column.shown(*value), column.shown(*sd)),
        Cell::Number { value, sd: None, mark } => format!("{}{mark}", column.shown(*value)),
        Cell::Interval { value, low, high } => {
            format!("{} [{}, {}]", column.shown(*value), column.shown(*low), column.shown(*high))
        }
    }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".into() } else { format!("{p:.3}") }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*").replace(['\n', '\r'], " ")
}
