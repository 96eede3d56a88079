//! Makes a record of a document: which layout it has, who picked, what is odd about it.

use std::path::Path;

use aees_studies::disk::program_curves;
use serde_json::{Map, Value};

use super::document::{
    Config, Document, Number, Numbers, Short, Subsets, WrittenControllers, WrittenEpisodes, WrittenLabelNoise,
};
use super::headline::{self, Columns, DocumentContext};
use super::source::FileRefusal;
use crate::record::{Control, Episodes, LabelNoiseAccuracies, Layout, NoiseSetting, RunRecord};

/// The record and what a reader should know of it, or why the file is passed over.
pub(super) fn record_of(path: &Path, mut document: Document) -> Result<(RunRecord, Vec<String>), FileRefusal> {
    let is_command = document.result.is_some() && document.val_accuracies.is_none();
    let is_training =
        document.val_accuracies.is_some() || (document.method_name.is_some() && document.config.is_some());
    if !is_command && !is_training {
        let reason = "JSON, but not a RunResult: it has neither val_accuracies nor method_name and config";
        return Err(FileRefusal::foreign(reason));
    }
    headline::check_fractions(&document)?;
    let mut warnings = Vec::new();
    let Config { mut settings, diagnostics } = document.config.take().unwrap_or_default();
    if is_command && let Some(input) = document.command.take().and_then(|command| command.input) {
        settings = input.entries();
    }
    let seed = document.seed.or_else(|| settings.get("seed").and_then(Value::as_i64));
    let seed = seed.ok_or_else(|| "it has no seed".to_owned())?;
    let task = if is_command { "command".to_owned() } else { task_of(&document, &settings) };
    let method_name = method_name(&document, &settings);
    let columns = columns(&document, &mut warnings)?;
    let episodes = document.episode_logs.take().map(|logs| episodes(logs, &mut warnings)).transpose()?.flatten();
    let total_steps = document.total_steps.or_else(|| settings.get("steps").and_then(Value::as_u64)).unwrap_or(0);
    let diverged_at = diverged_at(document.outcome.take(), &columns.train_losses, total_steps);
    let stopped_at = document.stopped_early.take().map(Short::entries);
    let stopped_at = stopped_at.and_then(|stopped| stopped.get("step")?.as_u64());
    let stopped_early = stopped_at.is_some_and(|step| document.total_steps == Some(step));
    let contradictions = headline::contradictions(
        &document,
        &DocumentContext {
            settings: &settings,
            diagnostics: &diagnostics,
            columns: &columns,
            episode_ends: episodes.as_ref().map(|episodes| &episodes.end_steps[..]),
            diverged: diverged_at.is_some(),
            is_short: diverged_at.is_some() || stopped_early,
        },
    );
    let Columns { train_losses, train_accuracies, val_accuracies, epoch_seconds, epoch_tflops } = columns;
    let metrics = numbers(document.metrics.take());
    let best_of_metrics = metrics.iter().find(|(name, _)| name == "best_val_accuracy").map(|(_, value)| *value);
    let best_of_epochs = val_accuracies.iter().copied().reduce(f64::max).filter(|best| !best.is_nan());
    let best_val_accuracy = best_of_epochs.or(document.best_val_accuracy).or(best_of_metrics).unwrap_or(f64::NAN);
    let label_noise = label_noise(&task, &settings, diagnostics.label_noise);
    let list = |key: &str, default: f64| match settings.get(key).and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(Value::as_f64).collect(),
        None => vec![default],
    };
    let word = |key: &str, default: &str| settings.get(key).and_then(Value::as_str).unwrap_or(default).to_owned();
    let real = |key: &str| settings.get(key).and_then(Value::as_f64);
    let (lr_candidates, noise_candidates) = (list("lr_candidates", 1.0), list("noise_candidates", 0.0));
    let controlled = lr_candidates.len() > 1 || noise_candidates.len() > 1;
    let control = control(&method_name, &settings, document.controller_logs.as_ref(), controlled, episodes.is_some());
    let record = RunRecord {
        path: path.to_owned(),
        layout: layout(&document),
        run_id: document.run_id.take(),
        optimizer: word("optimizer", if is_command { "" } else { "AdamW" }),
        scheduler: word("lr_scheduler", "none"),
        lr: real("lr").or_else(|| real("base_lr")).unwrap_or(f64::NAN),
        episode_length: settings.get("episode_length").and_then(Value::as_u64).unwrap_or(0),
        context_mode: word("context_mode", "none"),
        instability_lambda: real("reward_instability_lambda").unwrap_or(0.0),
        diverged_at,
        final_val_accuracy: val_accuracies.last().copied().or(document.final_val_accuracy),
        wall_seconds: document.wall_clock_seconds,
        estimated_flops: document.estimated_flops,
        subsets: diagnostics.final_subset_accuracies.and_then(subsets),
        best_subsets: document.best_epoch_diagnostics.and_then(subsets),
        inputs: inputs(&document, &settings),
        case: None,
        purpose: None,
        provenance: provenance(&mut document),
        circumstances: circumstances(&mut document),
        runtime: numbers(document.runtime_metrics.take()),
        config: settings,
        task,
        method_name,
        control,
        seed,
        lr_candidates,
        noise_candidates,
        label_noise,
        train_losses,
        train_accuracies,
        val_accuracies,
        epoch_seconds,
        epoch_tflops,
        best_val_accuracy,
        total_steps,
        episodes,
        metrics,
        contradictions,
        curves: path.parent().filter(|_| is_command).map(program_curves).unwrap_or_default(),
    };
    Ok((record, warnings))
}

