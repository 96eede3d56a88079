//! The incumbent's path: the mean of each candidate of a loop by iteration, and a step where one took the incumbent's place.

use super::figure::{Dot, Figure, LegendEntry, Mark, NumberAxis, Panel, Sample, Vertical};
use super::palette::Marker;
use super::scale::Scale;
use super::{FigureOptions, NamedFigure, PAGE_MM, Plot, finished};
use crate::csv::Csv;

/// Where a candidate lies.
#[derive(Debug, Clone, PartialEq)]
pub struct PathPoint {
    pub iteration: u64,
    /// What became of it.
    pub verdict: &'static str,
    /// The mean of the metric over its seeds.
    pub mean: f64,
    /// Half of the 95 % interval of its difference to the incumbent.
    pub half_width: Option<f64>,
    /// Whether it was the incumbent from then on.
    pub is_incumbent: bool,
}

/// The look of candidates, and that of incumbents.
const TRIED: usize = 0;
const KEPT: usize = 2;

/// The figure; none without a candidate.
pub fn incumbent_path(points: &[PathPoint], metric: &str) -> Option<NamedFigure> {
    let last = points.last().filter(|_| points.len() > 1)?.iteration as f64;
    let mut csv = Csv::new(&["iteration", "verdict", "mean", "half_width", "incumbent"]);
    for point in points {
        let half = point.half_width.map(|half| half.to_string()).unwrap_or_default();
        let (iteration, mean) = (point.iteration.to_string(), point.mean.to_string());
        csv.row([&iteration, point.verdict, &mean, &half, &point.is_incumbent.to_string()]);
    }
    let place = |point: &PathPoint| (point.iteration as f64, point.mean);
    let incumbents: Vec<&PathPoint> = points.iter().filter(|point| point.is_incumbent).collect();
    let mut path: Vec<(f64, f64)> = Vec::new();
    for point in &incumbents {
        let (x, y) = place(point);
        path.extend(path.last().map(|(_, before)| (x, *before)));
        path.push((x, y));
    }
    path.extend(path.last().map(|(_, y)| (last, *y)));
    // What is far worse than all incumbents would leave the path no room.
    let low = path.iter().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let high = path.iter().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max);
    let room = if high > low { 0.5 * (high - low) } else { f64::INFINITY };
    let is_near = |point: &&PathPoint| (low - room..=high + room).contains(&point.mean);
    let tried: Vec<(f64, f64)> = points.iter().filter(|point| !point.is_incumbent).filter(is_near).map(place).collect();
    let far = points.iter().filter(|point| !is_near(point)).count();
    let spread = |point: &&PathPoint| {
        let ((x, y), half) = (place(point), point.half_width?);
        Some(Mark::UprightSpread { x, low: y - half, high: y + half, look: KEPT })
    };
    let heights: Vec<f64> = path.iter().chain(&tried).map(|(_, y)| *y).collect();
    let style = Dot::of(TRIED, 1.8).shaped(Marker::Circle).hollow();
    let mut marks =
        vec![Mark::Dots { class: "candidate", points: tried, style }, Mark::Line { points: path, look: KEPT }];
    marks.extend(incumbents.iter().filter_map(spread));
    let kept = Dot::of(KEPT, 2.6).shaped(Marker::Circle);
    let points = incumbents.iter().map(|point| place(point)).collect();
    marks.push(Mark::Dots { class: "incumbent", points, style: kept });
    let mut figure = Figure::new("The incumbent's path".into(), 1);
    figure.panels.push(Panel {
        title: "The incumbent's path".into(),
        x: NumberAxis::new("Iteration", Scale::Whole, [0.0, last]),
        y: Vertical::Numbers(NumberAxis::new(metric, Scale::Linear, heights)),
        marks,
    });
    figure.legend.push(LegendEntry::new("incumbent, with the 95 % interval of its difference", Sample::Line(KEPT)));
    figure.legend.push(LegendEntry::new("candidate", Sample::Dot(style)));
    if far > 0 {
        figure.notes.push(format!("{far} candidates lie outside of the axes."));
    }
    let options = FigureOptions { width_mm: PAGE_MM, ..FigureOptions::default() };
    Some(finished(Plot { name: "incumbent-path".into(), figure, csv }, "incumbent-path".into(), &options).named)
}
