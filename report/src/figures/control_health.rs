//! Control health as figures, one for each controller of an axis: how estimates compare with the bonus, who is picked, and how far
//! rewards tell the arms apart. [`crate::health`] does the arithmetic.

use aees_control::Axis;
use aees_control::controller::ArmEstimate;

use super::Plot;
use super::episodes::{arm_label, axis_name, axis_words, look_of};
use super::figure::{Dot, Figure, LegendEntry, Mark, NumberAxis, Panel, Sample, Vertical};
use super::palette::Marker;
use super::scale::{Scale, Span};
use super::series::{FigureRuns, PanelRuns, Series};
use crate::csv::Csv;
use crate::health::{ControlHealth, mean_bonus, median, range};
use crate::statistics::mean;

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
    if plots.is_empty() {
        Err("no run has rewarded episodes with more than one arm to pick from".into())
    } else {
        Ok(plots)
    }
}

fn plot(group: &PanelRuns<'_>, series: &Series<'_>, axis: Axis, health: &ControlHealth) -> Plot {
    let mut csv = Csv::new(&[
        "task",
        "label_noise",
        "optimizer",
        "condition",
        "axis",
        "quantity",
        "arm",
        "episode",
        "value",
        "low",
        "high",
    ]);
    let episodes = health.runs.iter().map(|run| run.picks.len()).min().unwrap_or(0);
    let mut row = |quantity: &str, arm: Option<f64>, episode: Option<usize>, [value, low, high]: [f64; 3]| {
        let place = group.cells(series).into_iter().chain([axis_name(axis).into(), quantity.into()]);
        let arm = arm.map_or_else(|| "".into(), Into::into);
        let episode = episode.map_or_else(|| "".into(), |episode| (episode + 1).into());
        csv.row(place.chain([arm, episode, value.into(), low.into(), high.into()]));
    };
    let mut figure = Figure::new(format!("Control health: {}, {}", group.full_title(), series.label_with_n()), 3);
    let over_runs = |of: &dyn Fn(&[ArmEstimate]) -> f64| -> Vec<(f64, f64)> {
        let at = |episode: usize| {
            let runs = health.runs.iter().filter_map(|run| run.estimates.get(episode)?.as_deref());
            Some(((episode + 1) as f64, median(&runs.map(of).collect::<Vec<_>>())?))
        };
        (0..episodes).filter_map(at).collect()
    };
    let (estimates, bonus) = (over_runs(&range), over_runs(&mean_bonus));
    let progress = || NumberAxis::new("Episode", Scale::Whole, [1.0, episodes.max(2) as f64]);
    if !estimates.is_empty() {
        for (quantity, points) in [("value_range", &estimates), ("mean_bonus", &bonus)] {
            for (episode, value) in points {
                row(quantity, None, Some(*episode as usize - 1), [*value, f64::NAN, f64::NAN]);
            }
        }
        let all = estimates.iter().chain(&bonus).map(|point| point.1);
        let y = NumberAxis::new("In units of the reward", Scale::Log, all);
        let marks = vec![Mark::Line { points: estimates, look: ESTIMATES }, Mark::Line { points: bonus, look: BONUS }];
        figure.panels.push(Panel { title: "What decides".into(), x: progress(), y: Vertical::Numbers(y), marks });
        figure.legend.push(LegendEntry::new("distance of the value estimates", Sample::Line(ESTIMATES)));
        figure.legend.push(LegendEntry::new("exploration bonus, or width of the belief", Sample::Line(BONUS)));
    }
    let window = (episodes / 8).max(2 * health.arms.len()).min(episodes.max(1));
    let mut marks = vec![Mark::LevelAt { y: 1.0 / health.arms.len() as f64 }];
    for (arm, value) in health.arms.iter().enumerate() {
        let around = |picks: &[usize], episode: usize| {
            let start = episode.saturating_sub(window / 2).min(picks.len().saturating_sub(window));
            let near = &picks[start..(start + window).min(picks.len())];
            near.iter().filter(|pick| **pick == arm).count() as f64 / near.len().max(1) as f64
        };
        let share = |episode| mean(&health.runs.iter().map(|run| around(&run.picks, episode)).collect::<Vec<_>>());
        let points: Vec<(f64, f64)> =
            (0..episodes).filter_map(|episode| Some(((episode + 1) as f64, share(episode)?))).collect();
        for (episode, (_, share)) in points.iter().enumerate() {
            row("share", Some(*value), Some(episode), [*share, f64::NAN, f64::NAN]);
        }
        marks.push(Mark::Line { points, look: look_of(arm, axis) });
        figure.legend.push(LegendEntry::new(arm_label(axis, *value), Sample::Line(look_of(arm, axis))));
    }
    let entropy = |episode: usize| {
        let runs = health.runs.iter().filter_map(|run| run.entropy_around(episode, window, health.arms.len()));
        mean(&runs.collect::<Vec<_>>())
    };
    let points: Vec<(f64, f64)> =
        (0..episodes).filter_map(|episode| Some(((episode + 1) as f64, entropy(episode)?))).collect();
    for (episode, (_, entropy)) in points.iter().enumerate() {
        row("entropy", None, Some(episode), [*entropy, f64::NAN, f64::NAN]);
    }
    marks.push(Mark::Line { points, look: ENTROPY });
    figure.legend.push(LegendEntry::new("entropy of the picks", Sample::Line(ENTROPY)));
    let y = NumberAxis { title: "Share, entropy".into(), span: Span { scale: Scale::Linear, low: 0.0, high: 1.02 } };
    figure.panels.push(Panel { title: "Who is picked".into(), x: progress(), y: Vertical::Numbers(y), marks });

    let (mut marks, mut names, mut ends) = (vec![Mark::RuleAt { x: 0.0 }], Vec::new(), vec![0.0]);
    for (arm, value) in health.arms.iter().enumerate() {
        let Some(effect) = health.effect(arm) else { continue };
        let (place, look) = (names.len() as f64, look_of(arm, axis));
        let interval = effect.t_interval(0.95);
        let [low, high] = interval.map_or([f64::NAN; 2], |interval| [interval.low, interval.high]);
        row("effect", Some(*value), None, [effect.mean, low, high]);
        if interval.is_some() {
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
    let name = format!("control-health-{}-{}-{}", group.slug(), series.label.to_lowercase(), axis_name(axis));
    Plot { name, figure, csv }
}