fn layout(document: &Document) -> Layout {
    match (document.schema_version, &document.runtime_metrics) {
        (Some(_), _) => Layout::Aees,
        (None, Some(_)) => Layout::ReferenceNew,
        (None, None) => Layout::ReferenceOld,
    }
}

fn task_of(document: &Document, settings: &Map<String, Value>) -> String {
    let named = document.task_name.as_deref().or_else(|| settings.get("task_name").and_then(Value::as_str));
    match (named, document.dataset_name.as_deref()) {
        (Some(task), _) => task.to_owned(),
        (None, Some("CIFAR-100")) => "cifar100".into(),
        (None, Some("GLUE SST-2")) => "sst2".into(),
        (None, Some("AG News")) => "agnews".into(),
        (None, other) => other.unwrap_or("unknown").to_owned(),
    }
}

/// The file's word, or the settings'. The text tasks call it `method`.
fn method_name(document: &Document, settings: &Map<String, Value>) -> String {
    let setting = |key: &str| settings.get(key).and_then(Value::as_str);
    let found = document.method_name.as_deref().or_else(|| setting("control_regime")).or_else(|| setting("method"));
    found.or_else(|| setting("control_mode")).unwrap_or_default().to_owned()
}

/// Who picked. A random draw has controller logs too, so their presence alone makes nothing adaptive.
fn control(
    name: &str,
    settings: &Map<String, Value>,
    logs: Option<&WrittenControllers>,
    controlled: bool,
    has_episodes: bool,
) -> Control {
    let types: Vec<&str> = logs.map(WrittenControllers::types).unwrap_or_default();
    let policy = settings.get("open_loop_policy").and_then(|policy| policy.get("policy")).and_then(Value::as_str);
    let mode = policy.or_else(|| settings.get("control_mode").and_then(Value::as_str)).unwrap_or_default();
    let is = |names: [&str; 2]| names.contains(&mode) || names.contains(&name);
    if name == "FixedMode" || types.contains(&"FixedModeController") {
        return Control::Fixed;
    }
    if is(["uniform-random", "UniformRandomOpenLoop"]) {
        return Control::UniformRandom;
    }
    if is(["frequency-matched", "FrequencyMatchedOpenLoop"]) {
        return Control::FrequencyMatched;
    }
    let random = is(["random", "RandomScheduler"]) || types.contains(&"RandomController");
    let adaptive = is(["adaptive", "AdaptiveScheduler"]) || types.iter().any(|kind| kind.starts_with("DiscountedUCB"));
    if !(random || adaptive || logs.is_some() || has_episodes) {
        return Control::Baseline;
    }
    match (controlled, random) {
        (false, _) => Control::Fixed,
        (true, true) => Control::Random,
        (true, false) => Control::Adaptive,
    }
}

impl WrittenControllers {
    fn types(&self) -> Vec<&str> {
        let axes = self.lr_controller_logs.iter().chain(&self.noise_controller_logs);
        let all = axes.chain(self.noise_controller_logs_by_lr.iter().flat_map(|by_lr| by_lr.values()));
        all.filter_map(|axis| axis.controller_type.as_deref()).collect()
    }
}

