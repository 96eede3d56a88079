//! A name for the content of a data set, the same for every container, compression and partition of the same examples.

use aees_run::hexadecimal::{hexadecimal, sha256};
use sha2::{Digest, Sha256};

/// The fingerprint of some splits: the name, the labels and the payload of each. The labels are the clean ones: label noise is
/// a setting of the run, not a property of the data.
///
/// SHA-256 over `aees-data-1\n` and then, for each split in the order given: its name and a newline, the number of examples
/// as 8 bytes, the labels as 4 bytes each, the number of payload bytes as 8 bytes, the payload. Numbers are little-endian.
pub(crate) fn fingerprint<'a, P: AsRef<[u8]>>(splits: impl Iterator<Item = (&'a str, &'a [u32], P)>) -> String {
    let mut hasher = Sha256::new_with_prefix(b"aees-data-1\n");
    for (name, labels, payload) in splits {
        let payload = payload.as_ref();
        hasher.update(name);
        hasher.update(b"\n");
        hasher.update((labels.len() as u64).to_le_bytes());
        hasher.update(label_bytes(labels));
        hasher.update((payload.len() as u64).to_le_bytes());
        hasher.update(payload);
    }
    hexadecimal(&hasher.finalize())
}

/// SHA-256 over labels as 4 little-endian bytes each, in lower-case hexadecimal.
pub fn labels_digest(labels: &[u32]) -> String {
    sha256(label_bytes(labels))
}

fn label_bytes(labels: &[u32]) -> Vec<u8> {
    labels.iter().flat_map(|label| label.to_le_bytes()).collect()
}
