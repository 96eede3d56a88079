//! From groups and quantities to tables: one of the rows, one of their comparisons.

use std::collections::BTreeMap;

use super::group::{Counted, Expectation, Group};
use super::options::TableOptions;
use super::quantity::Quantity;
use super::table::{Cell, Column, ColumnKind, Row, Table};
use crate::statistics::{Interval, PairedComparison, compare, holm};

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

/// A row compared with another one, by their places among the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
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

    /// Compares rows of the same section: those named first with those named second. A name may be followed by the words
    /// in brackets that tell settings apart; then a row is compared with those that differ from it in the fewest settings,
    /// so that a difference is not one of base rates or candidates as well.
    pub(super) fn compare_in_sections(mut self, pairs: &[(&str, &str)]) -> Self {
        let named =
            |group: &Group<'_>, name: &str| group.label == name || group.label.starts_with(&format!("{name} ("));
        for (first, second) in pairs {
            for (one, group) in self.groups.iter().enumerate().filter(|(_, group)| named(group, first)) {
                let others = self.groups.iter().enumerate();
                let others = others.filter(|(_, other)| other.section == group.section && named(other, second));
                let others: Vec<(usize, usize)> = others.map(|(at, other)| (at, group.differences(other))).collect();
                let fewest = others.iter().map(|(_, differences)| *differences).min();
                for (other, _) in others.into_iter().filter(|(_, differences)| Some(*differences) == fewest) {
                    let pair = Pair { first: one, second: other };
                    // Two names may mean one row, with the words in brackets and without.
                    if !self.pairs.contains(&pair) {
                        self.pairs.push(pair);
                    }
                }
            }
        }
        // Rows stand by section, and so must the pairs; the sort keeps the order of those of one row.
        self.pairs.sort_by_key(|pair| pair.first);
        self
    }

    pub(super) fn counted(&self, options: &TableOptions) -> Vec<Counted<'a>> {
        let expected = Expectation::of(&self.groups, options);
        self.groups.iter().map(|group| Counted::new(group, &expected, options)).collect()
    }

    /// The tables: that of the rows, and that of the comparisons if there are any.
    pub(super) fn tables(&self, options: &TableOptions) -> Vec<Table> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let counted = self.counted(options);
        let mut tables = vec![self.main(&counted, options)];
        tables.extend(self.comparisons(&counted, options));
        tables
    }

    fn main(&self, counted: &[Counted<'_>], options: &TableOptions) -> Table {
        let mut columns =
            vec![Column::text(self.rows.0, self.rows.1), Column::number("n", "n", ColumnKind::Value, 1.0, 0)];
        columns.extend(self.quantities.iter().map(|quantity| quantity.column(self.decimals)));
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
        let (name, title) = (self.name.clone(), self.title.clone());
        Table { name, title, section_key: self.section_key.into(), columns, rows, warnings: Vec::new(), notes }
    }

    fn comparisons(&self, counted: &[Counted<'_>], options: &TableOptions) -> Option<Table> {
        let mut found = Vec::new();
        let mut notes = Vec::new();
        for pair in &self.pairs {
            let (first, second) = (&counted[pair.first], &counted[pair.second]);
            for quantity in &self.compared {
                let comparison = on_common_seeds(first, second, quantity, options);
                let label = format!("{} - {}", first.label, second.label);
                if comparison.is_none() {
                    let missing = format!("{label}, {quantity}: not compared, because not every seed has both");
                    notes.push(if first.section.is_empty() {
                        missing
                    } else {
                        format!("{}: {missing}", first.section)
                    });
                }
                found.push((first.section.clone(), label, quantity, comparison));
            }
        }
        let p_values: Vec<Option<f64>> =
            found.iter().map(|(.., comparison)| comparison.as_ref()?.t_test.map(|t| t.p)).collect();
        let rows = found.iter().zip(holm(&p_values));
        let rows: Vec<Row> = rows
            .map(|((section, label, quantity, comparison), corrected)| Row {
                section: section.clone(),
                cells: comparison_cells(label, quantity, comparison.as_ref(), corrected),
            })
            .collect();
        notes.push(PAIRED.into());
        (!rows.is_empty()).then(|| Table {
            name: format!("{}_paired", self.name),
            title: format!("{}: paired differences by seed", self.title),
            section_key: self.section_key.into(),
            columns: comparison_columns(self.compared.iter().all(Quantity::is_fraction)),
            rows,
            warnings: Vec::new(),
            notes,
        })
    }
}

const SAME_EPOCH: &str = "Best takes each run at its own best epoch, which flatters; Same epoch takes all runs of a row at one \
                          epoch, that of the best mean curve. Mean ± sample SD over seeds.";
const PAIRED: &str = "95 % intervals by the percentile bootstrap of the mean difference (10,000 resamples, NumPy default_rng(0)); \
                      two-sided paired t test; Holm's correction over the rows of this table; exact Wilcoxon signed-rank test; \
                      d_z is the mean difference over its SD, g with Hedges' correction.";

/// Compares two rows on the seeds that both have. All of them, unless partial rows are allowed.
fn on_common_seeds(
    first: &Counted<'_>,
    second: &Counted<'_>,
    quantity: &Quantity,
    options: &TableOptions,
) -> Option<PairedComparison> {
    let by_seed = |row: &Counted<'_>| -> BTreeMap<i64, f64> {
        row.values(quantity).into_iter().map(|((_, seed), value)| (seed, value)).collect()
    };
    let (a, b) = (by_seed(first), by_seed(second));
    let both: (Vec<f64>, Vec<f64>) = a.iter().filter_map(|(seed, value)| Some((*value, *b.get(seed)?))).unzip();
    let aligned = both.0.len() == first.n() && both.1.len() == second.n();
    (aligned || options.allow_partial).then(|| compare(&both.0, &both.1))?
}

