//! What a run opens to: its curves, its settings, its machine, the end of its log. It goes into the page as one JSON text, from
//! which the script draws; without the script the tables tell what counts.

use std::collections::BTreeMap;
use std::path::Path;

use aees_run::printable::printable;
use aees_studies::disk::log_end;
use serde_json::{Map, Value, json};

use super::Page;
use crate::attributes::Attributes;
use crate::fields::{attribute, plain};
use crate::figures::{RunLook, run_looks};
use crate::markup::escaped;
use crate::names::NameStyle;
use crate::record::RunRecord;

/// What all curves together may take, in numbers. Beyond, points are left out evenly.
const NUMBERS: usize = 60_000;
/// The lines that are shown of a log's end, and the bytes that all of them may take.
const LOG_LINES: usize = 30;
const LOG_BYTES: usize = 300_000;

/// A run as the page opens it.
#[derive(Debug, Clone, Default)]
pub struct RunDetail {
    /// Its id or file, and its seed.
    pub name: String,
    /// The method as figures call it.
    pub look: Option<RunLook>,
    /// Its metrics by name, a number for each epoch.
    pub curves: Vec<(String, Vec<f64>)>,
    /// Seconds of each epoch.
    pub seconds: Vec<f64>,
    /// Optimizer steps of an epoch.
    pub steps_per_epoch: f64,
    pub settings: Vec<(String, String)>,
    /// The machine and the versions.
    pub machine: Vec<(String, String)>,
    /// When and how it was made.
    pub circumstances: Vec<(String, String)>,
    /// What its file says and its curves contradict.
    pub contradictions: Vec<String>,
    /// The end of its log.
    pub log: String,
}

/// The details of all runs, in their order.
pub(crate) fn run_details(runs: &[RunRecord]) -> Vec<RunDetail> {
    let looks = run_looks(runs);
    let room = LOG_BYTES / runs.len().max(1);
    let detail = |(run, look): (&RunRecord, Option<RunLook>)| {
        let curves = [
            ("val_accuracy", &run.val_accuracies),
            ("train_loss", &run.train_losses),
            ("train_accuracy", &run.train_accuracies),
        ];
        let of_program = run.curves.iter().map(|(name, values)| (name.as_str(), values));
        let curves = curves.into_iter().chain(of_program).filter(|(_, values)| values.len() > 1);
        RunDetail {
            name: format!("{} seed {}", short_name(run), run.seed),
            look,
            curves: curves.map(|(name, values)| (name.to_owned(), values.clone())).collect(),
            seconds: run.epoch_seconds.clone(),
            steps_per_epoch: run.total_steps as f64 / run.val_accuracies.len().max(1) as f64,
            settings: settings(run),
            machine: run.provenance.clone(),
            circumstances: run.circumstances.clone(),
            contradictions: run.contradictions.iter().map(ToString::to_string).collect(),
            log: end_of_log(&run.path.with_file_name("log.txt"), LOG_LINES, room),
        }
    };
    runs.iter().zip(looks).map(detail).collect()
}

/// What decides the result first, then everything else that the file has.
fn settings(run: &RunRecord) -> Vec<(String, String)> {
    let attributes = Attributes::of(run);
    let told = attributes.pairs().filter_map(|(key, _)| attribute(run, &key, NameStyle::AsWritten).map(|it| (key, it)));
    let mut found: Vec<(String, String)> = told.collect();
    let others = run.config.iter().filter(|(key, _)| !found.iter().any(|(known, _)| known == *key));
    let others = others.filter(|(_, value)| !value.is_object() && !value.is_null() && value.as_str() != Some(""));
    let others: Vec<(String, String)> = others.map(|(key, value)| (key.clone(), plain(value))).collect();
    found.extend(others);
    found
}

/// The short id of a run, or its file.
pub(super) fn short_name(run: &RunRecord) -> String {
    let short = run.run_id.as_deref().map(|id| id.chars().take(16).collect());
    short.unwrap_or_else(|| run.path.display().to_string())
}

/// The last lines of a log, without what a terminal would obey; nothing where there is none.
pub(crate) fn end_of_log(path: &Path, lines: usize, bytes: usize) -> String {
    let text = log_end(path, bytes as u64);
    // The first line may be the end of a longer one.
    let whole = if text.len() < bytes { &text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    let clean = printable(whole);
    let kept: Vec<&str> = clean.lines().collect();
    kept[kept.len().saturating_sub(lines)..].join("\n")
}

/// The details as the page holds them: an element that is not shown, with JSON in it.
pub(super) fn element(page: &Page) -> String {
    let numbers: usize = page.details.iter().flat_map(|run| &run.curves).map(|(_, values)| values.len()).sum();
    let stride = numbers.div_ceil(NUMBERS).max(1);
    let (mut series, mut machines) = (Vec::new(), Vec::new());
    let first = page.details.first().into_iter().flat_map(|run| &run.settings);
    let common = first.filter(|setting| page.details.iter().all(|run| run.settings.contains(setting)));
    let common: BTreeMap<&str, &str> = common.map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let mut runs = Vec::new();
    for run in &page.details {
        let look = run.look.as_ref().map(|look| place(&mut series, look));
        let machine = place(&mut machines, &run.machine);
        let epochs = run.curves.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let kept: Vec<usize> = (0..epochs).filter(|epoch| epoch % stride == 0 || epoch + 1 == epochs).collect();
        let mut times = run.seconds.clone();
        (1..times.len()).for_each(|at| times[at] += times[at - 1]);
        let of_kept =
            |values: &[f64]| -> Value { kept.iter().map(|at| values.get(*at).copied().map(rounded)).collect() };
        let curves: Map<String, Value> =
            run.curves.iter().map(|(name, values)| (name.clone(), of_kept(values))).collect();
        let own = run.settings.iter().filter(|(key, _)| !common.contains_key(key.as_str()));
        runs.push(json!({
            "name": run.name,
            "series": look,
            "epochs": kept.iter().map(|at| at + 1).collect::<Vec<_>>(),
            "seconds": of_kept(&times),
            "steps": run.steps_per_epoch,
            "curves": curves,
            "settings": own.collect::<Vec<_>>(),
            "machine": machine,
            "circumstances": run.circumstances,
            "contradictions": run.contradictions,
            "log": run.log,
        }));
    }
    let document = json!({"series": series, "machines": machines, "common": common, "runs": runs});
    format!("<pre id=\"data\" hidden>{}</pre>\n", escaped(&document.to_string()))
}

/// Where something stands among those that were met, of which it is the last if it is new.
fn place<'a, T: PartialEq>(met: &mut Vec<&'a T>, one: &'a T) -> usize {
    met.iter().position(|known| *known == one).unwrap_or_else(|| {
        met.push(one);
        met.len() - 1
    })
}

/// Five significant digits: more than a screen shows.
pub(crate) fn rounded(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    format!("{value:.4e}").parse::<f64>().map_or(Value::Null, |value| json!(value))
}
