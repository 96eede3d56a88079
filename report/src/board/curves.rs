//! What a `metrics.jsonl` tells, line by line as it grows: curves, episodes, and the few numbers that a list shows of them.
//!
//! A training run has a line for each epoch and each episode, a foreign program one for each step that it tells. A run that
//! goes on from a checkpoint tells an epoch again: what came later of the first telling goes. Long curves lose every second
//! point whenever they reach a bound, so that a run takes as much memory as it did before.

use std::collections::BTreeMap;

use aees_studies::disk::line_numbers;
use aees_studies::study::Goal;
use serde_json::{Map, Value};

use crate::number::heights;

/// The points that are kept of a run's curves.
const POINTS: usize = 4_096;
/// The names that a run's numbers may have, and the arms of its episodes.
const NAMES: usize = 256;
/// The values that a list shows of a curve.
const SHAPE: usize = 32;
/// What an epoch's line tells that is no curve.
const NO_CURVES: [&str; 4] = ["epoch", "step", "seconds", "cumulative_tflops"];

/// The curves of one run.
#[derive(Debug, Clone, Default)]
pub(super) struct LiveCurves {
    /// The epochs, or the numbers of the lines of a program, that points are kept of.
    pub(super) at: Vec<u64>,
    /// Seconds since the first, where they are told.
    pub(super) elapsed: Vec<Option<f64>>,
    pub(super) by_name: BTreeMap<String, Vec<Option<f64>>>,
    pub(super) episodes: PlayedArms,
    /// What was told last.
    pub(super) epoch: u64,
    pub(super) step: u64,
    last: BTreeMap<String, f64>,
    /// The least and the greatest value of each, with where it was.
    extremes: BTreeMap<String, [(f64, u64); 2]>,
    stride: u64,
    seconds: f64,
}

/// The arms that were played.
#[derive(Debug, Clone, Default)]
pub(super) struct PlayedArms {
    pub(super) arms: Vec<String>,
    /// For each kept episode its last step, its arm's place and its reward.
    pub(super) played: Vec<(u64, usize, Option<f64>)>,
    /// How often each arm was played in all, and the sum of what it gave.
    pub(super) totals: Vec<(u64, f64)>,
    count: u64,
    stride: u64,
}

/// What a list shows of a curve.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CurveNumbers {
    pub(super) last: Option<f64>,
    pub(super) best: Option<f64>,
    /// The epoch of the best value.
    pub(super) best_at: Option<u64>,
    /// A few values of it, from 0 for its least to 100 for its greatest.
    pub(super) shape: Vec<u8>,
}

impl LiveCurves {
    /// Takes a whole line. One that says nothing, or is damaged, is passed over.
    pub(super) fn take(&mut self, line: &[u8]) {
        let Ok(Value::Object(line)) = serde_json::from_slice(line) else { return };
        match line.get("kind").and_then(Value::as_str) {
            Some("epoch") => self.take_epoch(&line),
            Some("episode") => self.take_episode(&line),
            _ => self.take_step(&line),
        }
        if let Some(step) = line.get("step").and_then(Value::as_u64) {
            self.step = step;
        }
    }

    fn take_epoch(&mut self, line: &Map<String, Value>) {
        let Some(epoch) = line.get("epoch").and_then(Value::as_u64) else { return };
        if epoch <= self.epoch {
            self.forget_from(epoch);
        }
        self.epoch = epoch;
        self.seconds += line.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
        let numbers = line.iter().filter(|(key, value)| !NO_CURVES.contains(&key.as_str()) && !value.is_string());
        let numbers: Vec<(String, Option<f64>)> = numbers.map(|(key, value)| (key.clone(), value.as_f64())).collect();
        self.push(epoch, Some(self.seconds), numbers);
    }

    fn take_step(&mut self, line: &Map<String, Value>) {
        let numbers: Vec<(String, Option<f64>)> = line_numbers(line).map(|(name, value)| (name, Some(value))).collect();
        if numbers.is_empty() {
            return;
        }
        self.epoch += 1;
        self.push(self.epoch, None, numbers);
    }

