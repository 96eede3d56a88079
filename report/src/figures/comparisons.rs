//! Runs side by side: overhead over the plain baseline, what was memorised of wrong labels, and strips of any study.

use std::collections::BTreeMap;

use super::episodes::jitter;
use super::figure::{Dot, Figure, LegendEntry, Mark, NumberAxis, Panel, Sample, Vertical};
use super::looks::Looks;
use super::palette::{Ink, Marker};
use super::scale::Scale;
use super::series::{FigureRuns, PanelRuns, Series, legend, series_csv, with_count};
use super::{FigureOptions, Plot};
use crate::csv::{Csv, Field};
use crate::experiment::experiments;
use crate::fields::{attribute, by_number};
use crate::names::NameStyle;
use crate::overhead::{over_plain, steady_seconds, timed, times};
use crate::peak::at_peak;
use crate::quantity::Quantity;
use crate::record::RunRecord;
use crate::statistics::{LEVEL, mean, sample_sd, t_interval};

/// Rows that fit on a page.
const MOST_ROWS: usize = 30;
/// Panels of a program's metrics that fit on a page.
const MOST_METRICS: usize = 4;

pub(super) fn overhead(study: &FigureRuns<'_>, looks: &mut Looks) -> Result<Vec<Plot>, String> {
    let timed = FigureRuns::of_experiments(study.records, timed(&experiments(study.records)), true, looks);
    let missing = "needs runs of at least two epochs: plain baselines without a schedule, and others on the same task and optimizer";
    Plot::all(timed.groups.iter().filter_map(overhead_figure), missing)
}

fn overhead_figure(group: &PanelRuns<'_>) -> Option<Plot> {
    let seconds = |series: &Series<'_>| times(&series.timed);
    let rows = group.series.iter().filter_map(|series| {
        let baseline = group.baseline_of(series)?;
        let base = seconds(baseline);
        Some((series, std::ptr::eq(series, baseline), mean(&base)?, base))
    });
    let rows: Vec<_> = rows.collect();
    // Plain runs at several rates, or settings of a program, are nobody's overhead.
    if rows.iter().all(|(_, is_baseline, ..)| *is_baseline) {
        return None;
    }
    let mut csv = series_csv(&["seed", "seconds_per_epoch", "overhead_percent"]);
    let one_run = Dot { ink: Ink::Text, ..Dot::of(7, 1.6).shaped(Marker::Circle).hollow() };
    let (mut marks, mut names, mut ends) = (vec![Mark::RuleAt { x: 0.0 }], Vec::new(), vec![0.0]);
    for (series, is_baseline, base_mean, base) in rows {
        let row = names.len() as f64;
        let mut percents = Vec::new();
        for (run, seconds) in series.timed.iter().filter_map(|run| Some((run, steady_seconds(run)?))) {
            let percent = 100.0 * (seconds / base_mean - 1.0);
            group.tell(&mut csv, series, [run.seed.into(), seconds.into(), percent.into()]);
            percents.push(percent);
        }
        let Some(middle) = mean(&percents) else { continue };
        names.push(with_count(&series.label, percents.len()));
        ends.push(middle);
        ends.extend(percents.iter().copied());
        if !is_baseline {
            marks.push(Mark::Bar { from: 0.0, to: middle, y: row, thickness: 0.5, look: series.look, hollow: false });
        }
        let over = over_plain(&seconds(series), &base).filter(|_| !is_baseline);
        if let Some((low, high)) = over.and_then(|over| over.interval) {
            ends.extend([low, high]);
            marks.push(Mark::Spread { low, high, y: row, look: 7 });
        }
        let points = percents.iter().enumerate().map(|(index, percent)| (*percent, row + jitter(index))).collect();
        marks.push(Mark::Dots { class: "run", points, style: one_run });
    }
    if names.len() < 2 {
        return None;
    }
    let x = NumberAxis::new("Seconds per epoch, over the plain baseline (%)", Scale::Linear, ends);
    let mut figure = Figure { title: format!("Overhead: {}", group.full_title()), ..Figure::default() };
    figure.panels.push(Panel { title: group.full_title(), x, y: Vertical::Names(names), marks });
    figure.legend = vec![
        LegendEntry::new("one run", Sample::Dot(one_run)),
        LegendEntry::new("mean over runs", Sample::Bar { look: 0, hollow: false }),
    ];
    figure.notes.push(
        "Means of all epochs but the first. Whiskers: 95 % interval of the ratio to the baseline, both spreads counted.".into(),
    );
    Some(Plot { name: format!("overhead-{}-{}", group.slug(), group.optimizer.to_lowercase()), figure, csv })
}

