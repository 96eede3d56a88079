//! Where a text run's data, tokenizer and model come from: local files, the Hugging Face cache, or the hub.
//!
//! A name that is a path on this machine is that path; any other is an id on the hub, `OWNER/NAME` or `NAME`, with
//! `@REVISION` when a certain commit, tag or branch is meant. Everything of the hub goes through [`Hub`], which offline has
//! nothing that could open a socket.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aees_run::settings::{Initialization, LabelNoiseType, RunConfig, looks_like_a_path};
use aees_tasks::{DataError, DataOrigin, DataSource, Hub, HubAccess, HubError, HubFile, LabelNoise, RepoId};
use aees_tasks::{TextData, TextDataConfig, TextTask, TextTokenizer};
use serde_json::{Value, json};

use crate::event::{Preparation, RunEvent, Subscriber};
use crate::hub_files::{DownloadEvents, fetch_command, hub};
use crate::task_error::TaskError;

/// Most tokens of the vocabulary that is made from synthetic sentences.
const SYNTHETIC_VOCABULARY: usize = 2_000;

/// The files of a tokenizer on the hub: the first is enough, the others stand in for it.
const TOKENIZER_FILE: &str = "tokenizer.json";
const VOCABULARY_FILES: [&str; 2] = ["vocab.txt", "tokenizer_config.json"];

/// The files of weights, in the order in which they are looked for.
const WEIGHT_FILES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// A model's files on this machine.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    /// Its `config.json`; absent for DistilBERT-base with random parameters, whose sizes are known.
    pub config: Option<PathBuf>,
    /// Its weights; absent when the first parameters are random.
    pub weights: Option<PathBuf>,
    /// Where they came from, for the RunResult.
    pub origin: Value,
}

/// Finds the files of one configuration.
pub struct TextFiles<'a> {
    task: TextTask,
    config: &'a RunConfig,
    hub: Hub,
    downloads: DownloadEvents<'a>,
}

impl<'a> TextFiles<'a> {
    /// Nothing is looked for yet.
    ///
    /// # Errors
    /// As [`hub`].
    pub fn new(
        task: TextTask,
        config: &'a RunConfig,
        subscribers: &'a mut [Box<dyn Subscriber>],
    ) -> Result<Self, TaskError> {
        let hub = hub(config).map_err(DataError::from)?;
        Ok(Self { task, config, hub, downloads: DownloadEvents::new(subscribers) })
    }

