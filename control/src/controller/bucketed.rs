//! A contextual bandit: one discounted UCB for each context, each starting from what all contexts together have taught.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ControllerError, DiscountedUcb, UcbConfig, UcbSnapshot, UcbStatistics};
use crate::rng::PythonRandom;

/// A bucket's seed is the controller's seed, plus this, plus the bucket's index.
const BUCKET_SEED_OFFSET: i128 = 1000;

/// A bandit for each context bucket, with a prior that sees every update.
///
/// The prior never selects, so it is statistics without random numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketedContextual {
    random_seed: Option<i64>,
    prior_from_global: bool,
    global_prior: UcbStatistics,
    buckets: Vec<Bucket>,
    active: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bucket {
    name: String,
    /// Made on the first visit, from the prior of that moment.
    controller: Option<DiscountedUcb>,
    visit_count: u64,
    reward_sum: f64,
    chosen: Vec<bool>,
}

/// A copy of a [`BucketedContextual`] for logs, under the reference's field names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketedSnapshot {
    /// Number of arms.
    pub n_arms: usize,
    /// The contexts, in order.
    pub bucket_names: Vec<String>,
    /// The context that selects and learns now.
    pub active_bucket_id: Option<String>,
    /// Whether a context starts from the prior.
    pub prior_from_global: bool,
    /// What all contexts together have taught.
    pub global_prior_state: UcbSnapshot,
    /// What each context has learned; none before its first visit.
    pub bucket_states: BTreeMap<String, Option<UcbSnapshot>>,
    /// Updates in each context.
    pub bucket_visit_counts: BTreeMap<String, u64>,
    /// Undiscounted sum of rewards in each context.
    pub bucket_reward_sums: BTreeMap<String, f64>,
    /// How many different arms each context has selected.
    pub bucket_distinct_arm_counts: BTreeMap<String, usize>,
}

impl BucketedContextual {
    /// A bandit that has seen nothing. Without a seed its ties cannot be reproduced. `prior_from_global` is true in the
    /// reference.
    pub fn new(
        n_arms: usize,
        bucket_names: &[&str],
        config: UcbConfig,
        random_seed: Option<i64>,
        prior_from_global: bool,
    ) -> Result<Self, ControllerError> {
        if n_arms == 0 {
            return Err(ControllerError::NoArms);
        }
        if bucket_names.is_empty() {
            return Err(ControllerError::NoBuckets);
        }
        if (1..bucket_names.len()).any(|i| bucket_names[..i].contains(&bucket_names[i])) {
            return Err(ControllerError::DuplicateBuckets);
        }
        let bucket = |name: &&str| Bucket {
            name: (*name).to_owned(),
            controller: None,
            visit_count: 0,
            reward_sum: 0.0,
            chosen: vec![false; n_arms],
        };
        Ok(Self {
            random_seed,
            prior_from_global,
            global_prior: UcbStatistics::new(n_arms, config)?,
            buckets: bucket_names.iter().map(bucket).collect(),
            active: None,
        })
    }

    /// Number of arms.
    pub fn n_arms(&self) -> usize {
        self.global_prior.n_arms()
    }

    /// What all contexts together have taught.
    pub fn global_prior(&self) -> &UcbStatistics {
        &self.global_prior
    }

    /// Whether a context starts from the prior.
    pub fn prior_from_global(&self) -> bool {
        self.prior_from_global
    }

    /// Number of contexts.
    pub fn bucket_count(&self) -> usize {
        self.buckets.len()
    }

    /// The names of the contexts, in order.
    pub fn bucket_names(&self) -> impl Iterator<Item = &str> {
        self.buckets.iter().map(|bucket| bucket.name.as_str())
    }

    /// What a context has learned, if it exists and was visited.
    pub fn bucket_statistics(&self, index: usize) -> Option<&UcbStatistics> {
        Some(self.buckets.get(index)?.controller.as_ref()?.statistics())
    }

