//! `aees bench overhead`: what AEES adds to a step. The plain optimizer and the methods take their steps in turn, in one process,
//! on one engine and on the same batches, so that a drift of the machine's speed touches all alike.
//!
//! The figure is the median of the ratios of a round, with the interval that order statistics give: neither asks how times are
//! distributed, and both pass over the rare step that something else on the machine held up.

use std::num::NonZeroUsize;

use aees_report::statistics::{LEVEL, median_interval};
use aees_run::hardware::{Hardware, peak_resident_memory_bytes};
use aees_run::settings::{OptimizerName, RunConfig, TaskName};
use aees_train::engine::select;
use aees_train::engine_info::{EngineInfo, this_build};
use aees_train::session::SessionError;
use aees_train::step_bench::{MethodSteps, SentenceJob, StepBench, StepMethod};
use clap::Args;
use serde_json::{Value, json};

use super::figures::{Seconds, mebibytes};
use super::in_turn::{PeerFlags, PeerJob};
use super::workload::BenchWorkload;
use crate::failure::Failure;
use crate::stdout;
use crate::table::Grid;
use crate::words::words;

/// What the reference adds, in percent of its plain step: LR only, noise only, both, on one NVIDIA RTX PRO 6000, three runs each.
/// Its plain SGD already pays for the wrapper.
const REFERENCE: [(TaskName, OptimizerName, [f64; 3]); 4] = [
    (TaskName::Cifar100, OptimizerName::Sgd, [-0.5, 3.4, 4.0]),
    (TaskName::Cifar100, OptimizerName::AdamW, [15.5, 17.3, 18.3]),
    (TaskName::Sst2, OptimizerName::AdamW, [30.3, 39.1, 38.7]),
    (TaskName::AgNews, OptimizerName::AdamW, [19.4, 26.7, 24.5]),
];

/// Steps of a block on an engine whose steps return before they are done.
const ENQUEUED: usize = 20;

/// Times what AEES adds to a step: learning rate, noise and both beside the plain optimizer, step by step in turn
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "The overhead is the median of the ratios of the rounds with its 95 % interval. Noise is never zero here, the dearest case.\n\
                  With --peer the same methods of pulseopt run too, each in a process of its own."
)]
pub(crate) struct BenchOverheadFlags {
    #[command(flatten)]
    workload: BenchWorkload,
    /// Rounds, with a step of each method in each; fewer than 6 give no interval
    #[arg(long, value_name = "N", default_value = "60")]
    pairs: NonZeroUsize,
    /// Rounds before them
    #[arg(long, value_name = "N", default_value = "2")]
    warmup: usize,
    /// The methods beside the plain optimizer: lr, noise, dual; a list for several
    #[arg(long, value_name = "METHOD", value_delimiter = ',', default_value = "lr,noise,dual", value_parser = words(StepMethod::ALL[1..].iter().map(|it| (it.name(), *it))))]
    methods: Vec<StepMethod>,
    /// Steps that a method takes at once [default: 1, or 20 on a device that works behind the program]
    #[arg(long, value_name = "N")]
    block: Option<NonZeroUsize>,
    /// Steps that the peer times for a method in a round
    #[arg(long, value_name = "N", default_value = "12")]
    peer_steps: NonZeroUsize,
    #[command(flatten)]
    peer: PeerFlags,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// A method beside the plain optimizer.
struct Added {
    method: StepMethod,
    seconds: Seconds,
    /// In percent, one for each round.
    percent: Vec<f64>,
    reference: Option<f64>,
    /// Of the peer, in percent, one for each of its rounds.
    peer: Option<Seconds>,
}

impl BenchOverheadFlags {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.workload.started(None)?;
        let mut methods = vec![StepMethod::Baseline];
        methods.extend(&self.methods);
        methods.sort_unstable();
        methods.dedup();
        // First, since its mistakes are the likelier.
        let peer = self.peer.is_wanted().then(|| self.ask_peer(&config, &methods)).transpose()?;
        let mut bench = StepBench::load(&config, &mut [])?;
        let block = self.block.map_or(if bench.is_synchronous() { 1 } else { ENQUEUED }, NonZeroUsize::get);
        let times = self.measure(&mut bench, &methods, block)?;
        let peak_rss = peak_resident_memory_bytes();
        let known =
            REFERENCE.iter().find(|(task, optimizer, _)| (*task, *optimizer) == (config.task, config.optimizer));
        let column = |method| StepMethod::ALL[1..].iter().position(|known| *known == method);
        let percent = |times: &[f64], plain: &[f64]| -> Vec<f64> {
            times.iter().zip(plain).map(|(times, plain)| 100.0 * (times / plain - 1.0)).collect()
        };
        let added: Vec<Added> = (1..methods.len())
            .map(|number| Added {
                method: methods[number],
                seconds: times[number].clone(),
                percent: percent(&times[number].0, &times[0].0),
                reference: known.zip(column(methods[number])).map(|((.., figures), column)| figures[column]),
                peer: peer.as_ref().map(|peer| Seconds(percent(&peer[number].0.0, &peer[0].0.0))),
            })
            .collect();
        if !self.json {
            tell(&times[0], &added);
            return Ok(());
        }
        let info = EngineInfo::of(bench.target());
        let mut document = json!({
            "program": format!("aees {}", env!("CARGO_PKG_VERSION")), "task": config.task.name(), "optimizer": config.optimizer.name(),
            "engine": info.engine, "device": info.device.choice.to_string(), "cpu": Hardware::probe().cpu_model, "threads": rayon::current_num_threads(),
            "precision": config.precision.name(), "batch_size": config.batch_size, "data": config.data, "build": this_build().profile,
            "pairs": self.pairs, "block": block, "mean_step_s": times[0].mean(), "median_step_s": times[0].median(),
            "step_s_min_max": times[0].range(), "peak_rss_mb": mebibytes(peak_rss), "level": LEVEL,
        });
        added.iter().for_each(|added| added.put(&mut document));
        if let Some(peer) = peer {
            let rounds =
                methods.iter().zip(peer).map(|(method, (_, answers))| (method.name().to_owned(), json!(answers)));
            document["peer"] = rounds.collect();
        }
        stdout::line(document);
        Ok(())
    }

