//! libtorch's devices as the seam names them, and how an engine computes on one.
//!
//! What concerns CUDA here is compiled and was never run on a GPU.

use std::time::Instant;

use aees_models::libtorch::shim::{self, Autocast, CudaStream, OnStream};
use aees_run::settings::Precision;
use tch::{Cuda, Device, Kind, Tensor};

use super::failed;
use crate::engine::guarded::guarded;
use crate::engine::{DeviceChoice, EngineDevice, EngineError};

/// The GPUs of this machine that libtorch can use. Without its part for CUDA there are none.
pub(super) fn gpus() -> Vec<EngineDevice> {
    if shim::load_cuda().is_err() {
        return Vec::new();
    }
    let gpu = |index| EngineDevice::of(DeviceChoice::Cuda(index), "libtorch");
    (0..usize::try_from(Cuda::device_count()).unwrap_or(0)).map(gpu).collect()
}

/// The precisions of a CUDA card of this compute capability. One that does not tell its own is taken for a new one.
pub(super) fn precisions(capability: Option<(i32, i32)>) -> &'static [Precision] {
    match capability {
        // bf16 would be emulated, and slower than f32.
        Some((..8, _)) => &[Precision::F32],
        _ => &[Precision::F32, Precision::Tf32, Precision::Bf16],
    }
}

/// Where and in which precision an engine computes.
pub(super) struct Computing {
    pub(super) device: Device,
    /// An engine's work goes to a stream of its own, so that engines side by side do not wait for each other.
    stream: Option<CudaStream>,
    bf16: bool,
}

impl Computing {
    /// Sets up libtorch for a device. What it keeps for the whole process is the same for every engine: one process computes in
    /// one precision.
    pub(super) fn new(device: &EngineDevice, precision: Precision) -> Result<Self, EngineError> {
        let failed = failed("set up libtorch");
        let bf16 = precision == Precision::Bf16;
        let DeviceChoice::Cuda(index) = device.choice else {
            shim::keep_freed_memory();
            // As many threads as the rest of the engine has.
            tch::set_num_threads(i32::try_from(rayon::current_num_threads()).unwrap_or(i32::MAX));
            return Ok(Self { device: Device::Cpu, stream: None, bf16 });
        };
        shim::allow_tf32(precision == Precision::Tf32).map_err(&failed)?;
        // Shapes of images repeat: the fastest convolution for each is looked for once.
        Cuda::cudnn_set_benchmark(true);
        Ok(Self { device: Device::Cuda(index), stream: Some(CudaStream::new(index).map_err(&failed)?), bf16 })
    }

    /// Whether the device is the CPU, so that reading a result costs nothing.
    pub(super) fn on_host(&self) -> bool {
        self.device == Device::Cpu
    }

    /// The most memory of the device that libtorch held at once, for all engines of this process.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let Device::Cuda(index) = self.device else { return None };
        shim::peak_device_memory(index).ok()
    }

    /// While it lives, this thread's work goes to the engine's stream.
    pub(super) fn enter(&self) -> Result<Option<OnStream>, EngineError> {
        self.stream.map(CudaStream::enter).transpose().map_err(failed("went to its stream"))
    }

    /// While it lives, a network computes in the engine's precision. Parameters, losses and statistics are f32 all the same.
    pub(super) fn autocast(&self) -> Result<Option<Autocast>, EngineError> {
        self.bf16.then(|| Autocast::bf16(self.device)).transpose().map_err(failed("turned on bf16"))
    }

    /// Seconds of the fastest of some products of two square matrices of this side.
    pub(super) fn product_seconds(&self, side: usize) -> Result<f64, EngineError> {
        guarded("multiplied two matrices", || {
            let _stream = self.enter()?;
            let _precision = self.autocast()?;
            let matrix = || Tensor::rand([side as i64, side as i64], (Kind::Float, self.device));
            let (left, right) = (matrix(), matrix());
            let multiply = || {
                let start = Instant::now();
                // Reading one number waits for all of them.
                let corner = left.matmul(&right).get(0).double_value(&[0]);
                (start.elapsed().as_secs_f64(), corner)
            };
            // The first one wakes the threads up.
            multiply();
            Ok((0..3).map(|_| multiply().0).fold(f64::INFINITY, f64::min))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_before_ampere_has_neither_tf32_nor_bf16() {
        assert_eq!(precisions(Some((7, 5))), [Precision::F32]);
        for capability in [Some((8, 0)), Some((12, 1)), None] {
            assert!(precisions(capability).contains(&Precision::Bf16), "{capability:?}");
        }
    }
}
