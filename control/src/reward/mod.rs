//! What an episode is worth. A reward is a file here and a line in the list.

mod list;
mod log_loss_drop;
mod probe_loss_drop;
mod rule;

pub use list::{Reward, RewardName};
pub use log_loss_drop::LogLossDrop;
pub use probe_loss_drop::ProbeLossDrop;
pub use rule::{EpisodeLosses, LoggedEpisode, ProbeLosses, RewardBreakdown, RewardError, RewardRule};