/// Type and rate; the text task of the reference knows one type only and may not name it.
fn label_noise(task: &str, settings: &Map<String, Value>, diagnostics: Option<WrittenLabelNoise>) -> NoiseSetting {
    let (kind, rate) = diagnostics.map(|noise| (noise.kind, noise.rate)).unwrap_or_default();
    let rate = settings.get("label_noise_rate").and_then(Value::as_f64).or(rate).unwrap_or(0.0);
    let kind = settings.get("label_noise_type").and_then(Value::as_str).or(kind.as_deref());
    match kind {
        _ if rate.is_nan() || rate <= 0.0 => NoiseSetting::Clean,
        Some("asymmetric") => NoiseSetting::Asymmetric(rate),
        Some("symmetric") => NoiseSetting::Symmetric(rate),
        _ if task == "agnews" => NoiseSetting::Symmetric(rate),
        _ => NoiseSetting::Clean,
    }
}

fn columns(document: &Document, warnings: &mut Vec<String>) -> Result<Columns, String> {
    let train_losses = column("train_losses", &document.train_losses, warnings);
    let val_accuracies = column("val_accuracies", &document.val_accuracies, warnings);
    let train_accuracies = column("train_accuracies", &document.train_accuracies, warnings);
    let epoch_seconds = column("epoch_wall_clock_seconds", &document.epoch_wall_clock_seconds, warnings);
    let epoch_tflops = column("epoch_tflops", &document.epoch_tflops, warnings);
    same_length(&[
        ("val_accuracies", val_accuracies.len()),
        ("train_losses", train_losses.len()),
        ("train_accuracies", train_accuracies.len()),
        ("epoch_wall_clock_seconds", epoch_seconds.len()),
        ("epoch_tflops", epoch_tflops.len()),
    ])?;
    if let Some(epoch) = train_losses.iter().position(|loss| *loss < 0.0) {
        let loss = train_losses[epoch];
        warnings.push(format!("train_losses is negative in epoch {} ({loss}): it has no logarithm", epoch + 1));
    }
    Ok(Columns { train_losses, train_accuracies, val_accuracies, epoch_seconds, epoch_tflops })
}

/// The numbers of a column; tells where it is not a number.
fn column(name: &str, numbers: &Numbers, warnings: &mut Vec<String>) -> Vec<f64> {
    let values: Vec<f64> = numbers.iter().flatten().map(|Number(value)| *value).collect();
    if let Some(first) = values.iter().position(|value| value.is_nan()) {
        let count = values.iter().filter(|value| value.is_nan()).count();
        let more = if count > 1 { format!(" and in {} more", count - 1) } else { String::new() };
        warnings.push(format!("{name} is not a number in epoch {}{more}", first + 1));
    }
    values
}

/// Columns that are there must be of one length.
fn same_length(columns: &[(&str, usize)]) -> Result<(), String> {
    let mut filled = columns.iter().filter(|(_, length)| *length > 0);
    let Some((first, length)) = filled.next() else { return Ok(()) };
    match filled.find(|(_, other)| other != length) {
        Some((name, other)) => Err(format!("unequal lengths: {first} has {length} entries, {name} has {other}")),
        None => Ok(()),
    }
}

fn episodes(logs: WrittenEpisodes, warnings: &mut Vec<String>) -> Result<Option<Episodes>, String> {
    let plain =
        |numbers: Numbers| numbers.unwrap_or_default().into_iter().map(|Number(value)| value).collect::<Vec<_>>();
    let mut episodes = Episodes {
        end_steps: logs.episode_end_steps.unwrap_or_default(),
        lr_values: plain(logs.selected_lr_values),
        noise_values: plain(logs.selected_noise_values),
        rewards: plain(logs.episode_rewards),
        update_norms: plain(logs.mean_update_norms),
    };
    if episodes.end_steps.is_empty() || episodes.lr_values.is_empty() {
        if !episodes.rewards.is_empty() {
            warnings
                .push("episode_logs has rewards, but no end steps or no multipliers: its episodes are left out".into());
        }
        return Ok(None);
    }
    let count = episodes.end_steps.len();
    same_length(&[
        ("episode_end_steps", count),
        ("selected_lr_values", episodes.lr_values.len()),
        ("selected_noise_values", episodes.noise_values.len()),
        ("episode_rewards", episodes.rewards.len()),
        ("mean_update_norms", episodes.update_norms.len()),
    ])?;
    if let Some(first) = episodes.rewards.iter().position(|reward| reward.is_nan()) {
        warnings.push(format!("episode_rewards is not a number in episode {}", first + 1));
    }
    // Absent columns: no noise, and unknown values.
    episodes.noise_values.resize(count, 0.0);
    episodes.rewards.resize(count, f64::NAN);
    episodes.update_norms.resize(count, f64::NAN);
    Ok(Some(episodes))
}

