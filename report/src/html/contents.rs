//! What stands on a page: gathered from the results and, for a study, from the registry.

use std::collections::{BTreeMap, BTreeSet};

use aees_run::times::span;
use aees_studies::disk::Root;
use aees_studies::plan::study_file;
use aees_studies::registry::{Reader, RegistryError};
use aees_studies::study::{Goal, quoted};

use super::{Page, PageRow, Remark, details, provenance, study};
use crate::attributes::{Attributes, Detail, command, distinguishing};
use crate::best::{Question, best, usual_goal};
use crate::experiment::{Experiment, about_data, experiments};
use crate::fields::attribute;
use crate::figures::{FigureOptions, for_study};
use crate::names::NameStyle;
use crate::quantity::curve;
use crate::read::{ReportSource, ResultSet, SkippedFile};
use crate::record::RunRecord;
use crate::tables::{self, Table, TableOptions};

/// The most columns of settings that a table can hold and still be read.
const AXES: usize = 10;

/// What of a run's provenance names its device, the first that is there.
const DEVICE: [&str; 4] = ["current_device_name", "device", "device_name", "cpu_model"];

/// What a page is asked to show beside the results.
pub struct PageQuestion<'a> {
    /// Where the results came from.
    pub sources: &'a [ReportSource],
    /// The registry, for a page of one study.
    pub registry: Option<&'a Reader>,
    /// The flags that name root and registry in another command.
    pub flags: &'a str,
    /// The metric of the table and of the best settings, if another than the study's is asked for.
    pub metric: Option<&'a str>,
    /// The keys whose values make a group of the best settings; empty for the usual ones.
    pub group_by: &'a [String],
}

impl Page {
    /// The page of some results.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn of(found: ResultSet, asked: &PageQuestion<'_>) -> Result<Self, RegistryError> {
        let names: Vec<String> = asked.sources.iter().map(|source| source.path().display().to_string()).collect();
        let mut question = Question::default();
        let mut page =
            Self { title: names.join(", "), skipped: found.skipped, warnings: found.warnings, ..Self::default() };
        if let [ReportSource::Study { root, name, .. }] = asked.sources {
            page.yaml = study_file(&Root::new(root), name).unwrap_or_default();
        }
        let mut planned = study::PlannedRows::new();
        if let ([ReportSource::Study { name, .. }], Some(reader)) = (asked.sources, asked.registry) {
            planned = study::tell(reader, name, asked.flags, &mut page, &mut question)?;
            // The section of failed and missing runs tells them, with what helps.
            page.skipped.retain(|skipped| skipped.path.extension().is_some());
        }
        if let Some(metric) = asked.metric {
            metric.clone_into(&mut question.metric);
            question.goal = usual_goal(metric);
        }
        if !asked.group_by.is_empty() {
            question.group_by = asked.group_by.to_vec();
        }
        page.metric.clone_from(&question.metric);
        page.alerts = alerts(&found.runs, &page.skipped);
        page.warnings.retain(|warning| !page.alerts.contains(warning));
        fill_runs(&mut page, &found.runs, planned, question.goal);
        page.tables = tables_of(&found.runs, found.expected_seeds);
        page.compute.splice(..0, compute(&found.runs));
        match best(&found.runs, &question) {
            Ok(answer) if !answer.groups.is_empty() => {
                page.warnings.extend(answer.warnings.iter().cloned());
                page.best = Some(answer);
            }
            Ok(_) => {}
            Err(error) => page.warnings.push(error.to_string()),
        }
        page.figures = for_study(&found.runs, &FigureOptions::default());
        page.provenance = provenance(&found.runs);
        commands(&mut page, asked.flags, &names, &found.runs);
        Ok(page)
    }
}

/// The rows of the table: those that the registry gave, completed by the results, or the results alone.
fn fill_runs(page: &mut Page, runs: &[RunRecord], mut planned: study::PlannedRows, goal: Goal) {
    let attributes: Vec<Attributes> = runs.iter().map(Attributes::of).collect();
    let mut axes = distinguishing(&attributes, Detail::Full);
    axes.retain(|key| key != "seed");
    let swept: BTreeSet<&String> = planned.values().flat_map(|(_, values)| values.keys()).collect();
    let others: Vec<String> = swept.into_iter().filter(|key| !axes.contains(key)).cloned().collect();
    axes.extend(others);
    axes.truncate(AXES);
    let mut rows = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let name = details::short_name(run);
        let known = planned.remove(&name).map(|(row, _)| row);
        let mut row = known.unwrap_or_else(|| PageRow { state: "done".into(), name, ..PageRow::default() });
        row.seed = run.seed.to_string();
        row.axes = axes.iter().map(|key| attribute(run, key, NameStyle::AsWritten).unwrap_or_default()).collect();
        measure(&mut row, run, &page.metric, goal);
        row.detail = Some(index);
        if let Some(step) = run.diverged_at {
            let what = format!("{} seed {}", row.name, run.seed);
            "diverged".clone_into(&mut row.state);
            page.diverged.push(Remark { what, reason: format!("diverged at step {step}"), command: String::new() });
        }
        rows.push(row);
    }
    for (mut row, values) in planned.into_values() {
        row.axes = axes.iter().map(|key| values.get(key).cloned().unwrap_or_default()).collect();
        rows.push(row);
    }
    rows.sort_by_key(|row| row.index);
    page.details = details::run_details(runs);
    count_states(page, &rows);
    (page.axes, page.rows) = (axes, rows);
}

