//! A figure as values: panels with axes and marks, and a legend. `layout.rs` puts them on paper.

use super::palette::{Ink, Marker, marker};
use super::scale::{Scale, Span};

/// A whole figure.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Figure {
    pub(super) title: String,
    /// Whether the title stands above the panels, whose own then say only what differs.
    pub(super) headed: bool,
    pub(super) panels: Vec<Panel>,
    pub(super) legend: Vec<LegendEntry>,
    /// What a reader must know to read it right, below the legend.
    pub(super) notes: Vec<String>,
}

impl Figure {
    /// A figure that will have some panels.
    pub(super) fn new(title: String, panels: usize) -> Self {
        Self { title, headed: panels > 1, ..Self::default() }
    }
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) x: NumberAxis,
    pub(super) y: Vertical,
    pub(super) marks: Vec<Mark>,
}

/// An axis of numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumberAxis {
    pub(super) title: String,
    pub(super) span: Span,
}

impl NumberAxis {
    pub(super) fn new(title: impl Into<String>, scale: Scale, values: impl IntoIterator<Item = f64>) -> Self {
        Self { title: title.into(), span: Span::around(scale, values) }
    }
}

/// The upright axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Vertical {
    /// Numbers.
    Numbers(NumberAxis),
    /// Names from the top down; the first lies at 0, the next at 1.
    Names(Vec<String>),
}

/// Something drawn from data. Coordinates are the axes'.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    /// A line; it breaks where a number is missing.
    Line { points: Vec<(f64, f64)>, look: usize },
    /// A line of one run behind that of their mean.
    Thin { points: Vec<(f64, f64)>, look: usize },
    /// What a test said of a bar, right of its end.
    Stars { x: f64, y: f64, text: &'static str },
    /// The room between two lines: x, low, high.
    Band { points: Vec<(f64, f64, f64)>, look: usize },
    /// Markers of their own.
    Dots { class: &'static str, points: Vec<(f64, f64)>, style: Dot },
    /// A bar from one x to another.
    Bar { from: f64, to: f64, y: f64, thickness: f64, look: usize, hollow: bool },
    /// A spread along x.
    Spread { low: f64, high: f64, y: f64, look: usize },
    /// A spread along x without ends, beside one along y.
    SpreadAcross { low: f64, high: f64, y: f64, look: usize },
    /// A spread along y.
    UprightSpread { x: f64, low: f64, high: f64, look: usize },
    /// A line of reference across the panel at an x.
    RuleAt { x: f64 },
    /// A line of reference across the panel at a y.
    LevelAt { y: f64 },
}

/// How a dot looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dot {
    pub(super) marker: Marker,
    pub(super) ink: Ink,
    pub(super) radius: f64,
    pub(super) hollow: bool,
    pub(super) opacity: f64,
}

impl Dot {
    /// The marker of a look.
    pub(super) fn of(look: usize, radius: f64) -> Self {
        Self { marker: marker(look), ink: Ink::Series(look), radius, hollow: false, opacity: 1.0 }
    }

    pub(super) fn shaped(self, marker: Marker) -> Self {
        Self { marker, ..self }
    }

    pub(super) fn hollow(self) -> Self {
        Self { hollow: true, ..self }
    }

    pub(super) fn faint(self) -> Self {
        Self { opacity: 0.55, ..self }
    }
}

/// One line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LegendEntry {
    pub(super) label: String,
    pub(super) sample: Sample,
}

impl LegendEntry {
    pub(super) fn new(label: impl Into<String>, sample: Sample) -> Self {
        Self { label: label.into(), sample }
    }
}

/// What stands before a legend's words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sample {
    Line(usize),
    Dot(Dot),
    Bar { look: usize, hollow: bool },
    Reference,
}
