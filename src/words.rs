//! Flags whose value is one of some words: each word stands beside the value it means.

use aees_run::settings::TaskName;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Parses one of these words into its value.
pub(crate) fn words<T: Clone + Send + Sync + 'static>(
    words: impl IntoIterator<Item = (&'static str, T)>,
) -> impl TypedValueParser<Value = T> {
    let words: Vec<(&'static str, T)> = words.into_iter().collect();
    let names: Vec<&'static str> = words.iter().map(|(name, _)| *name).collect();
    PossibleValuesParser::new(names).try_map(move |typed| {
        let meant = words.iter().find(|(name, _)| *name == typed);
        meant.map(|(_, value)| value.clone()).ok_or("not one of the words")
    })
}

/// The tasks that a word means.
#[derive(Clone)]
pub(crate) struct ChosenTasks(pub(crate) Vec<TaskName>);

/// One of these tasks, or `all` of them.
pub(crate) fn one_or_all(tasks: &[TaskName]) -> impl TypedValueParser<Value = ChosenTasks> + use<> {
    let one: Vec<_> = tasks.iter().map(|task| (task.name(), ChosenTasks(vec![*task]))).collect();
    words(one.into_iter().chain([("all", ChosenTasks(tasks.to_vec()))]))
}
