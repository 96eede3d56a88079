//! What is memorised of the label noise at the best epoch.
//!
//! Our runs keep these numbers during the main run. The reference trained again and stopped at the epoch of the peak; such runs
//! are known by being shorter than the published 200 epochs. Its cosine runs are other schedules than those of the main
//! tables, because their span is the shortened one.

use super::group::{Group, Heading, gather};
use super::options::TableOptions;
use super::plan::Plan;
use super::selection::optimizer_rank;
use super::table::{Cell, Column, ColumnKind, Table};
use crate::experiment::{Purpose, experiments_apart_from};
use crate::number::shortest;
use crate::peak::at_peak;
use crate::quantity::Quantity;
use crate::record::{Control, Layout, NoiseSetting, RunRecord};

const QUANTITIES: [Quantity; 5] =
    [Quantity::PeakEpoch, Quantity::Best, Quantity::CorruptedNoisy, Quantity::CorruptedClean, Quantity::TrainClean];

/// The table, and with `detailed` one row for each run.
pub(super) fn tables(runs: &[RunRecord], options: &TableOptions, detailed: bool) -> Vec<Table> {
    let noisy = runs.iter().filter(|run| run.task == "cifar100" && run.label_noise != NoiseSetting::Clean);
    let peaks: Vec<RunRecord> = noisy.filter(|run| run.context_mode != "trend").filter_map(at_peak).collect();
    let all = experiments_apart_from(&peaks, &["epochs", "scheduler_t_max"]);
    let shown = all.into_iter().filter(|one| one.purpose == Purpose::Accuracy);
    let groups = gather(shown, |one| {
        let run = one.example();
        let (rank, noise) = (run.label_noise.rank(), run.label_noise.label());
        let optimizer = optimizer_rank(run);
        let section = (rank * 2 + optimizer.0, format!("{noise}, {}", optimizer.1));
        (run.control != Control::Fixed).then(|| Heading { section, name: one.name.clone() })
    });
    let spans = about_spans(&peaks);
    if detailed {
        return long(&groups, spans).into_iter().collect();
    }
    let title = "CIFAR-100 with label noise at the peak checkpoint";
    let mut plan = Plan::new("cifar_checkpoints", title, groups, &QUANTITIES);
    plan.decimals = 1;
    plan.tables_by("setting", Vec::from_iter(spans), options)
}

/// What a reader must know of the reference's cosine runs, if there are any.
fn about_spans(peaks: &[RunRecord]) -> Option<String> {
    let again = |run: &RunRecord| run.layout != Layout::Aees && run.scheduler == "cosine";
    let spans = "The cosine runs of the reference were trained again with the span of the shortened run, and are other schedules \
                 than those of the main tables";
    peaks.iter().any(again).then(|| spans.into())
}

fn long(groups: &[Group<'_>], spans: Option<String>) -> Option<Table> {
    let unranked = |quantity: &Quantity| Column { kind: ColumnKind::Value, better: None, ..Column::of(quantity, 2) };
    let (mut rows, mut notes) = (Vec::new(), Vec::from_iter(spans));
    for group in groups {
        notes.extend(group.diverged());
        for run in group.experiment.results.values().flatten() {
            let epoch = Quantity::PeakEpoch.of(run, None).map(shortest).unwrap_or_default();
            let mut cells = vec![
                (Column::text("Method", "method"), Cell::text(&group.label)),
                (Column::text("Seed", "seed"), Cell::text(run.seed.to_string())),
                (Column::text("Epoch", "epoch"), Cell::text(epoch)),
            ];
            cells.extend(QUANTITIES[1..].iter().map(|it| (unranked(it), Cell::value(it.of(run, None)))));
            rows.push((group.section.clone(), cells));
        }
    }
    let title = "CIFAR-100 with label noise at the peak checkpoint, each run";
    Table::of(("cifar_checkpoints_detailed", title), "setting", rows, notes)
}
