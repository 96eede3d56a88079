//! One array of a metric over all runs, with named axes: setting, step and seed.
//!
//! Steps are epochs, from 1. Settings, seeds and curve lengths need not be the same everywhere: a task with other settings
//! and a run that ended early leave holes. `mask` is true where there is a value; elsewhere the array holds NaN. (A value
//! that is itself NaN, as after a divergence, keeps its mask.) Coordinates say what each place is: settings as JSON of what
//! differs between them, epochs and seeds as numbers.

mod files;
mod numpy;

use std::collections::BTreeSet;
use std::fmt;

use crate::attributes::{Attributes, Detail, distinguishing};
use crate::error::ReportError;
use crate::quantity::curve;
use crate::record::RunRecord;

pub use files::{csv, npz, safetensors};

/// An axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    Setting,
    Step,
    Seed,
}

impl Dimension {
    /// All of them, in the usual order.
    pub const ALL: [Self; 3] = [Self::Setting, Self::Step, Self::Seed];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        self.of(["setting", "step", "seed"])
    }

    /// What there is for it, of one for each in the usual order.
    fn of<T: Copy>(self, each: [T; 3]) -> T {
        each[self as usize]
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An array with its coordinates.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub metric: String,
    /// The axes, in the order of the array.
    pub axes: [Dimension; 3],
    /// The settings: what differs, as JSON.
    pub settings: Vec<String>,
    /// The keys in each of them.
    pub keys: Vec<String>,
    pub steps: Vec<i64>,
    pub seeds: Vec<i64>,
    /// The values, last axis fastest; NaN where there is none.
    pub values: Vec<f64>,
    /// Whether there is a value.
    pub mask: Vec<bool>,
    /// Two results for one place, and runs without the metric.
    pub warnings: Vec<String>,
    /// The settings themselves, for the columns of a table.
    rows: Vec<Attributes>,
}

/// Reads `setting,step,seed` in any order.
///
/// # Errors
/// Anything that does not name each axis once.
pub fn parse_axes(text: &str) -> Result<[Dimension; 3], ReportError> {
    let named: Option<Vec<Dimension>> =
        text.split(',').map(|word| Dimension::ALL.into_iter().find(|axis| axis.name() == word.trim())).collect();
    let named: Option<[Dimension; 3]> = named.and_then(|axes| axes.try_into().ok());
    let axes = named.filter(|axes| axes.iter().collect::<BTreeSet<_>>().len() == 3);
    axes.ok_or_else(|| ReportError::new(format!("`{text}` are not the axes setting, step and seed, each once"), None))
}

/// Lays the metric of all runs into one array.
///
/// Of two results for one setting and seed the first by path is taken, and both are named.
///
/// # Errors
/// A metric that no run has, or an array beyond all measure.
pub fn tensor(runs: &[RunRecord], metric: &str, axes: [Dimension; 3]) -> Result<Tensor, ReportError> {
    let mut warnings = Vec::new();
    let mut curves: Vec<(Attributes, &RunRecord, Vec<f64>)> = Vec::new();
    for run in runs {
        match curve(run, metric) {
            Some(curve) => curves.push((Attributes::of(run), run, curve)),
            None => warnings.push(format!("{}: no {metric}", run.path.display())),
        }
    }
    if curves.is_empty() {
        return Err(ReportError::new(format!("no run has the metric `{metric}`"), None));
    }
    curves.sort_by(|one, other| (&one.0, one.1.seed, &one.1.path).cmp(&(&other.0, other.1.seed, &other.1.path)));
    let mut rows: Vec<Attributes> = curves.iter().map(|(setting, ..)| setting.clone()).collect();
    rows.dedup();
    let seeds: Vec<i64> = curves.iter().map(|(_, run, _)| run.seed).collect::<BTreeSet<_>>().into_iter().collect();
    let steps = curves.iter().map(|(.., curve)| curve.len()).max().unwrap_or(0);
    let size = rows.len().checked_mul(steps).and_then(|size| size.checked_mul(seeds.len()));
    let size = size.filter(|size| *size <= 1 << 31).ok_or_else(|| {
        let (settings, seeds) = (rows.len(), seeds.len());
        let size = format!("{settings} settings x {steps} steps x {seeds} seeds are more than 2^31 values");
        ReportError::new(size, None)
    })?;
    let keys = distinguishing(&rows, Detail::Full);
    let mut tensor = Tensor {
        metric: metric.to_owned(),
        axes,
        settings: rows.iter().map(|row| row.json_object(&keys)).collect(),
        keys,
        steps: (1..).take(steps).collect(),
        seeds,
        values: vec![f64::NAN; size],
        mask: vec![false; size],
        warnings,
        rows,
    };
    tensor.fill(&curves);
    Ok(tensor)
}

impl Tensor {
    /// The length of each axis, in the order of the array.
    pub fn shape(&self) -> [usize; 3] {
        self.axes.map(|axis| axis.of([self.settings.len(), self.steps.len(), self.seeds.len()]))
    }

