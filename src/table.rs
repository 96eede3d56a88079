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
        match self.paint {
            Some(paint) if colours => format!("{paint}{}\x1b[0m", self.text),
            _ => self.text.clone(),
        }
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

/// Which side a column leans to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Rows under a heading. Columns without any content are left out.
pub(crate) struct Grid {
    columns: Vec<(String, Side)>,
    rows: Vec<Vec<GridCell>>,
}

impl Grid {
    pub(crate) fn new<T: Into<String>>(columns: impl IntoIterator<Item = (T, Side)>) -> Self {
        let columns = columns.into_iter().map(|(name, side)| (name.into(), side));
        Self { columns: columns.collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<GridCell>) {
        self.rows.push(cells);
    }

    /// Prints it, on a terminal within its width.
    pub(crate) fn print(&self) {
        self.lines(stdout::takes_colours(&std::io::stdout()), stdout::width()).iter().for_each(stdout::line);
    }

    /// The lines, not wider than this where texts can be cut.
    pub(crate) fn lines(&self, colours: bool, most: usize) -> Vec<String> {
        let content = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let width = |column: usize| content(column).map(|cell| cell.text.chars().count()).max().unwrap_or(0);
        let mut shown: Vec<(usize, usize)> = (0..self.columns.len())
            .map(|column| (column, width(column)))
            .filter(|(_, width)| *width > 0)
            .map(|(column, width)| (column, width.max(self.columns[column].0.chars().count())))
            .collect();
        // The widest text gives way first, and no text below what can be read.
        let total = |shown: &[(usize, usize)]| shown.iter().map(|(_, width)| width + 2).sum::<usize>();
        while total(&shown) > most.saturating_add(2) {
            let texts = shown.iter_mut().filter(|(column, width)| {
                self.columns[*column].1 == Side::Left && *width > NARROWEST.max(self.columns[*column].0.len())
            });
            let Some((_, width)) = texts.max_by_key(|(_, width)| *width) else { break };
            *width -= 1;
        }
        let line = |cells: &[GridCell]| {
            let mut line = String::new();
            for (position, (column, width)) in shown.iter().enumerate() {
                let mut cell = cells.get(*column).cloned().unwrap_or_default();
                if cell.text.chars().count() > *width {
                    cell.text = cell.text.chars().take(width - 1).chain(['…']).collect();
                }
                let space = " ".repeat(width.saturating_sub(cell.text.chars().count()));
                let last = position + 1 == shown.len();
                match self.columns[*column].1 {
                    Side::Right => line += &format!("{space}{}", cell.painted(colours)),
                    Side::Left if last => line += &cell.painted(colours),
                    Side::Left => line += &format!("{}{space}", cell.painted(colours)),
                }
                line.push_str(if last { "" } else { "  " });
            }
            line.trim_end().to_owned()
        };
        let heading: Vec<GridCell> =
            self.columns.iter().map(|(name, _)| GridCell { text: name.clone(), paint: Some("\x1b[1m") }).collect();
        std::iter::once(line(&heading)).chain(self.rows.iter().map(|row| line(row))).collect()
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
        let mut table = Grid::new([("name", Side::Left), ("empty", Side::Left), ("count", Side::Right)]);
        table.row(vec!["ä".into(), "".into(), "7".into()]);
        table.row(vec!["longer".into(), "".into(), "12345678".into()]);
        assert_eq!(table.lines(false, usize::MAX), ["name       count", "ä              7", "longer  12345678"]);
    }

    #[test]
    fn a_table_keeps_to_the_width_of_the_terminal_where_texts_can_be_cut() {
        let mut table = Grid::new([("axes", Side::Left), ("n", Side::Right), ("error", Side::Left)]);
        table.row(vec!["lr=0.1 ".repeat(9).into(), "7".into(), "out of memory ".repeat(9).into()]);
        let lines = table.lines(false, 80);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:?}");
        assert_eq!(lines[1].matches('…').count(), 2);
        assert!(table.lines(false, usize::MAX)[1].contains(&"out of memory ".repeat(8)));
    }
}
