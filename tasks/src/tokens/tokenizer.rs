//! BERT's tokenizer, read from the files that Python's `transformers` reads and writes.
//!
//! `tokenizer.json` is taken before `vocab.txt`. Where `tokenizer_config.json` beside either tells `do_lower_case`,
//! `strip_accents` or `tokenize_chinese_chars`, it is obeyed, as `BertTokenizerFast` obeys it. Where `tokenizer.json`
//! says how to truncate or pad, that is ignored: both are decided by the run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aees_run::artifact::write_whole;
use aees_run::caught::caught;
use aees_run::hexadecimal::hexadecimal;
use aees_run::input;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Model, ModelWrapper, NormalizerWrapper, Tokenizer};

use super::error::TokenizerError;
use super::plain_text::{PlainText, WordPieces, is_plain};

/// The smallest `max_length`: `[CLS]`, one piece of text, `[SEP]`.
const MINIMUM_MAX_LENGTH: usize = 3;

const TOKENIZER_FILE: &str = "tokenizer.json";
const VOCABULARY_FILE: &str = "vocab.txt";
const CONFIG_FILE: &str = "tokenizer_config.json";

/// BERT's special tokens in the order of its vocabulary. `[MASK]`, the last, is not needed here.
pub(super) const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// A WordPiece tokenizer whose sentences are `[CLS] pieces [SEP]`. Can be shared between threads.
#[derive(Debug)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    plain_text: Option<PlainText>,
    padding_id: u32,
    start_id: u32,
    end_id: u32,
    vocabulary_size: usize,
    digest: String,
}

/// What is read of `tokenizer_config.json`; it holds much else.
#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    truncation_side: Option<String>,
}

impl TextTokenizer {
    /// Reads a folder, a `tokenizer.json` or a `vocab.txt`.
    ///
    /// # Errors
    /// A file that is not there or is damaged, a tokenizer that is not WordPiece, lacks a special token or does not
    /// frame a sentence.
    pub fn read(path: &Path) -> Result<Self, TokenizerError> {
        let file = find(path)?;
        // A file that the library panics over is damaged like any other.
        caught(|| Self::read_file(&file)).unwrap_or_else(|panic| Err(TokenizerError::damaged(&file, panic)))
    }

    fn read_file(file: &Path) -> Result<Self, TokenizerError> {
        let text = read_text(file)?;
        let settings = read_settings(&file.with_file_name(CONFIG_FILE))?;
        let tokenizer = if file.extension().is_some_and(|extension| extension == "json") {
            from_json(file, &text, &settings)?
        } else {
            from_lines(&text, &settings).map_err(|error| TokenizerError::damaged(file, error))?
        };
        Self::check(tokenizer, file)
    }

    /// Wraps a vocabulary that was made on the spot.
    pub(super) fn from_vocabulary(tokens: &[String]) -> Result<Self, TokenizerError> {
        let place = Path::new("the vocabulary made from sentences");
        let damaged = |error: tokenizers::Error| TokenizerError::damaged(place, error);
        let lines = tokens.join("\n");
        Self::check(from_lines(&lines, &TokenizerConfig::default()).map_err(damaged)?, place)
    }

