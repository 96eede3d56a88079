//! LaTeX with booktabs rules, all words escaped, 16 cm wide at the most; needs `\usepackage{booktabs,longtable}`.
//!
//! How wide a table will be is estimated from the widths of Computer Modern's letters. One that is too wide is set smaller,
//! then its words are broken into lines, then its columns are split into several tables that repeat the names. One that is
//! too long for a page is a `longtable`, which breaks over pages.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::table::{Cell, Column, ColumnKind, Emphasis, Table, TableWarning};

/// The width of the text that a table must fit into, in points: 16 cm.
const TEXT_WIDTH: f64 = 455.0;
/// Rows and notes, in lines, that fit on a page as one float.
const PAGE_LINES: usize = 38;
/// Sizes of letters, with their widths relative to the normal one and the space on each side of a column in points.
const SIZES: [(&str, f64, f64); 3] = [("normalsize", 1.0, 6.0), ("small", 0.925, 5.0), ("footnotesize", 0.86, 4.0)];
/// Columns of names that stand side by side.
const MOST_NAMES: usize = 3;
/// The least width of a column of words that is broken into lines, in points.
const NARROWEST: f64 = 60.0;

/// Writes a table, or the several that it is split into.
pub(super) fn write(table: &Table) -> String {
    let table = &with_few_names(table);
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
    let comment = |warning: &TableWarning| format!("% Warning: {}\n", warning.text().replace(['\n', '\r'], " "));
    table.warnings.iter().map(comment).collect::<String>() + &texts.collect::<Vec<_>>().join("\n")
}

/// The table with its names in one column, where they stand in more columns than fit beside numbers.
fn with_few_names(table: &Table) -> Table {
    let mut table = table.clone();
    let names = table.columns.iter().take_while(|column| column.kind == ColumnKind::Text).count();
    if names > MOST_NAMES {
        let headings: Vec<String> = table.columns.iter().take(names).map(|column| column.heading.clone()).collect();
        let joined = Column::text(&headings.join(", "), &table.columns[0].key);
        table.columns.splice(..names, [joined]);
        for row in &mut table.rows {
            let words = row.cells.iter().take(names).filter_map(|cell| match cell {
                Cell::Text(text) if text != "--" => Some(text.as_str()),
                _ => None,
            });
            let joined = Cell::text(words.collect::<Vec<_>>().join(", "));
            row.cells.splice(..names, [joined]);
        }
    }
    table
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
    let rows = table.lines().map(|(_, row, marks)| {
        let cells = table.columns.iter().zip(&row.cells).zip(marks);
        cells.map(|((column, cell), mark)| Printed::of(latex_of(column, cell, mark))).collect()
    });
    std::iter::once(heading).chain(rows).collect()
}

/// Some columns of a table, and how they are set.
struct ColumnBlock {
    columns: Vec<usize>,
    /// Into [`SIZES`].
    size: usize,
    /// The widths that words are broken to, by column; none where they fit as they are.
    broken: BTreeMap<usize, f64>,
}

/// The columns in as few blocks as fit into the width, each as wide as the others: as they are, or else with words broken into
/// lines. What names a row stands in each block, and columns of one thing stand together.
fn blocks(table: &Table, cells: &[Vec<Printed>]) -> Vec<ColumnBlock> {
    let natural: Vec<f64> =
        (0..table.columns.len()).map(|at| cells.iter().map(|row| row[at].width).fold(0.0, f64::max)).collect();
    let names = table.columns.iter().take_while(|column| column.kind == ColumnKind::Text).count().max(1);
    let names: Vec<usize> = (0..names.min(table.columns.len())).collect();
    let things = things(table, names.len());
    for count in 1..=things.len().max(1) {
        let parts = evenly(&things, count, &natural);
        let columns = parts.iter().map(|part| names.iter().chain(part).copied().collect::<Vec<usize>>());
        for set in [as_they_are, with_broken_words] {
            let blocks: Option<Vec<ColumnBlock>> =
                columns.clone().map(|columns| set(table, &columns, &natural)).collect();
            if let Some(blocks) = blocks {
                return blocks;
            }
        }
    }
    // A single column that is too wide by itself is set as small as there is.
    let smallest = |columns| ColumnBlock { columns, size: SIZES.len() - 1, broken: BTreeMap::new() };
    things.into_iter().map(|thing| smallest(names.iter().copied().chain(thing).collect())).collect()
}

