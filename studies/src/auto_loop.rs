//! The autonomous loop: somebody proposes a change to the settings, it is trained against the incumbent on the same seeds, a rule
//! that noise cannot fool decides, and the loop goes on, steered by files.
//!
//! A loop stands in a study file with a `loop:` block: its base and `set` are the start, its `sweep` the ranges of what is
//! proposed. It has a folder in `loops/` of the root. Each iteration goes through seven stages, each a step from the state on disk
//! to the next state, written whole: *propose* (a file, a program, or the built-in proposer), *apply* (the patch over the
//! incumbent, checked), *commit* (an identity; what was tried is not tried again), *train* (a small study of candidate and
//! incumbent, by the supervisor of all studies), *triage* (failed runs), *record* (the numbers from the results), *decide*.
//!
//! Training, terminals and signals are left to who gives a [`LoopTrainer`].

mod candidate;
mod decision;
mod error;
mod external;
mod folder;
mod history;
mod iteration;
mod machine;
mod proposal;
mod proposer;
mod scope;
mod stages;
mod state;
mod training;

pub use self::candidate::LoopCandidate;
pub use self::decision::{DecisionRule, Estimate, Look, NoisePool};
pub use self::error::LoopError;
pub use self::folder::{LoopFolder, LoopLock};
pub use self::history::{HistoryEnd, LoopHistory};
pub use self::iteration::{IterationRecord, LoopStage, LoopVerdict, OpenIteration, ProposalSource, SeedPair};
pub use self::machine::{
    AutoLoop, AutoLoopEnd, LoopEvent, LoopHalt, LoopPlaces, LoopTrainer, create_loop, read_loop_study, rebuild_history,
};
pub use self::proposal::{LARGEST_PROPOSAL, Proposal, ProposalStatus, proposal_schema};
pub use self::scope::LoopScope;
pub use self::stages::bounded_text;
pub use self::state::{Foundation, Incumbent, LoopState, LoopStatus, SeedBlock};