    /// Checks what the rest of the program relies on. `place` is for messages.
    fn check(mut tokenizer: Tokenizer, place: &Path) -> Result<Self, TokenizerError> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| TokenizerError::damaged(place, error))?;
        let id = |token: &str| tokenizer.token_to_id(token);
        let [Some(padding_id), Some(_), Some(start_id), Some(end_id), _] = SPECIAL_TOKENS.map(id) else {
            let missing = SPECIAL_TOKENS[..4].iter().filter(|token| id(token).is_none());
            let missing: Vec<&str> = missing.copied().collect();
            return Err(TokenizerError::other_kind(place, format!("the vocabulary has no {}", missing.join(", no "))));
        };
        // An embedding needs a row for the largest id, also where some ids are not given out.
        let vocabulary_size = tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if i32::try_from(vocabulary_size).is_err() {
            return Err(TokenizerError::damaged(place, format!("ids up to {}", vocabulary_size - 1)));
        }
        check_frame(&tokenizer, [start_id, end_id], place)?;
        let canonical = tokenizer.to_string(false).map_err(|error| TokenizerError::damaged(place, error))?;
        let digest = Sha256::new_with_prefix(b"aees-tokenizer-1\n").chain_update(canonical).finalize();
        Ok(Self {
            plain_text: PlainText::of(&tokenizer),
            tokenizer,
            padding_id,
            start_id,
            end_id,
            vocabulary_size,
            digest: hexadecimal(&digest),
        })
    }

    /// SHA-256, in hexadecimal, over all that decides ids: vocabulary, settings and added tokens, in the `tokenizers`
    /// crate's own notation. So the formatting of a file is not in it, and `tokenizer.json` and `vocab.txt` of one
    /// model have the same digest where they say the same.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Rows that an embedding needs: the largest id + 1.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// The id of `[PAD]`.
    pub fn padding_id(&self) -> u32 {
        self.padding_id
    }

    /// `[CLS] pieces [SEP]`, at most `max_length` ids, as `BertTokenizerFast(text, truncation=True, max_length=n)`
    /// gives.
    ///
    /// # Errors
    /// A `max_length` below 3, or a sentence that the `tokenizers` crate refuses.
    pub fn encode(&self, text: &str, max_length: usize) -> Result<Vec<u32>, TokenizerError> {
        check_max_length(max_length)?;
        let mut ids = Vec::new();
        self.append(text, max_length, &mut WordPieces::default(), &mut ids)?;
        Ok(ids)
    }

    /// Appends a sentence to `ids`, which is empty; `max_length` is checked.
    pub(super) fn append(
        &self,
        text: &str,
        max_length: usize,
        words: &mut WordPieces,
        ids: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        ids.push(self.start_id);
        match &self.plain_text {
            Some(plain_text) if is_plain(text) => plain_text.append(text, max_length - 2, words, ids)?,
            _ => self.append_by_crate(text, ids)?,
        }
        ids.truncate(max_length - 1);
        ids.push(self.end_id);
        Ok(())
    }

    fn append_by_crate(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let encoded = caught(|| self.tokenizer.encode_fast(text, false));
        let encoding = encoded.unwrap_or_else(|panic| Err(panic.into())).map_err(TokenizerError::sentence)?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// Writes `tokenizer.json`, `vocab.txt` and `tokenizer_config.json`, so that Python's `transformers` reads the
    /// folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), TokenizerError> {
        let refused = |path: &Path, error| TokenizerError::at(path, format!("cannot be written: {error}"));
        fs::create_dir_all(folder).map_err(|error| refused(folder, error))?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            write_whole(&path, |out| out.write_all(text.as_bytes())).map_err(|error| refused(&path, error))
        };
        let json = self
            .tokenizer
            .to_string(true)
            .map_err(|error| TokenizerError::damaged(&folder.join(TOKENIZER_FILE), error))?;
        write(TOKENIZER_FILE, json)?;
        write(VOCABULARY_FILE, self.vocabulary_lines())?;
        let mut config = serde_json::json!({ "model_input_names": ["input_ids", "attention_mask"] });
        for token in SPECIAL_TOKENS.into_iter().filter(|token| self.tokenizer.token_to_id(token).is_some()) {
            let role = token.trim_matches(['[', ']']).to_lowercase();
            config[format!("{role}_token")] = token.into();
        }
        if let Some(NormalizerWrapper::BertNormalizer(normalizer)) = self.tokenizer.get_normalizer() {
            config["do_lower_case"] = normalizer.lowercase.into();
            config["strip_accents"] = normalizer.strip_accents.into();
            config["tokenize_chinese_chars"] = normalizer.handle_chinese_chars.into();
        }
        write(CONFIG_FILE, format!("{config:#}\n"))
    }

    /// The tokens by id, one in each line.
    fn vocabulary_lines(&self) -> String {
        let mut tokens: Vec<(u32, String)> =
            self.tokenizer.get_model().get_vocab().into_iter().map(|(token, id)| (id, token)).collect();
        tokens.sort_unstable();
        tokens.into_iter().map(|(_, token)| token + "\n").collect()
    }
}

pub(super) fn check_max_length(max_length: usize) -> Result<(), TokenizerError> {
    if max_length < MINIMUM_MAX_LENGTH {
        let expected = "expected at least 3, for [CLS], one piece of text and [SEP]";
        return Err(TokenizerError::saying(format!("--max-length {max_length}: {expected}")));
    }
    Ok(())
}

/// The file that `path` means.
fn find(path: &Path) -> Result<PathBuf, TokenizerError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    [TOKENIZER_FILE, VOCABULARY_FILE]
        .into_iter()
        .map(|name| path.join(name))
        .find(|file| file.exists())
        .ok_or_else(|| TokenizerError::missing(path, "holds no tokenizer.json and no vocab.txt"))
}

