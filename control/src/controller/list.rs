//! The list of controllers, and a controller of an axis as one value that can be saved and restored.

use serde::{Deserialize, Serialize};

use super::bandit::ArmEstimate;
use super::{
    ArmPicker, Bandit, ColumnName, ControllerError, ControllerHistory, DiscountedUcb, Exp3, Learner,
    PrecomputedSchedule, RandomController, ScaledUcb, ThompsonSampling, TsallisInf,
};
use crate::list::list;

/// Makes the choice of a bandit, its settings, and [`Controller`] from the list of bandits.
macro_rules! bandits {
    ($($(#[$doc:meta])* $variant:ident($bandit:ty),)+) => {
        list! {
            /// Which bandit learns from the rewards.
            choice ControllerName = "controller";
            /// A bandit that has not begun: its settings.
            pub enum BanditConfig: BanditRule {
                $($(#[$doc])* $variant(<$bandit as Bandit>::Config),)+
            }
        }

        $(impl BanditRule for <$bandit as Bandit>::Config {
            fn controller(
                &self, n_arms: usize, contexts: &[&str], seed: Option<i64>,
            ) -> Result<Controller, ControllerError> {
                Ok(Controller::$variant(Learner::new(n_arms, contexts, *self, seed)?))
            }
        })+

        impl ControllerName {
            /// What people call it, in tables and figures.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => <$bandit as Bandit>::TITLE),+ }
            }
        }

        /// The controller of an axis.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Controller {
            $($(#[$doc])* $variant(Learner<$bandit>),)+
            /// Uniformly random arms.
            Random(RandomController),
            /// Arms that were fixed before training.
            Precomputed(PrecomputedSchedule),
        }

        impl Controller {
            fn picker(&self) -> &dyn ArmPicker {
                match self {
                    $(Self::$variant(learner) => learner,)+
                    Self::Random(random) => random,
                    Self::Precomputed(schedule) => schedule,
                }
            }

            fn picker_mut(&mut self) -> &mut dyn ArmPicker {
                match self {
                    $(Self::$variant(learner) => learner,)+
                    Self::Random(random) => random,
                    Self::Precomputed(schedule) => schedule,
                }
            }

            /// Picks an arm.
            pub fn select(&mut self) -> Result<usize, ControllerError> {
                match self {
                    $(Self::$variant(learner) => learner.select(),)+
                    Self::Random(random) => random.select(),
                    Self::Precomputed(schedule) => schedule.select(),
                }
            }

            /// Feeds back the reward of an arm that was picked with this probability.
            pub fn learn(&mut self, arm: usize, reward: f64, propensity: f64) -> Result<(), ControllerError> {
                match self {
                    $(Self::$variant(learner) => learner.learn(arm, reward, propensity),)+
                    Self::Random(random) => random.learn(arm, reward, propensity),
                    Self::Precomputed(schedule) => schedule.learn(arm, reward, propensity),
                }
            }
        }
    };
}

bandits! {
    /// Discounted UCB: the reference's.
    Ducb(DiscountedUcb),
    /// Thompson sampling with Gaussian rewards.
    Thompson(ThompsonSampling),
    /// Exponential weights.
    Exp3(Exp3),
    /// Discounted UCB in units of the rewards' own spread.
    ScaledDucb(ScaledUcb),
    /// Tsallis-INF.
    TsallisInf(TsallisInf),
}

/// How settings become a bandit.
pub trait BanditRule {
    /// A bandit over these arms, in these contexts if there are any.
    fn controller(&self, n_arms: usize, contexts: &[&str], seed: Option<i64>) -> Result<Controller, ControllerError>;
}

impl BanditConfig {
    /// Checks the settings.
    pub fn check(&self) -> Result<(), ControllerError> {
        Ok(self.settings().iter().try_for_each(|(setting, number)| setting.check(*number))?)
    }

    /// A bandit over these arms that has seen nothing, in these contexts if there are any. Without a seed its picks cannot
    /// be reproduced.
    pub fn controller(
        &self,
        n_arms: usize,
        contexts: &[&str],
        seed: Option<i64>,
    ) -> Result<Controller, ControllerError> {
        self.rule().controller(n_arms, contexts, seed)
    }
}

impl Controller {
    /// Number of arms.
    pub fn n_arms(&self) -> usize {
        self.picker().n_arms()
    }

    /// The kind of controller in logs.
    pub fn type_name(&self) -> &'static str {
        self.picker().type_name()
    }

    /// Tells a contextual controller where training stands; the others take no notice.
    pub fn set_context(&mut self, name: &str) -> Result<(), ControllerError> {
        self.picker_mut().set_context(name)
    }

    /// The probability with which it picks an arm now, if it weighs rewards by it; 1 if it does not. Asked between a pick and
    /// what is learned next.
    pub fn propensity(&self, arm: usize) -> f64 {
        self.picker().propensity(arm)
    }

    /// What it thinks of an arm, if it picks by estimates; in contexts, what all of them have taught.
    pub fn estimate(&self, arm: usize) -> Option<ArmEstimate> {
        self.picker().estimate(arm)
    }

    /// Feeds back the reward of the arm that was picked last.
    pub fn update(&mut self, arm: usize, reward: f64) -> Result<(), ControllerError> {
        let propensity = self.propensity(arm);
        self.learn(arm, reward, propensity)
    }

    /// The names of its contexts; none if it has none.
    pub fn contexts(&self) -> Vec<&str> {
        self.picker().contexts()
    }

    /// The columns of its log; none if it learns nothing.
    pub fn columns(&self) -> Vec<ColumnName> {
        self.picker().columns()
    }

    /// What it has learned by now: a history of one entry.
    pub fn snapshot(&self) -> ControllerHistory {
        let mut history = self.new_history();
        self.remember(&mut history);
        history
    }

    /// An empty history of it.
    pub(crate) fn new_history(&self) -> ControllerHistory {
        self.picker().new_history()
    }

    /// Keeps what it has learned by now.
    pub(crate) fn remember(&self, history: &mut ControllerHistory) {
        self.picker().remember(history);
    }

    /// Whether a restored controller is sound and has this number of arms.
    pub(crate) fn fits(&self, n_arms: usize) -> bool {
        self.picker().fits(n_arms)
    }
}
