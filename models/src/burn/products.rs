//! Products in the precision of a run. In bf16 their factors and results are rounded, as under PyTorch's autocast; parameters, sums of
//! products inside a kernel, normalisation, losses and everything else stay f32. TF32 is the device's way of multiplying f32.

use aees_run::settings::Precision;
use burn::tensor::{FloatDType, Tensor};

/// A factor of a product.
pub(super) fn factor<const D: usize>(x: Tensor<D>, precision: Precision) -> Tensor<D> {
    match precision {
        Precision::F32 | Precision::Tf32 => x,
        Precision::Bf16 => x.cast(FloatDType::BF16),
    }
}

/// What came of a product of such factors, in f32 again.
pub(super) fn product<const D: usize>(x: Tensor<D>, precision: Precision) -> Tensor<D> {
    match precision {
        Precision::F32 | Precision::Tf32 => x,
        Precision::Bf16 => x.cast(FloatDType::F32),
    }
}

/// `a b` of the last two dimensions.
pub(super) fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>, precision: Precision) -> Tensor<D> {
    product(factor(a, precision).matmul(factor(b, precision)), precision)
}