    /// What the user should know of how things were found.
    pub fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.downloads.notices)
    }

    /// Tells how far something is.
    pub fn prepare(&mut self, preparation: &Preparation<'_>) {
        self.downloads.emit(&RunEvent::Preparing(preparation));
    }

    /// Tells something the user should know.
    pub fn warn(&mut self, text: &str) {
        self.downloads.emit(&RunEvent::Warning(text));
    }

    /// What decides the sentences.
    pub fn data_config(&self) -> TextDataConfig {
        let noisy = self.config.label_noise_rate.get() > 0.0;
        let kind = if noisy { LabelNoiseType::Symmetric } else { LabelNoiseType::None };
        TextDataConfig {
            source: DataSource::from(self.config.data.as_str()),
            limit_train: self.config.limit_train.map(NonZeroUsize::get),
            limit_eval: self.config.limit_eval.map(NonZeroUsize::get),
            label_noise: LabelNoise { kind, rate: self.config.label_noise_rate.get() },
            label_noise_seed: self.config.label_noise_seed,
            ..TextDataConfig::new(self.task)
        }
    }

    /// The sentences.
    ///
    /// # Errors
    /// Whatever is wrong with the files, with their names.
    pub fn data(&mut self) -> Result<TextData, TaskError> {
        let data = self.data_config();
        let access = HubAccess { hub: &self.hub, progress: &mut self.downloads };
        data.load_with_hub(access).map_err(|error| error.fetched_by(fetch_command(self.config)).into())
    }

    /// The tokenizer, and where it came from.
    ///
    /// # Errors
    /// When it is not there, damaged, or no WordPiece tokenizer.
    pub fn tokenizer(&mut self, text: &TextData) -> Result<(TextTokenizer, Value), TaskError> {
        let named = self.config.tokenizer.as_deref();
        if named.is_none() && matches!(text.origin, DataOrigin::Synthetic { .. }) {
            let tokenizer = TextTokenizer::from_sentences(text.train.texts(), SYNTHETIC_VOCABULARY)?;
            return Ok((tokenizer, json!({"made_from": "the training sentences"})));
        }
        let name = named.unwrap_or(&self.config.model);
        if let Some(path) = local(name, "a tokenizer is a folder, tokenizer.json, vocab.txt")? {
            return Ok((TextTokenizer::read(path)?, json!({ "path": path })));
        }
        let file = self.tokenizer_file(name).map_err(|error| self.advised(error))?;
        Ok((TextTokenizer::read(&file.path)?, origin(name, &file)))
    }

    /// The error with the command that brings what is missing offline.
    fn advised(&self, error: HubError) -> HubError {
        error.fetched_by(fetch_command(self.config))
    }

    fn tokenizer_file(&mut self, name: &str) -> Result<HubFile, HubError> {
        match self.hub_file(name, TOKENIZER_FILE) {
            Err(error) if error.is_file_not_found() => self.vocabulary(name),
            found => found,
        }
    }

    fn vocabulary(&mut self, name: &str) -> Result<HubFile, HubError> {
        let [vocabulary, config] = VOCABULARY_FILES;
        let file = self.hub_file(name, vocabulary)?;
        match self.hub_file(name, config) {
            Err(error) if !error.is_file_not_found() => Err(error),
            _ => Ok(file),
        }
    }

    /// The model's configuration and weights, as far as the run needs them.
    ///
    /// # Errors
    /// When one is not there.
    pub fn model(&mut self) -> Result<ModelFiles, TaskError> {
        let name = self.config.model.as_str();
        let pretrained = self.config.initialization() == Initialization::Pretrained;
        if let Some(path) = local(name, "a model is a folder with config.json and weights")? {
            return local_model(path, pretrained);
        }
        if !pretrained && name == RunConfig::new(self.config.task).model {
            return Ok(ModelFiles { config: None, weights: None, origin: json!({"architecture": name}) });
        }
        let config = self.hub_file(name, "config.json").map_err(|error| self.advised(error))?;
        let weights = pretrained.then(|| self.hub_weights(name)).transpose().map_err(|error| self.advised(error))?;
        let weights = weights.map(|file| file.path);
        Ok(ModelFiles { weights, origin: origin(name, &config), config: Some(config.path) })
    }

    /// Brings data, tokenizer, configuration and weights into the cache, as far as they are on the hub.
    ///
    /// # Errors
    /// What cannot be had.
    pub fn fetch(&mut self) -> Result<Vec<PathBuf>, TaskError> {
        Ok(self.fetch_all().map_err(|error| self.advised(error))?)
    }

    fn fetch_all(&mut self) -> Result<Vec<PathBuf>, HubError> {
        let data = self.task.hub();
        let mut files = data.fetch(&mut HubAccess { hub: &self.hub, progress: &mut self.downloads })?.files;
        let model = self.config.model.as_str();
        let tokenizer = self.config.tokenizer.as_deref().unwrap_or(model);
        if !Path::new(tokenizer).exists() {
            files.push(self.tokenizer_file(tokenizer)?.path);
        }
        if !Path::new(model).exists() {
            files.push(self.hub_file(model, "config.json")?.path);
            files.push(self.hub_weights(model)?.path);
        }
        Ok(files)
    }

    fn hub_weights(&mut self, name: &str) -> Result<HubFile, HubError> {
        let [safe, pickled] = WEIGHT_FILES;
        match self.hub_file(name, safe) {
            Err(error) if error.is_file_not_found() => self.hub_file(name, pickled),
            // Offline nobody can say whether the hub has the first; the second may be the one that is here.
            Err(error @ HubError::NotCached { .. }) => self.hub_file(name, pickled).map_err(|_| error),
            found => found,
        }
    }

    fn hub_file(&mut self, name: &str, path: &str) -> Result<HubFile, HubError> {
        let (id, revision) = name.split_once('@').unwrap_or((name, "main"));
        self.hub.file(&RepoId::model(id)?, revision, path, &mut self.downloads)
    }
}

/// The path that a name means; none for an id on the hub.
fn local<'a>(name: &'a str, what: &str) -> Result<Option<&'a Path>, TaskError> {
    let path = Path::new(name);
    if !path.exists() && looks_like_a_path(name) {
        return Err(TaskError::Model {
            message: format!("{name}: no such file or folder"),
            help: Some(format!("{what}, or an id on the hub such as distilbert-base-uncased")),
        });
    }
    Ok(path.exists().then_some(path))
}

fn local_model(path: &Path, pretrained: bool) -> Result<ModelFiles, TaskError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let lacks = |what: String| TaskError::Model { message: format!("{}: {what}", folder.display()), help: None };
    let config = folder.join("config.json");
    if !config.is_file() {
        return Err(lacks("there is no config.json of a model".into()));
    }
    let weights = WEIGHT_FILES.map(|name| folder.join(name)).into_iter().find(|file| file.is_file());
    if pretrained && weights.is_none() {
        let [safe, pickled] = WEIGHT_FILES;
        return Err(lacks(format!("there is neither {safe} nor {pickled}; --init random needs none")));
    }
    let weights = weights.filter(|_| pretrained);
    Ok(ModelFiles { config: Some(config), weights, origin: json!({ "path": folder }) })
}

fn origin(name: &str, file: &HubFile) -> Value {
    let id = name.split('@').next().unwrap_or(name);
    json!({"repository": id, "revision": file.commit})
}
