//! No contexts: the controllers are told nothing.

use super::ContextRule;
use crate::list::ListEntry;
use crate::settings::settings;

settings! {
    /// No contexts.
    pub struct NoContext {}
}

impl ListEntry for NoContext {
    const NAME: &'static str = "none";
    const HELP: &'static str = "They do not.";
}

impl ContextRule for NoContext {
    fn buckets(&self) -> &'static [&'static str] {
        &[]
    }

    fn bucket(&self, _: &mut dyn Iterator<Item = f64>) -> usize {
        0
    }
}
