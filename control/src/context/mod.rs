//! What the controllers are told of the past when an episode opens: one of a few contexts, each of which has a bandit of
//! its own. A context is a file here and a line in the list.

mod list;
mod none;
mod rule;
mod trend;

pub use list::{Context, ContextBucket, ContextMode};
pub use none::NoContext;
pub use rule::ContextRule;
pub use trend::Trend;
