//! A WordPiece vocabulary made from sentences: for `--data synthetic`, with no file and no network.
//!
//! Not BERT's training procedure, which needs much text. BERT's special tokens come first, in its order; then each
//! character alone and as a continuation, so that nothing in the sentences is unknown; then the most frequent words,
//! then the most frequent word endings, which let unseen words of the same kind be told apart.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use super::error::TokenizerError;
use super::tokenizer::{SPECIAL_TOKENS, TextTokenizer};

/// Words longer than this are one `[UNK]` for every WordPiece tokenizer.
const LONGEST_WORD: usize = 100;

impl TextTokenizer {
    /// Makes a tokenizer of at most `size` tokens, lower-casing as BERT's uncased ones. A pure function of the
    /// sentences as a multiset and of `size`.
    ///
    /// # Errors
    /// A `size` too small for the special tokens and single characters.
    pub fn from_sentences<'text>(
        sentences: impl IntoIterator<Item = &'text str>,
        size: usize,
    ) -> Result<Self, TokenizerError> {
        let words = count_words(sentences)?;
        let mut tokens: Vec<String> = SPECIAL_TOKENS.map(String::from).into();
        let characters: BTreeSet<char> = words.keys().flat_map(|word| word.chars()).collect();
        tokens.extend(characters.iter().map(char::to_string));
        tokens.extend(characters.iter().map(|character| format!("##{character}")));
        if tokens.len() > size {
            let needed = tokens.len();
            return Err(TokenizerError::saying(format!(
                "a vocabulary of {size} tokens is too small: the special tokens and single characters alone are {needed}"
            )));
        }
        let endings = count_endings(&words);
        let longer_words = words.into_iter().filter(|(word, _)| word.chars().nth(1).is_some()).collect();
        // Three quarters for words: endings are counted over many words and would crowd them out.
        let room_for_words = (size - tokens.len()).div_ceil(4) * 3;
        tokens.extend(by_frequency(longer_words).take(room_for_words));
        tokens.truncate(size);
        let room_for_endings = size - tokens.len();
        tokens.extend(by_frequency(endings).take(room_for_endings));
        Self::from_vocabulary(&tokens)
    }
}

/// Words as BERT's normaliser and pre-tokenizer see them, with how often they come.
fn count_words<'text>(
    sentences: impl IntoIterator<Item = &'text str>,
) -> Result<BTreeMap<String, u64>, TokenizerError> {
    let mut words = BTreeMap::new();
    for sentence in sentences {
        let mut normalized = NormalizedString::from(sentence);
        let split = BertNormalizer::default().normalize(&mut normalized).and_then(|()| {
            let mut split = PreTokenizedString::from(normalized);
            BertPreTokenizer.pre_tokenize(&mut split).map(|()| split)
        });
        let split = split.map_err(TokenizerError::sentence)?;
        for (word, ..) in split.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            if word.chars().count() <= LONGEST_WORD {
                *words.entry(word.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(words)
}

/// The endings of two characters and more of all words, as continuations.
fn count_endings(words: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut endings = BTreeMap::new();
    for (word, count) in words {
        for (start, _) in word.char_indices().skip(1) {
            let ending = &word[start..];
            if ending.chars().nth(1).is_some() {
                *endings.entry(format!("##{ending}")).or_default() += count;
            }
        }
    }
    endings
}

/// The most frequent first; among equals by code point.
fn by_frequency(counts: BTreeMap<String, u64>) -> impl Iterator<Item = String> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.into_iter().map(|(text, _)| text)
}
