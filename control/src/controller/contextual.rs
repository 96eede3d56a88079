//! A contextual bandit: one bandit for each context, each starting from what all contexts together have taught.

use serde::{Deserialize, Serialize};

use super::bandit::checked;
use super::{Bandit, BanditHistory, ContextHistory, ControllerError, Seeded};

/// A context's seed is the controller's seed, plus this, plus the context's number.
const CONTEXT_SEED_OFFSET: i128 = 1000;

/// A bandit for each context, with a prior that sees every update.
///
/// The prior never selects, so it has no random numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Contextual<B: Bandit> {
    random_seed: Option<i64>,
    prior: B,
    contexts: Vec<ContextBandit<B>>,
    active: Option<usize>,
}

/// The bandit of a context, and what is counted beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ContextBandit<B: Bandit> {
    name: String,
    /// Made on the first visit, from the prior of that moment.
    bandit: Option<Seeded<B>>,
    visit_count: u64,
    reward_sum: f64,
    chosen: Vec<bool>,
}

impl<B: Bandit> ContextBandit<B> {
    fn new(name: &str, n_arms: usize) -> Self {
        Self { name: name.to_owned(), bandit: None, visit_count: 0, reward_sum: 0.0, chosen: vec![false; n_arms] }
    }

    /// The context.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has learned, if it was visited.
    pub fn bandit(&self) -> Option<&B> {
        self.bandit.as_ref().map(Seeded::bandit)
    }

    /// Its updates.
    pub fn visit_count(&self) -> u64 {
        self.visit_count
    }

    /// Undiscounted sum of its rewards.
    pub fn reward_sum(&self) -> f64 {
        self.reward_sum
    }

    /// How many different arms it has selected.
    pub fn distinct_arms(&self) -> usize {
        self.chosen.iter().filter(|&&chosen| chosen).count()
    }
}

impl<B: Bandit> Contextual<B> {
    /// A bandit that has seen nothing. Without a seed its picks cannot be reproduced.
    pub fn new(
        n_arms: usize,
        contexts: &[&str],
        config: B::Config,
        random_seed: Option<i64>,
    ) -> Result<Self, ControllerError> {
        if n_arms == 0 {
            return Err(ControllerError::NoArms);
        }
        if contexts.is_empty() {
            return Err(ControllerError::NoBuckets);
        }
        if (1..contexts.len()).any(|i| contexts[..i].contains(&contexts[i])) {
            return Err(ControllerError::DuplicateBuckets);
        }
        let contexts = contexts.iter().map(|name| ContextBandit::new(name, n_arms)).collect();
        Ok(Self { random_seed, prior: checked(n_arms, config)?, contexts, active: None })
    }

    /// What all contexts together have taught.
    pub fn prior(&self) -> &B {
        &self.prior
    }

    /// The contexts, in order.
    pub fn contexts(&self) -> &[ContextBandit<B>] {
        &self.contexts
    }

    /// Makes a context the one that selects and learns. Its first visit allocates its bandit.
    pub fn set_context(&mut self, name: &str) -> Result<(), ControllerError> {
        let index = self
            .contexts
            .iter()
            .position(|context| context.name == name)
            .ok_or_else(|| ControllerError::UnknownBucket(name.to_owned()))?;
        if self.contexts[index].bandit.is_none() {
            let seed = self.random_seed.map(|seed| i128::from(seed) + CONTEXT_SEED_OFFSET + index as i128);
            self.contexts[index].bandit = Some(Seeded::from_bandit(self.prior.clone(), seed));
        }
        self.active = Some(index);
        Ok(())
    }

    /// Lets the active context pick an arm.
    pub fn select(&mut self) -> Result<usize, ControllerError> {
        let context = self.active.and_then(|index| self.contexts.get_mut(index)).ok_or(ControllerError::NoContext)?;
        let arm = context.bandit.as_mut().ok_or(ControllerError::NoContext)?.select();
        context.chosen[arm] = true;
        Ok(arm)
    }

    /// The probability with which the active context picks an arm now: the prior picks none.
    pub fn propensity(&self, arm: usize) -> f64 {
        let active = self.active.and_then(|index| self.contexts.get(index)?.bandit.as_ref());
        active.map_or(1.0, |bandit| bandit.propensity(arm))
    }

    /// Feeds back the reward of the arm that was picked last.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        self.learn(arm, reward, self.propensity(arm))
    }

    /// Feeds back a reward to the prior and to the active context, whose bandit picked the arm with this probability.
    pub fn learn(&mut self, arm: usize, reward: f64, propensity: f64) -> Result<(), ControllerError> {
        let context = self.active.and_then(|index| self.contexts.get_mut(index)).ok_or(ControllerError::NoContext)?;
        let bandit = context.bandit.as_mut().ok_or(ControllerError::NoContext)?;
        bandit.learn(arm, reward, propensity)?;
        self.prior.update(arm, reward, propensity);
        context.visit_count += 1;
        context.reward_sum += reward;
        Ok(())
    }

    /// Whether a restored controller fits this number of arms.
    pub(super) fn fits(&self, n_arms: usize) -> bool {
        let active_exists = self.active.is_none_or(|index| index < self.contexts.len());
        let context_fits = |context: &ContextBandit<B>| {
            context.chosen.len() == n_arms && context.bandit().is_none_or(|bandit| bandit.fits(n_arms))
        };
        active_exists && self.prior.fits(n_arms) && self.contexts.iter().all(context_fits)
    }

    /// An empty history of a context.
    pub(super) fn new_history(&self) -> ContextHistory {
        ContextHistory {
            bandit: BanditHistory::new::<B>(self.prior.n_arms()),
            visit_counts: Vec::new(),
            reward_sums: Vec::new(),
            distinct_arm_counts: Vec::new(),
        }
    }
}

impl ContextHistory {
    /// Keeps what a context has learned.
    pub(super) fn push<B: Bandit>(&mut self, context: &ContextBandit<B>) {
        self.bandit.push(context.bandit());
        self.visit_counts.push(context.visit_count);
        self.reward_sums.push(context.reward_sum);
        self.distinct_arm_counts.push(context.distinct_arms());
    }
}
