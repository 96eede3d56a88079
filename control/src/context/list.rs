//! The list of contexts.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::{ContextRule, NoContext, Trend};
use crate::list::list;

list! {
    /// What a contextual controller is told.
    choice ContextMode = "context_mode";
    /// A way to find contexts, with its settings.
    pub enum Context: ContextRule {
        /// Nothing.
        None(NoContext),
        /// The trend of the last episodes' end losses.
        Trend(Trend),
    }
}

impl Context {
    /// The names of the contexts; none if there are no contexts.
    pub fn buckets(&self) -> &'static [&'static str] {
        self.rule().buckets()
    }

    /// The context after an episode history whose newest end loss comes first; `None` when there are no contexts.
    pub fn resolve(&self, mut newest_first: impl Iterator<Item = f64>) -> Option<ContextBucket> {
        let buckets = self.buckets();
        if buckets.is_empty() {
            return None;
        }
        buckets.get(self.rule().bucket(&mut newest_first)).copied().map(ContextBucket)
    }
}

/// The name of a context, one of those that some entry of the list knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct ContextBucket(&'static str);

impl ContextBucket {
    /// The name, such as `improving`.
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl<'de> Deserialize<'de> for ContextBucket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let all = ContextMode::ALL.iter().map(|mode| Context::read(*mode, |setting| setting.default).buckets());
        let bucket = all.flatten().copied().find(|bucket| *bucket == name);
        bucket.map(Self).ok_or_else(|| D::Error::custom(format!("unknown context '{name}'")))
    }
}
