//! What decides the ids and labels of a token file, and so its name.

use aees_run::hexadecimal::sha256;
use aees_run::settings::LabelNoiseType;
use serde::{Deserialize, Serialize};

use super::tokenizer::TextTokenizer;
use crate::text::{TextData, TextDataConfig};

/// Label noise as part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenNoise {
    /// Symmetric or asymmetric.
    pub kind: LabelNoiseType,
    /// The share of labels asked for, in (0, 1].
    pub rate: f64,
    /// The seed of the draws.
    pub seed: u64,
}

/// Everything that decides what a token file holds. Limits are inside the fingerprint, which is taken after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    /// The task's name, `sst2` or `agnews`.
    pub task: String,
    /// [`TextTokenizer::digest`](super::TextTokenizer::digest).
    pub tokenizer_digest: String,
    /// The most ids of a sentence.
    pub max_length: usize,
    /// The fingerprint of names, texts and clean labels of all splits.
    pub data_fingerprint: String,
    /// The seed that held out the validation split; None where the files decide.
    pub split_seed: Option<u64>,
    /// None where labels are clean.
    pub label_noise: Option<TokenNoise>,
}

impl TokenKey {
    /// The key of what [`TokenData::build`](super::TokenData::build) makes of `text`, which `config` loaded.
    pub fn of(config: &TextDataConfig, text: &TextData, tokenizer: &TextTokenizer, max_length: usize) -> Self {
        let noise = config.label_noise;
        Self {
            task: config.task.name().to_owned(),
            tokenizer_digest: tokenizer.digest().to_owned(),
            max_length,
            data_fingerprint: text.fingerprint.clone(),
            split_seed: config.task.holds_out().then_some(config.split_seed),
            label_noise: noise.is_enabled().then_some(TokenNoise {
                kind: noise.kind,
                rate: noise.rate,
                seed: config.label_noise_seed,
            }),
        }
    }

    /// `<task>-<max length>-<first 16 digits of the key's SHA-256>.safetensors`.
    pub fn file_name(&self) -> String {
        // Strings and numbers only: writing them as JSON cannot fail. Fields come in the order of the struct.
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        let digest = sha256(canonical);
        format!("{}-{}-{}.safetensors", self.task, self.max_length, &digest[..16])
    }

    /// The first thing in which a file's key differs, in words.
    pub(super) fn difference(&self, found: &Self) -> Option<String> {
        let differs = |what: &str, found: String, expected: String| {
            (found != expected).then(|| format!("made for {what} {found}, not {expected}"))
        };
        let json = |value: Option<TokenNoise>| serde_json::to_string(&value).unwrap_or_default();
        let seed = |value: Option<u64>| value.map_or_else(|| "none".to_owned(), |seed| seed.to_string());
        differs("task", found.task.clone(), self.task.clone())
            .or_else(|| differs("tokenizer", found.tokenizer_digest.clone(), self.tokenizer_digest.clone()))
            .or_else(|| differs("max length", found.max_length.to_string(), self.max_length.to_string()))
            .or_else(|| differs("data", found.data_fingerprint.clone(), self.data_fingerprint.clone()))
            .or_else(|| differs("split seed", seed(found.split_seed), seed(self.split_seed)))
            .or_else(|| differs("label noise", json(found.label_noise), json(self.label_noise)))
    }
}
