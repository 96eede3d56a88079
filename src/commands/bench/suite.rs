//! `aees bench suite`: the comparison with PyTorch that BENCHMARKS.md shows, in one command. A case is a line of `aees bench`, and runs in
//! a process of its own.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::figures::{duration, told_memory};
use super::in_turn::run_ours;
use crate::failure::Failure;
use crate::stdout;
use crate::table::Grid;

/// Name and words of each case. Text is trained on the data that were named.
const CASES: [(&str, &str); 6] = [
    ("width-16", "train cifar100 --model-width=16 --steps=20 --against=plain,best,bf16"),
    ("width-64", "train cifar100 --model-width=64 --steps=5 --against=plain,best,bf16"),
    ("evaluate-16", "train cifar100 --model-width=16 --evaluate=10000 --steps=2 --warmup=1 --against=plain,best"),
    ("evaluate-64", "train cifar100 --model-width=64 --evaluate=10000 --steps=1 --warmup=1 --against=plain,best"),
    ("distilbert", "train sst2 --batch-size=16 --steps=20 --warmup=3"),
    ("overhead", "overhead sst2 --batch-size=16 --pairs=200 --methods=lr,noise,dual"),
];

/// Measures all that is compared with PyTorch: ResNet-18 of two widths, evaluation, DistilBERT, and what AEES adds
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct BenchSuiteFlags {
    /// The Python to compare with, which has torch, torchvision and transformers; only aees is measured without it
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Rounds of both sides in each case
    #[arg(long, value_name = "N", default_value = "5", requires = "peer")]
    rounds: std::num::NonZeroUsize,
    /// Only these cases; a list for several [default: all]
    #[arg(long, value_name = "CASE", value_delimiter = ',', value_parser = CASES.map(|(name, _)| name))]
    case: Vec<String>,
    /// SST-2's files for the cases on text [default: made-up sentences]
    #[arg(long, value_name = "PATH", requires = "tokenizer")]
    sst2: Option<PathBuf>,
    /// The tokenizer for them
    #[arg(long, value_name = "PATH", requires = "sst2")]
    tokenizer: Option<PathBuf>,
    /// Words more for every case, such as --with=--engine=libtorch; may be given again
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    with: Vec<String>,
    /// Print the lines that would be run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

impl BenchSuiteFlags {
    pub(super) fn run(self) -> Result<(), Failure> {
        let wanted = CASES.iter().filter(|(name, _)| self.case.is_empty() || self.case.iter().any(|it| it == name));
        let lines: Vec<(&str, Vec<String>)> = wanted.map(|(name, words)| (*name, self.words(words))).collect();
        if self.dry_run {
            lines.iter().for_each(|(_, words)| stdout::line(format_args!("aees {}", words.join(" "))));
            return Ok(());
        }
        let mut results = Vec::new();
        for (number, (name, words)) in lines.iter().enumerate() {
            eprintln!("case {} of {}, {name}: aees {}", number + 1, lines.len(), words.join(" "));
            results.push((*name, words.join(" "), run_ours(words, &[])?));
        }
        if self.json {
            let cases = results.iter().map(
                |(name, words, result)| json!({"case": name, "command": format!("aees {words}"), "result": result}),
            );
            stdout::line(json!({"cases": cases.collect::<Vec<_>>()}));
            return Ok(());
        }
        tell(&results);
        Ok(())
    }

    /// The line of a case. Without a peer nothing is said of one.
    fn words(&self, case: &str) -> Vec<String> {
        let mut words = vec!["bench".to_owned()];
        let of_peer = |word: &&str| self.peer.is_some() || !word.starts_with("--against");
        words.extend(case.split(' ').filter(of_peer).map(str::to_owned));
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        if case.contains(" sst2 ") {
            words.extend(self.sst2.as_deref().map(|path| flag("data", path)));
            words.extend(self.tokenizer.as_deref().map(|path| flag("tokenizer", path)));
        }
        if let Some(peer) = &self.peer {
            words.extend([flag("peer", peer), format!("--rounds={}", self.rounds)]);
        }
        words.extend(self.with.iter().cloned());
        words
    }
}

fn tell(results: &[(&str, String, Value)]) {
    let seconds = |value: &Value| value["median_step_s"].as_f64().map(duration).unwrap_or_default();
    let memory = |value: &Value| value["peak_rss_mb"].as_f64().map(told_memory).unwrap_or_default();
    let none = String::new;
    let mut rows: Vec<[String; 7]> = Vec::new();
    for (name, _, result) in results {
        let name = || (*name).to_owned();
        let Some(peers) = result["peers"].as_array() else {
            rows.push([name(), none(), seconds(result), none(), none(), memory(result), none()]);
            for method in ["lr", "noise", "dual"] {
                let figure = |key: &str| &result[format!("{method}_{key}")];
                let Some(overhead) = figure("overhead_percent").as_f64() else { continue };
                let ends = figure("overhead_percent_interval").as_array().into_iter().flatten();
                let ends: Vec<String> = ends.filter_map(Value::as_f64).map(|end| format!("{end:+.2}")).collect();
                let ours = format!("{overhead:+.2} % ({})", ends.join(" to "));
                let peer = figure("peer_overhead_percent").as_f64().map(|peer| format!("{peer:+.1} %"));
                rows.push([name(), method.to_owned(), ours, peer.unwrap_or_default(), none(), none(), none()]);
            }
            continue;
        };
        for peer in peers {
            let ratio = |value: &Value| value.as_f64().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            let ends = &peer["ratio_min_max"];
            let told = format!("{} ({} to {})", ratio(&peer["ratio"]), ratio(&ends[0]), ratio(&ends[1]));
            let (ours, way) = (&result["aees"], peer["against"].as_str().unwrap_or_default().to_owned());
            rows.push([name(), way, seconds(ours), seconds(peer), told, memory(ours), memory(peer)]);
        }
    }
    Grid::of(&rows)
        .text("case", |row| &row[0])
        .text("", |row| &row[1])
        .number("aees", |row| &row[2])
        .number("peer", |row| &row[3])
        .text("peer / aees", |row| &row[4])
        .number("memory, aees", |row| &row[5])
        .number("memory, peer", |row| &row[6])
        .print();
}
