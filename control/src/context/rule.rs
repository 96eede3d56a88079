//! What every way to find contexts has.

/// How contexts are found.
pub trait ContextRule {
    /// The names of the contexts, in the order that their bandits' seeds depend on. With none there is one bandit for each
    /// axis.
    fn buckets(&self) -> &'static [&'static str];

    /// The number of the context after these episodes; the end loss of the newest comes first. Not asked where there are
    /// no contexts.
    fn bucket(&self, newest_first: &mut dyn Iterator<Item = f64>) -> usize;
}
