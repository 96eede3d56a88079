//! CIFAR-100 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): 60,000 images of 100 classes.

mod binary;
mod classes;
mod dataset;
mod files;
mod parquet_table;
mod prepared;
mod python_version;
mod synthetic;

pub use classes::{CIFAR100_CLASSES, next_in_superclass};
pub(crate) use dataset::DATASET;
pub use dataset::{CIFAR100_HUB, Cifar100, Cifar100Config, Cifar100Images};
pub use prepared::PreparedImages;
