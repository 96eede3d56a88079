//! From rows and quantities to tables: one of the rows, one of their comparisons.

use super::comparison::{self, Pair};
use super::group::{Counted, Expectation, Group};
use super::options::TableOptions;
use super::table::{Cell, Column, ColumnKind, Row, Table, TableWarning};
use crate::experiment::about_data;
use crate::quantity::Quantity;
use crate::record::RunRecord;

/// What a table is made of.
pub(super) struct Plan<'a> {
    pub(super) name: String,
    pub(super) title: String,
    /// What sections are called in CSV; empty when there are none.
    pub(super) section_key: &'static str,
    /// What rows are called: heading and CSV key.
    pub(super) rows: (&'static str, &'static str),
    pub(super) groups: Vec<Group<'a>>,
    pub(super) quantities: Vec<Quantity>,
    pub(super) decimals: usize,
    pub(super) pairs: Vec<Pair>,
    /// What is compared: best and final, where nothing else is asked for.
    pub(super) compared: Vec<Quantity>,
    pub(super) notes: Vec<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(name: &str, title: &str, groups: Vec<Group<'a>>, quantities: &[Quantity]) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            section_key: "",
            rows: ("Method", "method"),
            groups,
            quantities: quantities.to_vec(),
            decimals: 2,
            pairs: Vec::new(),
            compared: vec![Quantity::Best, Quantity::Final],
            notes: Vec::new(),
        }
    }

    /// Compares the methods of a problem that stand in a contrast: each with the one that is most like it. Two that differ in
    /// a setting of both beside those that are `varied` are not compared, and that is told.
    pub(super) fn compare(mut self, varied: &[&str], contrast: impl Fn(&RunRecord, &RunRecord) -> bool) -> Self {
        let (pairs, unlike) = comparison::like_with_like(&self.groups, varied, contrast);
        self.pairs.extend(pairs);
        self.notes.extend(unlike);
        self
    }

    pub(super) fn counted(&self, options: &TableOptions) -> Vec<Counted<'a>> {
        let expected = Expectation::of(&self.groups, options);
        self.groups.iter().map(|group| Counted::new(group, &expected, options)).collect()
    }

    /// The tables with these sections, and with what was left out told after what is said already.
    pub(super) fn tables_by(
        mut self,
        section_key: &'static str,
        notes: Vec<String>,
        options: &TableOptions,
    ) -> Vec<Table> {
        self.section_key = section_key;
        self.notes.extend(notes);
        self.tables(options)
    }

    /// The tables: that of the rows, and that of the comparisons if there are any.
    pub(super) fn tables(&self, options: &TableOptions) -> Vec<Table> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let counted = self.counted(options);
        let mut tables = vec![self.main(&counted, options)];
        let asked = comparison::asked_for(&self.groups, options);
        let pairs = asked.as_ref().unwrap_or(&self.pairs);
        tables.extend(comparison::table(&tables[0], &self.compared, pairs, &counted, options));
        tables
    }

    fn main(&self, counted: &[Counted<'_>], options: &TableOptions) -> Table {
        let mut columns =
            vec![Column::text(self.rows.0, self.rows.1), Column::number("n", "n", ColumnKind::Value, 1.0, 0)];
        columns.extend(self.quantities.iter().map(|quantity| Column::of(quantity, self.decimals)));
        let mut notes = self.notes.clone();
        let mut rows = Vec::new();
        for row in counted {
            notes.extend(row.notes.iter().cloned());
            notes.extend(self.quantities.iter().filter_map(|quantity| row.lacks(quantity)));
            let mut cells = vec![Cell::text(&row.label), Cell::value(Some(row.n() as f64))];
            cells.extend(self.quantities.iter().map(|quantity| row.cell(quantity, options)));
            rows.push(Row { section: row.section.clone(), cells });
        }
        if self.quantities.contains(&Quantity::SameEpoch) {
            notes.push(SAME_EPOCH.into());
        }
        // Sections have a name also where only several problems make them.
        let sections = self.groups.iter().any(|group| !group.section.is_empty());
        let section_key = if self.section_key.is_empty() && sections { "problem" } else { self.section_key };
        let (name, title, warnings) = (self.name.clone(), self.title.clone(), self.about_data());
        Table { name, title, section_key: section_key.into(), columns, rows, warnings, notes }
    }

    /// That rows are of different data, where they are.
    pub(super) fn about_data(&self) -> Vec<TableWarning> {
        let told = about_data(self.groups.iter().map(|group| &group.experiment));
        told.into_iter().map(TableWarning::DifferentData).collect()
    }
}

const SAME_EPOCH: &str = "Best takes each run at its own best epoch, which flatters; Same epoch takes all runs of a row at one \
                          epoch, that of the best mean curve. Mean ± sample SD over seeds.";
