//! The tasks that exist. A new task is one line here.

/// What the program needs to know of a task before it loads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskEntry {
    /// The name on the command line.
    pub name: &'static str,
    /// The name in prose.
    pub title: &'static str,
    /// The number of classes.
    pub classes: u32,
    /// Training examples of the full data set.
    pub train_examples: usize,
    /// Examples of the full data set's other labelled file: test, or development where the labels of test are not public.
    pub test_examples: usize,
}

/// All tasks, in the order in which they are listed to people.
pub const TASKS: &[TaskEntry] = &[crate::cifar100::TASK, crate::sst2::TASK, crate::agnews::TASK];

/// The task of that name.
#[must_use]
pub fn find_task(name: &str) -> Option<&'static TaskEntry> {
    TASKS.iter().find(|task| task.name == name)
}
