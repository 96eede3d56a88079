//! How a run stood at the rungs of its study, by its `metrics.jsonl`: also one that stopped, and one that another study took further.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value};

use crate::study::{PruneRule, curve_value};

/// The rungs that a run has passed, each with its value; none for one that was not finite.
pub fn rung_values(run_directory: &Path, rule: &PruneRule) -> Vec<(u64, Option<f64>)> {
    let curve = curve(run_directory, rule);
    let reached = |at: u64| {
        let last = curve.iter().position(|(position, _)| *position >= at as f64)?;
        Some((at, measured(rule, &curve[..=last])))
    };
    rule.ladder().map_while(reached).collect()
}

/// The value of a run at a rung; an outer none when it has not come so far.
pub fn rung_value(run_directory: &Path, rule: &PruneRule, at: u64) -> Option<Option<f64>> {
    let curve = curve(run_directory, rule);
    let last = curve.iter().position(|(position, _)| *position >= at as f64)?;
    Some(measured(rule, &curve[..=last]))
}

/// Whether a run told the metric of a rule at all.
pub fn tells_metric(run_directory: &Path, rule: &PruneRule) -> bool {
    !curve(run_directory, rule).is_empty()
}

/// The lines that have the metric: how far, and what; NaN for what was not finite.
fn curve(run_directory: &Path, rule: &PruneRule) -> Vec<(f64, f64)> {
    let point = |line: &Map<String, Value>| {
        Some((line.get(rule.by.name())?.as_f64()?, curve_value(line, &rule.metric.name)?.unwrap_or(f64::NAN)))
    };
    let lines = File::open(run_directory.join("metrics.jsonl")).ok().map(BufReader::new);
    let lines = lines.into_iter().flat_map(|file| file.lines().map_while(Result::ok));
    let mut curve: Vec<_> = lines.filter_map(|line| point(&serde_json::from_str(&line).ok()?)).collect();
    // What a program prints last is its result, and no line of the curve.
    let result: Option<Value> =
        fs::read(run_directory.join("result.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
    curve.extend(result.as_ref().and_then(|result| point(result.get("result")?.as_object()?)));
    curve
}

/// What a run has come to at the end of a curve; of fewer values than count, all do.
fn measured(rule: &PruneRule, curve: &[(f64, f64)]) -> Option<f64> {
    let counted = rule.metric.measure.counts_last().unwrap_or(curve.len());
    let values: Vec<f64> = curve[curve.len().saturating_sub(counted)..].iter().map(|(_, value)| *value).collect();
    rule.metric.measure.of(&values, rule.metric.goal).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Objective, ProgressUnit, PruneMethod, SeedComparison};

    fn rule(metric: &str) -> PruneRule {
        PruneRule {
            method: PruneMethod::Asha,
            metric: Objective::parse(metric),
            by: ProgressUnit::Step,
            grace: 1,
            factor: 3,
            rungs: None,
            seeds: SeedComparison::Mean,
            per: Vec::new(),
        }
    }

    #[test]
    fn a_rung_is_reached_by_the_first_line_that_is_so_far_and_has_the_metric() {
        let folder = tempfile::tempdir().unwrap();
        assert!(rung_values(folder.path(), &rule("loss (min final)")).is_empty());
        let lines = "{\"step\":1,\"loss\":4}\n{\"step\":2,\"note\":1}\n{\"step\":3,\"lr\":1}\n{\"step\":4,\"loss\":1}\n\
                     {\"step\":9,\"loss\":null}\nno line\n{\"step\":27,\"val\":{\"acc\":0.5},\"loss\":2}\n";
        fs::write(folder.path().join("metrics.jsonl"), lines).unwrap();
        let values = |metric: &str| rung_values(folder.path(), &rule(metric));
        assert_eq!(values("loss (min final)"), [(1, Some(4.0)), (3, Some(1.0)), (9, None), (27, Some(2.0))]);
        assert_eq!(values("loss (min best)")[2..], [(9, Some(1.0)), (27, Some(1.0))]);
        assert_eq!(values("loss (min auc)")[..3], [(1, Some(4.0)), (3, Some(2.5)), (9, None)]);
        assert_eq!(values("loss (min last_k(1))")[3], (27, Some(2.0)));
        assert_eq!(rung_value(folder.path(), &rule("val.acc (max final)"), 5), Some(Some(0.5)));
        assert_eq!(rung_value(folder.path(), &rule("loss (max final)"), 28), None);
        fs::write(folder.path().join("result.json"), "{\"result\": {\"step\": 81, \"loss\": 0.5}}").unwrap();
        assert_eq!(values("loss (min final)")[4], (81, Some(0.5)));
    }
}
