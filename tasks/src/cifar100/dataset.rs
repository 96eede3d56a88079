//! CIFAR-100 as a run sees it: the files or the synthetic images, limited, split, and with label noise.
//!
//! The order is fixed: limits first, then the hold-out of a validation split, then label noise on what is left to train on.
//! With no limit and no hold-out the noise is the reference's, bit for bit.

use std::path::{Path, PathBuf};

use super::classes::{CIFAR100_CLASSES, next_in_superclass};
use super::files;
use super::prepared::{CopyToMake, PreparedCopy, PreparedImages};
use super::synthetic::{self, SYNTHETIC_SEED};
use crate::auto;
use crate::balance::{LIMIT_EVAL, LIMIT_TRAIN, balanced_hold_out, balanced_limit, check_limit};
use crate::data_files::Loaded;
use crate::data_source::{DataOrigin, DataSource};
use crate::dataset_info::DatasetInfo;
use crate::error::{DataError, DataResult};
use crate::fingerprint::fingerprint;
use crate::hub_data::{HubAccess, HubDataset};
use crate::image::ImageSplit;
use crate::keyed_random::StreamPurpose::{SyntheticTest, SyntheticTrain};
use crate::label_noise::{LabelNoise, LabelNoiseReport, corrupt_labels};

pub(crate) const DATASET: DatasetInfo = DatasetInfo {
    name: "cifar100",
    title: "CIFAR-100",
    short_title: "CIFAR-100",
    classes: CIFAR100_CLASSES,
    folders: &["cifar100"],
    train_examples: 50_000,
    test_examples: 10_000,
};

/// CIFAR-100 on the hub.
pub const CIFAR100_HUB: HubDataset =
    HubDataset { id: "uoft-cs/cifar100", folder: "cifar100", splits: ["train", "test"] };

/// What decides a run's data.
#[derive(Debug, Clone, PartialEq)]
pub struct Cifar100Config {
    /// `--data`. Default: auto.
    pub source: DataSource,
    /// The folder whose `cifar100` folder `auto` looks into. Default: `data`.
    pub data_root: PathBuf,
    /// `--limit-train`: a class-balanced subset of this size, taken before the hold-out. Default: all.
    pub limit_train: Option<usize>,
    /// `--limit-eval`: a class-balanced subset of the test set of this size. Default: all.
    pub limit_eval: Option<usize>,
    /// `--val-split`: the share of the training images to hold out, in [0, 1). Default: 0.
    pub val_split: f64,
    /// Label noise on the training labels. Default: none.
    pub label_noise: LabelNoise,
    /// The run's seed: decides the hold-out and the label noise, not the images. Default: 0.
    pub seed: u64,
    /// Where decoded images are kept for the next run. Default: nowhere.
    pub prepared: Option<PreparedImages>,
}

impl Default for Cifar100Config {
    fn default() -> Self {
        Self {
            source: DataSource::Auto,
            data_root: PathBuf::from("data"),
            limit_train: None,
            limit_eval: None,
            val_split: 0.0,
            label_noise: LabelNoise::NONE,
            seed: 0,
            prepared: None,
        }
    }
}

/// Training and test images, limited and with clean labels: what runs share whose seeds, hold-outs and label noise differ.
#[derive(Debug, Clone)]
pub struct Cifar100Images {
    train: ImageSplit,
    test: ImageSplit,
    origin: DataOrigin,
    notices: Vec<String>,
}

/// The data of a run.
#[derive(Debug, Clone)]
pub struct Cifar100 {
    /// What is trained on; its labels are noisy where noise was asked for.
    pub train: ImageSplit,
    /// What was held out of the training images; never noisy. `None` without `--val-split`.
    pub validation: Option<ImageSplit>,
    /// The test images.
    pub test: ImageSplit,
    /// What label noise did, if it was on.
    pub label_noise: Option<LabelNoiseReport>,
    /// Fingerprint of the splits `train`, `validation` (if there is one) and `test`, in this order: clean labels and pixels
    /// after limits and hold-out, before noise. The same for every layout and compression of the same images.
    pub fingerprint: String,
    /// Where the images came from.
    pub origin: DataOrigin,
    /// What the user should know of the files.
    pub notices: Vec<String>,
}

impl Cifar100Config {
    /// Reads or makes the data; never from the hub.
    ///
    /// # Errors
    /// Any [`DataError`](crate::DataError): the files are looked for, then their content is checked.
    pub fn load(&self) -> DataResult<Cifar100> {
        self.on(&self.images(None)?)
    }