fn subsets(subsets: Subsets) -> Option<LabelNoiseAccuracies> {
    Some(LabelNoiseAccuracies {
        all: subsets.train_all_accuracy?,
        clean: subsets.train_clean_accuracy?,
        corrupted_vs_noisy: subsets.train_corrupted_accuracy_vs_noisy_labels?,
        corrupted_vs_clean: subsets.train_corrupted_accuracy_vs_clean_labels?,
    })
}

/// Our runs say it. Of the reference's, a loss that is no number does: then the step at which that epoch began.
fn diverged_at(outcome: Option<Short>, train_losses: &[f64], total_steps: u64) -> Option<u64> {
    let outcome = outcome.and_then(|outcome| outcome.0);
    if let Some(outcome) = &outcome {
        let status = outcome.get("status").unwrap_or(outcome).as_str();
        let step = outcome.get("step").and_then(Value::as_u64);
        return (status == Some("diverged")).then(|| step.unwrap_or(total_steps));
    }
    let epoch = train_losses.iter().position(|loss| loss.is_nan())? as u64;
    Some(epoch.saturating_mul(total_steps) / train_losses.len() as u64)
}

/// The entries that are numbers.
fn numbers(map: Option<Short>) -> Vec<(String, f64)> {
    let entries = map.map(Short::entries).unwrap_or_default();
    entries.into_iter().filter_map(|(key, value)| Some((key, value.as_f64()?))).collect()
}

/// What the run was made of. A hold-out is drawn by the run's seed, and so the data's digest would tell seeds apart: then only
/// whether the data was made on the spot counts.
fn inputs(document: &Document, settings: &Map<String, Value>) -> Vec<(String, String)> {
    let origin = match settings.get("data").and_then(Value::as_str) {
        Some("synthetic") => "synthetic",
        _ => "files",
    };
    let held_out = settings.get("val_split").and_then(Value::as_f64).is_some_and(|share| share > 0.0);
    let short = |digest: &String| digest.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
    let data = document.data_fingerprint.as_ref();
    let data = data.map(|digest| if held_out { origin.into() } else { format!("{origin} {}", short(digest)) });
    let others = [
        ("model", &document.model_digest),
        ("tokenizer", &document.tokenizer_digest),
        ("weights", &document.weights_digest),
    ];
    let others = others.into_iter().filter_map(|(name, digest)| Some((name, short(digest.as_ref()?))));
    data.map(|data| ("data", data)).into_iter().chain(others).map(|(name, value)| (name.into(), value)).collect()
}

/// The circumstances as lines: lists joined, what has parts by their names.
fn circumstances(document: &mut Document) -> Vec<(String, String)> {
    fn text(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            Value::Array(words) => Some(words.iter().filter_map(text).collect::<Vec<_>>().join(" ")),
            Value::Null | Value::Object(_) => None,
        }
    }
    let all = document.circumstances.take().map(Short::entries).unwrap_or_default();
    let lines = all.into_iter().flat_map(|(key, value)| match value {
        Value::Object(parts) => parts.into_iter().collect(),
        value => vec![(key, value)],
    });
    lines.filter_map(|(key, value)| Some((key, text(&value)?))).filter(|(_, text)| !text.is_empty()).collect()
}

/// Machine and versions: what the file says of them in words.
fn provenance(document: &mut Document) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut add = |key: &str, value: &Value| match value {
        Value::String(text) => found.push((key.to_owned(), text.clone())),
        Value::Number(number) => found.push((key.to_owned(), number.to_string())),
        _ => {}
    };
    for (key, value) in [
        ("engine", document.engine.take()),
        ("backend", document.backend.take()),
        ("device", document.device_name.take()),
        ("precision", document.precision.take()),
    ] {
        value.and_then(|value| value.0).iter().for_each(|value| add(key, value));
    }
    for (key, value) in &document.versions.take().map(Short::entries).unwrap_or_default() {
        add(key, value);
    }
    let of_metrics = document.runtime_metrics.as_ref().and_then(|metrics| metrics.0.as_ref()?.get("hardware"));
    let hardware = document.hardware.take().and_then(|hardware| hardware.0);
    if let Some(Value::Object(hardware)) = hardware.as_ref().or(of_metrics) {
        hardware.iter().for_each(|(key, value)| add(key, value));
    }
    found
}
