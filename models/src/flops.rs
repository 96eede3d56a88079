//! How the reference counts the work of a training step, so that its tables and ours compare.
//!
//! It counts multiply-adds as 1 and takes a training step for three forward passes. Its two forward counts are rough:
//!
//! - CIFAR: a fixed 3.7e7 for an image. The constant fits the multiply-adds of the ImageNet ResNet-18 on a 32x32 image
//!   (37.06 million); the CIFAR variant that it really trains needs 555,468,800, so its totals are 15 times too low as
//!   multiply-adds and 30 times as FLOPs.
//! - DistilBERT: all products of the padded batch, two labels always, without the layer before the classifier.
//!
//! Results carry both counts: these functions, and what our networks compute,
//! [`ResNet18Config::multiply_adds`](crate::ResNet18Config::multiply_adds) and
//! [`TextClassifierConfig::multiply_adds`].

use crate::TextClassifierConfig;

/// What the reference counts for the forward pass of one CIFAR image, whatever the width.
pub const CIFAR_FORWARD_PER_IMAGE: f64 = 3.7e7;

/// What the reference counts for evaluating `batch` images.
pub fn cifar_eval(batch: usize) -> f64 {
    batch as f64 * CIFAR_FORWARD_PER_IMAGE
}

/// What the reference counts for a training step on `batch` images: the forward pass, and twice that for the backward
/// pass.
pub fn cifar_train(batch: usize) -> f64 {
    3.0 * cifar_eval(batch)
}

/// What the reference counts for evaluating `examples` sentences, padded to `padded_length` tokens, with DistilBERT-base;
/// with the sizes of another encoder if they are given. Training counts three times as much.
pub fn distilbert_forward(layers: usize, dim: usize, hidden_dim: usize, examples: usize, padded_length: usize) -> f64 {
    /// The reference's, for AG News with its four classes, too.
    const LABELS: f64 = 2.0;
    let [layers, h, f, examples, length] =
        [layers, dim, hidden_dim, examples, padded_length].map(|number| number as f64);
    let layer = 4.0 * length * h * h + 2.0 * length * length * h + 2.0 * length * h * f;
    examples * (layers * layer + 2.0 * length * h + 2.0 * h * LABELS)
}

impl TextClassifierConfig {
    /// What the reference counts for evaluating `examples` sentences of `padded_length` tokens with a network of these
    /// sizes; see [`distilbert_forward`].
    pub fn reference_forward(&self, examples: usize, padded_length: usize) -> f64 {
        distilbert_forward(self.layers, self.dim, self.hidden_dim, examples, padded_length)
    }

    /// Multiply-adds of all matrix products in the forward pass of one batch of sentences of these lengths, as it is
    /// computed here: real tokens only, but attention padded to the longest sentence, and in the last layer keys and
    /// values alone for all tokens. Twice that in FLOPs; a training step has three times as many.
    pub fn multiply_adds(&self, lengths: &[usize]) -> u64 {
        let [dim, hidden_dim, classes] = [self.dim, self.hidden_dim, self.classes].map(|number| number as u64);
        let sentences = lengths.len() as u64;
        let tokens = lengths.iter().sum::<usize>() as u64;
        let longest = lengths.iter().copied().max().unwrap_or(0) as u64;
        // Sizes that no machine has are counted, too, before they are refused.
        let product = |factors: &[u64]| factors.iter().fold(1, |product: u64, factor| product.saturating_mul(*factor));
        let layer = |rows: u64, queries: u64| {
            let projections = product(&[2, tokens + rows, dim, dim]);
            let attention = product(&[2, sentences, queries, longest, dim]);
            projections.saturating_add(attention).saturating_add(product(&[2, rows, dim, hidden_dim]))
        };
        // BERT's pooler is as large as the layer before DistilBERT's classifier.
        let head = product(&[sentences, dim, dim.saturating_add(classes)]);
        let inner = product(&[self.layers.saturating_sub(1) as u64, layer(tokens, longest)]);
        inner.saturating_add(layer(sentences, 1)).saturating_add(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_batch_counts_three_forward_passes() {
        assert_eq!(cifar_eval(128), 4.736e9);
        assert_eq!(cifar_train(128), 1.4208e10);
        assert_eq!(cifar_train(0), 0.0);
    }

    #[test]
    fn distilbert_base_counts_as_in_the_reference() {
        let config = TextClassifierConfig::distilbert_base();
        for (length, expected) in [(16, 681_864_192.0), (64, 2_755_759_104.0), (128, 5_587_012_608.0)] {
            assert_eq!(config.reference_forward(1, length), expected);
            assert_eq!(config.reference_forward(16, length), 16.0 * expected);
            // Four classes count as two.
            assert_eq!(config.clone().with_classes(4).reference_forward(1, length), expected);
        }
    }

    #[test]
    fn multiply_adds_are_those_of_the_real_tokens() {
        let config = TextClassifierConfig::distilbert_base().with_layers(2).with_dim(10);
        // Sentences of 3 and 1 tokens; one full layer, one for first tokens only, the head.
        let full = 4 * 4 * 100 + 2 * 2 * 3 * 3 * 10 + 2 * 4 * 10 * 40;
        let last = 2 * 4 * 100 + 2 * 2 * 100 + 2 * 2 * 3 * 10 + 2 * 2 * 10 * 40;
        assert_eq!(config.multiply_adds(&[3, 1]), full + last + 2 * (100 + 20));
    }
}
