//! Where dropout acts in a network: each place is a site with a number that never changes, because masks are keyed by it.
//!
//! 0 is the sum of the embeddings, 1 the classifier's input, and layer `l` has the sites `2 + 3 l` (attention weights),
//! `3 + 3 l` (attention output, BERT only) and `4 + 3 l` (output of the feed-forward part). Only real tokens have masks.

/// The site of the sum of the embeddings: `[tokens, dim]`.
pub(crate) const EMBEDDINGS: u32 = 0;

/// The site of the classifier's input: `[sentences, dim]`.
pub(crate) const CLASSIFIER: u32 = 1;

/// The sites of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSites {
    first: u32,
}

impl LayerSites {
    pub(crate) fn of(layer: usize) -> Self {
        Self { first: 2 + 3 * layer as u32 }
    }

    /// Of each sentence in turn: `[heads, queries, length]`.
    pub(crate) fn attention_weights(self) -> u32 {
        self.first
    }

    /// `[rows, dim]`.
    pub(crate) fn attention_output(self) -> u32 {
        self.first + 1
    }

    /// `[rows, dim]`.
    pub(crate) fn feed_forward(self) -> u32 {
        self.first + 2
    }
}
