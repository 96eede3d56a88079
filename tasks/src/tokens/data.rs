//! A text task's data as ids.

use super::error::TokenizerError;
use super::split::TokenSplit;
use super::tokenizer::TextTokenizer;
use crate::data_source::DataOrigin;
use crate::label_noise::LabelNoiseReport;
use crate::text::{TextData, TextSplit};

/// A text task's data as a run trains on it.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenData {
    /// What is trained on.
    pub train: TokenSplit,
    /// What is evaluated each epoch.
    pub validation: TokenSplit,
    /// What `--eval-test` evaluates once at the end; only some tasks have it.
    pub test: Option<TokenSplit>,
    /// What label noise did to the training labels.
    pub label_noise: Option<LabelNoiseReport>,
    /// The fingerprint of the text: names, clean labels and sentences of all splits.
    pub fingerprint: String,
    /// Where the text came from.
    pub origin: DataOrigin,
    /// Which tokenizer made the ids: [`TextTokenizer::digest`](super::TextTokenizer::digest).
    pub tokenizer_digest: String,
    /// Rows that an embedding needs.
    pub vocabulary_size: usize,
    /// The most ids of a sentence.
    pub max_length: usize,
}

impl TokenData {
    /// Tokenizes all splits. `progress` is called from any thread with the number of sentences done since its last
    /// call.
    ///
    /// # Errors
    /// As [`TextTokenizer::encode_all`].
    pub fn build(
        text: &TextData,
        tokenizer: &TextTokenizer,
        max_length: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, TokenizerError> {
        let split = |split: &TextSplit| {
            let tokens = tokenizer.encode_all(split.texts(), max_length, progress)?;
            Ok(tokens.with_labels(split.labels().to_vec(), split.clean_labels().to_vec()))
        };
        Ok(Self {
            train: split(&text.train)?,
            validation: split(&text.validation)?,
            test: text.test.as_ref().map(split).transpose()?,
            label_noise: text.label_noise.clone(),
            fingerprint: text.fingerprint.clone(),
            origin: text.origin.clone(),
            tokenizer_digest: tokenizer.digest().to_owned(),
            vocabulary_size: tokenizer.vocabulary_size(),
            max_length,
        })
    }

    /// The splits that are there, with their names, in the order of a token file.
    pub(super) fn splits(&self) -> impl Iterator<Item = (&'static str, &TokenSplit)> {
        let always = [("train", &self.train), ("validation", &self.validation)];
        always.into_iter().chain(self.test.iter().map(|split| ("test", split)))
    }
}
