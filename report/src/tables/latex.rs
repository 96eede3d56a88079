//! LaTeX: a `table` with booktabs rules, all words escaped; needs `\usepackage{booktabs}`.

use super::table::{Cell, Column, ColumnKind, Emphasis, Table};

/// Writes a table.
pub(super) fn write(table: &Table) -> String {
    let sides: String =
        table.columns.iter().map(|column| if column.kind == ColumnKind::Text { 'l' } else { 'r' }).collect();
    let mut text = String::from("\\begin{table}[t]\n\\centering\n");
    // Their paths are wider than a page.
    for warning in &table.warnings {
        text += &format!("% Warning: {}\n", warning.replace(['\n', '\r'], " "));
    }
    if !table.warnings.is_empty() {
        let count = table.warnings.len();
        let words = if count == 1 { "number contradicts its" } else { "numbers contradict their" };
        text += &format!("{{\\footnotesize\\textbf{{Warning:}} {count} {words} own curves.\\par}}\n");
    }
    text += &format!("\\caption{{{}.}}\n\\label{{tab:{}}}\n", escape(&table.title), table.name);
    text += &format!("\\begin{{tabular}}{{{sides}}}\n\\toprule\n");
    text += &line(&table.columns.iter().map(|column| escape(&column.heading)).collect::<Vec<_>>());
    text += "\\midrule\n";
    let mut section = "";
    for (index, (row, marks)) in table.rows.iter().zip(table.emphasis()).enumerate() {
        if row.section != section {
            section = &row.section;
            text += if index > 0 { "\\midrule\n" } else { "" };
            text += &format!("\\multicolumn{{{}}}{{l}}{{\\textit{{{}}}}} \\\\\n", table.columns.len(), escape(section));
        }
        let cells = table.columns.iter().zip(&row.cells).zip(marks);
        text += &line(&cells.map(|((column, cell), mark)| print(column, cell, mark)).collect::<Vec<_>>());
    }
    text += "\\bottomrule\n\\end{tabular}\n";
    for note in &table.notes {
        text += &format!("\\par\\footnotesize {}\n", escape(&note.replace('`', "")));
    }
    text + "\\end{table}\n"
}

fn line(cells: &[String]) -> String {
    format!("{} \\\\\n", cells.join(" & "))
}

fn print(column: &Column, cell: &Cell, emphasis: Emphasis) -> String {
    let number = |value: f64| column.print(value);
    // The mean alone stands out: a bold spread would claim something about the spread.
    let mean = |value: f64| match emphasis {
        Emphasis::None => number(value),
        Emphasis::Best => format!("\\textbf{{{}}}", number(value)),
        Emphasis::Second => format!("\\emph{{{}}}", number(value)),
    };
    match cell {
        Cell::Text(text) => escape(text),
        Cell::Missing(mark) => format!("--{}", escape(mark)),
        Cell::Number { value, .. } if column.kind == ColumnKind::PValue && *value < 0.001 => "$<0.001$".into(),
        Cell::Number { value, .. } if column.kind == ColumnKind::PValue => format!("{value:.3}"),
        Cell::Number { value, sd: Some(sd), mark } => {
            format!("{} $\\pm$ {}{}", mean(*value), number(*sd), escape(mark))
        }
        Cell::Number { value, sd: None, mark } => format!("{}{}", mean(*value), escape(mark)),
        Cell::Interval { value, low, high } => format!("{} [{}, {}]", mean(*value), number(*low), number(*high)),
    }
}

/// Escapes what LaTeX would read as a command.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', character]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("$<$"),
            '>' => escaped.push_str("$>$"),
            '†' => escaped.push_str("$^{\\dagger}$"),
            '‡' => escaped.push_str("$^{\\ddagger}$"),
            '×' => escaped.push_str("$\\times$"),
            '±' => escaped.push_str("$\\pm$"),
            'σ' => escaped.push_str("$\\sigma$"),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    // Two hyphens of a flag would become a dash.
    escaped.replace("--", "-{}-")
}
