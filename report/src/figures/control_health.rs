//! Control health as figures, one for each controller of an axis: how estimates compare with the bonus, who is picked, and how far
//! rewards tell the arms apart. [`crate::health`] does the arithmetic.

use aees_control::Axis;
use aees_control::controller::ArmEstimate;

use super::Plot;
use super::episodes::{arm_label, axis_words, look_of};
use super::figure::{Dot, Figure, LegendEntry, Mark, NumberAxis, Panel, Sample, Vertical};
use super::palette::Marker;
use super::scale::{Scale, Span};
use super::series::{FigureRuns, PanelRuns, Series, series_csv};
use crate::csv::Field;
use crate::health::{ControlHealth, entropy, mean_bonus, median, range, share};
use crate::statistics::{Interval, mean};

/// Looks of what is no arm: estimates, bonus, entropy.
const ESTIMATES: usize = 0;
const BONUS: usize = 6;
const ENTROPY: usize = 7;

pub(super) fn control_health(study: &FigureRuns<'_>) -> Result<Vec<Plot>, String> {
    let mut plots = Vec::new();
    for group in &study.groups {
        for series in &group.series {
            for axis in [Axis::Lr, Axis::Noise] {
                plots.extend(ControlHealth::of(&series.runs, axis).map(|health| plot(group, series, axis, &health)));
            }
        }
    }
    Plot::all(plots, "no run has rewarded episodes with more than one arm to pick from")
}

fn plot(group: &PanelRuns<'_>, series: &Series<'_>, axis: Axis, health: &ControlHealth) -> Plot {
    let mut csv = series_csv(&["axis", "quantity", "arm", "episode", "value", "low", "high"]);
    let episodes = health.runs.iter().map(|run| run.picks.len()).min().unwrap_or(0);
    let mut row = |quantity: &str, numbers: [Option<f64>; 5]| {
        let [arm, episode, value, low, high] = numbers.map(Field::from);
        group.tell(&mut csv, series, [axis.name().into(), quantity.into(), arm, episode, value, low, high]);
    };
    let mut rows = |quantity: &str, arm: Option<f64>, points: &[(f64, f64)]| {
        points.iter().for_each(|(episode, value)| row(quantity, [arm, Some(*episode), Some(*value), None, None]));
    };
    let mut figure = Figure::new(format!("Control health: {}, {}", group.full_title(), series.label_with_n()), 3);
    let by_episode = |of: &dyn Fn(usize) -> Option<f64>| -> Vec<(f64, f64)> {
        (0..episodes).filter_map(|episode| Some(((episode + 1) as f64, of(episode)?))).collect()
    };
    let of_estimates = |of: fn(&[ArmEstimate]) -> f64| {
        by_episode(&|episode| {
            let runs = health.runs.iter().filter_map(|run| run.estimates.get(episode)?.as_deref());
            median(&runs.map(of).collect::<Vec<_>>())
        })
    };
    let (estimates, bonus) = (of_estimates(range), of_estimates(mean_bonus));
    let progress = || NumberAxis::new("Episode", Scale::Whole, [1.0, episodes.max(2) as f64]);
    if !estimates.is_empty() {
        rows("value_range", None, &estimates);
        rows("mean_bonus", None, &bonus);
        let all = estimates.iter().chain(&bonus).map(|point| point.1);
        let y = NumberAxis::new("In units of the reward", Scale::Log, all);
        let marks = vec![Mark::Line { points: estimates, look: ESTIMATES }, Mark::Line { points: bonus, look: BONUS }];
        figure.panels.push(Panel { title: "What decides".into(), x: progress(), y: Vertical::Numbers(y), marks });
        figure.legend.push(LegendEntry::new("distance of the value estimates", Sample::Line(ESTIMATES)));
        figure.legend.push(LegendEntry::new("exploration bonus, or width of the belief", Sample::Line(BONUS)));
    }
    let window = (episodes / 8).max(2 * health.arms.len()).min(episodes.max(1));
    let of_picks = |of: &dyn Fn(&[usize]) -> Option<f64>| {
        by_episode(&|episode| {
            let runs = health.runs.iter().filter_map(|run| of(run.around(episode, window)));
            mean(&runs.collect::<Vec<_>>())
        })
    };
    let mut marks = vec![Mark::LevelAt { y: 1.0 / health.arms.len() as f64 }];
    for (arm, value) in health.arms.iter().enumerate() {
        let points = of_picks(&|picks| share(picks, arm));
        rows("share", Some(*value), &points);
        marks.push(Mark::Line { points, look: look_of(arm, axis) });
        figure.legend.push(LegendEntry::new(arm_label(axis, *value), Sample::Line(look_of(arm, axis))));
    }
    let points = of_picks(&|picks| entropy(picks, health.arms.len()));
    rows("entropy", None, &points);
    marks.push(Mark::Line { points, look: ENTROPY });
    figure.legend.push(LegendEntry::new("entropy of the picks", Sample::Line(ENTROPY)));
    let y = NumberAxis { title: "Share, entropy".into(), span: Span { scale: Scale::Linear, low: 0.0, high: 1.02 } };
    figure.panels.push(Panel { title: "Who is picked".into(), x: progress(), y: Vertical::Numbers(y), marks });

    let (mut marks, mut names, mut ends) = (vec![Mark::RuleAt { x: 0.0 }], Vec::new(), vec![0.0]);
    for (arm, value) in health.arms.iter().enumerate() {
        let Some(effect) = health.effect(arm) else { continue };
        let (place, look) = (names.len() as f64, look_of(arm, axis));
        let interval = effect.t_interval(0.95);
        let (low, high) = interval.map(|Interval { low, high }| (low, high)).unzip();
        row("effect", [Some(*value), None, Some(effect.mean), low, high]);
        if let Some(Interval { low, high }) = interval {
            marks.push(Mark::Spread { low, high, y: place, look });
            ends.extend([low, high]);
        }
        ends.push(effect.mean);
        let style = Dot::of(look, 2.6).shaped(Marker::Circle);
        marks.push(Mark::Dots { class: "effect", points: vec![(effect.mean, place)], style });
        names.push(arm_label(axis, *value));
    }
    let x = NumberAxis::new("Mean reward less that of all arms (SD of the noise)", Scale::Linear, ends);
    figure.panels.push(Panel { title: "What arms earn".into(), x, y: Vertical::Names(names), marks });
    figure.notes.push(format!(
        "Of the {}: {}. Lines: medians and means over runs, shares and entropy over {window} episodes; dashed: even picks. Bars: 95 % \
         intervals over runs.",
        axis_words(axis),
        health.verdict().words(),
    ));
    let name = format!("control-health-{}-{}-{}", group.slug(), series.label.to_lowercase(), axis.name());
    Plot { name, figure, csv }
}
