//! The trend of the loss: whether it has lately been falling, level or rising.

use super::ContextRule;
use crate::list::ListEntry;
use crate::settings::{Bounds, NumberSetting, settings};

settings! {
    /// Contexts by the mean change of the episodes' end losses over a window.
    pub struct Trend {
        /// How many of the last episodes are looked at; at least 1. With 1 the trend is always stable.
        window: usize = WINDOW,
        /// Mean change for each episode up to which the loss counts as level; not negative.
        epsilon: f64 = EPSILON,
    }
}

const WINDOW: NumberSetting = NumberSetting::integer(
    "context_trend_window",
    3,
    Bounds::Positive,
    "Episode ends that the trend of the loss is read from.",
);
const EPSILON: NumberSetting = NumberSetting::real(
    "context_trend_epsilon",
    1e-3,
    Bounds::NonNegative,
    "Slope of the loss, per episode, up to which it counts as stable.",
);

impl ListEntry for Trend {
    const NAME: &'static str = "trend";
    const HELP: &'static str = "Improving, stable or worsening.";
}

const IMPROVING: usize = 0;
const STABLE: usize = 1;
const WORSENING: usize = 2;

impl ContextRule for Trend {
    fn buckets(&self) -> &'static [&'static str] {
        &["improving", "stable", "worsening"]
    }

    fn bucket(&self, newest_first: &mut dyn Iterator<Item = f64>) -> usize {
        let mut window = newest_first.take(self.window);
        // Where too little is known the loss counts as level.
        let Some(last) = window.next() else {
            return STABLE;
        };
        let (first, intervals) = window.fold((last, 0u32), |(_, intervals), loss| (loss, intervals + 1));
        if intervals == 0 {
            return STABLE;
        }
        let mean_change = (last - first) / f64::from(intervals);
        if mean_change < -self.epsilon {
            IMPROVING
        } else if mean_change > self.epsilon {
            WORSENING
        } else {
            STABLE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(window: usize, epsilon: f64, oldest_first: &[f64]) -> &'static str {
        let trend = Trend { window, epsilon };
        trend.buckets()[trend.bucket(&mut oldest_first.iter().rev().copied())]
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
