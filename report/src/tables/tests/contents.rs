//! What each kind of table holds: rows, order, numbers, emphasis, notes. The records have the means and deviations that the
//! reference's paper prints, where it prints them; what is next to them in a folder of results must stay out.

use super::*;
use crate::LabelNoiseAccuracies;

mod ablations;
mod cifar;
mod text;

/// Five accuracies with this mean and sample deviation, in percent.
fn spread(mean: f64, sd: f64) -> [f64; 5] {
    [-1.0, -1.0, 0.0, 1.0, 1.0].map(|at| (mean + sd * at) / 100.0)
}

/// The same with one seed that failed, and four that are alike.
fn skewed(mean: f64, sd: f64) -> [f64; 5] {
    let unit = 1.25_f64.sqrt().recip();
    [-2.0, 0.5, 0.5, 0.5, 0.5].map(|at| (mean + sd * at * unit) / 100.0)
}

/// Five seeds of plain runs made into something: the best accuracy in the first epoch, the last in the second.
fn five(make: impl Fn(RunRecord) -> RunRecord, best: [f64; 5], last: [f64; 5]) -> Vec<RunRecord> {
    let of = |((seed, best), last): ((i64, f64), f64)| make(plain(seed, best, last));
    (0..).zip(best).zip(last).map(of).collect()
}

/// Anything that is another run than those of a table, and would change its numbers.
fn decoys(make: impl Fn(RunRecord) -> RunRecord) -> Vec<RunRecord> {
    five(make, spread(99.0, 0.5), spread(98.0, 0.5))
}

fn bandit(run: RunRecord, multipliers: &[f64], noise: &[f64]) -> RunRecord {
    let candidates = [("lr_candidates", json!(multipliers)), ("noise_candidates", json!(noise))];
    let run = with(with(run, &candidates), &[("control_mode", json!("adaptive"))]);
    let candidates = (multipliers.to_vec(), noise.to_vec());
    RunRecord { control: Control::Adaptive, lr_candidates: candidates.0, noise_candidates: candidates.1, ..run }
}

/// The bandit of the CIFAR-100 tables.
fn halves(run: RunRecord) -> RunRecord {
    bandit(run, &[0.5, 1.0, 2.0], &[0.0])
}

fn trend(run: RunRecord) -> RunRecord {
    RunRecord { context_mode: "trend".into(), ..with(run, &[("context_mode", json!("trend"))]) }
}

fn penalised(run: RunRecord, lambda: f64) -> RunRecord {
    RunRecord { instability_lambda: lambda, ..with(run, &[("reward_instability_lambda", json!(lambda))]) }
}

fn scheduled(run: RunRecord, scheduler: &str) -> RunRecord {
    RunRecord { scheduler: scheduler.into(), ..with(run, &[("lr_scheduler", json!(scheduler))]) }
}

fn of_length(run: RunRecord, epochs: u64) -> RunRecord {
    with(run, &[("epochs", json!(epochs))])
}

fn labels(run: RunRecord, noise: NoiseSetting) -> RunRecord {
    let (name, rate) = match noise {
        NoiseSetting::Clean => ("none", 0.0),
        NoiseSetting::Symmetric(rate) => ("symmetric", rate),
        NoiseSetting::Asymmetric(rate) => ("asymmetric", rate),
    };
    let run = with(run, &[("label_noise_type", json!(name)), ("label_noise_rate", json!(rate))]);
    RunRecord { label_noise: noise, ..run }
}

fn sgd(run: RunRecord) -> RunRecord {
    RunRecord { optimizer: "SGD".into(), lr: 0.1, ..with(run, &[("optimizer", json!("SGD")), ("lr", json!(0.1))]) }
}

/// The rows of a table as Markdown has them, without title and notes.
#[track_caller]
fn assert_rows(table: &Table, expected: &str) {
    let text = TableFormat::Markdown.write(table);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(rows[..1], expected[..1], "heading");
    assert_eq!(rows[2..].join("\n"), expected[1..].join("\n"));
}

/// What is compared, in order.
fn compared(table: &Table) -> Vec<String> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    table.rows.iter().map(|row| format!("{}: {}, {}", row.section, text(&row.cells[0]), text(&row.cells[1]))).collect()
}

fn names(tables: &[Table]) -> Vec<&str> {
    tables.iter().map(|table| table.name.as_str()).collect()
}

/// The table of a kind from all runs in reverse: the order of files decides nothing.
fn built(name: &str, parts: Vec<Vec<RunRecord>>) -> Vec<Table> {
    let runs: Vec<RunRecord> = parts.into_iter().flatten().rev().collect();
    of(name, &runs, &TableOptions::default())
}
