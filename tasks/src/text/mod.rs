//! What SST-2 and AG News share: sentences with labels, from files in any of their layouts or made on the spot.
//!
//! Each task says in its own file ([`crate::sst2`], [`crate::agnews`]) what it is called, which columns it has and which
//! of its files is evaluated. Tokens are left to the tokenizer.

mod csv_table;
mod data;
mod error;
mod files;
mod format;
mod hub_table;
mod rows;
mod split;
mod synthetic;
mod synthetic_words;
mod tsv_table;

pub use data::{TextData, TextDataConfig};
pub use error::{RowPlace, TextError};
pub use format::TextTask;
pub(crate) use format::{EvaluatedFile, TextFormat, TextTable};
pub use split::TextSplit;
