//! What is known of a task before its data is loaded.

/// The name and the sizes of a task.
#[derive(Debug)]
pub(crate) struct DatasetInfo {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// The name in prose.
    pub(crate) title: &'static str,
    pub(crate) classes: u32,
    /// Training examples of the full data set.
    pub(crate) train_examples: usize,
    /// Examples of the full data set's other labelled file: test, or development where the labels of test are not public.
    pub(crate) test_examples: usize,
}