    fn take_episode(&mut self, line: &Map<String, Value>) {
        let Some(arm) = line.get("arm").and_then(Value::as_str) else { return };
        let step = line.get("step").and_then(Value::as_u64).unwrap_or_default();
        let reward = line.get("reward").and_then(Value::as_f64);
        self.episodes.push(arm, step, reward);
    }

    fn push(&mut self, at: u64, elapsed: Option<f64>, numbers: Vec<(String, Option<f64>)>) {
        for (name, value) in &numbers {
            if !self.last.contains_key(name) && self.last.len() >= NAMES {
                continue;
            }
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            self.last.insert(name.clone(), value);
            note_extremes(&mut self.extremes, name, value, at);
        }
        if !at.is_multiple_of(self.stride.max(1)) {
            return;
        }
        let before = self.at.len();
        self.at.push(at);
        self.elapsed.push(elapsed);
        for (name, value) in numbers {
            if self.by_name.len() < NAMES || self.by_name.contains_key(&name) {
                let curve = self.by_name.entry(name).or_default();
                curve.resize(before, None);
                curve.push(value.filter(|value| value.is_finite()));
            }
        }
        if self.at.len() > POINTS {
            self.stride = self.stride.max(1) * 2;
            let stride = self.stride;
            let kept: Vec<bool> = self.at.iter().map(|at| at % stride == 0).collect();
            keep(&mut self.at, &kept);
            keep(&mut self.elapsed, &kept);
            self.by_name.values_mut().for_each(|curve| keep(curve, &kept));
        }
    }

    /// An epoch comes again: it and what followed it are told anew. The extremes are those of what stays.
    fn forget_from(&mut self, epoch: u64) {
        let stay = self.at.partition_point(|at| *at < epoch);
        self.at.truncate(stay);
        self.elapsed.truncate(stay);
        self.seconds = self.elapsed.last().copied().flatten().unwrap_or(0.0);
        self.extremes.clear();
        for (name, curve) in &mut self.by_name {
            curve.truncate(stay);
            for (at, value) in self.at.iter().zip(curve.iter()).filter_map(|(at, value)| Some((*at, (*value)?))) {
                note_extremes(&mut self.extremes, name, value, at);
            }
        }
    }

    /// What a list shows of this metric.
    pub(super) fn numbers(&self, metric: &str, goal: Goal) -> CurveNumbers {
        let best = self.extremes.get(metric).map(|[low, high]| if goal == Goal::Max { *high } else { *low });
        let curve = self.by_name.get(metric).into_iter().flatten().flatten().copied();
        let shape = heights(curve, SHAPE, 100.0).into_iter().map(|height| height.round() as u8).collect();
        CurveNumbers {
            shape,
            last: self.last.get(metric).copied(),
            best: best.map(|(value, _)| value),
            best_at: best.map(|(_, at)| at),
        }
    }

    /// What was told last of a metric.
    pub(super) fn latest(&self, metric: &str) -> Option<f64> {
        self.last.get(metric).copied()
    }

    /// Seconds that an epoch took of late.
    pub(super) fn seconds_per_epoch(&self) -> Option<f64> {
        (self.epoch > 0 && self.seconds > 0.0).then(|| self.seconds / self.epoch as f64)
    }

    /// The name of the first curve of these, or of any, for a run whose study names none.
    pub(super) fn usual_metric(&self) -> &str {
        const USUAL: &str = "val_accuracy";
        if self.last.contains_key(USUAL) {
            return USUAL;
        }
        self.last.keys().next().map_or(USUAL, String::as_str)
    }
}

impl PlayedArms {
    fn push(&mut self, arm: &str, step: u64, reward: Option<f64>) {
        let place = match self.arms.iter().position(|known| known == arm) {
            Some(place) => place,
            None if self.arms.len() < NAMES => {
                self.arms.push(arm.to_owned());
                self.totals.push((0, 0.0));
                self.arms.len() - 1
            }
            None => return,
        };
        // Told again after a resume.
        while let Some((last, again, given)) = self.played.last().copied().filter(|(last, ..)| *last >= step) {
            self.totals[again].0 = self.totals[again].0.saturating_sub(1);
            self.totals[again].1 -= given.unwrap_or(0.0);
            self.played.pop();
            if last == step {
                break;
            }
        }
        self.totals[place].0 += 1;
        self.totals[place].1 += reward.filter(|reward| reward.is_finite()).unwrap_or(0.0);
        self.count += 1;
        if self.count.is_multiple_of(self.stride.max(1)) {
            self.played.push((step, place, reward));
        }
        if self.played.len() > POINTS {
            self.stride = self.stride.max(1) * 2;
            let kept: Vec<bool> = (0..self.played.len()).map(|index| index % 2 == 1).collect();
            keep(&mut self.played, &kept);
        }
    }