/// What was memorised at the peaks, or where no run knows that, at the ends. Runs that stopped at their peaks differ in their
/// epochs.
pub(super) fn diagnostics(
    study: &FigureRuns<'_>,
    looks: &mut Looks,
    options: &FigureOptions,
) -> Result<Vec<Plot>, String> {
    let peaks: Vec<RunRecord> = study.records.iter().filter_map(at_peak).collect();
    let when = if peaks.is_empty() { "at the end" } else { "at the peak" };
    let ends = || study.records.iter().filter(|run| run.subsets.is_some()).cloned().collect();
    let runs: Vec<RunRecord> = if peaks.is_empty() { ends() } else { peaks };
    if runs.is_empty() {
        return Err("no run has accuracies on corrupted training examples; they come with label noise".into());
    }
    let measured = FigureRuns::apart_from(&runs, &["epochs", "scheduler_t_max"], options.allow_partial, looks);
    if measured.groups.is_empty() {
        return Err(format!("every group of runs is incomplete: {}", measured.incomplete.join("; ")));
    }
    Ok(measured.together(8, |_| true).iter().map(|groups| diagnostic_figure(groups, when)).collect())
}

fn diagnostic_figure(groups: &[PanelRuns<'_>], when: &str) -> Plot {
    let mut csv = series_csv(&["seed", "corrupted_vs_noisy", "corrupted_vs_clean"]);
    let title = format!("Corrupted training examples {when}: {}", groups[0].title());
    let mut figure = Figure::new(title, groups.len());
    for group in groups {
        let (mut runs, mut means, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for series in &group.series {
            let mut points = Vec::new();
            for (run, subsets) in series.runs.iter().filter_map(|run| Some((run, run.subsets?))) {
                let (x, y) = (subsets.corrupted_vs_noisy, subsets.corrupted_vs_clean);
                group.tell(&mut csv, series, [run.seed.into(), x.into(), y.into()]);
                points.push((x * 100.0, y * 100.0));
            }
            let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            all.extend(points.iter().copied());
            let look = series.look;
            if let (Some(x), Some(y)) = (mean(&xs), mean(&ys)) {
                let (dx, dy) = (sample_sd(&xs).unwrap_or(0.0), sample_sd(&ys).unwrap_or(0.0));
                all.extend([(x - dx, y - dy), (x + dx, y + dy)]);
                means.push(Mark::UprightSpread { x, low: y - dy, high: y + dy, look });
                means.push(Mark::SpreadAcross { low: x - dx, high: x + dx, y, look });
                means.push(Mark::Dots { class: "mean", points: vec![(x, y)], style: Dot::of(look, 3.4) });
            }
            runs.push(Mark::Dots { class: "run", points, style: Dot::of(look, 1.7).shaped(Marker::Circle).faint() });
        }
        runs.extend(means);
        let x = NumberAxis::new("Corrupted, against wrong labels (%)", Scale::Linear, all.iter().map(|point| point.0));
        let y = NumberAxis::new("Against true labels (%)", Scale::Linear, all.iter().map(|point| point.1));
        let title = group.panel_title(groups.len() == 1);
        figure.panels.push(Panel { title, x, y: Vertical::Numbers(y), marks: runs });
    }
    figure.legend = legend(groups, |look| Sample::Dot(Dot::of(look, 3.0)));
    figure.notes.push("Small: runs. Large: means ± 1 sample SD. Left is less memorised, up is more corrected.".into());
    Plot { name: format!("diagnostics-{}", groups[0].slug()), figure, csv }
}

pub(super) fn strips(study: &FigureRuns<'_>, options: &FigureOptions) -> Result<Vec<Plot>, String> {
    let runs = study.groups.iter().flat_map(|group| &group.series).flat_map(|series| &series.runs);
    let has = |key: &String| runs.clone().any(|run| attribute(run, key, NameStyle::WithAxes).is_some());
    if let Some(key) = options.group_by.iter().find(|key| !has(key)) {
        return Err(format!("no run has a setting `{key}` to group by"));
    }
    let plots = study.groups.iter().flat_map(|group| strip_figures(group, options));
    Plot::all(plots, "no run has an accuracy or a metric")
}

/// A name and its runs.
type StripRow<'a> = (String, Vec<&'a RunRecord>);

fn rows<'a>(group: &PanelRuns<'a>, group_by: &[String]) -> Vec<StripRow<'a>> {
    if group_by.is_empty() {
        return group.series.iter().map(|it| (it.label.clone(), it.runs.clone())).collect();
    }
    let mut groups: BTreeMap<Vec<String>, Vec<&RunRecord>> = BTreeMap::new();
    for run in group.series.iter().flat_map(|series| &series.runs) {
        let values =
            group_by.iter().map(|key| attribute(run, key, NameStyle::WithAxes).unwrap_or_else(|| "not set".into()));
        groups.entry(values.collect()).or_default().push(run);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|one, other| by_number(&one.0, &other.0));
    let named = groups.into_iter().map(|(values, runs)| {
        let pairs: Vec<String> = group_by.iter().zip(values).map(|(key, value)| format!("{key} {value}")).collect();
        (pairs.join(", "), runs)
    });
    named.collect()
}

