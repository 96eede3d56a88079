//! The numbers that a foreign program gives, by name: flat, nested (`val.acc`), with measures, and step by step.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value};

/// Words for what of a curve a number is.
const MEASURES: [&str; 8] = ["final", "best", "best_epoch", "auc", "mean", "min", "max", "last"];

/// Keys of a step's line that count and do not measure.
const COUNTERS: [&str; 2] = ["step", "epoch"];

/// Names of numbers that are nested deeper are nobody's.
const DEEPEST: usize = 8;

/// A number of a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProgramNumber {
    pub(crate) name: String,
    /// `final`, unless the program says another word.
    pub(crate) measure: String,
    /// As it was written.
    pub(crate) value: Value,
}

/// All numbers of a result, by name. `{"val": {"acc": 0.9}}` is `val.acc`. Those in a map `metrics` come before others of the
/// same name, and may be given as `{name: {measure: number}}`.
pub(crate) fn program_numbers(result: &Map<String, Value>) -> Vec<ProgramNumber> {
    let mut found: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut put = |name: &str, measure: &str, value: &Value| {
        found.insert((name.to_owned(), measure.to_owned()), value.clone());
    };
    let metrics = result.get("metrics").and_then(Value::as_object);
    // `usage` is the launcher's word for what the run cost.
    let others =
        result.iter().filter(|(key, value)| !(value.is_object() && matches!(key.as_str(), "metrics" | "usage")));
    for (key, value) in others {
        numbers(key, value, DEEPEST, &mut |name, value| put(name, "final", value));
    }
    for (name, value) in metrics.into_iter().flatten() {
        match value {
            Value::Object(measures) if measures.keys().all(|key| MEASURES.contains(&key.as_str())) => {
                let numbers = measures.iter().filter(|(_, value)| value.is_number());
                numbers.for_each(|(measure, value)| put(name, measure, value));
            }
            value => numbers(name, value, DEEPEST, &mut |name, value| put(name, "final", value)),
        }
    }
    let number = |((name, measure), value)| ProgramNumber { name, measure, value };
    found.into_iter().map(number).collect()
}

/// The numbers below a value, by their dotted names.
fn numbers(name: &str, value: &Value, depth: usize, found: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Number(_) => found(name, value),
        Value::Object(map) if depth > 0 => {
            map.iter().for_each(|(key, value)| numbers(&format!("{name}.{key}"), value, depth - 1, found));
        }
        _ => {}
    }
}

/// The curves of a run's folder, from its `metrics.jsonl`: for each number its values in order, without those that were not
/// finite. None are there for a program that tells nothing on its way.
pub fn program_curves(run_directory: &Path) -> BTreeMap<String, Vec<f64>> {
    let mut curves: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let Ok(file) = File::open(run_directory.join("metrics.jsonl")) else { return curves };
    for line in BufReader::new(file).lines().map_while(Result::ok) {
        let Ok(Value::Object(line)) = serde_json::from_str(&line) else { continue };
        for (name, value) in line_numbers(&line) {
            curves.entry(name).or_default().push(value);
        }
    }
    curves
}

/// What a line of `metrics.jsonl` measures: names and finite numbers, without those that only count.
pub fn line_numbers(line: &Map<String, Value>) -> impl Iterator<Item = (String, f64)> {
    let measures = |number: &ProgramNumber| !COUNTERS.contains(&number.name.as_str());
    program_numbers(line).into_iter().filter(measures).filter_map(|number| Some((number.name, number.value.as_f64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_numbers_have_dotted_names() {
        let result = json!({"loss": 1, "val": {"acc": 0.5, "by": {"class": 2}, "note": "x"}, "list": [1], "flag": true,
            "metrics": {"loss": 2, "test": {"acc": 0.25}, "reward": {"final": 3, "best": 4}}});
        let found: Vec<String> = program_numbers(result.as_object().unwrap())
            .iter()
            .map(|number| format!("{} {} {}", number.name, number.measure, number.value))
            .collect();
        let expected = [
            "loss final 2",
            "reward best 4",
            "reward final 3",
            "test.acc final 0.25",
            "val.acc final 0.5",
            "val.by.class final 2",
        ];
        assert_eq!(found, expected);
    }
}
