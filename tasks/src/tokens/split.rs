//! The ids of a split, in memory or in a mapped file: the same type for both.

use bytes::Bytes;

/// How an id is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdWidth {
    Two,
    Four,
}

impl IdWidth {
    pub(super) fn for_vocabulary(size: usize) -> Self {
        if size <= 1 << 16 { Self::Two } else { Self::Four }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Appends `ids`, each below the size that the width was chosen for.
    pub(super) fn append(self, ids: &[u32], out: &mut Vec<u8>) {
        match self {
            Self::Two => out.extend(ids.iter().flat_map(|&id| (id as u16).to_le_bytes())),
            Self::Four => out.extend(ids.iter().flat_map(|&id| id.to_le_bytes())),
        }
    }

    pub(super) fn largest(self, bytes: &[u8]) -> u32 {
        match self {
            Self::Two => bytes.as_chunks().0.iter().map(|&id| u16::from_le_bytes(id)).max().unwrap_or(0).into(),
            Self::Four => bytes.as_chunks().0.iter().map(|&id| u32::from_le_bytes(id)).max().unwrap_or(0),
        }
    }
}

/// The ids of sentences in a row, `[CLS] pieces [SEP]` each, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTable {
    /// Where each sentence begins, in ids; one more at the end. Never falls, and ends at the number of ids.
    offsets: Vec<u32>,
    ids: Bytes,
    width: IdWidth,
}

impl TokenTable {
    /// The caller has checked what `offsets` promises.
    pub(super) fn from_parts(offsets: Vec<u32>, ids: Bytes, width: IdWidth) -> Self {
        debug_assert_eq!(offsets.last().map(|&end| end as usize * width.bytes()), Some(ids.len()));
        Self { offsets, ids, width }
    }

    /// The sentences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of all sentences together.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len() / self.width.bytes()
    }

    /// The ids of sentence `index`, `[CLS]` and `[SEP]` included.
    ///
    /// # Panics
    /// An `index` that is not below `len()`.
    #[must_use]
    pub fn length(&self, index: usize) -> usize {
        (self.offsets[index + 1] - self.offsets[index]) as usize
    }

    /// [`length`](Self::length) of each sentence.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.offsets.windows(2).map(|ends| (ends[1] - ends[0]) as usize)
    }

    /// Appends the ids of sentence `index`.
    ///
    /// # Panics
    /// An `index` that is not below `len()`.
    pub fn extend_ids(&self, index: usize, out: &mut Vec<i32>) {
        let width = self.width.bytes();
        let bytes = &self.ids[self.offsets[index] as usize * width..self.offsets[index + 1] as usize * width];
        match self.width {
            IdWidth::Two => out.extend(bytes.as_chunks().0.iter().map(|&id| i32::from(u16::from_le_bytes(id)))),
            // Below the vocabulary's size, which fits in an i32: checked when a tokenizer or a file is read.
            IdWidth::Four => out.extend(bytes.as_chunks().0.iter().map(|&id| i32::from_le_bytes(id))),
        }
    }

    pub(super) fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    pub(super) fn id_bytes(&self) -> &[u8] {
        &self.ids
    }

    pub(super) fn width(&self) -> IdWidth {
        self.width
    }
}

/// The ids of a split with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSplit {
    table: TokenTable,
    labels: Vec<u32>,
    clean_labels: Vec<u32>,
}

impl TokenSplit {
    /// Puts ids and labels together.
    ///
    /// # Panics
    /// When there are not as many labels of both kinds as sentences.
    #[must_use]
    pub fn new(table: TokenTable, labels: Vec<u32>, clean_labels: Vec<u32>) -> Self {
        assert_eq!(table.len(), labels.len(), "a label for each sentence");
        assert_eq!(table.len(), clean_labels.len(), "a clean label for each sentence");
        Self { table, labels, clean_labels }
    }

    /// The sentences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The ids of sentence `index`, `[CLS]` and `[SEP]` included.
    ///
    /// # Panics
    /// An `index` that is not below `len()`.
    #[must_use]
    pub fn length(&self, index: usize) -> usize {
        self.table.length(index)
    }

    /// [`length`](Self::length) of each sentence.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.table.lengths()
    }

    /// Appends the ids of sentence `index`.
    ///
    /// # Panics
    /// An `index` that is not below `len()`.
    pub fn extend_ids(&self, index: usize, out: &mut Vec<i32>) {
        self.table.extend_ids(index, out);
    }

    /// The labels to train on, noisy where noise was asked for, `[sentences]`.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The labels of the files, `[sentences]`.
    #[must_use]
    pub fn clean_labels(&self) -> &[u32] {
        &self.clean_labels
    }

    /// The ids alone.
    #[must_use]
    pub fn table(&self) -> &TokenTable {
        &self.table
    }
}
