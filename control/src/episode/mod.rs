//! Episodes: stretches of optimizer steps that share one candidate, and what is learned at their ends.
//!
//! The manager opens an episode with arms from its controllers, collects the losses, and at the end computes one reward
//! for both axes. It performs no optimizer step and keeps no histories of its controllers; see [`crate::Aees`] for the
//! whole.

mod credit;
mod error;
mod logs;
mod manager;
mod open;
mod record;

pub use credit::Credit;
pub use error::EpisodeError;
pub use logs::EpisodeLogs;
pub use manager::{EpisodeManager, EpisodeSettings, NoiseControl, StructuredControlMode};
pub use open::OpenEpisode;
pub use record::{EpisodeRecord, Selection};
