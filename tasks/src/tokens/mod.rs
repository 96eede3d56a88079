//! Sentences as WordPiece ids: the tokenizer, and the files that keep what it made.
//!
//! [`TextTokenizer`] gives the ids that Python's `BertTokenizerFast(text, truncation=True, max_length=n)` gives, many
//! sentences at a time. [`TokenData`] is a text task's data after that step; [`TokenStore`] keeps it on disk under a
//! [`TokenKey`], which names everything that decides the ids and labels. Reading text, splits and label noise are left
//! to the tasks; padding and batches to whoever trains.

mod data;
mod encode_all;
mod error;
mod file;
mod key;
mod plain_text;
mod split;
mod store;
mod tokenizer;
mod vocabulary;

pub use data::TokenData;
pub use error::TokenizerError;
pub use key::{TokenKey, TokenNoise};
pub use split::TokenSplit;
pub use store::{StoredTokens, TokenStore};
pub use tokenizer::TextTokenizer;
