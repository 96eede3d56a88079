//! Sentences and labels of one split.

/// The sentences of one split, in order, with the labels that are trained on and the true ones.
///
/// All sentences lie in one string, so that a split of 120,000 is three allocations and not 120,000.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextSplit {
    text: String,
    /// Where each sentence ends in `text`.
    ends: Vec<usize>,
    labels: Vec<u32>,
    clean_labels: Vec<u32>,
}

impl TextSplit {
    /// The number of sentences, n.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One sentence, without white space at its ends.
    ///
    /// # Panics
    /// If `index >= n`.
    pub fn text(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    /// All sentences, in order.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.text(index))
    }

    /// The labels to train on, `[n]`: noisy where label noise was applied.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The true labels, `[n]`.
    pub fn clean_labels(&self) -> &[u32] {
        &self.clean_labels
    }

    /// A new split of the sentences at `positions`, in that order.
    ///
    /// # Panics
    /// If a position is not below n.
    pub fn select(&self, positions: &[u32]) -> Self {
        let bytes = positions.iter().map(|&position| self.text(position as usize).len()).sum();
        let mut text = String::with_capacity(bytes);
        let ends = positions.iter().map(|&position| {
            text.push_str(self.text(position as usize));
            text.len()
        });
        let ends = ends.collect();
        let pick = |labels: &[u32]| positions.iter().map(|&position| labels[position as usize]).collect();
        Self { text, ends, labels: pick(&self.labels), clean_labels: pick(&self.clean_labels) }
    }

    /// Adds a sentence.
    pub(super) fn push(&mut self, text: &str, label: u32) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
        self.labels.push(label);
        self.clean_labels.push(label);
    }

    /// Adds another split's sentences at the end.
    pub(super) fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| start + end));
        self.labels.extend_from_slice(&other.labels);
        self.clean_labels.extend_from_slice(&other.clean_labels);
    }

    /// Replaces the labels to train on; the clean ones stay.
    ///
    /// # Panics
    /// If the number of labels differs.
    pub(super) fn set_noisy_labels(&mut self, labels: Vec<u32>) {
        assert_eq!(labels.len(), self.labels.len(), "one label for each sentence");
        self.labels = labels;
    }

    /// What the fingerprint is taken over: each sentence as its length in bytes (4 bytes, little-endian) and its UTF-8.
    pub(super) fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.text.len() + 4 * self.len());
        for text in self.texts() {
            payload.extend_from_slice(&(text.len() as u32).to_le_bytes());
            payload.extend_from_slice(text.as_bytes());
        }
        payload
    }
}

impl<'a> FromIterator<(&'a str, u32)> for TextSplit {
    fn from_iter<I: IntoIterator<Item = (&'a str, u32)>>(rows: I) -> Self {
        let mut split = Self::default();
        rows.into_iter().for_each(|(text, label)| split.push(text, label));
        split
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selecting_and_joining_keep_sentences_and_labels_together() {
        let mut split: TextSplit = [("a film", 1), ("für Elise", 0), ("x", 1)].into_iter().collect();
        split.set_noisy_labels(vec![0, 0, 1]);
        let picked = split.select(&[2, 0]);
        assert_eq!(picked.texts().collect::<Vec<_>>(), ["x", "a film"]);
        assert_eq!((picked.labels(), picked.clean_labels()), (&[1, 0][..], &[1, 1][..]));
        let mut joined = picked;
        joined.append(&split);
        assert_eq!(joined.texts().collect::<Vec<_>>(), ["x", "a film", "a film", "für Elise", "x"]);
        assert_eq!(joined.labels(), [1, 0, 0, 0, 1]);
        assert_eq!(TextSplit::default().texts().count(), 0);
    }

    #[test]
    fn the_payload_tells_where_sentences_end() {
        let one: TextSplit = [("ab", 0), ("c", 0)].into_iter().collect();
        let other: TextSplit = [("a", 0), ("bc", 0)].into_iter().collect();
        assert_ne!(one.payload(), other.payload());
        assert_eq!(one.payload(), b"\x02\0\0\0ab\x01\0\0\0c");
    }
}
