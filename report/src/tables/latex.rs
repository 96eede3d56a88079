//! LaTeX with booktabs rules, all words escaped, 16 cm wide at the most; needs `\usepackage{booktabs,longtable}`.
//!
//! How wide a table will be is estimated from the widths of Computer Modern's letters. One that is too wide is set smaller,
//! then its names are broken into lines, then its columns are split into several tables that repeat the names. One that is
//! too long for a page is a `longtable`, which breaks over pages.

use std::fmt::Write;

use super::table::{Cell, Column, ColumnKind, Emphasis, Table};

/// The width of the text that a table must fit into, in points: 16 cm.
const TEXT_WIDTH: f64 = 455.0;
/// Rows and notes, in lines, that fit on a page as one float.
const PAGE_LINES: usize = 38;
/// Sizes of letters, with their widths relative to the normal one and the space on each side of a column in points.
const SIZES: [(&str, f64, f64); 3] = [("normalsize", 1.0, 6.0), ("small", 0.925, 5.0), ("footnotesize", 0.86, 4.0)];
/// The least width of a column of names that is broken into lines, in points.
const NARROWEST_NAMES: f64 = 110.0;

/// Writes a table, or the several that it is split into.
pub(super) fn write(table: &Table) -> String {
    let cells = printed(table);
    let blocks = blocks(table, &cells);
    let one = blocks.len() == 1;
    let texts = blocks.iter().enumerate().map(|(at, block)| {
        let part = if one { String::new() } else { format!(", part {} of {}", at + 1, blocks.len()) };
        let label = if at == 0 { table.name.clone() } else { format!("{}-{}", table.name, at + 1) };
        let notes = if at + 1 == blocks.len() { notes(table) } else { Vec::new() };
        block.write(table, &cells, &(escape(&table.title) + &part), &label, &notes)
    });
    // Their paths are wider than a page.
    let comment = |warning: &String| format!("% Warning: {}\n", warning.replace(['\n', '\r'], " "));
    table.warnings.iter().map(comment).collect::<String>() + &texts.collect::<Vec<_>>().join("\n")
}

/// A cell as LaTeX, and how wide it is at the normal size, in points.
struct Printed {
    latex: String,
    width: f64,
}

impl Printed {
    fn of(latex: String) -> Self {
        Self { width: width(&latex), latex }
    }
}

/// The heading, then the rows.
fn printed(table: &Table) -> Vec<Vec<Printed>> {
    let heading = table.columns.iter().map(|column| Printed::of(escape(&column.heading))).collect();
    let rows = table.rows.iter().zip(table.emphasis()).map(|(row, marks)| {
        let cells = table.columns.iter().zip(&row.cells).zip(marks);
        cells.map(|((column, cell), mark)| Printed::of(print(column, cell, mark))).collect()
    });
    std::iter::once(heading).chain(rows).collect()
}

/// Some columns of a table, and how they are set.
struct Block {
    columns: Vec<usize>,
    /// Into [`SIZES`].
    size: usize,
    /// The width that the names in the first column are broken to; none where they fit as they are.
    names: Option<f64>,
}

/// The columns in as few blocks as fit into the width.
fn blocks(table: &Table, cells: &[Vec<Printed>]) -> Vec<Block> {
    let natural: Vec<f64> =
        (0..table.columns.len()).map(|at| cells.iter().map(|row| row[at].width).fold(0.0, f64::max)).collect();
    let all: Vec<usize> = (0..table.columns.len()).collect();
    if let Some(block) = fit(&all, &natural) {
        return vec![block];
    }
    // What names a row stands in each block.
    let names = table.columns.iter().take_while(|column| column.kind == ColumnKind::Text).count().max(1);
    let (lead, rest) = all.split_at(names.min(all.len()));
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Vec<usize> = lead.to_vec();
    for column in rest {
        let wider: Vec<usize> = open.iter().copied().chain([*column]).collect();
        if open.len() > lead.len() && fit(&wider, &natural).is_none() {
            blocks.extend(fit(&open, &natural));
            open = lead.iter().copied().chain([*column]).collect();
        } else {
            open = wider;
        }
    }
    // A single column that is too wide by itself is set as small as there is.
    let smallest = |columns| Block { columns, size: SIZES.len() - 1, names: Some(NARROWEST_NAMES) };
    blocks.push(fit(&open, &natural).unwrap_or_else(|| smallest(open)));
    blocks
}

