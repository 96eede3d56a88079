//! `aees bench train`: training steps, or passes of an evaluation, on one engine; with `--peer` in turn with PyTorch.

use std::num::NonZeroUsize;

use aees_run::hardware::{Hardware, peak_resident_memory_bytes};
use aees_run::settings::RunConfig;
use aees_train::engine::{DeviceChoice, WorkCounts, select};
use aees_train::engine_info::{EngineInfo, this_build, watch};
use aees_train::session::SessionError;
use aees_train::step_bench::{SentenceJob, StepBench, StepBlock, StepMethod, peak_flops};
use clap::Args;
use serde_json::{Value, json};

use super::figures::{Seconds, duration, mebibytes};
use super::in_turn::{PeerFlags, PeerJob};
use super::workload::BenchWorkload;
use crate::failure::Failure;
use crate::stdout;
use crate::words::words;

/// Steps of a block on an engine whose steps return before they are done.
const ENQUEUED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(19);

/// Times training steps: steps and examples a second, FLOP/s and their share of what the device can, memory, launches
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "A step is timed from its call to its loss in host memory. Data are made on the spot and parameters are random unless \
                  --data says otherwise.\nWith --peer each round runs both sides once, each in a process of its own, and gives one ratio."
)]
pub(crate) struct BenchTrainFlags {
    #[command(flatten)]
    workload: BenchWorkload,
    /// Steps that are timed, or passes of an evaluation
    #[arg(long, value_name = "N", default_value = "12")]
    steps: NonZeroUsize,
    /// Steps before them
    #[arg(long, value_name = "N", default_value = "2")]
    warmup: usize,
    /// What AEES does: nothing, the learning rate, noise, or both
    #[arg(long, value_name = "METHOD", default_value = "baseline", value_parser = words(StepMethod::ALL.map(|it| (it.name(), it))))]
    method: StepMethod,
    /// Steps between two reads of losses [default: 1, or 20 on a device that works behind the program]
    #[arg(long, value_name = "N")]
    block: Option<NonZeroUsize>,
    /// Classify N examples instead of training
    #[arg(long, value_name = "N")]
    evaluate: Option<NonZeroUsize>,
    #[command(flatten)]
    peer: PeerFlags,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

impl BenchTrainFlags {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.peer.is_wanted() {
            return self.in_turn();
        }
        let document = self.measure()?;
        if self.json {
            stdout::line(&document);
        } else {
            tell(&document);
        }
        Ok(())
    }

    /// Both sides.
    fn in_turn(&self) -> Result<(), Failure> {
        // What is wrong with the workload is told before anything runs.
        let config = self.workload.config(self.evaluate)?;
        let (mut words, environment) = self.workload.words();
        words.extend([
            format!("--steps={}", self.steps),
            format!("--warmup={}", self.warmup),
            format!("--method={}", self.method.name()),
        ]);
        words.extend(self.block.map(|block| format!("--block={block}")));
        words.extend(self.evaluate.map(|examples| format!("--evaluate={examples}")));
        let target = select(&config.engine, &config.device, config.precision).map_err(SessionError::from)?;
        let is_text = self.workload.task().is_text();
        if is_text && self.evaluate.is_some() {
            let help = "leave --peer or --evaluate out";
            return Err(Failure::with_help("the peer evaluates images only", help));
        }
        let steps = self.steps.get();
        let sentences = if is_text { SentenceJob::of(&config, steps + self.warmup)? } else { None };
        let job = PeerJob {
            config: &config,
            device: target.device.choice,
            method: self.method,
            steps,
            warmup: self.warmup,
            evaluate: self.evaluate,
            sentences,
        };
        self.peer.compare(&job, &words, &environment, self.json)
    }

    fn measure(&self) -> Result<Value, Failure> {
        let config = self.workload.started(self.evaluate)?;
        let mut bench = StepBench::load(&config, &mut [])?;
        let mut machine = watch(bench.target());
        let unknown = if bench.is_synchronous() { NonZeroUsize::MIN } else { ENQUEUED };
        let block = self.block.unwrap_or(unknown).min(self.steps).get();
        let before = bench.work_counts();
        let (times, sums) = match self.evaluate {
            Some(_) => self.evaluate(&mut bench)?,
            None => self.train(&mut bench, block)?,
        };
        let counts = bench.work_counts();
        machine.look();
        let mut hardware = Hardware::probe();
        // Before the products below: what they need is not what training needs.
        let peak_rss = peak_resident_memory_bytes();
        let info = EngineInfo::of(bench.target());
        info.describe_device(&mut hardware, &machine, counts.peak_memory_bytes);
        let peak = peak_flops(bench.target()).map_err(SessionError::Job)?;
        let (total, steps) = (sums.seconds, self.steps.get());
        let speed = sums.flops / total;
        let device_peak = hardware.device.as_ref().and_then(|device| device.peak_memory_bytes);
        let per_step = |count: fn(&WorkCounts) -> Option<u64>| {
            let counted = count(&counts)?.checked_sub(count(&before).unwrap_or(0))?;
            Some(counted as f64 / (steps + self.warmup) as f64)
        };
        let is_cuda = matches!(info.device.choice, DeviceChoice::Cuda(_));
        let [fastest, slowest] = times.range();
        let mut document = json!({
            "program": format!("aees {}", env!("CARGO_PKG_VERSION")), "task": config.task.name(), "method": self.method.name(),
            "optimizer": config.optimizer.name(), "engine": info.engine, "backend": info.device.backend, "device": info.device.choice.to_string(),
            "hardware": hardware.device, "threads": rayon::current_num_threads(), "precision": config.precision.name(),
            "batch_size": config.batch_size, "data": config.data, "build": this_build().profile, "warmup": self.warmup, "block": block,
            "examples": sums.examples, "examples_per_s": sums.examples as f64 / total,
            "model_tflops_per_s": speed / 1e12, "peak_tflops_per_s": peak.map(|peak| peak / 1e12), "share_of_peak": peak.map(|peak| speed / peak),
            "peak_rss_mb": mebibytes(peak_rss), "peak_device_mb": mebibytes(device_peak),
            "peak_cuda_mb": mebibytes(device_peak).filter(|_| is_cuda),
            "launches_per_step": per_step(|counts| counts.launches), "uploads_per_step": per_step(|counts| counts.uploads),
            "read_backs_per_step": per_step(|counts| counts.read_backs),
            "first_loss": sums.first_loss, "last_loss": sums.last_loss, "evaluate": self.evaluate, "steps": self.steps,
            "mean_step_s": total / steps as f64, "median_step_s": times.median(), "min_step_s": fastest, "max_step_s": slowest,
            "steps_per_s": steps as f64 / total,
        });
        for size in ["model_width", "model_layers", "model_dim", "max_length"] {
            let is_of_task = RunConfig::setting(size).is_some_and(|setting| setting.tasks.include(config.task));
            config.get(size).filter(|_| is_of_task).into_iter().for_each(|value| document[size] = value);
        }
        Ok(document)
    }

