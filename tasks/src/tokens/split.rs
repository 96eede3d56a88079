//! The ids of a split with their labels, in memory or in a mapped file: the same type for both.

use bytes::Bytes;

/// Bytes of an id.
const ID_BYTES: usize = size_of::<i32>();

/// Sentences in a row, `[CLS] pieces [SEP]` each, without padding, with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSplit {
    /// Where each sentence begins, in ids; one more at the end. Never falls, and ends at the number of ids.
    offsets: Vec<usize>,
    /// i32, little-endian.
    ids: Bytes,
    labels: Vec<u32>,
    clean_labels: Vec<u32>,
}

impl TokenSplit {
    /// The caller has checked what `offsets` promises.
    pub(super) fn from_parts(offsets: Vec<usize>, ids: Bytes) -> Self {
        debug_assert_eq!(offsets.last().map(|&end| end * ID_BYTES), Some(ids.len()));
        Self { offsets, ids, labels: Vec::new(), clean_labels: Vec::new() }
    }

    /// The same sentences with labels.
    ///
    /// # Panics
    /// When there are not as many labels of both kinds as sentences.
    #[must_use]
    pub fn with_labels(self, labels: Vec<u32>, clean_labels: Vec<u32>) -> Self {
        assert_eq!(self.len(), labels.len(), "a label for each sentence");
        assert_eq!(self.len(), clean_labels.len(), "a clean label for each sentence");
        Self { labels, clean_labels, ..self }
    }

    /// The sentences.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of all sentences together.
    pub fn tokens(&self) -> usize {
        self.ids.len() / ID_BYTES
    }

    /// The ids of sentence `index`, `[CLS]` and `[SEP]` included.
    ///
    /// # Panics
    /// An `index` that is not below `len()`.
    pub fn length(&self, index: usize) -> usize {
        self.offsets[index + 1] - self.offsets[index]
    }

    /// [`length`](Self::length) of each sentence.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.offsets.windows(2).map(|ends| ends[1] - ends[0])
    }

    /// Appends the ids of sentence `index`.
    ///
    /// # Panics
    /// An `index` that is not below `len()`.
    pub fn extend_ids(&self, index: usize, out: &mut Vec<i32>) {
        let bytes = &self.ids[self.offsets[index] * ID_BYTES..self.offsets[index + 1] * ID_BYTES];
        out.extend(bytes.as_chunks().0.iter().map(|&id| i32::from_le_bytes(id)));
    }

    /// The labels to train on, noisy where noise was asked for, `[sentences]`.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The labels of the files, `[sentences]`.
    pub fn clean_labels(&self) -> &[u32] {
        &self.clean_labels
    }

    pub(super) fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    pub(super) fn id_bytes(&self) -> &[u8] {
        &self.ids
    }
}