/// The columns behind the names, those of one thing together: `p`, `p_holm` and `p_wilcoxon`; `sym20_best` and `sym20_final`.
fn things(table: &Table, names: usize) -> Vec<Vec<usize>> {
    let thing = |at: &usize| table.columns[*at].key.split('_').next().unwrap_or_default();
    let columns: Vec<usize> = (names..table.columns.len()).collect();
    columns.chunk_by(|one, other| thing(one) == thing(other)).map(<[usize]>::to_vec).collect()
}

/// The things in so many parts of about one width.
fn evenly(things: &[Vec<usize>], count: usize, natural: &[f64]) -> Vec<Vec<usize>> {
    let width = |thing: &[usize]| thing.iter().map(|at| natural[*at] + 10.0).sum::<f64>();
    let total: f64 = things.iter().map(|thing| width(thing)).sum();
    let mut parts = vec![Vec::new(); count];
    let mut before = 0.0;
    for thing in things {
        let middle = before + width(thing) / 2.0;
        before += width(thing);
        parts[((middle / total * count as f64) as usize).min(count - 1)].extend(thing);
    }
    parts.retain(|part| !part.is_empty() || things.is_empty());
    parts
}

/// How wide columns are together, with the space between them.
fn total(widths: &[f64], space: f64) -> f64 {
    widths.iter().sum::<f64>() + 2.0 * space * (widths.len() - 1) as f64
}

fn scaled(columns: &[usize], natural: &[f64], scale: f64) -> Vec<f64> {
    columns.iter().map(|at| natural[*at] * scale).collect()
}

/// The largest size at which some columns fit.
fn as_they_are(_: &Table, columns: &[usize], natural: &[f64]) -> Option<ColumnBlock> {
    let fits = |(_, scale, space): &(&str, f64, f64)| total(&scaled(columns, natural, *scale), *space) <= TEXT_WIDTH;
    let size = SIZES.iter().position(fits)?;
    Some(ColumnBlock { columns: columns.to_vec(), size, broken: BTreeMap::new() })
}

/// The smallest size, with the widest words broken into lines.
fn with_broken_words(table: &Table, columns: &[usize], natural: &[f64]) -> Option<ColumnBlock> {
    let size = SIZES.len() - 1;
    let (_, scale, space) = SIZES[size];
    let (mut widths, mut broken) = (scaled(columns, natural, scale), BTreeMap::new());
    while total(&widths, space) > TEXT_WIDTH {
        let words = (0..columns.len()).filter(|place| table.columns[columns[*place]].kind == ColumnKind::Text);
        let widest =
            words.filter(|place| widths[*place] > NARROWEST).max_by(|a, b| widths[*a].total_cmp(&widths[*b]))?;
        // A little at a time, so that words of several columns share what is to be saved.
        widths[widest] = (widths[widest] - 5.0).max(NARROWEST);
        broken.insert(columns[widest], widths[widest]);
    }
    Some(ColumnBlock { columns: columns.to_vec(), size, broken })
}

