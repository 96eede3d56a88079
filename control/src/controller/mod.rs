//! The bandits that pick an arm for each episode.
//!
//! A controller knows arms and rewards only: what an arm stands for, when an episode begins and how a reward is computed
//! is left to [`crate::episode`] and [`crate::reward`]. Selecting and updating allocate nothing.

mod any;
mod bucketed;
mod error;
mod precomputed;
mod random;
mod statistics;
mod ucb;

pub use any::{Controller, ControllerSnapshot};
pub use bucketed::{BucketedContextual, BucketedSnapshot};
pub use error::ControllerError;
pub use precomputed::{PrecomputedSchedule, PrecomputedSnapshot};
pub use random::{RandomController, RandomSnapshot};
pub use statistics::{UcbConfig, UcbSnapshot, UcbStatistics};
pub use ucb::DiscountedUcb;