    /// The same methods of the peer.
    fn ask_peer(&self, config: &RunConfig, methods: &[StepMethod]) -> Result<Vec<(Seconds, Vec<Value>)>, Failure> {
        let target = select(&config.engine, &config.device, config.precision).map_err(SessionError::from)?;
        let (device, method, steps) = (target.device.choice, StepMethod::Baseline, self.peer_steps.get());
        let sentences = SentenceJob::of(config, steps + self.warmup)?;
        let job = PeerJob { config, device, method, steps, warmup: self.warmup, evaluate: None, sentences };
        self.peer.methods(&job, methods)
    }

    /// Seconds of a step of each method, round by round.
    fn measure(&self, bench: &mut StepBench, methods: &[StepMethod], block: usize) -> Result<Vec<Seconds>, Failure> {
        let running = methods.iter().map(|method| bench.method(*method));
        let mut running: Vec<MethodSteps> = running.collect::<Result<_, _>>().map_err(SessionError::Run)?;
        let mut times = vec![Seconds::default(); methods.len()];
        for round in 0..self.warmup + self.pairs.get() {
            for number in order(round, methods.len()) {
                let taken = bench.block(&mut running[number], round * block, block).map_err(SessionError::Run)?;
                if round >= self.warmup {
                    times[number].0.push(taken.seconds / taken.steps as f64);
                }
            }
        }
        Ok(times)
    }
}

/// The order of a round: each begins with another method, and every second series of rounds goes backwards, so that what a step
/// leaves behind falls on all alike.
fn order(round: usize, methods: usize) -> impl Iterator<Item = usize> {
    let backwards = (round / methods) % 2 == 1;
    (0..methods).map(move |turn| {
        let turn = if backwards { methods - 1 - turn } else { turn };
        (round + turn) % methods
    })
}

impl Added {
    /// The overhead, and its interval.
    fn figures(&self) -> (f64, Option<[f64; 2]>) {
        let interval = median_interval(&self.percent, LEVEL).map(|interval| [interval.low, interval.high]);
        (Seconds(self.percent.clone()).median(), interval)
    }

    fn put(&self, document: &mut Value) {
        let (overhead, interval) = self.figures();
        let name = self.method.name();
        let mut put = |key: &str, value: Value| document[format!("{name}_{key}")] = value;
        put("median_step_s", json!(self.seconds.median()));
        put("overhead_percent", json!(overhead));
        put("overhead_percent_interval", json!(interval));
        put("reference_overhead_percent", json!(self.reference));
        put("peer_overhead_percent", json!(self.peer.as_ref().map(Seconds::median)));
        put("peer_overhead_percent_min_max", json!(self.peer.as_ref().map(Seconds::range)));
    }
}

fn tell(plain: &Seconds, added: &[Added]) {
    let signed = |value: f64| format!("{value:+.2} %");
    let interval = |row: &Added| match row.figures() {
        (_, Some([low, high])) => format!("{} to {}", signed(low), signed(high)),
        (_, None) => "too few pairs".to_owned(),
    };
    let peer = |peer: &Seconds| {
        let [low, high] = peer.range();
        format!("{:+.1} % ({low:+.1} to {high:+.1})", peer.median())
    };
    // None is the baseline.
    let rows: Vec<Option<&Added>> = [None].into_iter().chain(added.iter().map(Some)).collect();
    Grid::of(&rows)
        .text("", |row| row.map_or("baseline", |row| row.method.name()))
        .text("step, median (range)", |row| row.map_or(plain, |row| &row.seconds).told())
        .number("overhead", |row| row.map(|row| signed(row.figures().0)).unwrap_or_default())
        .text("95 % interval", |row| row.map(interval).unwrap_or_default())
        .number("reference", |row| row.and_then(|row| Some(format!("{:+.1} %", row.reference?))).unwrap_or_default())
        .text("peer here (range)", |row| row.and_then(|row| row.peer.as_ref()).map(peer).unwrap_or_default())
        .print();
    stdout::line(format_args!("n = {} pairs; the reference's figures are of one NVIDIA RTX PRO 6000", plain.0.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_each_place_in_a_round_equally_often() {
        for methods in 2..=4 {
            for place in 0..methods {
                let mut counts = vec![0; methods];
                (0..2 * methods).for_each(|round| counts[order(round, methods).nth(place).unwrap()] += 1);
                assert!(counts.iter().all(|count| *count == 2), "{methods} methods, place {place}: {counts:?}");
            }
        }
    }
}
