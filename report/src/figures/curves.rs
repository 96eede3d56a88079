//! Learning curves and where they end: accuracy by epoch, mean and sample SD over seeds; and peak beside final as bars.
//!
//! As in the reference, a ring is the mean of the runs' peaks at the mean of their epochs, a square the mean of the last
//! accuracies. Smoothing is a rolling mean of each run before runs are averaged; rings and squares are never smoothed.

use super::figure::{Dot, Figure, LegendEntry, Mark, NumberAxis, Panel, Sample, Vertical};
use super::palette::{Ink, Marker};
use super::scale::Scale;
use super::series::{FigureRuns, PanelRuns, Series, legend, series_csv};
use super::smoothing::rolling_mean;
use super::{FigureOptions, Plot};
use crate::csv::Csv;
use crate::number;
use crate::record::RunRecord;
use crate::statistics::{holm, mean, paired_t_test, percentile, sample_sd};

/// Lines that a panel can hold and still be read.
const MOST: usize = 8;
/// Runs that are few enough to show each beside its mean.
const FEW_RUNS: usize = 5;

pub(super) fn curves(study: &FigureRuns<'_>, options: &FigureOptions) -> Result<Vec<Plot>, String> {
    let window = options.smooth.unwrap_or(1).max(1);
    let plots = trained(study, 2).into_iter().map(|groups| curve_figure(&groups, window));
    Plot::all(plots, "no run has accuracies of two epochs")
}

/// Settings whose runs have at least some epochs.
fn trained<'a>(study: &FigureRuns<'a>, epochs: usize) -> Vec<Vec<PanelRuns<'a>>> {
    study.together(MOST, |series| series.runs.iter().any(|run| run.val_accuracies.len() >= epochs))
}

/// A series's curve: epoch, how many runs have it, mean and SD, in percent.
fn curve(series: &Series<'_>, window: usize) -> Vec<(f64, usize, f64, f64)> {
    let smoothed: Vec<Vec<f64>> = series.runs.iter().map(|run| rolling_mean(&run.val_accuracies, window)).collect();
    let epochs = smoothed.iter().map(Vec::len).max().unwrap_or(0);
    let at = |epoch: usize| {
        let values: Vec<f64> = smoothed.iter().filter_map(|run| run.get(epoch)).map(|value| value * 100.0).collect();
        let spread = sample_sd(&values).unwrap_or(0.0);
        Some(((epoch + 1) as f64, values.len(), mean(&values)?, spread))
    };
    (0..epochs).filter_map(at).collect()
}

