//! The list of controllers, and a controller of an axis as one value that can be saved and restored.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use super::{
    ArmPicker, Bandit, ControllerError, ControllerHistory, DiscountedUcb, Exp3, Learner, PrecomputedSchedule,
    RandomController, ScaledUcb, ThompsonSampling, TsallisInf,
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

        /// What every controller does, whatever its kind.
        impl Deref for Controller {
            type Target = dyn ArmPicker;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$variant(learner) => learner,)+
                    Self::Random(random) => random,
                    Self::Precomputed(schedule) => schedule,
                }
            }
        }

        impl DerefMut for Controller {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $(Self::$variant(learner) => learner,)+
                    Self::Random(random) => random,
                    Self::Precomputed(schedule) => schedule,
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
    /// What it has learned by now: a history of one entry.
    pub fn snapshot(&self) -> ControllerHistory {
        let mut history = self.new_history();
        self.remember(&mut history);
        history
    }
}
