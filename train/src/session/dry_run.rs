//! A run that is not made: all checks of one, a few steps for a clock, and nothing of it written.

use std::path::{Path, PathBuf};
use std::time::Instant;

use aees_run::identity::RunIdentity;
use aees_run::output::{OutputKind, check_output};
use aees_run::run_directory::{Occupied, Replace, RunDirectory};
use aees_run::settings::{ControlMode, RunConfig};

use super::SessionError;
use super::prepare::default_directory;
use crate::engine::Target;
use crate::event::Subscriber;
use crate::step_bench::{StepBench, StepMethod};

/// Steps before the clock runs: the first ones touch new memory and choose kernels.
const WARMUP: usize = 2;

/// Steps that are timed, and after how many seconds it is enough.
const TIMED: usize = 10;
const LONG_ENOUGH: f64 = 20.0;

/// What a run would be.
pub struct DryRun {
    /// Where it would go.
    pub directory: PathBuf,
    /// Its id.
    pub run_id: String,
    /// What is in its folder.
    pub occupied: Occupied,
    /// Where it would be computed.
    pub target: Target,
    /// What an example is: `images`, `sentences`.
    pub examples: &'static str,
    /// Examples of an epoch.
    pub train_examples: usize,
    /// Examples that are evaluated after each epoch.
    pub eval_examples: usize,
    /// Optimizer steps in all. What the budget of a run leaves of them is an estimate.
    pub steps: u64,
    /// Trained values of the network.
    pub parameters: f64,
    /// What the user should know of data and model.
    pub notices: Vec<String>,
    /// Seconds of a step, the median.
    pub step_seconds: f64,
    /// Seconds of all steps, and of the evaluations, of which an example is taken for a third of its step.
    pub total_seconds: f64,
}

/// Checks everything that a new run checks, takes a few steps, and leaves no trace of the run.
///
/// # Errors
/// Whatever would keep the run from being made.
pub fn dry_run(
    config: &RunConfig,
    directory: Option<&Path>,
    replace: Replace,
    subscribers: &mut [Box<dyn Subscriber>],
) -> Result<DryRun, SessionError> {
    config.validate()?;
    if let Some(output) = &config.output {
        check_output(Path::new(output), OutputKind::RESULT, &[], replace == Replace::Anything)?;
    }
    // Decoded images are for runs that are made.
    let config = &RunConfig { prepared_images_mb: 0, ..config.clone() };
    let mut bench = StepBench::load(config, subscribers)?;
    let identity = RunIdentity::of(config, &bench.task().facts().inputs)?;
    let directory = directory.map_or_else(|| default_directory(config, &identity), Path::to_owned);
    let occupied = RunDirectory::occupied(&directory, replace)?;
    let step_seconds = step_seconds(&mut bench, method(config))?;
    let (task, batch) = (bench.task(), config.batch_size.get());
    let epochs = config.epochs.get();
    let split = task.evaluated_split();
    let eval_examples = task.labels(split).len();
    let planned = task.steps_per_epoch(config.step_examples()).saturating_mul(epochs);
    let passes = (epochs + config.eval_every.map_or(0, |every| planned / every)) as f64;
    let affordable = config.max_tflops.map_or(1.0, |most| {
        let of_epoch: f64 = task.plan_epoch(0).order.chunks(batch).map(|examples| task.train_flops(examples)).sum();
        (most.get() * 1e12 / (epochs as f64 * of_epoch + passes * task.eval_flops(split))).min(1.0)
    });
    let steps = (planned as f64 * affordable).ceil() as u64;
    // In the time of steps.
    let evaluations = passes * affordable * eval_examples as f64 / config.step_examples() as f64 / 3.0;
    Ok(DryRun {
        directory,
        run_id: identity.run_id.short().to_owned(),
        occupied,
        target: bench.target().clone(),
        examples: task.facts().examples,
        train_examples: task.train_examples(),
        eval_examples,
        steps,
        parameters: task.size(batch).parameters,
        notices: task.facts().notices.iter().cloned().chain(bench.target().caveat().map(str::to_owned)).collect(),
        step_seconds,
        total_seconds: step_seconds * (steps as f64 + evaluations),
    })
}

/// The steps of the bench that cost what the run's do.
fn method(config: &RunConfig) -> StepMethod {
    let has_noise = config.noise_candidates.0.iter().any(|noise| *noise > 0.0);
    match (config.control_mode, has_noise) {
        (ControlMode::Baseline, _) => StepMethod::Baseline,
        (_, false) => StepMethod::Lr,
        (_, true) => StepMethod::Dual,
    }
}

fn step_seconds(bench: &mut StepBench, method: StepMethod) -> Result<f64, SessionError> {
    let mut method = bench.method(method)?;
    bench.block(&mut method, 0, WARMUP)?;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < TIMED && start.elapsed().as_secs_f64() < LONG_ENOUGH {
        times.push(bench.block(&mut method, WARMUP + times.len(), 1)?.seconds);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