    /// Reads or makes the images, for `--data auto` without local files from the hub or its cache. Seed, hold-out and label
    /// noise decide nothing of them.
    ///
    /// # Errors
    /// As [`Self::load`]; also when the hub cannot be asked.
    pub fn images(&self, hub: Option<HubAccess<'_>>) -> DataResult<Cifar100Images> {
        let refused = |error: DataError| error.expecting(files::LAYOUTS, DATASET.name);
        match &self.source {
            DataSource::Synthetic => self.synthetic(),
            DataSource::Path(path) => self.limited(match self.prepared(path) {
                PreparedCopy::Found(loaded) => loaded,
                PreparedCopy::Absent(copy) => kept(copy, files::read(path).map_err(refused)?),
            }),
            DataSource::Auto => {
                let folders = DATASET.folders.iter().map(|name| self.data_root.join(name)).collect();
                let places = auto::Places { title: DATASET.title, layouts: files::LAYOUTS, folders, hub: CIFAR100_HUB };
                let read_folder = |folder: &Path| match self.prepared(folder) {
                    PreparedCopy::Found(loaded) => Ok(Some(loaded)),
                    PreparedCopy::Absent(copy) => Ok(files::read_folder(folder)?.map(|loaded| kept(copy, loaded))),
                };
                self.limited(auto::load(&places, hub, read_folder).map_err(refused)?)
            }
        }
    }

    /// The data of a run on images that were loaded with the same limits.
    ///
    /// # Errors
    /// When they cannot be held out or made noisy as the run asks.
    pub fn on(&self, images: &Cifar100Images) -> DataResult<Cifar100> {
        let Cifar100Images { train, test, origin, notices } = images.clone();
        let (mut train, validation) =
            match balanced_hold_out(train.labels(), CIFAR100_CLASSES, self.val_split, self.seed)? {
                None => (train, None),
                Some(split) => (train.select(&split.train), Some(train.select(&split.validation))),
            };
        let splits = [("train", Some(&train)), ("validation", validation.as_ref()), ("test", Some(&test))];
        let splits = splits.into_iter().filter_map(|(name, split)| Some((name, split?)));
        let fingerprint = fingerprint(splits.map(|(name, split)| (name, split.clean_labels(), split.pixels())));
        let label_noise = corrupt_labels(train.labels(), self.label_noise, self.seed, &next_in_superclass())?;
        if let Some(report) = &label_noise {
            train.set_noisy_labels(report.noisy_targets.clone());
        }
        Ok(Cifar100 { train, validation, test, label_noise, fingerprint, origin, notices })
    }

    fn prepared(&self, path: &Path) -> PreparedCopy<'_> {
        self.prepared.as_ref().map_or(PreparedCopy::Absent(None), |prepared| prepared.find(path))
    }

    fn limited(&self, loaded: Loaded<ImageSplit>) -> DataResult<Cifar100Images> {
        let cut = |flag, split: ImageSplit, limit: Option<usize>| -> DataResult<ImageSplit> {
            let Some(limit) = limit else { return Ok(split) };
            let positions = balanced_limit(flag, split.labels(), CIFAR100_CLASSES, limit)?;
            Ok(if positions.len() == split.len() { split } else { split.select(&positions) })
        };
        let train = cut(LIMIT_TRAIN, loaded.train, self.limit_train)?;
        let test = cut(LIMIT_EVAL, loaded.evaluated, self.limit_eval)?;
        Ok(Cifar100Images { train, test, origin: loaded.origin, notices: loaded.notices })
    }

    /// A limit makes fewer images; they are the first of the full set, which is the balanced subset of a file.
    fn synthetic(&self) -> DataResult<Cifar100Images> {
        let count = |flag, limit: Option<usize>, all| match limit {
            None => Ok(all),
            Some(limit) => check_limit(flag, limit, all).map(|()| limit),
        };
        let train = count(LIMIT_TRAIN, self.limit_train, DATASET.train_examples)?;
        let test = count(LIMIT_EVAL, self.limit_eval, DATASET.test_examples)?;
        let origin = DataOrigin::Synthetic { seed: SYNTHETIC_SEED };
        let (train, test) = (synthetic::images(SyntheticTrain, train)?, synthetic::images(SyntheticTest, test)?);
        Ok(Cifar100Images { train, test, origin, notices: Vec::new() })
    }
}

fn kept(copy: Option<CopyToMake<'_>>, mut loaded: Loaded<ImageSplit>) -> Loaded<ImageSplit> {
    if let Some(copy) = copy {
        copy.keep(&mut loaded);
    }
    loaded
}
