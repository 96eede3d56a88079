//! Many sentences at once, on all threads of the pool, with the results in the sentences' order.

use rayon::prelude::*;

use super::error::TokenizerError;
use super::plain_text::WordPieces;
use super::split::TokenSplit;
use super::tokenizer::{TextTokenizer, check_max_length};

/// Sentences that are handed out together: about 2 ms of work, so that all threads end together.
const SENTENCES_AT_A_TIME: usize = 512;

impl TextTokenizer {
    /// `[CLS] pieces [SEP]` for each of `texts`, as [`encode`](Self::encode) gives them, without labels. The result does not depend on
    /// the number of threads. `progress` is called from any thread with the number of sentences done since its last
    /// call.
    ///
    /// # Errors
    /// A `max_length` below 3, or a sentence that the `tokenizers` crate refuses.
    pub fn encode_all<'text>(
        &self,
        texts: impl IntoIterator<Item = &'text str>,
        max_length: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<TokenSplit, TokenizerError> {
        check_max_length(max_length)?;
        let texts: Vec<&str> = texts.into_iter().collect();
        let parts = texts.par_chunks(SENTENCES_AT_A_TIME).map_init(WordPieces::default, |words, texts| {
            let (mut ids, mut lengths) = (Vec::new(), Vec::with_capacity(texts.len()));
            let mut sentence = Vec::with_capacity(max_length.min(1024));
            for text in texts {
                sentence.clear();
                self.append(text, max_length, words, &mut sentence)?;
                lengths.push(sentence.len());
                ids.extend(sentence.iter().flat_map(|id| id.to_le_bytes()));
            }
            progress(texts.len());
            Ok((lengths, ids))
        });
        let (lengths, ids): (Vec<_>, Vec<_>) = parts.collect::<Result<Vec<_>, TokenizerError>>()?.into_iter().unzip();
        let ends = lengths.concat().into_iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        Ok(TokenSplit::from_parts([0].into_iter().chain(ends).collect(), ids.concat().into()))
    }
}