    /// Seconds of a step in each block.
    fn train(&self, bench: &mut StepBench, block: usize) -> Result<(Seconds, Sums), Failure> {
        let mut method = bench.method(self.method).map_err(SessionError::Run)?;
        let (mut times, mut sums) = (Seconds::default(), Sums::default());
        let (mut next, all) = (0, self.warmup + self.steps.get());
        while next < all {
            let end = if next < self.warmup { self.warmup } else { all };
            let taken = block.min(end - next);
            let StepBlock { seconds, steps, examples, flops, loss } =
                bench.block(&mut method, next, taken).map_err(SessionError::Run)?;
            sums.first_loss = sums.first_loss.or(Some(loss));
            sums.last_loss = Some(loss);
            if next >= self.warmup {
                times.0.push(seconds / steps as f64);
                sums.seconds += seconds;
                sums.examples += examples;
                sums.flops += flops;
            }
            next += taken;
        }
        Ok((times, sums))
    }

    /// Seconds of each pass.
    fn evaluate(&self, bench: &mut StepBench) -> Result<(Seconds, Sums), Failure> {
        let (mut times, mut sums) = (Seconds::default(), Sums::default());
        for pass in 0..self.warmup + self.steps.get() {
            let (seconds, examples) = bench.evaluate().map_err(SessionError::Run)?;
            if pass >= self.warmup {
                times.0.push(seconds);
                sums.seconds += seconds;
                sums.examples += examples;
                sums.flops += bench.evaluation_flops();
            }
        }
        Ok((times, sums))
    }
}

/// What the timed steps had in all.
#[derive(Default)]
struct Sums {
    seconds: f64,
    examples: usize,
    flops: f64,
    first_loss: Option<f64>,
    last_loss: Option<f64>,
}

/// The same for people.
fn tell(document: &Value) {
    let number = |key: &str| document[key].as_f64();
    let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    let unit = if document["evaluate"].is_null() { "step" } else { "pass" };
    let seconds = |key: &str| number(key).map(duration).unwrap_or_default();
    let hardware = document["hardware"]["name"].as_str().unwrap_or_default();
    let mut lines = vec![
        format!(
            "{} {}, {} on {} ({hardware}), {}, {} threads, batch {}",
            text("task"),
            text("method"),
            text("engine"),
            text("device"),
            text("precision"),
            document["threads"],
            document["batch_size"]
        ),
        format!(
            "{unit}: median {}, mean {} ({} to {}), n = {}",
            seconds("median_step_s"),
            seconds("mean_step_s"),
            seconds("min_step_s"),
            seconds("max_step_s"),
            document["steps"]
        ),
    ];
    lines.extend(number("examples_per_s").map(|speed| format!("examples a second: {speed:.1}")));
    if let Some(speed) = number("model_tflops_per_s") {
        let peak = number("peak_tflops_per_s").zip(number("share_of_peak"));
        let share = peak
            .map(|(peak, share)| format!(", {:.0} % of the {peak:.3} of large matrix products here", 100.0 * share));
        lines.push(format!("TFLOP/s: {speed:.3}{}", share.unwrap_or_default()));
    }
    let memory = ["peak_rss_mb", "peak_device_mb"].map(number);
    lines.extend(memory[0].map(|mebibytes| format!("peak memory: {mebibytes:.0} MiB of the host")));
    if document["device"] != "cpu" {
        lines.extend(memory[1].map(|mebibytes| format!("peak memory: {mebibytes:.0} MiB of the device")));
    }
    lines.extend(number("launches_per_step").map(|count| format!("launches of a step: {count:.1}")));
    lines.iter().for_each(stdout::line);
    if document["build"] != "release" {
        eprintln!("warning: this is no release build: its times say nothing of one");
    }
}