/// The largest size at which some columns fit, with names as they are or, at the smallest, in lines.
fn fit(columns: &[usize], natural: &[f64]) -> Option<Block> {
    let total = |scale: f64, space: f64| {
        columns.iter().map(|at| natural[*at] * scale).sum::<f64>() + 2.0 * space * (columns.len() - 1) as f64
    };
    let whole = SIZES.iter().position(|(_, scale, space)| total(*scale, *space) <= TEXT_WIDTH);
    if let Some(size) = whole {
        return Some(Block { columns: columns.to_vec(), size, names: None });
    }
    let size = SIZES.len() - 1;
    let (_, scale, space) = SIZES[size];
    let names = natural[*columns.first()?] * scale;
    let room = TEXT_WIDTH - (total(scale, space) - names);
    (room >= NARROWEST_NAMES).then(|| Block { columns: columns.to_vec(), size, names: Some(room) })
}

impl Block {
    fn write(&self, table: &Table, cells: &[Vec<Printed>], caption: &str, label: &str, notes: &[String]) -> String {
        let (size, _, space) = SIZES[self.size];
        let side = |(place, at): (usize, &usize)| match (place, self.names, table.columns[*at].kind) {
            (0, Some(width), _) => format!(">{{\\raggedright\\arraybackslash}}p{{{width:.0}pt}}"),
            (_, _, ColumnKind::Text) => "l".into(),
            _ => "r".into(),
        };
        let sides: String = self.columns.iter().enumerate().map(side).collect();
        let line = |row: &[Printed]| {
            let cells: Vec<&str> = self.columns.iter().map(|at| row[*at].latex.as_str()).collect();
            format!("{} \\\\\n", cells.join(" & "))
        };
        let (heading, rows) = cells.split_at(1);
        let heading: String = heading.iter().map(|row| line(row)).collect();
        let mut body = String::new();
        let mut section = "";
        for (index, (row, cells)) in table.rows.iter().zip(rows).enumerate() {
            if row.section != section {
                section = &row.section;
                let rule = if index > 0 { "\\midrule\n" } else { "" };
                let columns = self.columns.len();
                // Writing to a String cannot fail.
                let _ = writeln!(
                    body,
                    "{rule}\\multicolumn{{{columns}}}{{@{{}}l@{{}}}}{{\\textit{{{}}}}} \\\\",
                    escape(section)
                );
            }
            body += &line(cells);
        }
        let notes: String = notes.iter().map(|note| format!("{note}\\par\n")).collect();
        let notes = match notes.as_str() {
            "" => notes,
            _ => format!("\\begin{{minipage}}{{\\linewidth}}\\footnotesize\\raggedright\n{notes}\\end{{minipage}}\n"),
        };
        let sections = table.rows.windows(2).filter(|rows| rows[0].section != rows[1].section).count();
        let lines_of_names = self.names.map_or(1, |width| self.most_lines(cells, width));
        let warning = warning(table);
        let lines = (table.rows.len() * lines_of_names) + 2 * sections + notes.len() / 110 + warning.lines().count();
        let sides = format!("@{{}}{sides}@{{}}");
        let set = format!("\\{size}\\setlength{{\\tabcolsep}}{{{space}pt}}\n");
        if lines > PAGE_LINES {
            let notes = notes.replace("\\begin{minipage}{\\linewidth}", "{").replace("\\end{minipage}", "}");
            return format!(
                "{warning}{{{set}\\begin{{longtable}}{{{sides}}}\n\\caption{{{caption}.}}\\label{{tab:{label}}}\\\\\n\\toprule\n{heading}\
                 \\midrule\n\\endfirsthead\n\\toprule\n{heading}\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\
                 \\end{{longtable}}}}\n{notes}"
            );
        }
        format!(
            "\\begin{{table}}[t]\n\\centering\n{warning}\\caption{{{caption}.}}\n\\label{{tab:{label}}}\n{set}\\begin{{tabular}}{{{sides}}}\n\
             \\toprule\n{heading}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n{notes}\\end{{table}}\n"
        )
    }

