//! What is known of a task's data set before it is loaded.

/// The names and the sizes of a data set.
#[derive(Debug)]
pub struct DatasetInfo {
    /// The task's name on the command line.
    pub name: &'static str,
    /// The name in prose and in results.
    pub title: &'static str,
    /// The name without the collection that it is part of.
    pub short_title: &'static str,
    /// How many classes there are.
    pub classes: u32,
    /// The names that its folder may have, lower case, the likeliest first.
    pub folders: &'static [&'static str],
    /// Training examples of the full data set.
    pub train_examples: usize,
    /// Examples of the full data set's other labelled file: test, or development where the labels of test are not public.
    pub test_examples: usize,
}
