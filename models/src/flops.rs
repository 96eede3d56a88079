//! How the reference counts the work of CIFAR training, so that its tables and ours compare.
//!
//! The reference counts a fixed 3.7e7 for the forward pass of one image, and takes a training step for three forward
//! passes. The constant fits the multiply-adds of the ImageNet ResNet-18 on a 32x32 image (37.06 million); the CIFAR
//! variant that it really trains needs 555,468,800, so its totals are 15 times too low as multiply-adds and 30 times as
//! FLOPs. Results carry both counts: these functions, and
//! [`ResNet18Config::multiply_adds`](crate::ResNet18Config::multiply_adds).

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_batch_counts_three_forward_passes() {
        assert_eq!(cifar_eval(128), 4.736e9);
        assert_eq!(cifar_train(128), 1.4208e10);
        assert_eq!(cifar_train(0), 0.0);
    }
}
