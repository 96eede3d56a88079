//! Sentences as ids: the tokenizer against Python's, and the files that keep what it made.

mod corpus;
mod files;
mod plain_text;
mod python_ids;
mod task_data;
mod tokenizer;

use aees_tasks::TokenSplit;
use sha2::{Digest, Sha256};

/// Of all ids, as `make_token_fixtures.py` takes it.
fn digest(table: &TokenSplit) -> String {
    let mut digest = Sha256::new();
    let mut ids = Vec::new();
    for index in 0..table.len() {
        ids.clear();
        table.extend_ids(index, &mut ids);
        digest.update((ids.len() as u32).to_le_bytes());
        ids.iter().for_each(|id| digest.update(id.to_le_bytes()));
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