fn comparison_columns(percent: bool) -> Vec<Column> {
    let (unit, scale, decimals) =
        if percent { ("Difference (pp) [95 % CI]", 100.0, 2) } else { ("Difference [95 % CI]", 1.0, 4) };
    let value = |heading: &str, key: &str, decimals| Column::number(heading, key, ColumnKind::Value, 1.0, decimals);
    let p_value = |heading: &str, key: &str| Column::number(heading, key, ColumnKind::PValue, 1.0, 3);
    vec![
        Column::text("Comparison", "comparison"),
        Column::text("Of", "quantity"),
        value("n", "n", 0),
        Column::number(unit, "difference", ColumnKind::Interval, scale, decimals),
        Column::number("SD", "difference_sd", ColumnKind::Value, scale, decimals),
        value("t", "t", 3),
        value("df", "df", 0),
        p_value("p", "p"),
        p_value("p (Holm)", "p_holm"),
        p_value("p (Wilcoxon)", "p_wilcoxon"),
        value("d_z", "d_z", 2),
        value("g", "hedges_g", 2),
        Column::text("Won/tied/lost", "wins"),
    ]
}

fn comparison_cells(
    label: &str,
    quantity: &Quantity,
    comparison: Option<&PairedComparison>,
    corrected: Option<f64>,
) -> Vec<Cell> {
    let mut cells = vec![Cell::text(label), Cell::text(quantity.to_string())];
    let Some(found) = comparison else {
        cells.resize(13, Cell::nothing());
        return cells;
    };
    let test = found.t_test;
    cells.extend([
        Cell::value(Some(found.summary.n as f64)),
        match found.bootstrap {
            Some(Interval { low, high }) => Cell::Interval { value: found.summary.mean, low, high },
            None => Cell::value(Some(found.summary.mean)),
        },
        Cell::value(found.summary.sd),
        Cell::value(test.map(|test| test.t)),
        Cell::value(test.map(|test| test.degrees as f64)),
        Cell::value(test.map(|test| test.p)),
        Cell::value(corrected),
        Cell::value(found.signed_rank.map(|test| test.p)),
        Cell::value(found.d_z),
        Cell::value(found.hedges_g),
        Cell::text(format!("{}/{}/{}", found.wins.wins, found.wins.ties, found.wins.losses)),
    ]);
    cells
}
