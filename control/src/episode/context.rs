//! The context of an episode: whether the loss has lately been falling, level or rising.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{EpisodeError, UnknownChoice};

/// What a contextual controller is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextMode {
    /// Nothing.
    #[default]
    None,
    /// The trend of the last episodes' end losses.
    Trend,
}

impl ContextMode {
    /// `none` or `trend`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Trend => "trend",
        }
    }
}

impl FromStr for ContextMode {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "trend" => Ok(Self::Trend),
            _ => Err(UnknownChoice { field: "context_mode", choices: "['none', 'trend']", given: text.to_owned() }),
        }
    }
}

/// The three contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrendBucket {
    /// The loss falls.
    Improving,
    /// The loss is level, or too little is known.
    Stable,
    /// The loss rises.
    Worsening,
}

impl TrendBucket {
    /// The names of the contexts, in the order that their seeds depend on.
    pub const NAMES: [&'static str; 3] = ["improving", "stable", "worsening"];

    /// `improving`, `stable` or `worsening`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Improving => Self::NAMES[0],
            Self::Stable => Self::NAMES[1],
            Self::Worsening => Self::NAMES[2],
        }
    }
}

/// How contexts are found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextConfig {
    /// Whether there are contexts at all.
    pub mode: ContextMode,
    /// How many of the last episodes are looked at; at least 1. With 1 the trend is always stable.
    pub trend_window: usize,
    /// Mean change for each episode up to which the loss counts as level; not negative.
    pub trend_epsilon: f64,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self { mode: ContextMode::None, trend_window: 3, trend_epsilon: 1e-3 }
    }
}

impl ContextConfig {
    /// Checks the ranges, in the reference's order.
    pub fn validate(&self) -> Result<(), EpisodeError> {
        if self.trend_window == 0 {
            return Err(EpisodeError::TrendWindow);
        }
        if self.trend_epsilon < 0.0 {
            return Err(EpisodeError::TrendEpsilon);
        }
        if !self.trend_epsilon.is_finite() {
            return Err(EpisodeError::TrendEpsilonNotFinite);
        }
        Ok(())
    }

    /// The context after an episode history whose newest end loss comes first; `None` when there are no contexts.
    pub fn resolve(&self, newest_first: impl Iterator<Item = f64>) -> Option<TrendBucket> {
        if self.mode == ContextMode::None {
            return None;
        }
        let mut window = newest_first.take(self.trend_window);
        let Some(last) = window.next() else {
            return Some(TrendBucket::Stable);
        };
        let (first, intervals) = window.fold((last, 0u32), |(_, intervals), loss| (loss, intervals + 1));
        if intervals == 0 {
            return Some(TrendBucket::Stable);
        }
        let mean_change = (last - first) / f64::from(intervals);
        Some(if mean_change < -self.trend_epsilon {
            TrendBucket::Improving
        } else if mean_change > self.trend_epsilon {
            TrendBucket::Worsening
        } else {
            TrendBucket::Stable
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(window: usize, epsilon: f64, oldest_first: &[f64]) -> &'static str {
        let config = ContextConfig { mode: ContextMode::Trend, trend_window: window, trend_epsilon: epsilon };
        config.resolve(oldest_first.iter().rev().copied()).map_or("none", TrendBucket::name)
    }

    #[test]
    fn the_trend_is_the_mean_change_over_the_window() {
        assert_eq!(bucket(3, 1e-3, &[]), "stable");
        assert_eq!(bucket(3, 1e-3, &[1.0]), "stable");
        assert_eq!(bucket(3, 1e-3, &[1.0, 0.5]), "improving");
        assert_eq!(bucket(3, 1e-3, &[9.0, 1.0, 0.5, 1.1]), "worsening");
        assert_eq!(bucket(1, 0.0, &[1.0, 0.5]), "stable", "one episode has no trend");
    }

    #[test]
    fn the_dead_zone_includes_its_edges() {
        assert_eq!(bucket(2, 0.5, &[1.0, 0.5]), "stable");
        assert_eq!(bucket(2, 0.5, &[0.5, 1.0]), "stable");
        assert_eq!(bucket(2, 0.25, &[0.5, 1.0]), "worsening");
    }
}
