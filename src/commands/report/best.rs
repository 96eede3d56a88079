//! `aees report best`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_report::best::{Answer, Question, best, confirm, usual_goal};
use aees_report::{ReportSource, RunRecord};
use aees_run::output::{OutputKind, write_output};
use aees_studies::registry::{Reader, RunFilter};
use aees_studies::study::{Goal, Measure};
use clap::Args;

use crate::failure::Failure;
use crate::force::ForceFlag;
use crate::sources::{Sources, exit_code};
use crate::stdout;
use crate::words::words;

const DEFINITIONS: &str = "\
Measures, of a curve with one value for each epoch: final, the last epoch's, whatever the length of an episode; best, the \
best epoch's, which is biased upward; last_k(n), the mean of the last n epochs; auc, the mean of all epochs.
A setting with a diverged run never wins: it is listed below the others, with the step. Of two results for one seed the \
mean counts, and both are named. Ties go to the setting whose text comes first.
Metrics: val_accuracy, train_accuracy, train_loss, epoch_seconds, epoch_tflops, or a name from the results.";

/// The best setting of each group, by its mean over seeds; --confirm measures it again on fresh seeds
#[derive(Args)]
#[command(after_help = DEFINITIONS)]
pub(crate) struct BestFlags {
    #[command(flatten)]
    sources: Sources,
    /// What makes a group: task, optimizer, scheduler, method, label_noise or any setting
    #[arg(long, value_name = "KEY,...", value_delimiter = ',', default_value = "task,optimizer")]
    group_by: Vec<String>,
    /// The metric
    #[arg(long, value_name = "NAME", default_value = "val_accuracy")]
    metric: String,
    /// final, best, last_k(n) or auc
    #[arg(long, value_name = "MEASURE", default_value = "final")]
    measure: String,
    /// Which direction is better [default: min for losses and times, max otherwise]
    #[arg(long, value_name = "GOAL", value_parser = words([("max", Goal::Max), ("min", Goal::Min)]))]
    goal: Option<Goal>,
    /// Show so many settings of each group
    #[arg(long, value_name = "K", default_value = "5")]
    top: usize,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    /// Write a study with the winners and N seeds that no run had
    #[arg(long, value_name = "N", requires = "out")]
    confirm: Option<String>,
    /// The file of --confirm
    #[arg(long, value_name = "STUDY.yaml", requires = "confirm")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: ForceFlag,
}

pub(super) fn run(typed: &BestFlags) -> Result<ExitCode, Failure> {
    let question = question(typed)?;
    let found = typed.sources.read()?;
    let answer = best(&found.runs, &question)?;
    if typed.json {
        stdout::line(answer.json());
    } else {
        answer.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        stdout::line(answer.text(typed.top).trim_end());
    }
    if let (Some(count), Some(out)) = (&typed.confirm, &typed.out) {
        write_study(&answer, &found.runs, &planned_seeds(&typed.sources), count, (out, typed.force.force))?;
    }
    Ok(exit_code(&found.skipped))
}

fn question(typed: &BestFlags) -> Result<Question, Failure> {
    let (metric, word) = (typed.metric.clone(), &typed.measure);
    let measure = Measure::parse(word).ok_or_else(|| {
        Failure::with_help(format!("{word} is no measure"), "say final, best, auc or, for example, last_k(5)")
    })?;
    let goal = typed.goal.unwrap_or_else(|| usual_goal(&metric));
    let group_by = typed.group_by.iter().filter(|key| !key.is_empty()).cloned().collect();
    Ok(Question { group_by, metric, measure, goal })
}

/// The seeds of all runs of the studies that are asked about, also of those without a result.
fn planned_seeds(sources: &Sources) -> BTreeSet<i64> {
    let mut seeds = BTreeSet::new();
    for source in sources.sources() {
        let ReportSource::Study { registry, name, .. } = source else { continue };
        // Without a registry the results alone say which seeds there were.
        let Ok(reader) = Reader::open(&registry) else { continue };
        let filter = RunFilter { study: Some(name), ..RunFilter::default() };
        seeds.extend(reader.runs(&filter).unwrap_or_default().iter().map(|run| run.seed.cast_signed()));
    }
    seeds
}

fn write_study(
    answer: &Answer,
    runs: &[RunRecord],
    seen: &BTreeSet<i64>,
    count: &str,
    (out, force): (&Path, bool),
) -> Result<(), Failure> {
    let count = count.strip_prefix("seeds=").unwrap_or(count);
    let count: u64 = count.parse().map_err(|_| {
        Failure::with_help(format!("--confirm {count} is no number of seeds"), "for example --confirm 30")
    })?;
    let stem = out.file_stem().map(|stem| confirm::slug(&stem.to_string_lossy())).unwrap_or_default();
    let name = if stem.is_empty() { "confirm".to_owned() } else { stem };
    let text = confirm::study(answer, runs, seen, count, &name)?;
    write_output(out, OutputKind::TEXT, text.as_bytes(), force)?;
    eprintln!("wrote {}; see what it comes to with `aees sweep plan {}`", out.display(), out.display());
    Ok(())
}