/// How many runs are where; they add up to the rows of the table. The registry calls a diverged run done.
fn count_states(page: &mut Page, rows: &[PageRow]) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(&row.state).or_default() += 1);
    // The usual states in the registry's order, then the others.
    let usual = page.counts.drain(..).map(|(state, _)| state).chain(["done".into(), "diverged".into()]);
    let mut told = vec![("runs".to_owned(), rows.len() as u64)];
    told.extend(usual.filter_map(|state| counts.remove(state.as_str()).map(|count| (state, count))));
    told.extend(counts.into_iter().map(|(state, count)| (state.to_owned(), count)));
    page.counts = told;
}

/// What must be known before any number is believed: results that contradict themselves, and those that are damaged.
fn alerts(runs: &[RunRecord], skipped: &[SkippedFile]) -> Vec<String> {
    let damaged = skipped.iter().filter(|skipped| skipped.damaged);
    let damaged = damaged.map(|skipped| format!("damaged: {}: {}", skipped.path.display(), skipped.reason));
    let of_data = about_data(&experiments(runs));
    of_data.into_iter().chain(runs.iter().flat_map(RunRecord::warnings)).chain(damaged).collect()
}

/// The tables of the thesis that there are runs for; of any other runs one by method.
fn tables_of(runs: &[RunRecord], expected_seeds: Option<Vec<i64>>) -> Vec<Table> {
    let options = TableOptions { expected_seeds, ..TableOptions::default() };
    let tables = tables::build_all(runs, &options);
    if !tables.is_empty() || runs.is_empty() {
        return tables;
    }
    let words = |words: [&str; 2]| words.map(str::to_owned);
    // Programs that tell other numbers have their own metrics in the other sections.
    tables::general(runs, &words(["task", "method"]), &words(["best", "final"]), &options).unwrap_or_default()
}

/// What the results cost, by device.
fn compute(runs: &[RunRecord]) -> Vec<(String, String)> {
    let seconds: f64 = runs.iter().filter_map(|run| run.wall_seconds).sum();
    let flops: f64 = runs.iter().filter_map(|run| run.estimated_flops).sum();
    let steps: u64 = runs.iter().map(|run| run.total_steps).sum();
    let epochs: usize = runs.iter().map(|run| run.val_accuracies.len()).sum();
    let mut found = vec![("results".to_owned(), runs.len().to_string())];
    found.push(("time of all results".into(), span(seconds * 1e3)));
    let mut by_device: BTreeMap<&str, f64> = BTreeMap::new();
    for run in runs {
        let device = run.provenance.iter().find(|(name, _)| DEVICE.contains(&name.as_str()));
        *by_device.entry(device.map_or("unknown device", |(_, name)| name)).or_default() +=
            run.wall_seconds.unwrap_or(0.0);
    }
    found.extend(by_device.into_iter().map(|(device, seconds)| (format!("on {device}"), span(seconds * 1e3))));
    found.push(("epochs, steps".into(), format!("{epochs}, {steps}")));
    if flops > 0.0 {
        found.push(("estimated TFLOP (the reference's count)".into(), format!("{:.1}", flops / 1e12)));
    }
    found
}

fn measure(row: &mut PageRow, run: &RunRecord, metric: &str, goal: Goal) {
    row.outcome = run.diverged_at.map_or_else(|| "ok".into(), |step| format!("diverged at step {step}"));
    row.seconds = run.wall_seconds;
    row.curve = curve(run, metric).unwrap_or_default();
    row.last = row.curve.last().copied();
    let finite = row.curve.iter().copied().enumerate().filter(|(_, value)| value.is_finite());
    // The first of equals.
    let best = finite.min_by(|one, other| goal.order(one.1, other.1));
    row.best = best.map(|(_, value)| value);
    row.peak = best.map(|(index, _)| index + 1).filter(|_| row.curve.len() > 1);
}

/// How to make all of this again: the page, and each setting's runs.
fn commands(page: &mut Page, flags: &str, names: &[String], runs: &[RunRecord]) {
    let words: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let words = format!("{}{flags}", words.join(" "));
    page.commands.push(("This page".into(), format!("aees report html {words} --out page.html")));
    page.commands.push((
        "Its tables, figures and array".into(),
        format!("aees report tables {words}\naees report figures {words}\naees report tensor {words} --out runs.npz"),
    ));
    let lines: Vec<String> = experiments(runs).iter().filter_map(train_line).collect();
    if !lines.is_empty() {
        page.commands.push(("One run of each setting, by itself".into(), lines.join("\n")));
    }
}

/// The command of an experiment with its first seed; the other seeds as a comment.
fn train_line(experiment: &Experiment<'_>) -> Option<String> {
    let mut seeds = experiment.seeds().into_iter();
    let line = command(experiment.example(), seeds.next()?)?;
    let others: Vec<String> = seeds.map(|seed| seed.to_string()).collect();
    Some(if others.is_empty() { line } else { format!("{line}  # also seeds {}", others.join(", ")) })
}
