//! What picks an arm for each episode: bandits that learn from rewards, and controls that do not.
//!
//! A controller knows arms and rewards only: what an arm stands for, when an episode begins and how a reward is computed
//! is left to [`crate::episode`] and [`crate::reward`]. Selecting and updating allocate nothing.
//!
//! A new bandit is a file here that implements [`Bandit`], and a line in the list.

mod bandit;
mod contextual;
mod ducb;
mod error;
mod exp3;
mod history;
mod learner;
mod list;
mod moments;
mod picker;
mod precomputed;
mod random;
mod reward_range;
mod scaled_ducb;
mod thompson;
mod tsallis_inf;

pub use bandit::{ArmEstimate, Bandit, Seeded};
pub use contextual::{ContextBandit, Contextual};
pub use ducb::{DiscountedUcb, UcbConfig};
pub use error::ControllerError;
pub use exp3::{Exp3, Exp3Config};
pub use history::{BanditHistory, ColumnName, ContextHistory, ControllerHistory, LogCell, LogColumn, LogNumber};
pub use learner::Learner;
pub use list::{BanditConfig, BanditRule, Controller, ControllerName};
pub use picker::ArmPicker;
pub use precomputed::{PrecomputedSchedule, PrecomputedSnapshot};
pub use random::RandomController;
pub use scaled_ducb::{ScaledUcb, ScaledUcbConfig};
pub use thompson::{StudentT, ThompsonConfig, ThompsonSampling};
pub use tsallis_inf::{TsallisInf, TsallisInfConfig};