    /// The arm that was played last.
    pub(super) fn current(&self) -> Option<&str> {
        let (_, arm, _) = self.played.last()?;
        self.arms.get(*arm).map(String::as_str)
    }
}

/// Of equal values the first counts.
fn note_extremes(extremes: &mut BTreeMap<String, [(f64, u64); 2]>, name: &str, value: f64, at: u64) {
    let [low, high] = extremes.entry(name.to_owned()).or_insert([(value, at); 2]);
    if value < low.0 {
        *low = (value, at);
    }
    if value > high.0 {
        *high = (value, at);
    }
}

fn keep<T>(values: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    values.retain(|_| kept.next().copied().unwrap_or(false));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> LiveCurves {
        let mut curves = LiveCurves::default();
        lines.iter().for_each(|line| curves.take(line.as_bytes()));
        curves
    }

    fn epoch(number: u64, accuracy: f64) -> String {
        format!(
            r#"{{"kind":"epoch","epoch":{number},"step":{},"seconds":2.0,"val_accuracy":{accuracy},"train_loss":null}}"#,
            number * 8
        )
    }

    #[test]
    fn an_epoch_that_is_told_again_counts_once() {
        let lines = [epoch(1, 0.1), epoch(2, 0.9), epoch(3, 0.3), epoch(2, 0.2), epoch(3, 0.4)];
        let curves = told(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(curves.at, [1, 2, 3]);
        assert_eq!(curves.by_name["val_accuracy"], [Some(0.1), Some(0.2), Some(0.4)]);
        let numbers = curves.numbers("val_accuracy", Goal::Max);
        assert_eq!((numbers.best, numbers.best_at, numbers.last), (Some(0.4), Some(3), Some(0.4)));
        assert_eq!(numbers.shape, [0, 33, 100]);
        assert_eq!(curves.seconds_per_epoch(), Some(2.0));
        assert_eq!(curves.by_name["train_loss"], [None; 3], "what is no number leaves its place empty");
    }

    #[test]
    fn damaged_lines_and_other_programs_lines_do_no_harm() {
        let curves = told(&[
            "{\"kind\":\"epoch\",\"epo",
            "[1]",
            "\u{fffd}",
            "{\"kind\":\"epoch\"}",
            r#"{"step":3,"val":{"acc":0.5},"note":"x"}"#,
            r#"{"step":4,"val":{"acc":0.7}}"#,
        ]);
        assert_eq!(curves.usual_metric(), "val.acc");
        assert_eq!(curves.numbers("val.acc", Goal::Min).best, Some(0.5));
        assert_eq!((curves.epoch, curves.step), (2, 4));
    }

    #[test]
    fn a_run_of_a_million_lines_stays_small() {
        let mut curves = LiveCurves::default();
        for step in 1..=40_000_u64 {
            curves.take(format!(r#"{{"step":{step},"loss":{}}}"#, 1.0 / step as f64).as_bytes());
            let arm = ["a", "b"][step as usize % 2];
            curves.take(format!(r#"{{"kind":"episode","arm":"{arm}","step":{step},"reward":1.0}}"#).as_bytes());
        }
        assert!(curves.at.len() <= POINTS && curves.at.len() > POINTS / 4, "{}", curves.at.len());
        assert!(curves.episodes.played.len() <= POINTS);
        assert_eq!(curves.episodes.totals, [(20_000, 20_000.0); 2]);
        let numbers = curves.numbers("loss", Goal::Min);
        assert_eq!((numbers.best_at, numbers.best), (Some(40_000), Some(1.0 / 40_000.0)));
        for name in 0..1_000 {
            curves.take(format!(r#"{{"step":1,"name{name}":1}}"#).as_bytes());
        }
        assert_eq!((curves.last.len(), curves.by_name.len() <= NAMES), (NAMES, true));
    }
}
