//! How strict tables are.

/// What to do with two different results for one seed of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateRule {
    /// Leave the row out, and name them.
    #[default]
    Refuse,
    /// Take the first, by path.
    First,
    /// Take the last, by path.
    Last,
    /// Take their mean.
    Mean,
}

/// When a row may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableOptions {
    /// Runs that a row needs. When not given, those of `expected_seeds`, or else the most common number.
    pub expect_n: Option<usize>,
    /// The seeds of the studies that the runs are from; none when they are from no study.
    pub expected_seeds: Option<Vec<i64>>,
    /// Whether rows with fewer runs are averaged all the same, with their n beside the number.
    pub allow_partial: bool,
    /// Rows to compare with each other, by their names, instead of the usual contrasts.
    pub compare: Vec<(String, String)>,
    /// A row that all others are compared with.
    pub against: Option<String>,
    /// What to do with two results for one seed.
    pub duplicates: DuplicateRule,
}
