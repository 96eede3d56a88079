//! A bandit at work on one axis: alone, or with a copy for each context.

use serde::{Deserialize, Serialize};

use super::bandit::ArmEstimate;
use super::{ArmPicker, Bandit, BanditHistory, ColumnName, Contextual, ControllerError, ControllerHistory, Seeded};

/// A bandit, alone or in contexts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Learner<B: Bandit> {
    /// One for all episodes.
    Alone(Seeded<B>),
    /// One for each context.
    InContexts(Contextual<B>),
}

impl<B: Bandit> Learner<B> {
    /// A learner that has seen nothing; without names of contexts there are none.
    pub fn new(
        n_arms: usize,
        contexts: &[&str],
        config: B::Config,
        seed: Option<i64>,
    ) -> Result<Self, ControllerError> {
        if contexts.is_empty() {
            return Ok(Self::Alone(Seeded::new(n_arms, config, seed)?));
        }
        Ok(Self::InContexts(Contextual::new(n_arms, contexts, config, seed)?))
    }

    /// What it knows: in contexts, what all of them have taught.
    pub fn bandit(&self) -> &B {
        match self {
            Self::Alone(seeded) => seeded.bandit(),
            Self::InContexts(contextual) => contextual.prior(),
        }
    }
}

impl<B: Bandit> ArmPicker for Learner<B> {
    fn n_arms(&self) -> usize {
        self.bandit().n_arms()
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Alone(_) => B::CONTROLLER_TYPE,
            Self::InContexts(_) => "BucketedContextualController",
        }
    }

    fn set_context(&mut self, name: &str) -> Result<(), ControllerError> {
        match self {
            Self::Alone(_) => Ok(()),
            Self::InContexts(contextual) => contextual.set_context(name),
        }
    }

    fn select(&mut self) -> Result<usize, ControllerError> {
        match self {
            Self::Alone(seeded) => Ok(seeded.select()),
            Self::InContexts(contextual) => contextual.select(),
        }
    }

    fn propensity(&self, arm: usize) -> f64 {
        match self {
            Self::Alone(seeded) => seeded.propensity(arm),
            Self::InContexts(contextual) => contextual.propensity(arm),
        }
    }

    fn estimate(&self, arm: usize) -> Option<ArmEstimate> {
        if arm < self.n_arms() { self.bandit().estimate(arm) } else { None }
    }

    fn learn(&mut self, arm: usize, reward: f64, propensity: f64) -> Result<(), ControllerError> {
        match self {
            Self::Alone(seeded) => seeded.learn(arm, reward, propensity),
            Self::InContexts(contextual) => contextual.learn(arm, reward, propensity),
        }
    }

    fn fits(&self, n_arms: usize) -> bool {
        match self {
            Self::Alone(seeded) => seeded.bandit().fits(n_arms),
            Self::InContexts(contextual) => contextual.fits(n_arms),
        }
    }

    fn contexts(&self) -> Vec<&str> {
        match self {
            Self::Alone(_) => Vec::new(),
            Self::InContexts(contextual) => contextual.contexts().iter().map(|context| context.name()).collect(),
        }
    }

    fn columns(&self) -> Vec<ColumnName> {
        B::LOG.iter().map(|column| column.name).collect()
    }

    fn new_history(&self) -> ControllerHistory {
        let contexts = match self {
            Self::Alone(_) => Vec::new(),
            Self::InContexts(contextual) => contextual.contexts().iter().map(|_| contextual.new_history()).collect(),
        };
        ControllerHistory { overall: Some(BanditHistory::new::<B>(self.n_arms())), contexts }
    }

    fn remember(&self, history: &mut ControllerHistory) {
        if let Some(overall) = &mut history.overall {
            overall.push(Some(self.bandit()));
        }
        if let Self::InContexts(contextual) = self {
            history.contexts.iter_mut().zip(contextual.contexts()).for_each(|(history, context)| history.push(context));
        }
    }
}
