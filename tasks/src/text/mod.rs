//! What SST-2 and AG News share: sentences with labels, from files in any of their layouts or made on the spot.
//!
//! Each task says in its own file ([`sst2`], [`agnews`]) what it is called, which columns it has and which of its files is
//! evaluated. Tokens are left to the tokenizer.

mod agnews;
mod csv_table;
mod data;
mod files;
mod format;
mod hub_table;
mod rows;
mod split;
mod sst2;
mod synthetic;
mod synthetic_words;
mod task;
mod tsv_table;

pub use data::{TextData, TextDataConfig};
pub use split::TextSplit;
pub use task::TextTask;
