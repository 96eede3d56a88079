//! Many sentences at once, on all threads of the pool, with the results in the sentences' order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::TokenizerError;
use super::plain_text::Words;
use super::split::{IdWidth, TokenTable};
use super::tokenizer::{TextTokenizer, check_max_length};

/// Sentences that a thread takes at a time: about 2 ms of work, so that both threads end together.
const SENTENCES_AT_A_TIME: usize = 512;

/// The result of some sentences in a row.
#[derive(Default)]
struct Part {
    index: usize,
    lengths: Vec<u32>,
    ids: Vec<u8>,
}

impl TextTokenizer {
    /// `[CLS] pieces [SEP]` for each of `texts`, as [`encode`](Self::encode) gives them. The result does not depend on
    /// the number of threads. `progress` is called from any thread with the number of sentences done since its last
    /// call.
    ///
    /// # Errors
    /// A `max_length` below 3, a sentence that the `tokenizers` crate refuses, 2^32 tokens or more.
    pub fn encode_all<'text>(
        &self,
        texts: impl IntoIterator<Item = &'text str>,
        max_length: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<TokenTable, TokenizerError> {
        check_max_length(max_length)?;
        let texts: Vec<&str> = texts.into_iter().collect();
        let width = IdWidth::for_vocabulary(self.vocabulary_size());
        let chunks: Vec<&[&str]> = texts.chunks(SENTENCES_AT_A_TIME).collect();
        let next = AtomicUsize::new(0);
        let parts = Mutex::new(Vec::with_capacity(chunks.len()));
        let outcomes = rayon::broadcast(|_| {
            let mut words = Words::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = chunks.get(index) else { return Ok(()) };
                let part = self.encode_part(index, chunk, max_length, width, &mut words)?;
                // A poisoned lock means that another thread panicked; the pool passes that panic on.
                if let Ok(mut parts) = parts.lock() {
                    parts.push(part);
                }
                progress(chunk.len());
            }
        });
        outcomes.into_iter().collect::<Result<(), TokenizerError>>()?;
        let mut parts = parts.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        parts.sort_unstable_by_key(|part| part.index);
        join(&parts, width)
    }

    fn encode_part(
        &self,
        index: usize,
        texts: &[&str],
        max_length: usize,
        width: IdWidth,
        words: &mut Words,
    ) -> Result<Part, TokenizerError> {
        let mut part = Part { index, ..Part::default() };
        let mut ids = Vec::with_capacity(max_length.min(1024));
        for text in texts {
            ids.clear();
            self.append(text, max_length, words, &mut ids)?;
            // At most max_length ids, of which 2^32 in all are checked below.
            part.lengths.push(ids.len() as u32);
            width.append(&ids, &mut part.ids);
        }
        Ok(part)
    }
}

fn join(parts: &[Part], width: IdWidth) -> Result<TokenTable, TokenizerError> {
    let bytes: usize = parts.iter().map(|part| part.ids.len()).sum();
    let tokens = bytes / width.bytes();
    if u32::try_from(tokens).is_err() {
        return Err(TokenizerError::TooManyTokens { tokens: tokens as u64 });
    }
    let mut ids = Vec::with_capacity(bytes);
    let mut offsets = vec![0];
    let mut end = 0;
    for part in parts {
        ids.extend_from_slice(&part.ids);
        offsets.extend(part.lengths.iter().map(|length| {
            end += length;
            end
        }));
    }
    Ok(TokenTable::from_parts(offsets, ids.into(), width))
}
