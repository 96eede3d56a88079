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
    let gpu =
        |index| EngineDevice { choice: DeviceChoice::Cuda(index), name: None, software: false, backend: "libtorch" };
    (0..usize::try_from(Cuda::device_count()).unwrap_or(0)).map(gpu).collect()
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
