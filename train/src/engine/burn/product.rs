//! How fast a device multiplies: what training steps are measured against.

use std::time::Instant;

use aees_run::settings::Precision;
use burn::tensor::{Device, Distribution, FloatDType, Tensor};

use crate::engine::EngineError;

/// Products that are timed; the fastest counts.
const REPEATS: usize = 3;

/// Seconds of the fastest product of two square matrices of this side.
pub(super) fn seconds(device: &Device, precision: Precision, side: usize) -> Result<f64, EngineError> {
    let dtype = if precision == Precision::Bf16 { FloatDType::BF16 } else { FloatDType::F32 };
    let matrix = || Tensor::<2>::random([side, side], Distribution::Default, device).cast(dtype);
    let (left, right) = (matrix(), matrix());
    let multiply = || {
        let start = Instant::now();
        let product = left.clone().matmul(right.clone());
        device.sync().map_err(|error| EngineError::Device {
            activity: "multiplied two matrices",
            reason: format!("{error:?}"),
        })?;
        drop(product);
        Ok(start.elapsed().as_secs_f64())
    };
    // The first one wakes the threads up, or has its kernel compiled and tuned.
    multiply()?;
    (0..REPEATS).try_fold(f64::INFINITY, |best, _| Ok(best.min(multiply()?)))
}
