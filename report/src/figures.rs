//! Figures from results, as SVG with the data beside them: what the reference draws, and strips for any study.
//!
//! [`draw`] groups runs by what they are, asks every kind of figure for what it can make of them, and says what is missing.
//! A kind turns runs into a `Figure`, which is axes, marks and a legend (`figure.rs`); `layout.rs` puts that on paper with
//! measured text; `drawing.rs` writes SVG, `pdf.rs` PDF, and
//! `picture.rs` makes a PNG that needs no font of the machine. Nothing is
//! drawn at random, so equal results give equal files.

mod comparisons;
mod control_health;
mod curves;
mod drawing;
mod episodes;
mod figure;
mod incumbent_path;
mod layout;
mod lettering;
mod looks;
mod palette;
mod pdf;
mod picture;
mod scale;
mod series;
mod smoothing;
mod themed;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use incumbent_path::{PathPoint, incumbent_path};
pub use palette::Theme;
pub(crate) use series::all_looks;
pub use series::{RunLook, run_looks};
pub(crate) use themed::with_both_themes;

use self::drawing::{Drawing, Letters};
use self::figure::Figure;
use self::looks::Looks;
use self::series::FigureRuns;
use crate::csv::Csv;
use crate::record::RunRecord;

/// The size of most text, in points; titles are a little larger.
pub const FONT_SIZE: f64 = layout::FONT_SIZE;
/// A column of a two-column page, in millimetres.
pub const COLUMN_MM: f64 = 85.0;
/// The whole width of a page's text, in millimetres.
pub const PAGE_MM: f64 = 175.0;

/// A kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// Accuracy by epoch.
    Curves,
    /// Peak and final accuracy as bars.
    PeakFinal,
    /// The share of runs that pick each arm.
    Arms,
    /// Rewards by arm.
    Rewards,
    /// Picked noise against accuracy.
    Sigma,
    /// Norms of updates.
    Norms,
    /// Seconds of an epoch over the plain baseline.
    Overhead,
    /// Accuracies on corrupted training examples.
    Diagnostics,
    /// A dot for each run.
    Strips,
    /// Whether controllers learn.
    ControlHealth,
}

impl FigureKind {
    /// All of them, in the order in which they are drawn.
    pub const ALL: [Self; 10] = [
        Self::Curves,
        Self::PeakFinal,
        Self::Arms,
        Self::Rewards,
        Self::Sigma,
        Self::Norms,
        Self::Overhead,
        Self::Diagnostics,
        Self::Strips,
        Self::ControlHealth,
    ];

    /// The name on the command line, and the beginning of the file's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Curves => "curves",
            Self::PeakFinal => "peak-final",
            Self::Arms => "arms",
            Self::Rewards => "rewards",
            Self::Sigma => "sigma",
            Self::Norms => "norms",
            Self::Overhead => "overhead",
            Self::Diagnostics => "diagnostics",
            Self::Strips => "strips",
            Self::ControlHealth => "control-health",
        }
    }

    fn plots(self, runs: &[RunRecord], looks: &mut Looks, options: &FigureOptions) -> Result<Vec<Plot>, String> {
        let study = &FigureRuns::of(runs, options.allow_partial, looks);
        match self {
            Self::Curves => curves::curves(study, options),
            Self::PeakFinal => curves::bars(study),
            Self::Arms => episodes::arm_selection(study, options),
            Self::Rewards => episodes::rewards(study, options),
            Self::Sigma => episodes::noise_against_accuracy(study),
            Self::Norms => episodes::update_norms(study),
            Self::Overhead => comparisons::overhead(study, looks),
            Self::Diagnostics => comparisons::diagnostics(study, looks, options),
            Self::Strips => comparisons::strips(study, options),
            Self::ControlHealth => control_health::control_health(study),
        }
    }
}

