//! aees and a peer in turn on the same cores: round by round, each side in a process of its own, one ratio for each round.
//!
//! A drift of the machine's speed touches both sides of a round alike, so the ratios say more than the times.

use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aees_run::settings::{Precision, RunConfig};
use aees_train::engine::DeviceChoice;
use aees_train::step_bench::{SentenceJob, StepMethod};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::figures::{Seconds, told_memory};
use super::peer::{Peer, PeerAnswer};
use crate::failure::Failure;
use crate::stdout;
use crate::table::Grid;

/// The ways that the peer can be asked to compute in, with what each adds to its flags: for all scripts, and for ours alone.
const WAYS: [(&str, &[&str], &[&str]); 3] =
    [("plain", &[], &[]), ("best", &["--channels-last"], &["--fused"]), ("bf16", &["--channels-last"], &["--fused"])];

/// Who to compare with, and how.
#[derive(Args)]
pub(super) struct PeerFlags {
    /// Run the same with this Python, which has torch (and pulseopt, unless the method is baseline), in turn with aees
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// A script of the peer instead of ours; see docs/bench.md for its flags
    #[arg(long, value_name = "FILE", requires = "peer")]
    peer_script: Option<PathBuf>,
    /// A word more for the script of the peer, such as --peer-arg=--compile; may be given again
    #[arg(long, value_name = "WORD", requires = "peer", allow_hyphen_values = true)]
    peer_arg: Vec<String>,
    /// How the peer computes: plain, best (channels last, fused optimizer) or bf16 (the same under autocast); a list for several
    #[arg(
        long,
        value_name = "WAY",
        requires = "peer",
        value_delimiter = ',',
        default_value = "plain",
        value_parser = PossibleValuesParser::new(WAYS.map(|(name, ..)| name)),
    )]
    against: Vec<String>,
    /// Rounds of both sides
    #[arg(long, value_name = "N", requires = "peer", default_value = "3")]
    rounds: NonZeroUsize,
}

/// What a peer is asked to measure.
pub(super) struct PeerJob<'a> {
    pub(super) config: &'a RunConfig,
    pub(super) device: DeviceChoice,
    pub(super) method: StepMethod,
    pub(super) steps: usize,
    pub(super) warmup: usize,
    pub(super) evaluate: Option<NonZeroUsize>,
    /// What a text task is trained on.
    pub(super) sentences: Option<SentenceJob>,
}

/// One side of all rounds.
#[derive(Default)]
struct SideTimes {
    rounds: Vec<Value>,
    medians: Seconds,
    peak_rss_mb: Option<f64>,
}

impl SideTimes {
    /// Adds a round.
    fn note(&mut self, peak: Option<f64>, median: f64, document: Value) {
        self.peak_rss_mb = self.peak_rss_mb.into_iter().chain(peak).reduce(f64::max);
        self.medians.0.push(median);
        self.rounds.push(document);
    }

    fn to_json(&self) -> Value {
        let Self { rounds, medians, peak_rss_mb } = self;
        json!({
            "median_step_s": medians.median(), "step_s_min_max": medians.range(), "peak_rss_mb": peak_rss_mb,
            "rounds": rounds,
        })
    }
}

impl PeerFlags {
    pub(super) fn is_wanted(&self) -> bool {
        self.peer.is_some()
    }

    fn peer(&self) -> Peer {
        Peer { python: self.peer.clone().unwrap_or_default(), script: self.peer_script.clone() }
    }