    /// Updates in each context.
    pub fn visit_counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.buckets.iter().map(|bucket| bucket.visit_count)
    }

    /// Undiscounted sum of rewards in each context.
    pub fn bucket_reward_sums(&self) -> impl Iterator<Item = f64> + '_ {
        self.buckets.iter().map(|bucket| bucket.reward_sum)
    }

    /// How many different arms each context has selected.
    pub fn distinct_arm_counts(&self) -> impl Iterator<Item = usize> + '_ {
        self.buckets.iter().map(Bucket::distinct_arms)
    }

    /// Makes a context the one that selects and learns. Its first visit allocates its bandit.
    pub fn set_context(&mut self, name: &str) -> Result<(), ControllerError> {
        let index = self
            .buckets
            .iter()
            .position(|bucket| bucket.name == name)
            .ok_or_else(|| ControllerError::UnknownBucket(name.to_owned()))?;
        if self.buckets[index].controller.is_none() {
            let statistics = if self.prior_from_global {
                self.global_prior.clone()
            } else {
                UcbStatistics::new(self.n_arms(), *self.global_prior.config())?
            };
            let seed = self.random_seed.map(|seed| i128::from(seed) + BUCKET_SEED_OFFSET + index as i128);
            let random = PythonRandom::from_optional_seed(seed);
            self.buckets[index].controller = Some(DiscountedUcb::from_statistics(statistics, random));
        }
        self.active = Some(index);
        Ok(())
    }

    /// Lets the active context pick an arm.
    pub fn select(&mut self) -> Result<usize, ControllerError> {
        let bucket = self.active.and_then(|index| self.buckets.get_mut(index)).ok_or(ControllerError::NoContext)?;
        let arm = bucket.controller.as_mut().ok_or(ControllerError::NoContext)?.select();
        bucket.chosen[arm] = true;
        Ok(arm)
    }

    /// Feeds back a reward to the prior and to the active context.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        let bucket = self.active.and_then(|index| self.buckets.get_mut(index)).ok_or(ControllerError::NoContext)?;
        let controller = bucket.controller.as_mut().ok_or(ControllerError::NoContext)?;
        self.global_prior.update(arm, reward)?;
        controller.update(arm, reward)?;
        bucket.visit_count += 1;
        bucket.reward_sum += reward;
        Ok(())
    }

    /// A copy for logs.
    pub fn snapshot(&self) -> BucketedSnapshot {
        let named = |bucket: &Bucket| bucket.name.clone();
        BucketedSnapshot {
            n_arms: self.n_arms(),
            bucket_names: self.buckets.iter().map(named).collect(),
            active_bucket_id: self.active.and_then(|index| self.buckets.get(index)).map(named),
            prior_from_global: self.prior_from_global,
            global_prior_state: self.global_prior.snapshot(),
            bucket_states: self
                .buckets
                .iter()
                .map(|bucket| (named(bucket), bucket.controller.as_ref().map(DiscountedUcb::snapshot)))
                .collect(),
            bucket_visit_counts: self.buckets.iter().map(|bucket| (named(bucket), bucket.visit_count)).collect(),
            bucket_reward_sums: self.buckets.iter().map(|bucket| (named(bucket), bucket.reward_sum)).collect(),
            bucket_distinct_arm_counts: self
                .buckets
                .iter()
                .map(|bucket| (named(bucket), bucket.distinct_arms()))
                .collect(),
        }
    }

    /// Whether a restored controller fits this number of arms.
    pub(super) fn fits(&self, n_arms: usize) -> bool {
        let active_exists = self.active.is_none_or(|index| index < self.buckets.len());
        let bucket_fits = |bucket: &Bucket| {
            bucket.chosen.len() == n_arms
                && bucket.controller.as_ref().is_none_or(|controller| controller.statistics().fits(n_arms))
        };
        active_exists && self.global_prior.fits(n_arms) && self.buckets.iter().all(bucket_fits)
    }
}

impl Bucket {
    fn distinct_arms(&self) -> usize {
        self.chosen.iter().filter(|&&chosen| chosen).count()
    }
}
