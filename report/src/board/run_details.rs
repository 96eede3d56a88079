//! What is asked of single runs: their curves, and all that is known of one: arms, settings, machine, and the end of its log.
//!
//! Files are read where they were left: a page that follows a run costs what the run writes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aees_run::settings::read_file;
use serde_json::{Map, Value, json};

use super::curves::LiveCurves;
use super::tail::MetricsTail;
use crate::fields::plain;
use crate::html::{RunDetail, end_of_log, rounded, run_details};
use crate::read::{ReportSource, ResultSet};

/// So many runs' curves are kept.
const KEPT: usize = 128;
/// What is read of a file for one question, in turns.
const TURNS: usize = 16;
/// The points that a curve is sent with.
const POINTS: usize = 600;
/// The lines and bytes of a log's end.
const LOG_LINES: usize = 400;
const LOG_BYTES: usize = 64 << 10;

/// Answers questions about runs.
#[derive(Debug, Default)]
pub struct BoardRuns {
    kept: Mutex<KeptTails>,
}

#[derive(Debug, Default)]
struct KeptTails {
    tails: HashMap<PathBuf, (u64, MetricsTail)>,
    questions: u64,
}

impl BoardRuns {
    /// The curves of the run in a folder, as the page's script draws them.
    pub fn curves(&self, folder: &Path) -> Value {
        self.with_curves(folder, curves_json)
    }

    /// All that is known of the run in a folder.
    pub fn details(&self, folder: &Path) -> Value {
        let mut shown = self.with_curves(folder, |curves| {
            let mut shown = curves_json(curves);
            shown["arms"] = arms_json(curves);
            shown
        });
        let detail =
            result_of(folder).unwrap_or_else(|| RunDetail { settings: settings(folder), ..RunDetail::default() });
        shown["settings"] = json!(detail.settings);
        shown["circumstances"] = json!(detail.machine.iter().chain(&detail.circumstances).collect::<Vec<_>>());
        shown["contradictions"] = json!(detail.contradictions);
        shown["log"] = json!(end_of_log(&folder.join("log.txt"), LOG_LINES, LOG_BYTES));
        shown["worker_log"] = json!(end_of_log(&folder.join("worker.log"), LOG_LINES, LOG_BYTES));
        shown["folder"] = json!(folder.display().to_string());
        shown
    }

    fn with_curves<T>(&self, folder: &Path, answer: impl FnOnce(&LiveCurves) -> T) -> T {
        // A panic of another thread leaves a tail that is read again.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.questions += 1;
        let now = kept.questions;
        let (used, tail) = kept.tails.entry(folder.to_owned()).or_default();
        *used = now;
        let path = folder.join("metrics.jsonl");
        for _ in 0..TURNS {
            if !tail.advance(&path).unwrap_or(false) {
                break;
            }
        }
        let answer = answer(&tail.curves);
        if kept.tails.len() > KEPT {
            let oldest = kept.tails.iter().min_by_key(|(_, (used, _))| *used).map(|(folder, _)| folder.clone());
            oldest.and_then(|oldest| kept.tails.remove(&oldest));
        }
        answer
    }
}

fn curves_json(curves: &LiveCurves) -> Value {
    let count = curves.at.len();
    let stride = count.div_ceil(POINTS).max(1);
    let kept: Vec<usize> = (0..count).filter(|at| at % stride == 0 || at + 1 == count).collect();
    let of_kept = |values: &[Option<f64>]| -> Value {
        kept.iter().map(|at| values.get(*at).copied().flatten().map(rounded)).collect()
    };
    let by_name: Map<String, Value> =
        curves.by_name.iter().map(|(name, values)| (name.clone(), of_kept(values))).collect();
    let steps = if curves.epoch > 0 { curves.step as f64 / curves.epoch as f64 } else { 0.0 };
    json!({
        "epochs": kept.iter().map(|at| curves.at[*at]).collect::<Vec<_>>(),
        "seconds": of_kept(&curves.elapsed), "steps": steps, "curves": by_name,
    })
}

/// The arms with how often each was played and what it gave on average, and which was played when.
fn arms_json(curves: &LiveCurves) -> Value {
    let episodes = &curves.episodes;
    let stride = episodes.played.len().div_ceil(POINTS).max(1);
    let played = episodes.played.iter().step_by(stride);
    let played: Vec<Value> =
        played.map(|(step, arm, reward)| json!([step, arm, reward.map_or(Value::Null, rounded)])).collect();
    let mean = |(count, sum): &(u64, f64)| json!([count, rounded(if *count > 0 { sum / *count as f64 } else { 0.0 })]);
    json!({"names": episodes.arms, "totals": episodes.totals.iter().map(mean).collect::<Vec<_>>(), "played": played})
}

/// What a result says of its run.
fn result_of(folder: &Path) -> Option<RunDetail> {
    let found = ResultSet::read(&[ReportSource::File(folder.join("result.json"))]).ok()?;
    run_details(&found.runs).pop()
}

/// The settings that a run without a result was begun with.
fn settings(folder: &Path) -> Vec<(String, String)> {
    if let Ok(entries) = read_file(&folder.join("config.yaml")) {
        let told = entries.iter().filter(|(_, value, _)| !value.is_null() && value.as_str() != Some(""));
        return told.map(|(key, value, _)| (key.clone(), plain(value))).collect();
    }
    let document = aees_run::input::read(&folder.join("config.json")).unwrap_or_default();
    let document: Map<String, Value> = serde_json::from_slice(&document).unwrap_or_default();
    document.iter().map(|(key, value)| (key.clone(), plain(value))).collect()
}
