//! The loss that training minimises.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Mean cross-entropy, without label smoothing: the mean over the batch of `-log softmax(logits)[label]`.
///
/// `logits` is `[batch, classes]`, `labels` is `[batch]` with values in `0..classes` (on a GPU nothing checks them),
/// and the result is `[1]`. The same as PyTorch's `nn.CrossEntropyLoss()`.
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let log_probabilities = log_softmax(logits, 1); // [batch, classes]
    let of_labels = log_probabilities.gather(1, labels.unsqueeze_dim(1)); // [batch, 1]
    of_labels.mean().neg()
}
