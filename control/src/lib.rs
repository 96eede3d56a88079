//! Adaptive Episodic Exploration Scheduling (AEES), without tensors.
//!
//! Training is cut into *episodes* of a few hundred optimizer steps. For each episode a bandit picks a multiplier for the
//! scheduled learning rate and a standard deviation for gradient noise, and is rewarded by how far the loss fell. This
//! crate is the method: it takes losses and gives candidates. How a step is made with them is left to the training code.
//!
//! All arithmetic is in `f64` and reproduces the Python reference (pulseopt 0.3.0) to the bit, random numbers included.
//! Recording a step allocates nothing. The whole state can be saved and restored at any step.
//!
//! # A training loop
//!
//! ```
//! use aees_control::{Aees, AeesConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut aees = Aees::new(AeesConfig {
//!     lr_candidates: vec![0.5, 1.0, 2.0],
//!     noise_candidates: vec![0.0, 0.005],
//!     episode_length: 20,
//!     seed: Some(0),
//!     ..AeesConfig::default()
//! })?;
//!
//! // Gradient descent on f(x) = x^2, with a base learning rate of 0.01.
//! let mut x: f64 = 3.0;
//! for step in 0..100 {
//!     let candidate = aees.open(step)?;
//!     let loss = x * x;
//!     let gradient = 2.0 * x; // + candidate.noise_std.get() * a normal deviate
//!     let update = 0.01 * candidate.lr_multiplier.get() * gradient;
//!     x -= update;
//!     if let Some(episode) = aees.record(loss, Some(update.abs()))? {
//!         println!("{} earned {:.4}", episode.selection.candidate.name(), episode.reward);
//!     }
//! }
//! aees.finalize()?;
//!
//! assert_eq!(aees.episodes().len(), 5);
//! let names: Vec<String> = aees.episodes().iter().map(|episode| episode.selection.candidate.name()).collect();
//! assert_eq!(names[0], "lr1_n0");
//! assert!(aees.episodes().iter().all(|episode| episode.reward > 0.0));
//! # Ok(())
//! # }
//! ```
//!
//! The parts can be used alone: the bandits in [`controller`], the formula in [`reward`], the schedules in [`schedule`]
//! and [`open_loop`], and the two generators in [`rng`].

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod aees;
pub mod candidate;
pub mod context;
pub mod controller;
pub mod episode;
mod list;
mod method_settings;
pub mod open_loop;
pub mod python_float;
pub mod reward;
pub mod rng;
pub mod schedule;
pub mod settings;

pub use aees::{
    Aees, AeesConfig, AeesError, ArmPolicy, AxisLog, BucketLog, ColumnEntry, ColumnLogs, ContextualLog, ControllerLogs,
    Labelled,
};
pub use candidate::{Axis, Candidate, CandidateError, CandidateSet, LrMultiplier, NoiseStd, parse_candidates};
pub use context::{Context, ContextBucket, ContextMode, Trend};
pub use controller::{
    BanditConfig, ControllerName, Exp3Config, ScaledUcbConfig, ThompsonConfig, TsallisInfConfig, UcbConfig,
};
pub use episode::{EpisodeLogs, EpisodeRecord, StructuredControlMode};
pub use list::{ListEntry, UnknownChoice};
pub use method_settings::{MethodRow, MethodSettingError, MethodSettings, MethodValue};
pub use reward::{LogLossDrop, LoggedEpisode, ProbeLossDrop, ProbeLosses, Reward, RewardBreakdown, RewardName};
