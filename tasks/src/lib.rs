//! The tasks that aees trains on, as host data: bytes of images, sentences, labels, the order of an epoch. No tensors.
//!
//! A task turns files in any of their usual layouts (or nothing at all, for `--data synthetic`) into a value that is a pure
//! function of the files and the task's config. What changes from epoch to epoch ([`EpochPlan`]) is a pure function of
//! (seed, epoch, n). Uploading, training and evaluating are left to `aees-train`.
//!
//! ```
//! use aees_tasks::{Cifar100Config, DataSource, EpochPlan, IMAGE_BYTES, Normalization, augment_batch};
//!
//! let config = Cifar100Config {
//!     source: DataSource::Synthetic,
//!     limit_train: Some(300),
//!     limit_eval: Some(100),
//!     ..Cifar100Config::default()
//! };
//! let data = config.load()?;
//! let plan = EpochPlan::new(config.seed, 0, data.train.len() as u32);
//! let normalization = Normalization::cifar100();
//! for batch in plan.batches(128) {
//!     let mut pixels = vec![0.0; batch.indices.len() * IMAGE_BYTES];
//!     augment_batch(&data.train, batch.indices, batch.augmentations, &normalization, &mut pixels);
//! }
//! # Ok::<(), aees_tasks::DataError>(())
//! ```
// One exception: mapping a file (file_state.rs).
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod augment;
mod auto;
mod balance;
mod cifar100;
mod data_files;
mod data_source;
mod dataset_info;
mod datasets;
mod epoch_plan;
mod error;
mod file_state;
mod fingerprint;
mod hub;
mod hub_data;
mod image;
mod keyed_random;
mod label_noise;
mod parquet_file;
mod text;
mod tokens;
mod unpack;

pub use augment::{Normalization, augment_batch, normalize_batch};
pub use cifar100::{
    CIFAR100_CLASSES, CIFAR100_HUB, Cifar100, Cifar100Config, Cifar100Images, PreparedImages, next_in_superclass,
};
pub use data_source::{DataOrigin, DataSource};
pub use dataset_info::DatasetInfo;
pub use datasets::dataset;
pub use epoch_plan::{Batch, CropFlip, EpochPlan, PADDING};
pub use error::{DataError, DataResult, RowPlace};
pub use file_state::file_states;
pub use fingerprint::labels_digest;
pub use hub::{
    DownloadEvent, DownloadProgress, Hub, HubError, HubFile, HubOptions, HubPath, HubSettings, HubTimeouts, RepoId,
    RepoKind, RepoListing, RetryPolicy, Token, sha256_of_file,
};
pub use hub_data::{HubAccess, HubDataset, HubSnapshot};
pub use image::{CHANNELS, IMAGE_BYTES, ImageSplit, PLANE_BYTES, SIDE};
pub use keyed_random::{KeyedRng, StreamPurpose, stream};
pub use label_noise::{LabelNoise, LabelNoiseReport, corrupt_labels, corrupt_sampled_labels};
pub use text::{TextData, TextDataConfig, TextSplit, TextTask};
pub use tokens::{
    StoredTokens, TextTokenizer, TokenData, TokenKey, TokenNoise, TokenSplit, TokenStore, TokenizerError,
};
