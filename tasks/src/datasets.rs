//! Which data set each task has.

use aees_run::settings::TaskName;

use crate::cifar100;
use crate::dataset_info::DatasetInfo;
use crate::text::TextTask;

/// The data set of a task.
pub fn dataset(task: TaskName) -> &'static DatasetInfo {
    TextTask::of(task).map_or(&cifar100::DATASET, TextTask::dataset)
}
