//! What the controllers had learned after each episode, kept compactly until a result file is written.

use serde::{Deserialize, Serialize};

use crate::controller::{BucketedContextual, Controller, UcbStatistics};

/// The history of one controller. Controllers that learn nothing have none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum ControllerHistory {
    Silent,
    Ucb(UcbHistory),
    Bucketed(BucketedHistory),
}

/// Statistics after each episode. The lists by arm are flat: all arms of the first episode, then of the second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct UcbHistory {
    /// Episodes before the controller existed.
    pub(super) absent: usize,
    pub(super) mean_rewards: Vec<f64>,
    pub(super) counts: Vec<f64>,
    pub(super) warmup_counts: Vec<u64>,
    pub(super) updates: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BucketedHistory {
    pub(super) global_prior: UcbHistory,
    pub(super) buckets: Vec<BucketHistory>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BucketHistory {
    pub(super) statistics: UcbHistory,
    pub(super) visit_counts: Vec<u64>,
    pub(super) reward_sums: Vec<f64>,
    pub(super) distinct_arm_counts: Vec<usize>,
}

impl ControllerHistory {
    pub(super) fn new(controller: &Controller) -> Self {
        match controller {
            Controller::DiscountedUcb(_) => Self::Ucb(UcbHistory::default()),
            Controller::Bucketed(bucketed) => Self::Bucketed(BucketedHistory {
                global_prior: UcbHistory::default(),
                buckets: vec![BucketHistory::default(); bucketed.bucket_count()],
            }),
            Controller::Random(_) | Controller::Precomputed(_) => Self::Silent,
        }
    }

    pub(super) fn push(&mut self, controller: &Controller) {
        match (self, controller) {
            (Self::Ucb(history), Controller::DiscountedUcb(ucb)) => history.push(Some(ucb.statistics())),
            (Self::Bucketed(history), Controller::Bucketed(bucketed)) => history.push(bucketed),
            _ => {}
        }
    }

    /// The history that counts all updates.
    pub(super) fn overall(&self) -> Option<&UcbHistory> {
        match self {
            Self::Silent => None,
            Self::Ucb(history) => Some(history),
            Self::Bucketed(history) => Some(&history.global_prior),
        }
    }

    /// Whether a restored history belongs to this controller after this many episodes.
    pub(super) fn fits(&self, controller: &Controller, episodes: usize) -> bool {
        let n_arms = controller.n_arms();
        match (self, controller) {
            (Self::Ucb(history), Controller::DiscountedUcb(_)) => history.fits(n_arms, episodes),
            (Self::Bucketed(history), Controller::Bucketed(bucketed)) => {
                history.global_prior.fits(n_arms, episodes)
                    && history.buckets.len() == bucketed.bucket_count()
                    && history.buckets.iter().all(|bucket| bucket.fits(n_arms, episodes))
            }
            (Self::Silent, Controller::Random(_) | Controller::Precomputed(_)) => true,
            _ => false,
        }
    }
}

impl UcbHistory {
    fn push(&mut self, statistics: Option<&UcbStatistics>) {
        let Some(statistics) = statistics else {
            self.absent += 1;
            return;
        };
        self.mean_rewards.extend(statistics.mean_rewards());
        self.counts.extend_from_slice(statistics.counts());
        self.warmup_counts.extend_from_slice(statistics.warmup_counts());
        self.updates.push(statistics.total_updates());
    }

    /// Number of episodes, with those before the controller existed.
    pub(super) fn len(&self) -> usize {
        self.absent + self.updates.len()
    }

    fn fits(&self, n_arms: usize, episodes: usize) -> bool {
        let cells = self.updates.len() * n_arms;
        self.len() == episodes
            && [self.mean_rewards.len(), self.counts.len(), self.warmup_counts.len()] == [cells, cells, cells]
    }
}

impl BucketedHistory {
    fn push(&mut self, controller: &BucketedContextual) {
        self.global_prior.push(Some(controller.global_prior()));
        let visits = controller.visit_counts();
        let sums = controller.bucket_reward_sums();
        let arms = controller.distinct_arm_counts();
        for (index, (bucket, ((visits, sum), arms))) in
            self.buckets.iter_mut().zip(visits.zip(sums).zip(arms)).enumerate()
        {
            bucket.statistics.push(controller.bucket_statistics(index));
            bucket.visit_counts.push(visits);
            bucket.reward_sums.push(sum);
            bucket.distinct_arm_counts.push(arms);
        }
    }
}

impl BucketHistory {
    fn fits(&self, n_arms: usize, episodes: usize) -> bool {
        let lengths = [self.visit_counts.len(), self.reward_sums.len(), self.distinct_arm_counts.len()];
        self.statistics.fits(n_arms, episodes) && lengths == [episodes; 3]
    }
}
