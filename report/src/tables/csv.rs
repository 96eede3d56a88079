//! CSV (RFC 4180 with line feeds): raw numbers with all their digits, an empty field where there is none.

use super::table::{Cell, Kind, Table};

/// Writes a table.
pub(super) fn write(table: &Table) -> String {
    let mut headings = Vec::new();
    if !table.section_key.is_empty() {
        headings.push(table.section_key.clone());
    }
    for column in &table.columns {
        let key = &column.key;
        match column.kind {
            Kind::Text | Kind::Value | Kind::PValue => headings.push(key.clone()),
            Kind::MeanSd => headings.extend([format!("{key}_mean"), format!("{key}_std")]),
            Kind::Interval => headings.extend([key.clone(), format!("{key}_low"), format!("{key}_high")]),
        }
    }
    let mut text = line(&headings);
    for row in &table.rows {
        let mut fields = Vec::new();
        if !table.section_key.is_empty() {
            fields.push(row.section.clone());
        }
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            let width = match column.kind {
                Kind::Text | Kind::Value | Kind::PValue => 1,
                Kind::MeanSd => 2,
                Kind::Interval => 3,
            };
            let mut written = match cell {
                // Counts are whole.
                Cell::Number { value, .. } if column.decimals == 0 => vec![value.to_string()],
                _ => fields_of(cell),
            };
            written.resize(width, String::new());
            fields.append(&mut written);
        }
        text += &line(&fields);
    }
    text
}

fn fields_of(cell: &Cell) -> Vec<String> {
    match cell {
        Cell::Text(text) => vec![text.clone()],
        Cell::Missing(_) => Vec::new(),
        Cell::Number { value, sd, .. } => vec![number(*value), sd.map(number).unwrap_or_default()],
        Cell::Interval { value, low, high } => [value, low, high].map(|value| number(*value)).to_vec(),
    }
}

/// The shortest text that reads back as the same number.
fn number(value: f64) -> String {
    format!("{value:?}")
}

fn line(fields: &[String]) -> String {
    let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
    quoted.join(",") + "\n"
}

fn quote(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