    /// Where the value of a setting, a step and a seed lies, each counted from 0.
    pub fn place(&self, setting: usize, step: usize, seed: usize) -> usize {
        let index = |axis: &Dimension| axis.of([setting, step, seed]);
        self.axes.iter().zip(self.shape()).fold(0, |place, (axis, length)| place * length + index(axis))
    }

    fn fill(&mut self, curves: &[(Attributes, &RunRecord, Vec<f64>)]) {
        let mut before: Option<(usize, usize, &RunRecord)> = None;
        for (setting, run, curve) in curves {
            let (Ok(row), Ok(seed)) = (self.rows.binary_search(setting), self.seeds.binary_search(&run.seed)) else {
                continue;
            };
            if let Some((.., taken)) = before.filter(|(one, other, _)| (*one, *other) == (row, seed)) {
                self.warnings.push(format!(
                    "two results for seed {} of {}: {} is taken, {} is not",
                    run.seed,
                    self.settings[row],
                    taken.path.display(),
                    run.path.display()
                ));
                continue;
            }
            before = Some((row, seed, run));
            for (step, value) in curve.iter().enumerate() {
                let place = self.place(row, step, seed);
                self.values[place] = *value;
                self.mask[place] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{curve, record, with};

    /// Two tasks with different settings and different seeds, and curves of different lengths.
    fn ragged() -> Vec<RunRecord> {
        let mut runs = Vec::new();
        for (task, rates, seeds) in [("cifar100", vec![0.1, 0.2, 0.3], 0..4), ("sst2", vec![0.2, 0.5], 2..7)] {
            for (index, rate) in rates.iter().enumerate() {
                for seed in seeds.clone() {
                    let epochs = 1 + (seed as usize + index) % 3;
                    let values: Vec<f64> = (0..epochs).map(|epoch| rate + seed as f64 + epoch as f64 / 10.0).collect();
                    let mut run = curve(with(record(task, seed), json!({"lr": rate, "epochs": 3})), &values);
                    run.path = format!("{task}_{rate}_{seed}").into();
                    runs.push(run);
                }
            }
        }
        runs
    }

    #[test]
    fn coordinates_equal_a_brute_force_join() {
        let runs = ragged();
        let mut expected: BTreeMap<(String, String, i64, i64), f64> = BTreeMap::new();
        for run in &runs {
            for (epoch, value) in run.val_accuracies.iter().enumerate() {
                let key = (run.task.clone(), run.config["lr"].to_string(), epoch as i64 + 1, run.seed);
                assert!(expected.insert(key, *value).is_none());
            }
        }
        for axes in ["setting,step,seed", "seed,setting,step", "step,seed,setting"] {
            let tensor = tensor(&runs, "val_accuracy", parse_axes(axes).unwrap()).unwrap();
            let mut found = BTreeMap::new();
            for (row, setting) in tensor.settings.iter().enumerate() {
                let setting: Value = serde_json::from_str(setting).unwrap();
                for (step, epoch) in tensor.steps.iter().enumerate() {
                    for (column, seed) in tensor.seeds.iter().enumerate() {
                        let place = tensor.place(row, step, column);
                        assert_eq!(tensor.mask[place], !tensor.values[place].is_nan());
                        if tensor.mask[place] {
                            let task = setting["task"].as_str().unwrap().to_owned();
                            found.insert((task, setting["lr"].to_string(), *epoch, *seed), tensor.values[place]);
                        }
                    }
                }
            }
            assert_eq!(found, expected, "{axes}");
            assert_eq!(tensor.values.len(), 5 * 3 * 7);
        }
    }

    #[test]
    fn the_order_of_the_files_changes_nothing() {
        let mut runs = ragged();
        let one = tensor(&runs, "val_accuracy", Dimension::ALL).unwrap();
        runs.reverse();
        let other = tensor(&runs, "val_accuracy", Dimension::ALL).unwrap();
        assert_eq!((one.settings, one.mask), (other.settings, other.mask));
    }

    #[test]
    fn two_results_for_one_place_are_both_named() {
        let mut runs = ragged();
        let mut again = curve(runs[0].clone(), &[9.0]);
        again.path = "zz".into();
        runs.push(again);
        let tensor = tensor(&runs, "val_accuracy", Dimension::ALL).unwrap();
        assert!(!tensor.values.contains(&9.0));
        assert!(tensor.warnings[0].contains("cifar100_0.1_0 is taken, zz is not"), "{:?}", tensor.warnings);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for axes in ["setting,step", "setting,step,step", "setting,step,seed,seed", "a,b,c", ""] {
            assert!(parse_axes(axes).is_err(), "{axes}");
        }
        let error = tensor(&ragged(), "f1", Dimension::ALL).unwrap_err();
        assert_eq!(error.to_string(), "no run has the metric `f1`");
        assert!(tensor(&[], "val_accuracy", Dimension::ALL).is_err());
    }
}
