//! A name for the content of a data set, the same for every container, compression and partition of the same examples.

use aees_run::hexadecimal::{hexadecimal, sha256};
use sha2::{Digest, Sha256};

/// Builds a fingerprint split by split.
///
/// SHA-256 over `aees-data-1\n` and then, for each split in the order given: its name and a newline, the number of examples
/// as 8 bytes, the labels as 4 bytes each, the number of payload bytes as 8 bytes, the payload. Numbers are little-endian.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint(Sha256);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(Sha256::new_with_prefix(b"aees-data-1\n"))
    }
}

impl Fingerprint {
    /// Adds one split. `labels` are the clean ones: label noise is a setting of the run, not a property of the data.
    pub(crate) fn add(&mut self, split: &str, labels: &[u32], payload: &[u8]) {
        self.0.update(split);
        self.0.update(b"\n");
        self.0.update((labels.len() as u64).to_le_bytes());
        self.0.update(label_bytes(labels));
        self.0.update((payload.len() as u64).to_le_bytes());
        self.0.update(payload);
    }

    /// The 64 lower-case hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        hexadecimal(&self.0.finalize())
    }
}

/// SHA-256 over labels as 4 little-endian bytes each, in lower-case hexadecimal.
pub fn labels_digest(labels: &[u32]) -> String {
    sha256(label_bytes(labels))
}

fn label_bytes(labels: &[u32]) -> Vec<u8> {
    labels.iter().flat_map(|label| label.to_le_bytes()).collect()
}