/// What is drawn, and how. The default draws all that there is data for, at column width, light, whole groups only.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureOptions {
    /// The kinds to draw; empty draws all that there is data for.
    pub kinds: Vec<FigureKind>,
    /// The width in millimetres.
    pub width_mm: f64,
    /// The size of most text in points.
    pub font_size: f64,
    pub theme: Theme,
    /// Epochs of the learning curves' rolling mean; the reference takes 5.
    pub smooth: Option<usize>,
    /// Settings that the strips are grouped by; empty groups runs by what they are.
    pub group_by: Vec<String>,
    /// Draw groups that lack a seed or an epoch.
    pub allow_partial: bool,
}

impl Default for FigureOptions {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            width_mm: COLUMN_MM,
            font_size: FONT_SIZE,
            theme: Theme::Light,
            smooth: None,
            group_by: Vec::new(),
            allow_partial: false,
        }
    }
}

/// A figure and its data, as files hold them.
#[derive(Debug, Clone)]
pub struct NamedFigure {
    /// Its name, good for a file: `curves-cifar100-sym40`.
    pub name: String,
    /// What it shows.
    pub title: String,
    pub svg: String,
    /// Its data, tidy, in full precision.
    pub csv: String,
}

/// A figure together with what pictures of it are made from.
#[derive(Debug, Clone)]
pub struct DrawnFigure {
    pub named: NamedFigure,
    drawing: Drawing,
}

/// What came of drawing.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    pub figures: Vec<DrawnFigure>,
    /// Kinds that there is no data for, with what is missing.
    pub without_data: Vec<(FigureKind, String)>,
    /// Groups that lack a seed or an epoch, in words.
    pub incomplete: Vec<String>,
}

/// What a kind of figure makes of a study.
struct Plot {
    name: String,
    figure: Figure,
    csv: Csv,
}

impl Plot {
    /// All of a kind, or what is missing where there are none.
    fn all(plots: impl IntoIterator<Item = Self>, missing: &str) -> Result<Vec<Self>, String> {
        let plots: Vec<Self> = plots.into_iter().collect();
        if plots.is_empty() { Err(missing.into()) } else { Ok(plots) }
    }
}

/// Draws figures.
pub fn draw(runs: &[RunRecord], options: &FigureOptions) -> Drawn {
    let mut looks = Looks::default();
    let incomplete = FigureRuns::of(runs, options.allow_partial, &mut looks).incomplete;
    let mut drawn = Drawn { incomplete, ..Drawn::default() };
    let kinds = if options.kinds.is_empty() { &FigureKind::ALL[..] } else { &options.kinds };
    for kind in kinds {
        match kind.plots(runs, &mut looks, options) {
            Ok(plots) => {
                for plot in plots {
                    let name = unused(plot.name.clone(), &drawn.figures);
                    drawn.figures.push(finished(plot, name, options));
                }
            }
            Err(missing) => {
                // With what was left out it may be drawn: then that is the reason.
                let partial = FigureOptions { allow_partial: true, ..options.clone() };
                let is_partial = !options.allow_partial && kind.plots(runs, &mut looks, &partial).is_ok();
                let reason = "every group that has the data lacks a seed or an epoch";
                drawn.without_data.push((*kind, if is_partial { reason.into() } else { missing }));
            }
        }
    }
    drawn
}

/// All figures that there is data for.
pub fn for_study(runs: &[RunRecord], options: &FigureOptions) -> Vec<NamedFigure> {
    draw(runs, options).figures.into_iter().map(|figure| figure.named).collect()
}

fn finished(plot: Plot, name: String, options: &FigureOptions) -> DrawnFigure {
    let drawing = layout::lay_out(&plot.figure, options.width_mm, options.font_size, options.theme);
    let (title, svg, csv) = (plot.figure.title, drawing.svg(Letters::Text), plot.csv.into_text());
    DrawnFigure { named: NamedFigure { name, title, svg, csv }, drawing }
}

/// A name that no other figure has, without what does not belong into the name of a file.
fn unused(name: String, others: &[DrawnFigure]) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let name: String = name.chars().map(safe).collect();
    let name = name.trim_end_matches('-').to_owned();
    let taken = |name: &str| others.iter().any(|other| other.named.name == name);
    match taken(&name) {
        false => name,
        true => (2..).map(|number| format!("{name}-{number}")).find(|name| !taken(name)).unwrap_or(name),
    }
}
