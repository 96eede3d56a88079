//! Discounted moments of rewards: how many, their mean, and how far they lie around it.

use serde::{Deserialize, Serialize};

/// Discounted count, mean, and sum of squared deviations from the mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) mean: f64,
    pub(super) squares: f64,
}

impl Moments {
    pub(super) fn fade(&mut self, discount: f64) {
        self.count *= discount;
        self.squares *= discount;
    }

    /// Welford's update (1962): equal rewards leave exactly no variance.
    pub(super) fn add(&mut self, reward: f64) {
        self.count += 1.0;
        let deviation = reward - self.mean;
        self.mean += deviation / self.count;
        self.squares += deviation * (reward - self.mean);
    }

    pub(super) fn variance(&self) -> f64 {
        if self.count > 0.0 { self.squares / self.count } else { 0.0 }
    }

    pub(super) fn is_sound(&self) -> bool {
        let (count, squares) = (self.count, self.squares);
        count.is_finite() && count >= 0.0 && self.mean.is_finite() && squares.is_finite() && squares >= 0.0
    }
}