fn strip_figures(group: &PanelRuns<'_>, options: &FigureOptions) -> Vec<Plot> {
    let runs = || group.series.iter().flat_map(|it| &it.runs);
    let mut quantities = vec![Quantity::Best, Quantity::Final];
    for (name, _) in runs().flat_map(|run| &run.metrics) {
        let quantity = Quantity::named(name);
        if !quantities.contains(&quantity) {
            quantities.push(quantity);
        }
    }
    quantities.retain(|quantity| runs().any(|run| quantity.of(run, None).is_some()));
    let rows = rows(group, &options.group_by);
    let mut plots = Vec::new();
    for rows in rows.chunks(MOST_ROWS) {
        plots.extend(quantities.chunks(MOST_METRICS).map(|quantities| strip_figure(group, rows, quantities)));
    }
    plots
}

fn strip_figure(group: &PanelRuns<'_>, rows: &[StripRow<'_>], quantities: &[Quantity]) -> Plot {
    let mut csv = Csv::new(&["task", "label_noise", "optimizer", "group", "quantity", "seed", "value"]);
    let mut figure = Figure::new(format!("Runs: {}", group.full_title()), quantities.len());
    for quantity in quantities {
        let factor = if quantity.is_fraction() { 100.0 } else { 1.0 };
        let (mut marks, mut names, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (label, runs) in rows {
            let row = names.len() as f64;
            let measured: Vec<(i64, f64)> =
                runs.iter().filter_map(|run| Some((run.seed, quantity.of(run, None)?))).collect();
            for (seed, value) in &measured {
                let place: [Field; 4] =
                    [(&group.task).into(), (&group.noise).into(), (&group.optimizer).into(), label.into()];
                csv.row(place.into_iter().chain([(&quantity.to_string()).into(), (*seed).into(), (*value).into()]));
            }
            let values: Vec<f64> = measured.iter().map(|(_, value)| value * factor).collect();
            names.push(with_count(label, values.len()));
            ends.extend(values.iter().copied());
            if let Some(interval) = t_interval(&values, LEVEL) {
                ends.extend([interval.low, interval.high]);
                marks.push(Mark::Spread { low: interval.low, high: interval.high, y: row, look: 7 });
            }
            let points = values.iter().enumerate().map(|(index, value)| (*value, row + jitter(index))).collect();
            marks.push(Mark::Dots { class: "run", points, style: Dot::of(1, 1.9).shaped(Marker::Circle) });
            if let Some(middle) = mean(&values).filter(|_| values.len() > 1) {
                let style = Dot::of(7, 3.4).shaped(Marker::Bar);
                marks.push(Mark::Dots { class: "mean", points: vec![(middle, row)], style });
            }
        }
        let x = NumberAxis::new(quantity.heading(), Scale::Linear, ends);
        // Several panels differ in their quantity, which the axis says.
        let title = if figure.headed { String::new() } else { group.full_title() };
        figure.panels.push(Panel { title, x, y: Vertical::Names(names), marks });
    }
    figure.legend = vec![
        LegendEntry::new("one run", Sample::Dot(Dot::of(1, 1.9).shaped(Marker::Circle))),
        LegendEntry::new("mean", Sample::Dot(Dot::of(7, 3.4).shaped(Marker::Bar))),
    ];
    figure.notes.push("Whiskers: 95 % t-interval of the mean.".into());
    Plot { name: format!("strips-{}-{}", group.slug(), group.optimizer.to_lowercase()), figure, csv }
}
