//! The sentences of a run as token ids: from the file of an earlier run or of `aees pretokenize`, or made now.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use aees_tasks::{StoredTokens, TextData, TextTask, TextTokenizer, TokenData, TokenKey, TokenSplit, TokenStore};
use serde_json::Value;

use crate::event::{Preparation, PreparationUnit, Subscriber};
use crate::task_error::TaskError;
use crate::text_files::TextFiles;
use aees_run::settings::RunConfig;

/// When tokens are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreTokens {
    /// Always: the command is there for it.
    Always,
    /// When the data is real, or a folder was named. Synthetic sentences are tokenized faster than they are worth keeping.
    WhereUseful,
}

/// Token ids with the tokenizer that made them.
pub(super) struct Tokenized {
    pub(super) data: Arc<TokenData>,
    pub(super) tokenizer: TextTokenizer,
    pub(super) tokenizer_origin: Value,
    file: Option<PathBuf>,
    already_there: bool,
    pub(super) notices: Vec<String>,
}

impl Tokenized {
    /// Reads the token file of a configuration, or makes it.
    pub(super) fn of(config: &RunConfig, files: &mut TextFiles<'_>, storing: StoreTokens) -> Result<Self, TaskError> {
        let text = files.data()?;
        let (tokenizer, tokenizer_origin) = files.tokenizer(&text)?;
        let stored =
            storing == StoreTokens::Always || config.data != "synthetic" || config.tokenized_dataset_dir.is_some();
        let store = stored.then(|| TokenStore::new(directory(config)));
        let key = TokenKey::of(&files.data_config(), &text, &tokenizer, config.max_length.get());
        let mut notices = text.notices.clone();
        if let Some(store) = &store {
            match store.open(&key, text.origin.clone())? {
                StoredTokens::Ready(data) => {
                    let file = Some(store.path(&key));
                    return Ok(Self {
                        data: Arc::from(data),
                        tokenizer,
                        tokenizer_origin,
                        file,
                        already_there: true,
                        notices,
                    });
                }
                StoredTokens::Stale(stale) => notices.push(format!("{stale}; it is made again")),
                StoredTokens::Absent => {}
            }
        }
        let data = tokenize(&text, &tokenizer, config.max_length.get(), files)?;
        let mut file = None;
        if let Some(store) = store {
            match store.save(&key, &data) {
                Ok(path) => file = Some(path),
                Err(error) if storing == StoreTokens::Always => return Err(error.into()),
                Err(error) => notices.push(format!("the tokens are not kept for the next run: {error}")),
            }
        }
        Ok(Self { data: Arc::new(data), tokenizer, tokenizer_origin, file, already_there: false, notices })
    }
}

fn tokenize(
    text: &TextData,
    tokenizer: &TextTokenizer,
    max_length: usize,
    files: &mut TextFiles<'_>,
) -> Result<TokenData, TaskError> {
    let total = text.train.len() + text.validation.len() + text.test.as_ref().map_or(0, |split| split.len());
    // Half a second for the largest task: one event says that it goes on.
    files.prepare(&Preparation {
        what: "tokenizing",
        done: 0,
        total: Some(total as u64),
        unit: PreparationUnit::Sentences,
    });
    Ok(TokenData::build(text, tokenizer, max_length, &|_| {})?)
}

/// All that decides tokens and tokenizer, and where they are looked for.
pub(super) fn key(config: &RunConfig, files: &TextFiles<'_>) -> String {
    let RunConfig { max_length, tokenizer, model, cache_dir, local_files_only, .. } = config;
    let folder = directory(config);
    format!("{:?}", (files.data_config(), max_length, tokenizer, model, cache_dir, local_files_only, folder))
}

/// Where the token files of a configuration lie.
fn directory(config: &RunConfig) -> PathBuf {
    let default = || Path::new("data").join(format!("{}_tokenized", config.task.name()));
    config.tokenized_dataset_dir.as_ref().map_or_else(default, PathBuf::from)
}

/// What `aees pretokenize` did.
#[derive(Clone, Debug)]
pub struct Pretokenized {
    /// The folder of the token files.
    pub directory: PathBuf,
    /// The token file.
    pub file: PathBuf,
    /// Whether it was there, whole and of the same key.
    pub already_there: bool,
    /// Sentences of all splits.
    pub sentences: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Corrupted training labels, and how many there are.
    pub corrupted: Option<(usize, usize)>,
    /// Seconds it took.
    pub seconds: f64,
}

/// Tokenizes the data of a configuration and stores it, unless that is done already.
///
/// # Errors
/// Whatever is missing, damaged, or cannot be written.
pub fn pretokenize(
    task: TextTask,
    config: &RunConfig,
    subscribers: &mut [Box<dyn Subscriber>],
) -> Result<Pretokenized, TaskError> {
    let start = Instant::now();
    let mut files = TextFiles::new(task, config, subscribers)?;
    let found = Tokenized::of(config, &mut files, StoreTokens::Always)?;
    let notices: Vec<String> = found.notices.into_iter().chain(files.notices()).collect();
    notices.iter().for_each(|notice| files.warn(notice));
    let splits = || [Some(&found.data.train), Some(&found.data.validation), found.data.test.as_ref()];
    let report = found.data.label_noise.as_ref();
    Ok(Pretokenized {
        directory: directory(config),
        file: found.file.unwrap_or_default(),
        already_there: found.already_there,
        sentences: splits().into_iter().flatten().map(TokenSplit::len).sum(),
        tokens: splits().into_iter().flatten().map(TokenSplit::tokens).sum(),
        corrupted: report.map(|report| (report.num_corrupted_examples, report.num_train_examples)),
        seconds: start.elapsed().as_secs_f64(),
    })
}
