//! Figures from results. (being written)

use super::RunRecord;

/// A drawn figure.
#[derive(Debug, Clone)]
pub struct NamedFigure {
    /// Its name, good for a file: `curves-cifar100-sym40`.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The picture.
    pub svg: String,
    /// Its data, tidy.
    pub csv: String,
}

/// What is drawn, and how. `Default` draws all that there is data for, at column width, light, complete groups only.
#[derive(Debug, Clone, Default)]
pub struct FigureOptions {
    /// Draw groups that lack a seed.
    pub allow_partial: bool,
}

/// All figures that there is data for.
pub fn for_study(_runs: &[RunRecord], _options: &FigureOptions) -> Vec<NamedFigure> {
    Vec::new()
}