fn read_text(path: &Path) -> Result<String, TokenizerError> {
    input::read_text(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => TokenizerError::missing(path, "no such file or folder"),
        ErrorKind::InvalidData => TokenizerError::damaged(path, "not UTF-8 text"),
        _ => TokenizerError::at(path, format!("cannot be read: {source}")),
    })
}

fn read_settings(path: &Path) -> Result<TokenizerConfig, TokenizerError> {
    if !path.exists() {
        return Ok(TokenizerConfig::default());
    }
    let settings: TokenizerConfig =
        serde_json::from_str(&read_text(path)?).map_err(|error| TokenizerError::damaged(path, error))?;
    match settings.truncation_side.as_deref() {
        None | Some("right") => Ok(settings),
        // Obeyed by Python; no model of the tasks asks for it.
        Some(side) => {
            Err(TokenizerError::damaged(path, format!("truncation_side \"{side}\": only \"right\" is supported")))
        }
    }
}

fn from_json(path: &Path, text: &str, settings: &TokenizerConfig) -> Result<Tokenizer, TokenizerError> {
    let mut tokenizer = Tokenizer::from_str(text).map_err(|error| TokenizerError::damaged(path, error))?;
    let found = match tokenizer.get_model() {
        ModelWrapper::WordPiece(_) => None,
        ModelWrapper::BPE(_) => Some("BPE"),
        ModelWrapper::WordLevel(_) => Some("WordLevel"),
        ModelWrapper::Unigram(_) => Some("Unigram"),
    };
    if let Some(found) = found {
        let reason = format!("a {found} tokenizer; expected WordPiece, as BERT and DistilBERT have");
        return Err(TokenizerError::other_kind(path, reason));
    }
    if let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() {
        let normalizer = BertNormalizer::new(
            normalizer.clean_text,
            settings.tokenize_chinese_chars.unwrap_or(normalizer.handle_chinese_chars),
            settings.strip_accents.or(normalizer.strip_accents),
            settings.do_lower_case.unwrap_or(normalizer.lowercase),
        );
        tokenizer.with_normalizer(Some(normalizer)).map_err(|error| TokenizerError::damaged(path, error))?;
    }
    Ok(tokenizer)
}

/// BERT's standard tokenizer around a vocabulary of one token in each line, with Python's defaults for what `settings`
/// do not tell.
fn from_lines(lines: &str, settings: &TokenizerConfig) -> Result<Tokenizer, tokenizers::Error> {
    let model = WordPiece::builder().vocab(WordPiece::read_bytes(lines.as_bytes())?).build()?;
    let ids = SPECIAL_TOKENS.map(|token| model.token_to_id(token));
    let special = SPECIAL_TOKENS.into_iter().zip(ids).filter(|(_, id)| id.is_some());
    let special: Vec<AddedToken> = special.map(|(token, _)| AddedToken::from(token, true)).collect();
    let clean_text = true;
    let normalizer = BertNormalizer::new(
        clean_text,
        settings.tokenize_chinese_chars.unwrap_or(true),
        settings.strip_accents,
        settings.do_lower_case.unwrap_or(true),
    );
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(WordPieceDecoder::default()));
    tokenizer.add_special_tokens(special)?;
    if let [_, _, Some(start), Some(end), _] = ids {
        let frame = TemplateProcessing::builder()
            .try_single("[CLS]:0 $A:0 [SEP]:0")?
            .try_pair("[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")?
            .special_tokens(vec![("[CLS]", start), ("[SEP]", end)])
            .build()?;
        tokenizer.with_post_processor(Some(frame));
    }
    Ok(tokenizer)
}

/// Sentences are framed by hand, so the tokenizer must do the same.
fn check_frame(tokenizer: &Tokenizer, [start, end]: [u32; 2], place: &Path) -> Result<(), TokenizerError> {
    for probe in ["", "a probe"] {
        let damaged = |error: tokenizers::Error| TokenizerError::damaged(place, error);
        let pieces = tokenizer.encode_fast(probe, false).map_err(damaged)?;
        let framed = tokenizer.encode_fast(probe, true).map_err(damaged)?;
        if framed.get_ids() != [&[start], pieces.get_ids(), &[end]].concat() {
            let found = framed.get_tokens().join(" ");
            let reason = format!("does not frame a sentence as [CLS] ... [SEP] (its post_processor makes {found})");
            return Err(TokenizerError::other_kind(place, reason));
        }
    }
    Ok(())
}
