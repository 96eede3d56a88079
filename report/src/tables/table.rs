//! A table before it is written: columns that know their unit and what is better in them, rows in sections, notes.

use aees_studies::study::Goal;

use crate::number::fixed;
use crate::quantity::Quantity;
use crate::statistics::{Interval, MeanSd};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Words.
    Text,
    /// A mean with its sample standard deviation.
    MeanSd,
    /// One number.
    Value,
    /// A number with the two ends of its interval.
    Interval,
    PValue,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The heading, as people read it.
    pub heading: String,
    /// The name in CSV.
    pub key: String,
    /// What its cells are.
    pub kind: ColumnKind,
    /// What numbers are multiplied with where people read them: 100 for percent. CSV keeps the raw number.
    pub scale: f64,
    /// Digits after the point.
    pub decimals: usize,
    /// Which way is better, if it is ranked.
    pub better: Option<Goal>,
}

impl Column {
    /// A column of words.
    pub fn text(heading: &str, key: &str) -> Self {
        Self::number(heading, key, ColumnKind::Text, 1.0, 0)
    }

    /// A column of numbers that is not ranked.
    pub fn number(heading: &str, key: &str, kind: ColumnKind, scale: f64, decimals: usize) -> Self {
        Self { heading: heading.to_owned(), key: key.to_owned(), kind, scale, decimals, better: None }
    }

    /// The column of a quantity.
    pub(super) fn of(quantity: &Quantity, decimals: usize) -> Self {
        let (scale, decimals) = match quantity {
            _ if quantity.is_fraction() => (100.0, decimals),
            Quantity::Named(_) => (1.0, 4),
            _ => (1.0, 1),
        };
        let better = match quantity {
            Quantity::Best | Quantity::SameEpoch | Quantity::Final | Quantity::CorruptedClean => Some(Goal::Max),
            Quantity::Drop | Quantity::CorruptedNoisy => Some(Goal::Min),
            _ => None,
        };
        let column = Self::number(&quantity.heading(), &quantity.to_string(), ColumnKind::MeanSd, scale, decimals);
        Self { better, ..column }
    }

    /// A number as it is printed.
    pub(super) fn shown(&self, value: f64) -> String {
        fixed(value * self.scale, self.decimals)
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// Nothing to show. The text says why, as a mark that a note explains; it may be empty.
    Missing(String),
    Number {
        /// The number or mean.
        value: f64,
        /// The sample standard deviation; none of a single run.
        sd: Option<f64>,
        /// A mark that a note explains; it may be empty.
        mark: String,
    },
    /// A number with an interval.
    Interval { value: f64, low: f64, high: f64 },
}

impl Cell {
    /// Words.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number alone, or nothing.
    pub(super) fn value(value: Option<f64>) -> Self {
        value.map_or_else(Self::nothing, |value| Self::Number { value, sd: None, mark: String::new() })
    }

    /// A mean with its spread, or nothing.
    pub(super) fn spread(summary: Option<MeanSd>) -> Self {
        summary.map_or_else(Self::nothing, |MeanSd { mean, sd, .. }| Self::Number {
            value: mean,
            sd,
            mark: String::new(),
        })
    }

    /// A number with its interval, or nothing.
    pub(super) fn interval(found: Option<(f64, Interval)>) -> Self {
        found.map_or_else(Self::nothing, |(value, Interval { low, high })| Self::Interval { value, low, high })
    }

    /// Nothing, without a reason.
    pub(super) fn nothing() -> Self {
        Self::Missing(String::new())
    }

    /// What it is ranked by.
    fn rank(&self) -> Option<f64> {
        match self {
            Self::Number { value, .. } | Self::Interval { value, .. } => Some(*value),
            Self::Text(_) | Self::Missing(_) => None,
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The section it stands in; ranks are within it. Empty when the table has none.
    pub section: String,
    /// One cell for each column.
    pub cells: Vec<Cell>,
}

/// How a cell stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emphasis {
    /// Not.
    None,
    /// The best of its section.
    Best,
    Second,
}

/// What a reader must know before any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableWarning {
    /// A result contradicts itself: which, and in what.
    Contradiction(String),
    /// Some of the runs are of different data.
    DifferentData(String),
}

impl TableWarning {
    /// In words.
    pub fn text(&self) -> &str {
        match self {
            Self::Contradiction(text) | Self::DifferentData(text) => text,
        }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name, which is the name of its files.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What sections are, as a CSV column; empty when there are none.
    pub section_key: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// What a reader must know before any number.
    pub warnings: Vec<TableWarning>,
    /// What a reader must know, in order.
    pub notes: Vec<String>,
}

impl Table {
    /// A table of rows that bring their columns with them, each in its section; none without a row.
    pub(super) fn of(
        (name, title): (&str, &str),
        section_key: &str,
        rows: Vec<(String, Vec<(Column, Cell)>)>,
        notes: Vec<String>,
    ) -> Option<Self> {
        let columns = rows.first()?.1.iter().map(|(column, _)| column.clone()).collect();
        let row = |(section, cells): (String, Vec<(Column, Cell)>)| Row {
            section,
            cells: cells.into_iter().map(|(_, cell)| cell).collect(),
        };
        let (name, title, section_key) = (name.to_owned(), title.to_owned(), section_key.to_owned());
        let rows = rows.into_iter().map(row).collect();
        Some(Self { name, title, section_key, columns, rows, warnings: Vec::new(), notes })
    }

    /// How each cell stands out. Cells that are printed alike stand out alike; where all of a section are, none does.
    pub fn emphasis(&self) -> Vec<Vec<Emphasis>> {
        let mut marks = vec![vec![Emphasis::None; self.columns.len()]; self.rows.len()];
        for (at, column) in self.columns.iter().enumerate() {
            let Some(better) = column.better else { continue };
            for rows in self.sections() {
                let mut ranked: Vec<(usize, f64)> =
                    rows.into_iter().filter_map(|row| Some((row, self.rows[row].cells[at].rank()?))).collect();
                ranked.sort_by(|(_, one), (_, other)| better.order(*one, *other));
                let mut printed: Vec<String> = ranked.iter().map(|(_, value)| column.shown(*value)).collect();
                let texts = printed.clone();
                printed.dedup();
                let [best, second, ..] = &printed[..] else { continue };
                for ((row, _), text) in ranked.iter().zip(&texts) {
                    marks[*row][at] = match text {
                        text if text == best => Emphasis::Best,
                        text if text == second => Emphasis::Second,
                        _ => Emphasis::None,
                    };
                }
            }
        }
        marks
    }

    /// The rows with how their cells stand out, the first of a section also with its name.
    pub(super) fn lines(&self) -> impl Iterator<Item = (Option<&str>, &Row, Vec<Emphasis>)> {
        let mut section = "";
        self.rows.iter().zip(self.emphasis()).map(move |(row, marks)| {
            let begins = row.section != section;
            section = &row.section;
            (begins.then_some(section), row, marks)
        })
    }

    /// Whether its rows are differences of other rows.
    pub fn is_of_comparisons(&self) -> bool {
        self.name.ends_with("_paired")
    }

    /// What its rows are called.
    pub fn row_names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(|row| match row.cells.first() {
            Some(Cell::Text(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The rows of each section, by index, in the order of their first row.
    fn sections(&self) -> Vec<Vec<usize>> {
        let mut sections: Vec<(&str, Vec<usize>)> = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            match sections.iter_mut().find(|(name, _)| *name == row.section) {
                Some((_, rows)) => rows.push(index),
                None => sections.push((&row.section, vec![index])),
            }
        }
        sections.into_iter().map(|(_, rows)| rows).collect()
    }
}
