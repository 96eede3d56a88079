//! A text task's data as a run sees it: split, limited, and with label noise.
//!
//! The order is fixed. AG News first holds out its validation split as the reference does, so that validation is the
//! reference's whatever the limits; then the limits cut each split; then label noise changes what is left to train on. With no
//! limit, splits and noise are the reference's, bit for bit.

use std::path::PathBuf;

use aees_control::rng::NumpyGenerator;

use super::files;
use super::format::EvaluatedFile;
use super::split::TextSplit;
use super::synthetic;
use super::task::{TaskFile, TextTask};
use crate::auto;
use crate::balance::{LIMIT_EVAL, LIMIT_TRAIN, balanced_limit};
use crate::data_files::Loaded;
use crate::data_source::{DataOrigin, DataSource};
use crate::error::{DataError, DataResult};
use crate::fingerprint::fingerprint;
use crate::hub_data::HubAccess;
use crate::label_noise::{LabelNoise, LabelNoiseReport, corrupt_sampled_labels};

/// The share of AG News' training rows that is held out, as the reference has it.
const VALIDATION_SHARE: f64 = 0.1;

/// What decides a run's text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextDataConfig {
    /// The task.
    pub task: TextTask,
    /// `--data`. Default: auto.
    pub source: DataSource,
    /// The folder whose folder with the task's name `auto` looks into. Default: `data`.
    pub data_root: PathBuf,
    /// `--limit-train`: a class-balanced subset of this size of the training split. Default: all.
    pub limit_train: Option<usize>,
    /// `--limit-eval`: a class-balanced subset of this size of the validation split, and of the test split if that is
    /// larger. Default: all.
    pub limit_eval: Option<usize>,
    /// Label noise on the training labels of AG News, symmetric only. Default: none.
    pub label_noise: LabelNoise,
    /// `--label-noise-seed`. Default: 42.
    pub label_noise_seed: u64,
    /// The seed of AG News' validation split. Default: 42.
    pub split_seed: u64,
}

/// The text of a run.
#[derive(Debug, Clone)]
pub struct TextData {
    /// What is trained on; its labels are noisy where noise was asked for.
    pub train: TextSplit,
    /// What is evaluated after each epoch: SST-2's development file, or what was held out of AG News' training file.
    pub validation: TextSplit,
    /// AG News' test file.
    pub test: Option<TextSplit>,
    /// What label noise did, if it was on.
    pub label_noise: Option<LabelNoiseReport>,
    /// Fingerprint of the splits `train`, `validation` and `test` (if there is one), in this order: clean labels and
    /// sentences after split and limits, before noise. The same for every layout and compression of the same rows.
    pub fingerprint: String,
    /// Where the sentences came from.
    pub origin: DataOrigin,
    /// What the user should know of the files.
    pub notices: Vec<String>,
}

/// The two files of a task, read or yet to be made.
enum TextSource {
    Files(Box<Loaded<TextSplit>>),
    Synthetic(TextTask),
}

impl TextDataConfig {
    /// The defaults of a task.
    pub fn new(task: TextTask) -> Self {
        Self {
            task,
            source: DataSource::Auto,
            data_root: PathBuf::from("data"),
            limit_train: None,
            limit_eval: None,
            label_noise: LabelNoise::NONE,
            label_noise_seed: 42,
            split_seed: 42,
        }
    }

    /// Reads or makes the data; never from the hub.
    ///
    /// # Errors
    /// Any [`DataError`]: the files are looked for, then their content is checked.
    pub fn load(&self) -> DataResult<TextData> {
        self.read(None)
    }

    /// Reads or makes the data, for `--data auto` without local files from the hub or its cache.
    ///
    /// # Errors
    /// As [`Self::load`]; also when the hub cannot be asked.
    pub fn load_with_hub(&self, hub: HubAccess<'_>) -> DataResult<TextData> {
        self.read(Some(hub))
    }

    fn read(&self, hub: Option<HubAccess<'_>>) -> DataResult<TextData> {
        let format = self.task.format();
        let refused = |error: DataError| error.expecting(format.layouts, format.dataset.name);
        let source = match &self.source {
            DataSource::Synthetic => TextSource::Synthetic(self.task),
            DataSource::Path(path) => TextSource::Files(Box::new(files::read(format, path).map_err(refused)?)),
            DataSource::Auto => {
                let folders = format.dataset.folders.iter().map(|name| self.data_root.join(name)).collect();
                let places =
                    auto::Places { title: format.dataset.title, layouts: format.layouts, folders, hub: format.hub };
                let loaded = auto::load(&places, hub, |folder| files::read_folder(format, folder));
                TextSource::Files(Box::new(loaded.map_err(refused)?))
            }
        };
        let (mut train, validation, test) = self.splits(&source)?;
        let splits = [("train", Some(&train)), ("validation", Some(&validation)), ("test", test.as_ref())];
        let splits = splits.into_iter().filter_map(|(name, split)| Some((name, split?)));
        let fingerprint = fingerprint(splits.map(|(name, split)| (name, split.clean_labels(), split.payload())));
        let classes = self.task.dataset().classes;
        let label_noise = corrupt_sampled_labels(train.labels(), classes, self.label_noise, self.label_noise_seed)?;
        if let Some(report) = &label_noise {
            train.set_noisy_labels(report.noisy_targets.clone());
        }
        let (origin, notices) = source.into_origin();
        Ok(TextData { train, validation, test, label_noise, fingerprint, origin, notices })
    }

