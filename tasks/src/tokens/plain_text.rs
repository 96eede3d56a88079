//! A short way to the same ids for plain ASCII, which is nearly all text of the tasks.
//!
//! The `tokenizers` crate keeps track of where each character came from; that is most of its time, and ids do not need
//! it. For BERT's standard normaliser and pre-tokenizer, and text of ASCII letters, digits, punctuation and blanks,
//! those two steps come to lower-casing and splitting. This file does that much and no more. Each word's pieces still
//! come from the crate's own WordPiece, once per word and thread; a word is then looked up. On the 107,721 real rows
//! this takes 0.24 s where `encode_fast` on the same two threads takes 3.0 s (`benches/pretokenize.rs`; n = 3, busy
//! machine). Control characters, anything outside of ASCII and `[` (with which the special tokens begin) are left to
//! the crate. `tests/tokens/plain_text.rs` and `tests/tokens/corpus.rs` prove that both ways agree.

use std::collections::HashMap;
use std::ops::Range;

use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::error::TokenizerError;

/// Words that a thread remembers. The real data has about 70,000; made-up data without end must not fill the memory.
const REMEMBERED_WORDS: usize = 1 << 18;
/// Longer words are rare, and most are one `[UNK]`.
const REMEMBERED_WORD_BYTES: usize = 32;

/// What a byte is to the normaliser and pre-tokenizer of BERT.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ByteKind {
    Blank,
    Word,
    Punctuation,
    /// Not for this file.
    Other,
}

const KINDS: [ByteKind; 256] = {
    let mut kinds = [ByteKind::Other; 256];
    let mut byte = 0;
    while byte < 128 {
        let value = byte as u8;
        kinds[byte] = match value {
            b'[' => ByteKind::Other,
            b' ' | b'\t' | b'\n' | b'\r' => ByteKind::Blank,
            _ if value.is_ascii_alphanumeric() => ByteKind::Word,
            _ if value.is_ascii_punctuation() => ByteKind::Punctuation,
            _ => ByteKind::Other,
        };
        byte += 1;
    }
    kinds
};

/// Whether all of `text` is plain.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| KINDS[usize::from(byte)] != ByteKind::Other)
}

/// The short way, for one tokenizer.
#[derive(Debug)]
pub(super) struct PlainText {
    model: WordPiece,
    lowercase: bool,
}

/// The pieces of the words that one thread has met.
#[derive(Debug, Default)]
pub(super) struct WordPieces {
    places: HashMap<Box<str>, Range<u32>>,
    pieces: Vec<u32>,
    word: String,
}

impl PlainText {
    /// None where the tokenizer is not BERT's standard one.
    pub(super) fn of(tokenizer: &Tokenizer) -> Option<Self> {
        let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() else { return None };
        let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = tokenizer.get_pre_tokenizer() else { return None };
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return None };
        // Added tokens are found before words are: all of them must be impossible in plain text.
        let reachable = |content: &str| !content.starts_with('[');
        if tokenizer.get_added_tokens_decoder().values().any(|token| reachable(&token.content)) {
            return None;
        }
        normalizer.clean_text.then(|| Self { model: model.clone(), lowercase: normalizer.lowercase })
    }

    /// Appends the pieces of `text`, which [`is_plain`], to `ids`, at least the first `limit` of them if there are so
    /// many.
    pub(super) fn append(
        &self,
        text: &str,
        limit: usize,
        words: &mut WordPieces,
        ids: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        let bytes = text.as_bytes();
        let kind = |index: usize| bytes.get(index).map(|&byte| KINDS[usize::from(byte)]);
        let full = ids.len().saturating_add(limit);
        let mut start = 0;
        while let Some(first) = kind(start)
            && ids.len() < full
        {
            let mut end = start + 1;
            if first == ByteKind::Word {
                while kind(end) == Some(ByteKind::Word) {
                    end += 1;
                }
            }
            if first != ByteKind::Blank {
                self.append_word(&text[start..end], words, ids)?;
            }
            start = end;
        }
        Ok(())
    }

    fn append_word(&self, word: &str, words: &mut WordPieces, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        words.word.clear();
        words.word.push_str(word);
        if self.lowercase {
            words.word.make_ascii_lowercase();
        }
        if let Some(place) = words.places.get(words.word.as_str()) {
            ids.extend_from_slice(&words.pieces[place.start as usize..place.end as usize]);
            return Ok(());
        }
        let tokens = self.model.tokenize(&words.word).map_err(TokenizerError::sentence)?;
        ids.extend(tokens.iter().map(|token| token.id));
        if word.len() <= REMEMBERED_WORD_BYTES && words.places.len() < REMEMBERED_WORDS {
            // At most REMEMBERED_WORDS * REMEMBERED_WORD_BYTES = 2^23 pieces: a u32 holds the place.
            let start = words.pieces.len() as u32;
            words.pieces.extend(tokens.iter().map(|token| token.id));
            words.places.insert(words.word.as_str().into(), start..words.pieces.len() as u32);
        }
        Ok(())
    }
}
