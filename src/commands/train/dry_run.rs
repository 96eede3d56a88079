//! `aees train --dry-run`: what a run would be, what it would take, and whether its folder is free.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use aees_run::hardware::peak_resident_memory_bytes;
use aees_run::run_directory::{Occupied, Replace};
use aees_run::settings::RunConfig;
use aees_train::session::{DryRun, dry_run};
use indicatif::{BinaryBytes, HumanDuration};
use serde_json::json;

use crate::failure::Failure;
use crate::progress::{self, Style};
use crate::stdout;

pub(super) fn rehearse(
    config: &RunConfig,
    directory: Option<&Path>,
    replace: Replace,
    style: Style,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let run = dry_run(config, directory, replace, &mut progress::subscribers(style))?;
    run.notices.iter().for_each(|notice| eprintln!("warning: {notice}"));
    if cfg!(debug_assertions) {
        eprintln!("warning: this is no release build: its times say nothing of one");
    }
    let peak_memory = peak_resident_memory_bytes();
    if as_json || style == Style::Json {
        stdout::line(document(config, &run, peak_memory));
    } else {
        lines(config, &run, peak_memory).iter().for_each(stdout::line);
    }
    Ok(ExitCode::SUCCESS)
}

fn folder(run: &DryRun) -> &'static str {
    match &run.occupied {
        Occupied::Free if run.directory.exists() => "what is there would be replaced",
        Occupied::Free => "new",
        Occupied::ByRun(Some(id)) if id.starts_with(&run.run_id) => "this very run is there: nothing is done again",
        Occupied::ByRun(_) => "another run is there, and would not be touched: name another --run-dir, or --overwrite",
    }
}

fn document(config: &RunConfig, run: &DryRun, peak_memory: Option<u64>) -> serde_json::Value {
    json!({
        "task": config.task.name(), "run_id": run.run_id, "run_dir": run.directory, "folder": folder(run),
        "engine": run.target.engine.name(), "device": run.target.device.describe(), "precision": run.target.precision.name(),
        "train_examples": run.train_examples, "eval_examples": run.eval_examples, "parameters": run.parameters,
        "epochs": config.epochs, "steps": run.steps, "step_s": run.step_seconds, "estimated_s": run.total_seconds,
        "peak_rss_bytes": peak_memory,
    })
}

fn lines(config: &RunConfig, run: &DryRun, peak_memory: Option<u64>) -> Vec<String> {
    let time = |seconds: f64| Duration::try_from_secs_f64(seconds).map(HumanDuration);
    let total = time(run.total_seconds).map_or_else(|_| "for ever".into(), |time| format!("about {time}"));
    let length = match config.max_tflops {
        Some(most) => format!("{} epochs or {} TFLOP, about", config.epochs, most.get()),
        None => format!("{} epochs,", config.epochs),
    };
    let mut lines = vec![
        format!("{} {}, seed {}, run {}", config.task.name(), config.experiment_label(), config.seed, run.run_id),
        format!("on {} by {}, {}", run.target.device.describe(), run.target.engine.name(), run.target.precision.name()),
        format!("folder: {} ({})", run.directory.display(), folder(run)),
        format!(
            "{} {} to train on, {} to evaluate; {:.3} million parameters",
            run.train_examples,
            run.examples,
            run.eval_examples,
            run.parameters / 1e6
        ),
        format!("{length} {} steps of {:.1} ms: {total} with evaluation", run.steps, 1e3 * run.step_seconds),
    ];
    lines.extend(peak_memory.map(|bytes| format!("memory so far: {}", BinaryBytes(bytes))));
    lines.push("nothing of the run was written".into());
    lines
}
