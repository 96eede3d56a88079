//! How far the logarithm of the loss of a fixed batch of training examples fell from before an episode to after it.
//!
//! The loss of a training step is that of one batch, and batches differ more than an episode changes the model: the reference's
//! reward compares the first batch of an episode with later ones, and is mostly that noise. A batch that stays the same has none of
//! it. It is evaluated as in an evaluation, without augmentation and dropout, once for each episode: the loss after one is that before the
//! next. Wu et al. (2018, "Understanding short-horizon bias in stochastic meta-optimization") say what such
//! a reward does not see: what a learning rate is good for later. `credit_episodes` looks further.

use super::log_loss_drop::{CLIP_MAX, CLIP_MIN, EPSILON};
use super::rule::{check_bounds, log_loss};
use super::{EpisodeLosses, LoggedEpisode, ProbeLosses, RewardBreakdown, RewardError, RewardRule};
use crate::list::ListEntry;
use crate::settings::{Bounds, NumberSetting, settings};

settings! {
    /// The fall of the logarithm of the loss of a probe batch.
    pub struct ProbeLossDrop {
        /// Training examples in the probe batch.
        examples: usize = PROBE_EXAMPLES,
        /// Added to losses before the logarithm; positive.
        epsilon: f64 = EPSILON,
        /// Smallest reward.
        clip_min: f64 = CLIP_MIN,
        /// Largest reward.
        clip_max: f64 = CLIP_MAX,
    }
}

const PROBE_EXAMPLES: NumberSetting = NumberSetting::integer(
    "probe_examples",
    64,
    Bounds::Positive,
    "Training examples whose loss is measured before and after each episode.",
);

impl ListEntry for ProbeLossDrop {
    const NAME: &'static str = "probe";
    const HELP: &'static str = "How far the logarithm of the loss of a fixed batch fell.";
}

impl RewardRule for ProbeLossDrop {
    fn check(&self) -> Result<(), RewardError> {
        check_bounds(self.clip_min, self.clip_max)
    }

    fn reward(&self, episode: EpisodeLosses<'_>, ema_alpha: f64) -> (f64, Result<RewardBreakdown, RewardError>) {
        let base = episode.probe().ok_or(RewardError::NoProbe).and_then(|ProbeLosses { before, after }| {
            Ok(log_loss("probe_loss_before", before, self.epsilon)?
                - log_loss("probe_loss_after", after, self.epsilon)?)
        });
        (episode.ema_end(ema_alpha), base.map(|base| self.breakdown(base)))
    }

    fn recompute(&self, logged: &LoggedEpisode) -> RewardBreakdown {
        let fall = |ProbeLosses { before, after }| (before + self.epsilon).ln() - (after + self.epsilon).ln();
        self.breakdown(logged.probe.map_or(f64::NAN, fall))
    }

    fn probe_examples(&self) -> Option<usize> {
        Some(self.examples)
    }
}

impl ProbeLossDrop {
    fn breakdown(&self, base: f64) -> RewardBreakdown {
        RewardBreakdown::new(base, 0.0, 0.0, [self.clip_min, self.clip_max])
    }
}