fn curve_figure(groups: &[PanelRuns<'_>], window: usize) -> Plot {
    let mut csv = series_csv(&["epoch", "n", "mean", "sd"]);
    let mut figure = Figure::new(format!("Learning curves: {}", groups[0].title()), groups.len());
    let mut cut = None;
    for group in groups {
        let (panel, from) = curve_panel(group, groups.len() == 1, window, &mut csv);
        figure.panels.push(panel);
        cut = cut.or(from);
    }
    figure.legend = legend(groups, Sample::Line);
    figure.legend.push(LegendEntry::new("mean peak", Sample::Dot(ring(Ink::Text))));
    figure.legend.push(LegendEntry::new("mean final", Sample::Dot(square(Ink::Text))));
    figure.notes.push("Rings lie at the mean epoch of the peaks.".into());
    let several = groups.iter().any(|group| group.series.iter().any(|series| series.runs.len() > 1));
    if several {
        figure.notes.push("Bands: mean ± 1 sample SD over runs.".into());
    }
    let few = |series: &Series<'_>| (2..=FEW_RUNS).contains(&series.runs.len());
    if groups.iter().any(|group| group.series.iter().any(few)) {
        figure.notes.push("Thin: single runs.".into());
    }
    if window > 1 {
        figure.notes.push(format!("Rolling mean over {window} epochs."));
    }
    if cut.is_some() {
        figure.notes.push("The first epochs lie below the axis.".into());
    }
    Plot { name: format!("curves-{}", groups[0].slug()), figure, csv }
}

fn curve_panel(group: &PanelRuns<'_>, alone: bool, window: usize, csv: &mut Csv) -> (Panel, Option<f64>) {
    let (mut bands, mut thin, mut lines, mut points) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut heights = Vec::new();
    let mut late = f64::INFINITY;
    for series in &group.series {
        let curve = curve(series, window);
        for (epoch, n, mean, sd) in curve.iter().copied() {
            group.tell(csv, series, [epoch.into(), n.into(), (mean / 100.0).into(), (sd / 100.0).into()]);
        }
        // No accuracy is outside, whatever a spread says.
        heights.extend(curve.iter().flat_map(|(_, _, mean, sd)| [(mean - sd).max(0.0), (mean + sd).min(100.0)]));
        late = curve.iter().skip(curve.len() / 10).map(|(_, _, mean, sd)| mean - sd).fold(late, f64::min);
        if (2..=FEW_RUNS).contains(&series.runs.len()) {
            let alone = |run: &&RunRecord| {
                let smoothed = rolling_mean(&run.val_accuracies, window).into_iter().enumerate();
                smoothed.map(|(epoch, accuracy)| ((epoch + 1) as f64, accuracy * 100.0)).collect()
            };
            let runs = series.runs.iter().map(alone);
            thin.extend(runs.map(|points| Mark::Thin { points, look: series.look }));
        }
        if series.runs.len() > 1 {
            let points = curve.iter().map(|(epoch, _, mean, sd)| (*epoch, mean - sd, mean + sd)).collect();
            bands.push(Mark::Band { points, look: series.look });
        }
        let line = curve.iter().map(|(epoch, _, mean, _)| (*epoch, *mean)).collect();
        lines.push(Mark::Line { points: line, look: series.look });
        for (class, style, point) in ends(series) {
            heights.push(point.1);
            points.push(Mark::Dots { class, points: vec![point], style });
        }
    }
    let epochs = group.series.iter().flat_map(|it| it.runs.iter().map(|run| run.val_accuracies.len())).max();
    let epochs = epochs.unwrap_or(1);
    let lowest = heights.iter().copied().fold(f64::INFINITY, f64::min);
    // A long run spends few epochs far below; the rest needs the room.
    let from = (epochs >= 20 && late > lowest + 5.0).then_some(late);
    let shown = heights.into_iter().filter(|height| from.is_none_or(|from| *height >= from));
    let y = NumberAxis::new("Accuracy (%)", Scale::Linear, shown);
    let x = NumberAxis::new("Epoch", Scale::Whole, [1.0, epochs as f64]);
    let title = group.panel_title(alone);
    bands.extend(thin);
    bands.extend(lines);
    bands.extend(points);
    (Panel { title, x, y: Vertical::Numbers(y), marks: bands }, from)
}

fn ring(ink: Ink) -> Dot {
    Dot { ink, ..Dot::of(0, 3.0).shaped(Marker::Circle).hollow() }
}

fn square(ink: Ink) -> Dot {
    Dot { ink, ..Dot::of(0, 2.8).shaped(Marker::Square) }
}

/// The square and the ring of a series.
fn ends(series: &Series<'_>) -> impl Iterator<Item = (&'static str, Dot, (f64, f64))> {
    let ink = Ink::Series(series.look);
    let finished = || series.runs.iter().filter(|run| !run.val_accuracies.is_empty());
    let of =
        |value: &dyn Fn(&RunRecord) -> Option<f64>| mean(&finished().filter_map(|run| value(run)).collect::<Vec<_>>());
    let peak =
        of(&|run| run.peak_epoch().map(|epoch| epoch as f64)).zip(of(&|run| Some(run.best_val_accuracy * 100.0)));
    let last = of(&|run| Some(run.val_accuracies.len() as f64)).zip(of(&|run| Some(run.final_val_accuracy? * 100.0)));
    let peak = peak.map(|point| ("peak", ring(ink), point));
    last.map(|point| ("final", square(ink), point)).into_iter().chain(peak)
}

/// Peak and final accuracy of every series as bars.
pub(super) fn bars(study: &FigureRuns<'_>) -> Result<Vec<Plot>, String> {
    Plot::all(trained(study, 1).into_iter().map(|groups| bar_figure(&groups)), "no run has finished an epoch")
}

fn bar_figure(groups: &[PanelRuns<'_>]) -> Plot {
    let mut csv = series_csv(&["quantity", "n", "mean", "sd"]);
    let mut figure = Figure::new(format!("Peak and final accuracy: {}", groups[0].title()), groups.len());
    let mut tested = Vec::new();
    for group in groups {
        let verdicts = Verdicts::of(group);
        figure.panels.push(bar_panel(group, groups.len() == 1, &verdicts, &mut csv));
        tested.extend(verdicts.note());
    }
    tested.dedup();
    figure.legend = vec![
        LegendEntry::new("peak: best epoch of each run", Sample::Bar { look: 0, hollow: false }),
        LegendEntry::new("final: last epoch", Sample::Bar { look: 0, hollow: true }),
    ];
    figure.notes.push("Whiskers: ± 1 sample SD over runs.".into());
    figure.notes.extend(tested);
    Plot { name: format!("peak-final-{}", groups[0].slug()), figure, csv }
}

fn bar_panel(group: &PanelRuns<'_>, alone: bool, verdicts: &Verdicts, csv: &mut Csv) -> Panel {
    let mut rows = Vec::new();
    let mut stars = Vec::new();
    for (row, series) in group.series.iter().enumerate() {
        let peaks = series.runs.iter().map(|run| run.best_val_accuracy).collect();
        let finals = series.runs.iter().filter_map(|run| run.final_val_accuracy).collect();
        for (quantity, values, offset) in [("peak", peaks, -0.19), ("final", finals, 0.19)] {
            let values: Vec<f64> = values;
            let Some(middle) = mean(&values) else { continue };
            let spread = sample_sd(&values);
            group.tell(csv, series, [quantity.into(), values.len().into(), middle.into(), spread.into()]);
            let (y, end) = (row as f64 + offset, (middle + spread.unwrap_or(0.0)) * 100.0);
            stars.extend(verdicts.stars(quantity, row).map(|text| Mark::Stars { x: end, y, text }));
            rows.push((y, middle * 100.0, spread.unwrap_or(0.0) * 100.0, series.look, offset > 0.0));
        }
    }
    let ends = rows.iter().flat_map(|(_, middle, spread, ..)| [middle - spread, middle + spread]);
    let mut sorted: Vec<f64> = ends.clone().collect();
    sorted.sort_by(f64::total_cmp);
    let mut x = NumberAxis::new("Accuracy (%)", Scale::Linear, ends);
    // Bars need a beginning: a round number a good way below the shortest.
    let range = x.span.high - x.span.low;
    let lowest = percentile(&sorted, 0.0).unwrap_or(0.0);
    x.span.low = (((lowest - range * 0.35) / 5.0).floor() * 5.0).max(0.0);
    x.span.high = x.span.high.min(100.0).max(x.span.low + 1.0);
    if !stars.is_empty() {
        x.span.high += (x.span.high - x.span.low) * 0.1;
    }
    let from = x.span.low;
    let mut marks = Vec::new();
    for (y, middle, spread, look, hollow) in rows {
        marks.push(Mark::Bar { from, to: middle, y, thickness: 0.34, look, hollow });
        if spread > 0.0 {
            marks.push(Mark::Spread { low: (middle - spread).max(from), high: middle + spread, y, look: 7 });
        }
    }
    if from > 0.0 {
        x.title = format!("Accuracy (%), from {}", number::label(from));
    }
    marks.extend(stars);
    let names = group.series.iter().map(Series::label_with_n).collect();
    Panel { title: group.panel_title(alone), x, y: Vertical::Names(names), marks }
}

/// What paired tests say of the bars of a panel: each series against the plain baseline on the seeds that both have, peaks and
/// finals as families of their own.
struct Verdicts {
    /// The names of the baselines, each with those that it is most like; empty when there is none to compare with.
    against: Vec<String>,
    /// By quantity, then by row; corrected.
    p_values: [(&'static str, Vec<Option<f64>>); 2],
}

impl Verdicts {
    fn of(group: &PanelRuns<'_>) -> Self {
        let baseline =
            |series: &Series<'_>| group.baseline_of(series).filter(|baseline| series.is_another_than(baseline));
        let family = |of: fn(&RunRecord) -> Option<f64>| -> Vec<Option<f64>> {
            let against = |series: &Series<'_>| {
                let baseline = baseline(series)?;
                let pairs = series.runs.iter().filter_map(|run| {
                    let other = baseline.runs.iter().find(|other| other.seed == run.seed)?;
                    Some(of(run)? - of(other)?)
                });
                Some(paired_t_test(&pairs.collect::<Vec<_>>())?.p)
            };
            holm(&group.series.iter().map(against).collect::<Vec<_>>())
        };
        let mut against: Vec<String> =
            group.series.iter().filter_map(|series| Some(baseline(series)?.label.clone())).collect();
        against.sort();
        against.dedup();
        Self {
            against,
            p_values: [
                ("peak", family(|run| Some(run.best_val_accuracy).filter(|best| best.is_finite()))),
                ("final", family(|run| run.final_val_accuracy)),
            ],
        }
    }

    fn stars(&self, quantity: &str, row: usize) -> Option<&'static str> {
        let (_, family) = self.p_values.iter().find(|(name, _)| *name == quantity)?;
        match family.get(row).copied().flatten()? {
            p if p < 0.001 => Some("***"),
            p if p < 0.01 => Some("**"),
            p if p < 0.05 => Some("*"),
            _ => None,
        }
    }

    /// What the stars mean; none where nothing was tested.
    fn note(&self) -> Option<String> {
        let against = match self.against.as_slice() {
            [one] => one,
            _ => "the plain baseline that is most like it",
        };
        let tests = self.p_values.iter().map(|(_, family)| family.iter().flatten().count()).max().unwrap_or(0);
        let about = "paired t test by seed, Holm over the bars of a kind in a panel";
        (tests > 0).then(|| format!("* p < .05, ** p < .01, *** p < .001 against {against}: {about}."))
    }
}