    /// How many lines the longest name takes.
    fn most_lines(&self, cells: &[Vec<Printed>], width: f64) -> usize {
        let (_, scale, _) = SIZES[self.size];
        let widest = cells.iter().map(|row| row[self.columns[0]].width * scale).fold(0.0, f64::max);
        (1..20).find(|lines| *lines as f64 * width >= widest).unwrap_or(20)
    }
}

/// That some of the numbers contradict their own curves, above each part of a table.
fn warning(table: &Table) -> String {
    let count = table.warnings.len();
    let words = if count == 1 { "number contradicts its" } else { "numbers contradict their" };
    match count {
        0 => String::new(),
        _ => format!("{{\\footnotesize\\textbf{{Warning:}} {count} {words} own curves.\\par}}\n"),
    }
}

/// What a reader of the paper must know. Commands are for whoever makes the runs.
fn notes(table: &Table) -> Vec<String> {
    let notes = table.notes.iter().filter(|note| !note.starts_with('`'));
    notes.map(|note| breakable(&escape_keeping(&note.replace('`', "")))).collect()
}

fn print(column: &Column, cell: &Cell, emphasis: Emphasis) -> String {
    let number = |value: f64| with_minus(&column.print(value));
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

/// A number with the minus of mathematics.
fn with_minus(number: &str) -> String {
    number.strip_prefix('-').map_or_else(|| number.to_owned(), |rest| format!("$-${rest}"))
}

/// Words for a reader: nothing is a command to LaTeX, names of settings have spaces, and a difference has a real minus.
fn escape(text: &str) -> String {
    escape_keeping(&text.replace('_', " ")).replace(" - ", " $-$ ")
}

/// The same with every letter as it is.
fn escape_keeping(text: &str) -> String {
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
            'λ' => escaped.push_str("$\\lambda$"),
            '−' => escaped.push_str("$-$"),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    // Two hyphens of a flag would become a dash.
    escaped.replace("--", "-{}-")
}

/// Long paths and settings may break where a reader would break them.
fn breakable(text: &str) -> String {
    text.replace('/', "/\\allowbreak{}").replace("\\_", "\\_\\allowbreak{}")
}

/// About how wide some LaTeX is at the normal size of ten points. Commands have no width but for those of a letter.
fn width(latex: &str) -> f64 {
    let bold = if latex.contains("\\textbf") { 1.15 } else { 1.0 };
    let mut total = 0.0;
    let mut letters = latex.chars().peekable();
    while let Some(letter) = letters.next() {
        total += match letter {
            '\\' => {
                let mut command = String::new();
                while let Some(next) = letters.next_if(char::is_ascii_alphabetic) {
                    command.push(next);
                }
                match command.as_str() {
                    "pm" | "times" => 7.8,
                    "sigma" | "lambda" | "dagger" | "ddagger" | "textbackslash" => 5.8,
                    // An escaped letter, which comes next.
                    "" => letters.next().map_or(0.0, |letter| if letter == '%' { 8.4 } else { 6.0 }),
                    _ => 0.0,
                }
            }
            '{' | '}' | '$' | '^' => 0.0,
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '[' | ']' => 2.8,
            'f' | 't' | 'r' | 's' | ' ' | '-' | '(' | ')' => 4.0,
            '<' | '>' | '=' | '+' => 7.8,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 9.5,
            letter if letter.is_ascii_uppercase() => 7.4,
            letter if letter.is_ascii() => 5.2,
            _ => 7.8,
        };
    }
    // `-` between dollars is a minus.
    (total + 3.8 * latex.matches("$-$").count() as f64) * bold
}