    /// Train, validation and test, after the hold-out and the limits. Positions are settled on labels alone, so a
    /// synthetic set makes only the sentences that are wanted.
    fn splits(&self, source: &TextSource) -> DataResult<(TextSplit, TextSplit, Option<TextSplit>)> {
        let train = source.labels(TaskFile::Train);
        let evaluated = source.labels(TaskFile::Evaluated);
        let limit = |flag, labels: &[u32], among: Option<Vec<u32>>, limit| {
            limited(flag, labels, self.task.dataset().classes, among, limit)
        };
        if self.task.format().evaluated == EvaluatedFile::Validation {
            let train = limit(LIMIT_TRAIN, &train, None, self.limit_train)?;
            let validation = limit(LIMIT_EVAL, &evaluated, None, self.limit_eval)?;
            let validation = source.take(TaskFile::Evaluated, validation);
            return Ok((source.take(TaskFile::Train, train), validation, None));
        }
        let (held_out, kept) = numpy_hold_out(train.len(), self.split_seed)?;
        let validation = limit(LIMIT_EVAL, &train, Some(held_out), self.limit_eval)?;
        let kept = limit(LIMIT_TRAIN, &train, Some(kept), self.limit_train)?;
        let test_limit = self.limit_eval.filter(|&limit| limit < evaluated.len());
        let test = limit(LIMIT_EVAL, &evaluated, None, test_limit)?;
        Ok((
            source.take(TaskFile::Train, kept),
            source.take(TaskFile::Train, validation),
            Some(source.take(TaskFile::Evaluated, test)),
        ))
    }
}

impl TextSource {
    fn labels(&self, file: TaskFile) -> Vec<u32> {
        match (self, file) {
            (Self::Files(loaded), TaskFile::Train) => loaded.train.labels().to_vec(),
            (Self::Files(loaded), TaskFile::Evaluated) => loaded.evaluated.labels().to_vec(),
            (Self::Synthetic(task), _) => synthetic::labels(*task, file),
        }
    }

    /// The rows at these positions, or all.
    fn take(&self, file: TaskFile, positions: Option<Vec<u32>>) -> TextSplit {
        let split = match (self, file) {
            (Self::Files(loaded), TaskFile::Train) => &loaded.train,
            (Self::Files(loaded), TaskFile::Evaluated) => &loaded.evaluated,
            (Self::Synthetic(task), _) => {
                let all = || (0..synthetic::labels(*task, file).len() as u32).collect();
                return synthetic::sentences(*task, file, &positions.unwrap_or_else(all));
            }
        };
        positions.map_or_else(|| split.clone(), |positions| split.select(&positions))
    }

    fn into_origin(self) -> (DataOrigin, Vec<String>) {
        match self {
            Self::Files(loaded) => (loaded.origin, loaded.notices),
            Self::Synthetic(task) => (DataOrigin::Synthetic { seed: synthetic::seed(task) }, Vec::new()),
        }
    }
}

/// The positions `among` (all if `None`) that a limit leaves, in their order.
fn limited(
    flag: &'static str,
    labels: &[u32],
    classes: u32,
    among: Option<Vec<u32>>,
    limit: Option<usize>,
) -> DataResult<Option<Vec<u32>>> {
    let Some(limit) = limit else { return Ok(among) };
    let Some(among) = among else { return balanced_limit(flag, labels, classes, limit).map(Some) };
    let labels: Vec<u32> = among.iter().map(|&position| labels[position as usize]).collect();
    let chosen = balanced_limit(flag, &labels, classes, limit)?;
    Ok(Some(chosen.into_iter().map(|place| among[place as usize]).collect()))
}

/// `train_test_split(test_size=0.1, seed=seed)` of Hugging Face's datasets: of NumPy's permutation the first tenth, rounded
/// up, is held out, and the rest is kept, both in the permutation's order.
fn numpy_hold_out(examples: usize, seed: u64) -> DataResult<(Vec<u32>, Vec<u32>)> {
    let held_out = (VALIDATION_SHARE * examples as f64).ceil() as usize;
    if held_out >= examples {
        return Err(DataError::Setting(format!(
            "the training file has {examples} rows, too few to hold out a validation split; at least 2 are needed"
        )));
    }
    let order = NumpyGenerator::new(seed).permutation(examples);
    let mut held: Vec<u32> = order.into_iter().map(|position| position as u32).collect();
    let kept = held.split_off(held_out);
    Ok((held, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hold_out_is_numpys() {
        let (held_out, kept) = numpy_hold_out(120_000, 42).unwrap();
        assert_eq!((held_out.len(), kept.len()), (12_000, 108_000));
        assert_eq!(held_out[..6], [6304, 100_605, 33_765, 58_777, 37_485, 38_358]);
        assert_eq!(held_out[11_997..], [62_994, 31_379, 119_524]);
        assert_eq!(kept[..6], [18_438, 19_322, 76_290, 61_285, 44_266, 637]);
        assert_eq!(kept[107_997..], [5668, 22_113, 75_400]);
    }

    #[test]
    fn the_held_out_tenth_is_rounded_up() {
        let count = |examples| numpy_hold_out(examples, 42).map(|(held_out, _)| held_out.len()).ok();
        assert_eq!([count(2), count(10), count(11), count(40_372)], [Some(1), Some(1), Some(2), Some(4038)]);
        assert_eq!((count(0), count(1)), (None, None));
    }
}