    /// Runs both sides in turn and tells how they compare. `own` are the words after `aees` for our side.
    pub(super) fn compare(
        &self,
        job: &PeerJob<'_>,
        own: &[String],
        environment: &[(&'static str, String)],
        as_json: bool,
    ) -> Result<(), Failure> {
        let peer = self.peer();
        let mut ours = SideTimes::default();
        let mut theirs: Vec<SideTimes> = self.against.iter().map(|_| SideTimes::default()).collect();
        let batches = job.batches()?;
        for round in 1..=self.rounds.get() {
            // The peer first, whose mistakes are the likelier; then the other way round, so that neither is always the later.
            let peers_first = round % 2 == 1;
            for peers_turn in [peers_first, !peers_first] {
                if peers_turn {
                    for (way, side) in self.against.iter().zip(&mut theirs) {
                        eprintln!("round {round} of {}: peer, {way}", self.rounds);
                        let batches = batches.as_ref().map(|file| file.path());
                        let answer = job.ask(&peer, way, &self.peer_arg, batches)?;
                        let peak = answer.number("peak_rss_mb");
                        side.note(peak, answer.seconds("median_step_s")?, answer.to_json());
                    }
                } else {
                    eprintln!("round {round} of {}: aees", self.rounds);
                    let document = run_ours(own, environment)?;
                    let median = document["median_step_s"].as_f64().unwrap_or(f64::NAN);
                    ours.note(document["peak_rss_mb"].as_f64(), median, document);
                }
            }
        }
        let ratios = |side: &SideTimes| {
            Seconds(side.medians.0.iter().zip(&ours.medians.0).map(|(theirs, ours)| theirs / ours).collect())
        };
        if as_json {
            let peers = self.against.iter().zip(&theirs).map(|(way, side)| {
                let (mut document, ratios) = (side.to_json(), ratios(side));
                document["against"] = json!(way);
                document["ratio"] = json!(ratios.median());
                document["ratio_min_max"] = json!(ratios.range());
                document
            });
            let (task, threads) = (job.config.task.name(), job.threads());
            stdout::line(json!({
                "task": task, "method": job.method.name(), "batch_size": job.config.batch_size, "steps": job.steps, "evaluate": job.evaluate,
                "threads": threads, "aees": ours.to_json(), "peers": peers.collect::<Vec<_>>(),
            }));
            return Ok(());
        }
        let told = |ratios: Seconds| {
            let [low, high] = ratios.range();
            format!("{:.2} ({low:.2} to {high:.2})", ratios.median())
        };
        // Ours is against nobody.
        let peers = self.against.iter().zip(&theirs).map(|(way, side)| (Some(way), side));
        let sides: Vec<(Option<&String>, &SideTimes)> = [(None, &ours)].into_iter().chain(peers).collect();
        Grid::of(&sides)
            .text("", |(way, _)| way.map_or_else(|| "aees".to_owned(), |way| format!("peer, {way}")))
            .text("step, median of rounds (range)", |(_, side)| side.medians.told())
            .number("peak memory", |(_, side)| side.peak_rss_mb.map(told_memory).unwrap_or_default())
            .text("peer's time / aees'", |(way, side)| way.map(|_| told(ratios(side))).unwrap_or_default())
            .print();
        Ok(())
    }

    /// Seconds of a step of the peer with each of these methods: one round, or none where there is no peer.
    pub(super) fn methods(
        &self,
        job: &PeerJob<'_>,
        methods: &[StepMethod],
    ) -> Result<Vec<(Seconds, Vec<Value>)>, Failure> {
        let peer = self.peer();
        let batches = job.batches()?;
        let mut found: Vec<(Seconds, Vec<Value>)> = vec![Default::default(); methods.len()];
        for round in 1..=self.rounds.get() {
            for (method, (seconds, answers)) in methods.iter().zip(&mut found) {
                eprintln!("round {round} of {}: peer, {}", self.rounds, method.name());
                let job = PeerJob { method: *method, sentences: None, ..*job };
                let way = self.against.first().map_or("plain", String::as_str);
                let answer = job.ask(&peer, way, &self.peer_arg, batches.as_ref().map(|file| file.path()))?;
                seconds.0.push(answer.seconds("median_step_s")?);
                answers.push(answer.to_json());
            }
        }
        Ok(found)
    }
}

/// The document that this program prints with these words and `--json`, in a process of its own.
pub(super) fn run_ours(words: &[String], environment: &[(&'static str, String)]) -> Result<Value, Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::new(format!("cannot find this program: {error}")))?;
    let mut command = Command::new(program);
    command.args(words).arg("--json").envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::new(format!("cannot start this program again: {error}")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("aees {} ended with {}", words.join(" "), output.status)));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::new(format!("aees {} printed no document: {error}", words.join(" "))))
}

impl PeerJob<'_> {
    fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.config.threads.map_or(cores, |threads| threads.get().min(cores))
    }

    /// The batches as a file that lives as long as the value.
    fn batches(&self) -> Result<Option<tempfile::NamedTempFile>, Failure> {
        let Some(job) = &self.sentences else { return Ok(None) };
        let write = || {
            let mut file = tempfile::NamedTempFile::new()?;
            serde_json::to_writer(BufWriter::new(&mut file), job)?;
            Ok(Some(file))
        };
        write().map_err(|error: std::io::Error| Failure::new(format!("cannot write the batches for the peer: {error}")))
    }

    /// One measurement of the peer.
    fn ask(&self, peer: &Peer, way: &str, more: &[String], batches: Option<&Path>) -> Result<PeerAnswer, Failure> {
        let Self { config, method, steps, warmup, evaluate, .. } = self;
        let device = match self.device {
            DeviceChoice::Cpu | DeviceChoice::Cuda(_) => self.device.to_string(),
            // The same card, as PyTorch knows it.
            DeviceChoice::Auto | DeviceChoice::Vulkan(_) | DeviceChoice::Wgpu => "cuda".to_owned(),
        };
        let precision = match (way, config.precision) {
            ("bf16", _) | (_, Precision::Bf16) => "bf16",
            (_, Precision::Tf32) => "tf32",
            (_, Precision::F32) => "fp32",
        };
        let mut words: Vec<String> = Vec::new();
        let mut flag = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        flag("task", config.task.name().to_owned());
        flag("method", method.name().to_owned());
        flag("optimizer", config.optimizer.name().to_owned());
        flag("batch-size", config.batch_size.to_string());
        flag("steps", steps.to_string());
        flag("warmup", warmup.to_string());
        flag("episode-length", config.episode_length.to_string());
        flag("device", device);
        flag("precision", precision.to_owned());
        flag("threads", self.threads().to_string());
        flag("seed", config.seed.to_string());
        if config.task.is_text() {
            flag("max-length", config.max_length.to_string());
            flag("layers", config.model_layers.map_or(6, NonZeroUsize::get).to_string());
            flag("dim", config.model_dim.map_or(768, NonZeroUsize::get).to_string());
        } else {
            flag("width", config.model_width.to_string());
        }
        if let Some(examples) = evaluate {
            flag("evaluate", examples.to_string());
        }
        let (_, for_all, for_ours) = WAYS.iter().find(|(name, ..)| *name == way).unwrap_or(&WAYS[0]);
        words.extend(for_all.iter().filter(|_| !config.task.is_text()).map(|word| (*word).to_owned()));
        // Ours takes more flags than the others need to.
        words.extend(for_ours.iter().filter(|_| peer.script.is_none()).map(|word| (*word).to_owned()));
        words.extend(more.iter().cloned());
        let answer = peer.ask(&words, batches)?;
        answer.check("task", &json!(config.task.name()))?;
        answer.check("method", &json!(method.name()))?;
        answer.check("batch_size", &json!(config.batch_size))?;
        Ok(answer)
    }
}