impl ColumnBlock {
    fn write(&self, table: &Table, cells: &[Vec<Printed>], caption: &str, label: &str, notes: &[String]) -> String {
        let (size, _, space) = SIZES[self.size];
        let side = |at: &usize| match (self.broken.get(at), table.columns[*at].kind) {
            (Some(width), _) => format!(">{{\\raggedright\\arraybackslash}}p{{{width:.0}pt}}"),
            (None, ColumnKind::Text) => "l".into(),
            _ => "r".into(),
        };
        let sides: String = self.columns.iter().map(side).collect();
        let line = |row: &[Printed]| {
            let cells: Vec<&str> = self.columns.iter().map(|at| row[*at].latex.as_str()).collect();
            format!("{} \\\\\n", cells.join(" & "))
        };
        let (heading, rows) = cells.split_at(1);
        let heading: String = heading.iter().map(|row| line(row)).collect();
        let mut body = String::new();
        for (index, ((section, ..), cells)) in table.lines().zip(rows).enumerate() {
            if let Some(section) = section {
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
        let notes_in = |open: &str, close: &str| match notes.as_str() {
            "" => String::new(),
            notes => format!("{open}\\footnotesize\\raggedright\n{notes}{close}\n"),
        };
        let sections = table.rows.windows(2).filter(|rows| rows[0].section != rows[1].section).count();
        let lines_of_names = self.most_lines(cells);
        let warning = warning(table);
        let lines = (table.rows.len() * lines_of_names) + 2 * sections + notes.len() / 110 + warning.lines().count();
        let sides = format!("@{{}}{sides}@{{}}");
        let set = format!("\\{size}\\setlength{{\\tabcolsep}}{{{space}pt}}\n");
        if lines > PAGE_LINES {
            let notes = notes_in("{", "}");
            return format!(
                "{warning}{{{set}\\setlength{{\\LTcapwidth}}{{\\linewidth}}\n\\begin{{longtable}}{{{sides}}}\n\\caption{{{caption}.}}\\label{{tab:{label}}}\\\\\n\\toprule\n{heading}\
                 \\midrule\n\\endfirsthead\n\\toprule\n{heading}\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\
                 \\end{{longtable}}}}\n{notes}"
            );
        }
        let notes = notes_in("\\par\\smallskip\n\\begin{minipage}{\\linewidth}", "\\end{minipage}");
        format!(
            "\\begin{{table}}[t]\n\\centering\n{warning}\\caption{{{caption}.}}\n\\label{{tab:{label}}}\n{set}\\begin{{tabular}}{{{sides}}}\n\
             \\toprule\n{heading}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n{notes}\\end{{table}}\n"
        )
    }

    /// How many lines the longest words take.
    fn most_lines(&self, cells: &[Vec<Printed>]) -> usize {
        let (_, scale, _) = SIZES[self.size];
        let lines = |(at, width): (&usize, &f64)| {
            let widest = cells.iter().map(|row| row[*at].width * scale).fold(0.0, f64::max);
            (1..20).find(|lines| *lines as f64 * width >= widest).unwrap_or(20)
        };
        self.broken.iter().map(lines).max().unwrap_or(1)
    }
}

/// What must be known first, above each part of a table: that some of the numbers contradict their own curves, and that runs are
/// of different data.
fn warning(table: &Table) -> String {
    let of_data = table.warnings.iter().filter(|warning| matches!(warning, TableWarning::DifferentData(_)));
    let mut told: Vec<String> = of_data.map(|warning| escape(warning.text())).collect();
    let count = table.warnings.len() - told.len();
    let words = if count == 1 { "number contradicts its" } else { "numbers contradict their" };
    told.extend((count > 0).then(|| format!("{count} {words} own curves")));
    told.iter().map(|told| format!("{{\\footnotesize\\textbf{{Warning:}} {told}.\\par}}\n")).collect()
}

/// What a reader of the paper must know. Commands are for whoever makes the runs.
fn notes(table: &Table) -> Vec<String> {
    let notes = table.notes.iter().filter(|note| !note.starts_with('`'));
    notes.map(|note| breakable(&escape_keeping(&note.replace('`', "")))).collect()
}

fn latex_of(column: &Column, cell: &Cell, emphasis: Emphasis) -> String {
    let number = |value: f64| with_minus(&column.shown(value));
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
    escape_keeping(text).replace("\\_", " ").replace(" - ", " $-$ ")
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
    escaped.replace("--", "-{}-").replace("d\\_z", "$d_z$")
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
