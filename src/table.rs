//! Tables for people: aligned columns, colours where somebody looks.

use aees_run::printable::printable;
use aees_run::shown;
use aees_studies::registry::{OutcomeKind, RunRow, RunState};

use crate::stdout;

/// Text and how it is painted.
#[derive(Clone, Debug, Default)]
pub(crate) struct GridCell {
    text: String,
    paint: Option<&'static str>,
}

impl<T: Into<String>> From<T> for GridCell {
    fn from(text: T) -> Self {
        // Others' words, too.
        Self { text: printable(&text.into()).into_owned(), paint: None }
    }
}

impl GridCell {
    /// The value of a metric, or nothing.
    pub(crate) fn metric(name: &str, value: Option<f64>) -> Self {
        value.map_or_else(String::new, |value| shown::metric(name, value)).into()
    }

    /// Where a run is, in its colour: a diverged one is done and looks so.
    pub(crate) fn of_run(run: &RunRow) -> Self {
        let withdrawn = if run.withdrawn { ", withdrawn" } else { "" };
        match run.outcome {
            Some(OutcomeKind::Diverged) => Self { text: format!("diverged{withdrawn}"), paint: Some(DIVERGED) },
            _ => Self { text: format!("{}{withdrawn}", run.state), paint: Some(colour(run.state)) },
        }
    }

    /// The name of a state in its colour.
    pub(crate) fn state(state: RunState) -> Self {
        Self { text: state.name().into(), paint: Some(colour(state)) }
    }

    fn painted(&self, colours: bool) -> String {
        self.paint.map_or_else(|| self.text.clone(), |paint| stdout::painted(paint, &self.text, colours))
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// The colour of runs whose loss left the numbers.
pub(crate) const DIVERGED: &str = "\x1b[35m";

/// The colour of a state.
pub(crate) fn colour(state: RunState) -> &'static str {
    match state {
        RunState::Done => "\x1b[32m",
        RunState::Running => "\x1b[36m",
        RunState::Failed | RunState::Invalid => "\x1b[31m",
        RunState::Interrupted | RunState::Paused | RunState::Deferred => "\x1b[33m",
        RunState::Pending | RunState::Pruned | RunState::Cancelled | RunState::Superseded => "\x1b[2m",
    }
}

/// A table with a row for each of some things. Columns without any content are left out.
pub(crate) struct Grid<'a, T> {
    things: &'a [T],
    columns: Vec<GridColumn>,
}

/// A heading and what stands below it.
struct GridColumn {
    /// Whether it leans to the right, as numbers do.
    is_number: bool,
    cells: Vec<GridCell>,
}

impl GridColumn {
    /// What it takes for all of it; none without any content.
    fn width(&self) -> Option<usize> {
        let content = self.cells[1..].iter().map(GridCell::width).max().filter(|width| *width > 0)?;
        Some(content.max(self.cells[0].width()))
    }

    fn can_be_cut(&self, width: usize) -> bool {
        !self.is_number && width > NARROWEST.max(self.cells[0].text.len())
    }
}

impl<'a, T> Grid<'a, T> {
    /// Without any column yet.
    pub(crate) fn of(things: &'a [T]) -> Self {
        Self { things, columns: Vec::new() }
    }

    /// A column of texts, with what stands in it of each thing.
    pub(crate) fn text<C: Into<GridCell>>(self, name: &str, cell: impl Fn(&'a T) -> C) -> Self {
        self.column(name, false, cell)
    }

    /// A column of numbers.
    pub(crate) fn number<C: Into<GridCell>>(self, name: &str, cell: impl Fn(&'a T) -> C) -> Self {
        self.column(name, true, cell)
    }

    pub(crate) fn column<C: Into<GridCell>>(mut self, name: &str, is_number: bool, cell: impl Fn(&'a T) -> C) -> Self {
        let heading = GridCell { text: name.to_owned(), paint: Some("\x1b[1m") };
        let cells = std::iter::once(heading).chain(self.things.iter().map(|thing| cell(thing).into())).collect();
        self.columns.push(GridColumn { is_number, cells });
        self
    }

    /// Prints it, on a terminal within its width.
    pub(crate) fn print(&self) {
        self.lines(stdout::takes_colours(&std::io::stdout()), stdout::width()).iter().for_each(stdout::line);
    }

    /// The lines, not wider than this where texts can be cut.
    pub(crate) fn lines(&self, colours: bool, most: usize) -> Vec<String> {
        let shown = self.columns.iter().filter_map(|column| Some((column, column.width()?)));
        let mut shown: Vec<(&GridColumn, usize)> = shown.collect();
        // The widest text gives way first, and no text below what can be read.
        let total = |shown: &[(_, usize)]| shown.iter().map(|(_, width)| width + 2).sum::<usize>();
        while total(&shown) > most.saturating_add(2) {
            let texts = shown.iter_mut().filter(|(column, width)| column.can_be_cut(*width));
            let Some((_, width)) = texts.max_by_key(|(_, width)| *width) else { break };
            *width -= 1;
        }
        let line = |row: usize| {
            let mut line = String::new();
            for (column, width) in &shown {
                let mut cell = column.cells[row].clone();
                if cell.width() > *width {
                    cell.text = cell.text.chars().take(width - 1).chain(['…']).collect();
                }
                let (space, text) = (" ".repeat(width - cell.width()), cell.painted(colours));
                line += &if column.is_number { format!("{space}{text}  ") } else { format!("{text}{space}  ") };
            }
            line.trim_end().to_owned()
        };
        (0..=self.things.len()).map(line).collect()
    }
}

/// A column of texts is not cut below this: an id has so many digits.
const NARROWEST: usize = 16;

/// The first line of a text, cut to what a table bears.
pub(crate) fn first_line(text: &str) -> String {
    const LONGEST: usize = 80;
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let table = Grid::of(&[("ä", "7"), ("longer", "12345678")]);
        let table = table.text("name", |row| row.0).text("empty", |_| "").number("count", |row| row.1);
        assert_eq!(table.lines(false, usize::MAX), ["name       count", "ä              7", "longer  12345678"]);
    }

    #[test]
    fn a_table_keeps_to_the_width_of_the_terminal_where_texts_can_be_cut() {
        let table = Grid::of(&["out of memory "]).text("axes", |_| "lr=0.1 ".repeat(9));
        let table = table.number("n", |_| "7").text("error", |text| text.repeat(9));
        let lines = table.lines(false, 80);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:?}");
        assert_eq!(lines[1].matches('…').count(), 2);
        assert!(table.lines(false, usize::MAX)[1].contains(&"out of memory ".repeat(8)));
    }
}
